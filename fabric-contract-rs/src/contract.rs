use crate::route::Success;
use crate::{Kind, QueryReader, Route, TxContext, TxError, Writes};
use bytes::Bytes;

/// Answers the contract's own description, as the other Fabric contract APIs do.
pub(crate) const GET_METADATA: &str = "GetMetadata";
/// The contract that [`GET_METADATA`] is asked of.
pub(crate) const SYSTEM_CONTRACT: &str = "org.hyperledger.fabric";

/// A set of transactions over one kind of state.
///
/// `routes` is one constant table: see the crate's example.
pub trait Contract: Send + Sync + 'static {
    /// The contract's name, the optional prefix of `Name:Function`.
    const NAME: &'static str;
    /// The contract's version, told by `GetMetadata`.
    const VERSION: &'static str;
    /// What transactions get besides the ledger, such as policies.
    type State: Send + Sync;

    /// The contract's state.
    fn state(&self) -> &Self::State;

    /// Every transaction there is.
    fn routes<R: QueryReader + 'static>() -> &'static [Route<Self::State, R>];
}

/// What the peer is told at the end of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// 200, or 400–599 for a failure.
    pub status: u16,
    /// Empty, or `CODE: sentence`.
    pub message: String,
    /// The answer as JSON; empty for a failure.
    pub payload: Bytes,
}

impl Response {
    pub(crate) fn failure(error: &TxError) -> Self {
        Self { status: error.status(), message: error.to_string(), payload: Bytes::new() }
    }

    /// Whether the peer will endorse it.
    pub fn is_success(&self) -> bool {
        self.status < 400
    }
}

/// A finished transaction: the response, and the writes to send before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What the peer is told.
    pub response: Response,
    /// Empty unless the response is a success.
    pub writes: Writes,
    /// Whether the server must make this response unlike any other endorser's.
    pub never_endorse: bool,
    /// Whether a query ran. One that has called a chaincode of its own channel must not be endorsed
    /// either.
    pub kind: Kind,
}

/// Runs one invocation: `args[0]` is `Function` or `Contract:Function`, `args[1]` (optional) one
/// JSON object.
///
/// Refusals come in this order: unknown function, bad arguments, then the transaction's own.
pub async fn invoke<C: Contract, R: QueryReader + 'static>(
    contract: &C,
    cx: &TxContext,
    ledger: &R,
    args: &[Bytes],
) -> Outcome {
    match dispatch(contract, cx, ledger, args).await {
        Ok((Success { payload, writes }, kind, never_endorse)) => Outcome {
            response: Response { status: 200, message: String::new(), payload },
            writes,
            never_endorse,
            kind,
        },
        Err(error) => Outcome {
            response: Response::failure(&error),
            writes: Writes::new(),
            never_endorse: false,
            kind: Kind::Evaluate,
        },
    }
}

async fn dispatch<C: Contract, R: QueryReader + 'static>(
    contract: &C,
    cx: &TxContext,
    ledger: &R,
    args: &[Bytes],
) -> Result<(Success, Kind, bool), TxError> {
    let (function, arguments) = match args {
        [] => return Err(unknown("no function named")),
        [function] => (function, &b"{}"[..]),
        [function, arguments] => (function, &arguments[..]),
        _ => {
            return Err(TxError::new(
                400,
                "BAD_ARGUMENTS",
                "a transaction takes one JSON object as its only argument",
            ));
        }
    };
    let function =
        std::str::from_utf8(function).map_err(|_| unknown("the function's name is not UTF-8"))?;
    let name = match function.split_once(':') {
        Some((SYSTEM_CONTRACT, GET_METADATA)) => {
            let payload = crate::metadata::document::<C, R>()?;
            return Ok((Success { payload, writes: Writes::new() }, Kind::Evaluate, true));
        }
        Some((contract, name)) if contract == C::NAME => name,
        Some(_) => return Err(unknown("this chaincode has no contract of that name")),
        None => function,
    };
    let route = C::routes::<R>()
        .iter()
        .find(|route| route.name() == name)
        .ok_or_else(|| unknown("the contract has no function of that name"))?;
    let success = (route.run)(contract.state(), cx, ledger, arguments).await?;
    if success.writes.event().is_some_and(|event| event.name.is_empty()) {
        return Err(TxError::new(500, "EVENT_WITHOUT_NAME", "the transaction's event has no name"));
    }
    Ok((success, route.kind(), route.never_endorse()))
}

fn unknown(sentence: &str) -> TxError {
    TxError::new(404, "UNKNOWN_FUNCTION", sentence)
}
