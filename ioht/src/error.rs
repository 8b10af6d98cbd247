//! Why a call did not do what was asked.

use crate::secrets::NoRandom;
use fabric_gateway_client::{ContractError, GatewayError, TxValidationCode};
use ioht_contract::Retry;

/// Why a call did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The gateway, a peer or the contract said no.
    #[error("{}", told(.0))]
    Gateway(#[from] GatewayError),
    /// The answer is not what this version of the contract gives.
    #[error("the contract's answer cannot be read; do client and chaincode have the same version?")]
    Answer(#[source] serde_json::Error),
    /// The identity's certificate lacks what the contract needs to know.
    #[error("the certificate cannot identify a participant: {0}")]
    Certificate(String),
    /// No random values could be made.
    #[error(transparent)]
    Random(#[from] NoRandom),
}

impl ClientError {
    /// What the contract answered, when it was the contract that refused or failed.
    pub fn contract_error(&self) -> Option<ContractError> {
        match self {
            Self::Gateway(error) => error.contract_error(),
            _ => None,
        }
    }

    /// Whether asking the same again, a moment later or elsewhere, may help: what was committed has
    /// not reached a peer that was asked yet.
    pub fn may_become_visible(&self) -> bool {
        let code = self.code();
        matches!(code.as_deref(), Some("TICKET_NOT_VISIBLE" | "PRIVATE_DATA_UNAVAILABLE"))
    }

    /// The contract's stable code, when it was the contract that refused or failed, or Fabric's name of
    /// the validation code of a transaction that is in a block and changed nothing.
    pub fn code(&self) -> Option<String> {
        let invalid = || Some(self.validation_code()?.as_str_name().to_owned());
        self.contract_error().and_then(|error| error.code).or_else(invalid)
    }

    /// What can be done about it, where a code says so.
    pub fn retry(&self) -> Option<Retry> {
        if let Some(code) = self.validation_code() {
            return Some(Retry::of_invalid(code.as_str_name()));
        }
        let error = self.contract_error()?;
        Some(Retry::of(&error.code?, u16::try_from(error.status).unwrap_or(u16::MAX)))
    }

    fn validation_code(&self) -> Option<TxValidationCode> {
        match self {
            Self::Gateway(GatewayError::Commit(error)) => error.code(),
            _ => None,
        }
    }
}

/// The contract's own words where there are any: the gateway's around them help nobody.
fn told(error: &GatewayError) -> String {
    error.contract_error().map_or_else(|| error.to_string(), |refusal| refusal.to_string())
}
