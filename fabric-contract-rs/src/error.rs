use std::fmt;

/// Why the ledger did not answer a read or take a write.
///
/// None of these is the contract's own decision: each means that this peer cannot endorse the
/// transaction now. They become faults (status 500), which the server reports so that a gateway
/// may ask another peer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// The peer knows the hash of a private value but has not received the value itself yet.
    #[error("private data is not available on this peer yet; try again or ask another peer")]
    PrivateDataUnavailable,
    /// The collection's membership rules refuse the transaction's creator.
    #[error("the collection does not admit the caller")]
    AccessDenied,
    /// The peer has given the transaction up, normally after its execution timeout.
    #[error("the peer has ended this transaction")]
    TransactionEnded,
    /// The peer's state database or capabilities do not offer this operation.
    #[error("the peer does not offer this operation: {0}")]
    Unsupported(String),
    /// A request or a value exceeds what one message to the peer may carry.
    #[error("{size} bytes exceed the {max} bytes that a message to the peer may carry")]
    TooLarge {
        /// Bytes of the request or value.
        size: usize,
        /// Bytes that may be carried.
        max: usize,
    },
    /// A key that no peer would store or that would leave its table.
    #[error("not a ledger key: {0}")]
    BadKey(#[from] crate::KeyError),
    /// An empty value, which a peer cannot tell from a deleted key.
    #[error("an empty value cannot be stored: a peer takes it for a deletion")]
    EmptyValue,
    /// Stored bytes that are not what the table declares.
    #[error("stored state of table {table} cannot be read")]
    Corrupt {
        /// The table's name.
        table: &'static str,
    },
    /// A page of no entries, or of more than one message should carry.
    #[error("a page of {0} entries cannot be had: ask for 1 to {max}", max = crate::PAGE_ENTRIES_MAX)]
    PageSize(u32),
    /// A bookmark that no page of this range has given.
    #[error("the bookmark does not belong to this range")]
    BadBookmark,
    /// Another chaincode cannot be called.
    #[error("the chaincode cannot be called: {0}")]
    NotCallable(String),
    /// A called chaincode ended with a fault, in its own words.
    #[error("the called chaincode failed: {0}")]
    CalleeFailed(String),
    /// Any other refusal, in the peer's own words.
    #[error("the peer refused: {0}")]
    Peer(String),
}

/// How a transaction fails: a status, a stable code and one sentence.
///
/// The text travels as `CODE: sentence` and stands in gateway answers and logs in clear, so it
/// never holds personal data. Statuses 400–499 are the contract's refusals; 500 is a fault of the
/// platform under it.
///
/// ```
/// use fabric_contract_rs::TxError;
///
/// let error = TxError::new(404, "DEVICE_UNKNOWN", "no such device");
/// assert_eq!(error.to_string(), "DEVICE_UNKNOWN: no such device");
/// assert_eq!(error.status(), 404);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TxError {
    status: u16,
    code: &'static str,
    sentence: String,
}

impl TxError {
    /// A refusal. A status outside 400–599 becomes 500: a failure never looks like success.
    pub fn new(status: u16, code: &'static str, sentence: impl Into<String>) -> Self {
        let status = if (400..600).contains(&status) { status } else { 500 };
        Self { status, code, sentence: sentence.into() }
    }

    /// The response status, 400–599.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The stable code clients match on.
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// The sentence behind the code.
    pub fn sentence(&self) -> &str {
        &self.sentence
    }

    /// Whether the platform failed rather than the contract refusing.
    pub fn is_fault(&self) -> bool {
        self.status >= 500
    }
}

impl fmt::Display for TxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.sentence)
    }
}

impl std::error::Error for TxError {}

impl From<LedgerError> for TxError {
    fn from(error: LedgerError) -> Self {
        let code = match &error {
            LedgerError::PrivateDataUnavailable => "PRIVATE_DATA_UNAVAILABLE",
            LedgerError::AccessDenied => "COLLECTION_ACCESS_DENIED",
            LedgerError::TransactionEnded => "TRANSACTION_ENDED",
            LedgerError::Unsupported(_) => "UNSUPPORTED_BY_PEER",
            LedgerError::TooLarge { .. } => "MESSAGE_TOO_LARGE",
            LedgerError::BadKey(_) => "BAD_KEY",
            LedgerError::EmptyValue => "EMPTY_VALUE",
            LedgerError::Corrupt { .. } => "STATE_CORRUPT",
            LedgerError::PageSize(_) => "BAD_PAGE_SIZE",
            LedgerError::BadBookmark => "BAD_BOOKMARK",
            LedgerError::NotCallable(_) => "CHAINCODE_NOT_CALLABLE",
            LedgerError::CalleeFailed(_) => "CALLEE_FAILED",
            LedgerError::Peer(_) => "LEDGER_ERROR",
        };
        Self::new(500, code, error.to_string())
    }
}
