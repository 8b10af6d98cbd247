//! Why a call did not do what was asked.

use crate::secrets::NoRandom;
use fabric_gateway_client::{ContractError, GatewayError};

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
    /// not reached the asked peer yet.
    pub fn may_become_visible(&self) -> bool {
        let code = self.code();
        matches!(code.as_deref(), Some("TICKET_NOT_VISIBLE" | "PRIVATE_DATA_UNAVAILABLE"))
    }

    /// The contract's stable code, when it was the contract that refused or failed.
    pub fn code(&self) -> Option<String> {
        self.contract_error().and_then(|error| error.code)
    }
}

/// The contract's own words where there are any: the gateway's around them help nobody.
fn told(error: &GatewayError) -> String {
    error.contract_error().map_or_else(|| error.to_string(), |refusal| refusal.to_string())
}
