/// Why a proposal cannot be read; the peer answers with this text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnpackError {
    /// A layer does not decode.
    #[error("error unmarshalling {name}: {cause}")]
    Malformed {
        /// The message expected.
        name: &'static str,
        /// What is wrong.
        cause: prost::DecodeError,
    },
    /// The channel header names no chaincode.
    #[error("ChaincodeHeaderExtension.ChaincodeId is nil")]
    NoChaincodeId,
    /// The channel header names a chaincode without a name.
    #[error("ChaincodeHeaderExtension.ChaincodeId.Name is empty")]
    NoChaincodeName,
    /// The payload has no specification of the call.
    #[error("chaincode invocation spec did not contain chaincode spec")]
    NoSpec,
    /// The call has no arguments.
    #[error("chaincode input did not contain any input")]
    NoInput,
}

/// Why an endorser refuses a proposal that it can read; the peer answers with this text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("error validating proposal: {}", self.reason())]
pub enum ProposalError {
    /// Neither an endorser transaction nor configuration.
    HeaderType(String),
    /// Epochs are not in use.
    Epoch,
    /// The signature header has no nonce.
    NoNonce,
    /// The signature header has no creator.
    NoCreator,
    /// The transaction id is not the hash of nonce and creator.
    TxId {
        /// Id in the channel header.
        found: String,
        /// Id as computed.
        expected: String,
    },
    /// The proposal is not signed.
    NoSignature,
    /// The creator is malformed, or of an organisation that is not on the channel.
    UnknownCreator {
        /// Channel name.
        channel: String,
    },
    /// The creator's certificate is not valid, or the signature is not the creator's.
    AccessDenied {
        /// Channel name.
        channel: String,
        /// The creator's organisation.
        msp_id: String,
    },
}

impl ProposalError {
    fn reason(&self) -> String {
        match self {
            Self::HeaderType(name) => format!("invalid header type {name}"),
            Self::Epoch => "epoch is non-zero".to_owned(),
            Self::NoNonce => "nonce is empty".to_owned(),
            Self::NoCreator => "creator is empty".to_owned(),
            Self::TxId { found, expected } => {
                format!("incorrectly computed txid '{found}' -- expected '{expected}'")
            }
            Self::NoSignature => "empty signature bytes".to_owned(),
            Self::UnknownCreator { channel } => format!(
                "access denied: channel [{channel}] creator org unknown, creator is malformed"
            ),
            Self::AccessDenied { channel, msp_id } => {
                format!("access denied: channel [{channel}] creator org [{msp_id}]")
            }
        }
    }
}

/// The ledger has a transaction with the proposal's id already.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("duplicate transaction found [{tx_id}]. Creator [{creator}]")]
pub struct DuplicateTransaction {
    /// The transaction id.
    pub tx_id: String,
    /// The proposal's creator in hex.
    pub creator: String,
}
