use super::contract::{COLLECTION, ConformanceContract};
use crate::testing::{Call, CallError, MockCollection, MockLedger, TestIdentity};
use crate::{ClientIdentity, Event};
use bytes::Bytes;
use fabric_ledger::TxValidationCode;
use std::collections::BTreeMap;
use std::future::Future;

/// One call of the conformance contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invocation {
    /// The first argument: the function's name.
    pub function: String,
    /// The second argument.
    pub arguments: String,
    /// The transient map.
    pub transient: BTreeMap<String, Bytes>,
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The contract answered, and what was to be committed is committed as valid.
    Success {
        /// The contract's answer.
        payload: Bytes,
        /// The transaction's event; always `None` for a query.
        event: Option<Event>,
    },
    /// The contract refused. The text is its own (`CODE: sentence`), without what the peer or the
    /// gateway has put before it.
    Refused(String),
    /// The transaction was ordered, but is invalid.
    Invalid(TxValidationCode),
    /// No peer or orderer took it, for whatever other reason.
    Failed(String),
}

/// A ledger that runs the [`ConformanceContract`], and a client of an organisation that endorses.
pub trait Backend {
    /// Evaluates a call on one peer.
    fn evaluate(&mut self, call: Invocation) -> impl Future<Output = Verdict>;

    /// Endorses a call on every endorsing peer, has it ordered and waits for its commit.
    fn submit(&mut self, call: Invocation) -> impl Future<Output = Verdict>;

    /// Endorses all calls before any of them is ordered, then has them ordered in this order.
    fn submit_together(&mut self, calls: Vec<Invocation>) -> impl Future<Output = Vec<Verdict>>;

    /// How many peers endorse a transaction.
    fn endorsers(&self) -> usize;

    /// Keeps private data of new blocks from the peer that [`evaluate`](Self::evaluate) asks, or
    /// hands it out again. Answers whether that could be done, which in the latter case means that
    /// the peer has what it missed.
    fn withhold_private_data(&mut self, withheld: bool) -> impl Future<Output = bool>;
}

/// A mock ledger set up for the suite.
pub fn mock_ledger() -> MockLedger<ConformanceContract> {
    MockLedger::new(ConformanceContract).collection(MockCollection::of_all(COLLECTION))
}

/// The organisation whose peer the mock's client asks.
const OWN: &str = "Org1MSP";

impl Backend for MockLedger<ConformanceContract> {
    async fn evaluate(&mut self, call: Invocation) -> Verdict {
        match MockLedger::evaluate(self, &to_call(call)) {
            Ok(answer) => Verdict::Success { payload: answer.response.payload, event: None },
            Err(error) => verdict(error),
        }
    }

    async fn submit(&mut self, call: Invocation) -> Verdict {
        match MockLedger::submit(self, &to_call(call)) {
            Ok(done) => Verdict::Success { payload: done.response.payload, event: done.event },
            Err(error) => verdict(error),
        }
    }

    async fn submit_together(&mut self, calls: Vec<Invocation>) -> Vec<Verdict> {
        let mut block = Vec::new();
        let endorsed: Vec<_> = calls.into_iter().map(|call| self.endorse(&to_call(call))).collect();
        let mut verdicts = Vec::new();
        for outcome in endorsed {
            verdicts.push(match outcome {
                Err(error) => verdict(error),
                Ok(endorsed) => {
                    let payload = endorsed.response.payload.clone();
                    let event = endorsed.event.clone();
                    block.push((verdicts.len(), endorsed));
                    Verdict::Success { payload, event }
                }
            });
        }
        let (places, block): (Vec<_>, Vec<_>) = block.into_iter().unzip();
        for (place, code) in places.into_iter().zip(self.commit(block)) {
            if code != TxValidationCode::Valid
                && let Some(verdict) = verdicts.get_mut(place)
            {
                *verdict = Verdict::Invalid(code);
            }
        }
        verdicts
    }

    fn endorsers(&self) -> usize {
        2
    }

    async fn withhold_private_data(&mut self, withheld: bool) -> bool {
        if withheld {
            MockLedger::withhold_private_data(self, OWN);
        } else {
            self.reconcile(OWN);
        }
        true
    }
}

fn client() -> ClientIdentity {
    TestIdentity::new(OWN, "conformance").client()
}

fn to_call(call: Invocation) -> Call {
    let args = vec![call.function.into(), call.arguments.into()];
    let call_of = Call::of_args(&client(), args);
    call.transient.into_iter().fold(call_of, |all, (name, value)| all.transient(&name, value))
}

fn verdict(error: CallError) -> Verdict {
    match error {
        CallError::Refused { response, .. } => Verdict::Refused(response.message),
        CallError::Invalid { code, .. } => Verdict::Invalid(code),
        other => Verdict::Failed(other.to_string()),
    }
}
