use super::contract::{
    CALLEE, COLLECTION, ConformanceContract, MEMBERS_ONLY, OTHER_CHANNEL, SHORT_LIVED, UNENDORSED,
};
use crate::testing::{
    Call, CallError, MOCK_CHAINCODE, MockChaincode, MockCollection, MockLedger, TestIdentity,
};
use crate::{ClientIdentity, Event};
use bytes::Bytes;
use fabric_ledger::TxValidationCode;
use std::collections::BTreeMap;
use std::future::Future;

/// One call of the conformance contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invocation {
    /// The chaincode that is called.
    pub to: Destination,
    /// The first argument: the function's name.
    pub function: String,
    /// The second argument.
    pub arguments: String,
    /// The transient map.
    pub transient: BTreeMap<String, Bytes>,
}

/// Where the conformance contract is installed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Destination {
    /// The chaincode under test.
    #[default]
    Main,
    /// The chaincode [`CALLEE`] of the same channel.
    Callee,
    /// The chaincode [`CALLEE`] of the channel [`OTHER_CHANNEL`](super::OTHER_CHANNEL).
    OtherChannel,
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
    /// The endorsing peers signed different results, so that there is no transaction.
    Disagreement,
    /// No peer or orderer took it, for whatever other reason.
    Failed(String),
}

/// How a call ended that was ordered together with others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ordered {
    /// The outcome.
    pub verdict: Verdict,
    /// The number of its block; `None` where it was not ordered.
    pub block: Option<u64>,
}

/// A ledger that runs the [`ConformanceContract`], and a client of an organisation that endorses.
pub trait Backend {
    /// Evaluates a call on one peer.
    fn evaluate(&mut self, call: Invocation) -> impl Future<Output = Verdict>;

    /// Endorses a call on every endorsing peer, has it ordered and waits for its commit. The
    /// endorsers are named: nobody plans for others, whatever the call writes.
    fn submit(&mut self, call: Invocation) -> impl Future<Output = Verdict>;

    /// As [`submit`](Self::submit), endorsed by whom a gateway plans for by itself. `None` where
    /// nobody plans.
    fn submit_planned(&mut self, call: Invocation) -> impl Future<Output = Option<Verdict>>;

    /// Endorses all calls before any of them is ordered, then has them ordered in this order.
    fn submit_together(&mut self, calls: Vec<Invocation>) -> impl Future<Output = Vec<Ordered>>;

    /// How many peers endorse a transaction.
    fn endorsers(&self) -> usize;

    /// The name of the chaincode under test.
    fn chaincode(&self) -> String;

    /// Whether there is the channel [`OTHER_CHANNEL`](super::OTHER_CHANNEL).
    fn has_other_channel(&self) -> bool;

    /// Keeps private data of new blocks from the peer that [`evaluate`](Self::evaluate) asks, or
    /// hands it out again. Answers whether that could be done: in the latter case whether the peer
    /// has got what it missed.
    fn withhold_private_data(&mut self, withheld: bool) -> impl Future<Output = bool>;
}

/// Two mock channels set up for the suite.
#[derive(Debug)]
pub struct MockBackend {
    main: MockLedger<ConformanceContract>,
    other: MockLedger<ConformanceContract>,
}

/// Mock ledgers set up for the suite.
pub fn mock_ledger() -> MockBackend {
    let callee = MockChaincode::new(CALLEE, ConformanceContract);
    let callee = collections().into_iter().fold(callee, MockChaincode::collection);
    let again = MockChaincode::new(CALLEE, ConformanceContract);
    let again = collections().into_iter().fold(again, MockChaincode::collection);
    let main = MockLedger::new(ConformanceContract).endorsed_by(&BOTH).chaincode(callee);
    let main = collections().into_iter().fold(main, MockLedger::collection);
    let other = MockLedger::new(ConformanceContract).channel(OTHER_CHANNEL).endorsed_by(&BOTH);
    let other = other.chaincode(again);
    let mut ledger = MockBackend { main, other };
    ledger.look_across();
    ledger
}

