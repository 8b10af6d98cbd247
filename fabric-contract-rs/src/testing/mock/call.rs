use super::trips::RoundTrips;
use crate::{ClientIdentity, Event, Response, TimestampMs};
use bytes::Bytes;
use fabric_ledger::{SimulationResults, TxValidationCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;

/// One invocation: who calls what with which arguments.
#[derive(Clone)]
pub struct Call {
    pub(super) client: ClientIdentity,
    /// `None`: the ledger's own contract.
    pub(super) chaincode: Option<String>,
    pub(super) args: Vec<Bytes>,
    pub(super) transient: BTreeMap<String, Bytes>,
    pub(super) timestamp_ms: Option<TimestampMs>,
}

impl Call {
    /// A call of `function`, or `Contract:function`, with one JSON object as argument.
    ///
    /// # Panics
    /// When `arguments` has no JSON form.
    pub fn new(client: &ClientIdentity, function: &str, arguments: impl Serialize) -> Self {
        #[expect(clippy::expect_used, reason = "a test with impossible arguments fails at once")]
        let arguments = serde_json::to_vec(&arguments).expect("the arguments have a JSON form");
        Self::of_args(client, vec![function.to_owned().into(), arguments.into()])
    }

    /// A call with these arguments as they travel, the function's name first: for what no client
    /// library would send.
    pub fn of_args(client: &ClientIdentity, args: Vec<Bytes>) -> Self {
        let client = client.clone();
        Self { client, chaincode: None, args, transient: BTreeMap::new(), timestamp_ms: None }
    }

    /// Calls another chaincode of the ledger.
    #[must_use]
    pub fn of(mut self, chaincode: &str) -> Self {
        self.chaincode = Some(chaincode.to_owned());
        self
    }

    /// Adds an entry to the transient map.
    #[must_use]
    pub fn transient(mut self, name: &str, value: impl Into<Bytes>) -> Self {
        self.transient.insert(name.to_owned(), value.into());
        self
    }

    /// Sets the client's time, which else is the ledger's.
    #[must_use]
    pub fn at(mut self, timestamp_ms: TimestampMs) -> Self {
        self.timestamp_ms = Some(timestamp_ms);
        self
    }
}

impl std::fmt::Debug for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let function = self.args.first().map(|name| String::from_utf8_lossy(name));
        f.debug_struct("Call")
            .field("client", &self.client)
            .field("function", &function)
            .finish_non_exhaustive()
    }
}

/// What one peer answered, before anything is ordered.
#[derive(Debug, Clone)]
pub struct Evaluated {
    /// The id the invocation had.
    pub tx_id: String,
    /// What the contract answered: always a success.
    pub response: Response,
    /// What it cost.
    pub trips: RoundTrips,
}

/// A transaction that all its endorsers agree on, not ordered yet.
///
/// Committing one twice is allowed, and is what Fabric calls a duplicate.
#[derive(Debug, Clone)]
pub struct Endorsed {
    /// The transaction's id.
    pub tx_id: String,
    /// What the contract answered: always a success.
    pub response: Response,
    /// The event it set.
    pub event: Option<Event>,
    /// What it cost on one peer.
    pub trips: RoundTrips,
    pub(super) timestamp_ms: TimestampMs,
    pub(super) endorsers: Vec<String>,
    pub(super) results: SimulationResults,
}

/// A transaction that changed the ledger.
#[derive(Debug, Clone)]
pub struct Committed {
    /// The transaction's id.
    pub tx_id: String,
    /// The number of its block.
    pub block: u64,
    /// What the contract answered: always a success.
    pub response: Response,
    /// The event it set.
    pub event: Option<Event>,
    /// What it cost on one peer.
    pub trips: RoundTrips,
}

macro_rules! answers {
    ($($kind:ident)*) => {$(
        impl $kind {
            /// The contract's answer, from its JSON.
            ///
            /// # Panics
            /// When the answer has another shape.
            pub fn answer<T: DeserializeOwned>(&self) -> T {
                parse(&self.response)
            }
        }
    )*};
}

answers!(Evaluated Endorsed Committed);

fn parse<T: DeserializeOwned>(response: &Response) -> T {
    #[expect(clippy::expect_used, reason = "a test that expects another answer fails at once")]
    serde_json::from_slice(&response.payload).expect("the answer has the shape the test expects")
}

/// Why a call came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The contract refused, or its peer could not serve it (status 500).
    #[error("refused on the peer of {organisation}: {} {}", .response.status, .response.message)]
    Refused {
        /// Whose peer it was.
        organisation: String,
        /// Status and message, without a payload.
        response: Response,
    },
    /// Two executions of one transaction differ. On Fabric no endorsement would come about.
    #[error("{part} differs between {first} and {second}: the transaction is not deterministic")]
    Mismatch {
        /// What differs.
        part: &'static str,
        /// One organisation.
        first: String,
        /// Another one, or the same one asked twice.
        second: String,
    },
    /// A query that must never be endorsed was submitted.
    #[error("this query is only evaluated, never submitted")]
    NeverEndorsed,
    /// The transaction was ordered but is invalid: it changed nothing.
    #[error("transaction {tx_id} is invalid: {}", .code.as_str_name())]
    Invalid {
        /// The transaction's id.
        tx_id: String,
        /// Fabric's validation code.
        code: TxValidationCode,
    },
}

impl CallError {
    /// The status of a refusal; `None` for anything else.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { response, .. } => Some(response.status),
            _ => None,
        }
    }

    /// The code of a refusal, what stands before the colon; `None` for anything else.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Refused { response, .. } => {
                response.message.split_once(": ").map(|(code, _)| code)
            }
            _ => None,
        }
    }

    /// Fabric's code of a transaction that was ordered in vain; `None` for anything else.
    pub fn validation_code(&self) -> Option<TxValidationCode> {
        match self {
            Self::Invalid { code, .. } => Some(*code),
            _ => None,
        }
    }
}