fn collections() -> [MockCollection; 4] {
    [
        MockCollection::of_all(COLLECTION),
        MockCollection::of_all(SHORT_LIVED).block_to_live(1),
        MockCollection::of(MEMBERS_ONLY, &["Org2MSP"]).member_only_read().member_only_write(),
        MockCollection::of_all(UNENDORSED).endorsed_by(&["ConformanceNobodyMSP"]),
    ]
}

impl MockBackend {
    fn ledger(&mut self, to: Destination) -> &mut MockLedger<ConformanceContract> {
        match to {
            Destination::Main | Destination::Callee => &mut self.main,
            Destination::OtherChannel => &mut self.other,
        }
    }

    fn look_across(&mut self) {
        self.main.sees(self.other.seen());
    }
}

/// The organisation whose peer the mock's client asks.
const OWN: &str = "Org1MSP";
const BOTH: [&str; 2] = [OWN, "Org2MSP"];

impl Backend for MockBackend {
    async fn evaluate(&mut self, call: Invocation) -> Verdict {
        match self.ledger(call.to).evaluate(&to_call(call)) {
            Ok(answer) => Verdict::Success { payload: answer.response.payload, event: None },
            Err(error) => verdict(error),
        }
    }

    async fn submit(&mut self, call: Invocation) -> Verdict {
        let outcome = self.ledger(call.to).submit(&to_call(call));
        self.look_across();
        match outcome {
            Ok(done) => Verdict::Success { payload: done.response.payload, event: done.event },
            Err(error) => verdict(error),
        }
    }

    async fn submit_planned(&mut self, _: Invocation) -> Option<Verdict> {
        None
    }

    async fn submit_together(&mut self, calls: Vec<Invocation>) -> Vec<Ordered> {
        // Each channel has a block of its own.
        let mut blocks = BTreeMap::<_, Vec<_>>::new();
        let mut outcomes = Vec::<Ordered>::new();
        for call in calls {
            let to = call.to;
            let verdict = match self.ledger(to).endorse(&to_call(call)) {
                Err(error) => verdict(error),
                Ok(endorsed) => {
                    let payload = endorsed.response.payload.clone();
                    let event = endorsed.event.clone();
                    let block = blocks.entry(to == Destination::OtherChannel).or_default();
                    block.push((outcomes.len(), endorsed));
                    Verdict::Success { payload, event }
                }
            };
            outcomes.push(Ordered { verdict, block: None });
        }
        for (other, block) in blocks {
            let ledger = if other { &mut self.other } else { &mut self.main };
            let (places, block): (Vec<_>, Vec<_>) = block.into_iter().unzip();
            let number = ledger.height();
            for (place, code) in places.into_iter().zip(ledger.commit(block)) {
                let Some(outcome) = outcomes.get_mut(place) else { continue };
                outcome.block = Some(number);
                if code != TxValidationCode::Valid {
                    outcome.verdict = Verdict::Invalid(code);
                }
            }
        }
        self.look_across();
        outcomes
    }

    fn endorsers(&self) -> usize {
        2
    }

    fn chaincode(&self) -> String {
        MOCK_CHAINCODE.to_owned()
    }

    fn has_other_channel(&self) -> bool {
        true
    }

    async fn withhold_private_data(&mut self, withheld: bool) -> bool {
        if withheld {
            self.main.withhold_private_data(OWN);
        } else {
            self.main.reconcile(OWN);
        }
        true
    }
}

fn client() -> ClientIdentity {
    TestIdentity::new(OWN, "conformance").client()
}

fn to_call(call: Invocation) -> Call {
    let args = vec![call.function.into(), call.arguments.into()];
    let mut call_of = Call::of_args(&client(), args);
    if call.to != Destination::Main {
        call_of = call_of.of(CALLEE);
    }
    call.transient.into_iter().fold(call_of, |all, (name, value)| all.transient(&name, value))
}

fn verdict(error: CallError) -> Verdict {
    match error {
        CallError::Refused { response, .. } => Verdict::Refused(response.message),
        CallError::Invalid { code, .. } => Verdict::Invalid(code),
        CallError::Mismatch { .. } | CallError::NeverEndorsed => Verdict::Disagreement,
    }
}
