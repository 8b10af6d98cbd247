//! A ledger in memory that runs a contract as a channel of peers would.

mod call;
mod chaincode;
mod inspect;
mod peer;
mod policy;
mod reader;
mod trips;

pub use call::{Call, CallError, Committed, Endorsed, Evaluated};
pub use chaincode::{MockChaincode, MockChannel};
pub use peer::MockCollection;
pub use reader::{MOCK_CHAINCODE, MockReader};
pub use trips::{RoundTrips, SpaceTrips};

use super::block_on;
use crate::{
    Contract, Event, LedgerError, Outcome, Response, TimestampMs, TxContext, TxError, TxParts,
};
use chaincode::{Chaincode, Chaincodes};
use fabric_ledger::{
    BlockStateValidator, MemoryStore, SimulationResults, Store, StoreError, Timestamp, TxRecord,
    TxValidationCode, Version, key_modifications, sha256,
};
use peer::{Block, Collections, Expiring, Peer};
use policy::KeyPolicies;
use reader::{Access, Executing};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The channel's name unless it is [given another](MockLedger::channel).
const CHANNEL: &str = "mychannel";

/// When a mock ledger's time begins: 2024-01-01T00:00:00Z.
pub const MOCK_EPOCH_MS: TimestampMs = 1_704_067_200_000;

/// A Fabric channel in memory: Fabric's simulation and validation rules around one contract.
///
/// [`submit`](Self::submit) is one transaction in a block of its own; [`endorse`](Self::endorse)
/// and [`commit`](Self::commit) take that apart, for races. Everything is deterministic: the ids of
/// transactions, and the time, which stands still until it is [set](Self::set_now).
///
/// It is stricter than Fabric: each transaction is executed at least twice, on the peers of all its
/// endorsers, and must come out the same byte for byte, and a contract may wait for nothing but the
/// ledger. What it leaves out: signatures, endorsement policies but those of keys (the endorsers are
/// who must endorse) and collections, the orderer's batching, message sizes.
///
/// ```
/// # use fabric_contract_rs::*;
/// # use schemars::JsonSchema;
/// # use serde::Deserialize;
/// # #[derive(Deserialize, JsonSchema)]
/// # struct Greet { name: String }
/// # impl Submit for Greet {
/// #     const NAME: &'static str = "Greet";
/// #     const ROLES: &'static [&'static str] = &[];
/// #     type State = ();
/// #     type Output = ();
/// #     type Error = TxError;
/// #     async fn run(
/// #         self, _: &(), _: &TxContext, ledger: &impl Reader, writes: &mut Writes,
/// #     ) -> Result<(), TxError> {
/// #         let key = StateKey::simple(&self.name).map_err(LedgerError::from)?;
/// #         if ledger.get(Space::Public, &key).await?.is_some() {
/// #             return Err(TxError::new(409, "ALREADY_GREETED", "greeted before"));
/// #         }
/// #         Ok(writes.put(Space::Public, key, "hello".into())?)
/// #     }
/// # }
/// # struct Greeter;
/// # impl Contract for Greeter {
/// #     const NAME: &'static str = "Greeter";
/// #     const VERSION: &'static str = "1";
/// #     type State = ();
/// #     fn state(&self) -> &() { &() }
/// #     fn routes<R: QueryReader + 'static>() -> &'static [Route<(), R>] {
/// #         const { &[submit::<Greet, R>()] }
/// #     }
/// # }
/// use fabric_contract_rs::testing::{Call, MockLedger, TestIdentity, TxValidationCode};
/// use serde_json::json;
///
/// let alice = TestIdentity::new("Org1MSP", "alice").client();
/// let mut ledger = MockLedger::new(Greeter);
/// let greet = Call::new(&alice, "Greet", json!({ "name": "Bob" }));
///
/// // Two that do not know of each other: the second loses.
/// let race = vec![ledger.endorse(&greet).unwrap(), ledger.endorse(&greet).unwrap()];
/// let codes = ledger.commit(race);
/// assert_eq!(codes, [TxValidationCode::Valid, TxValidationCode::MvccReadConflict]);
///
/// // One that does know.
/// assert_eq!(ledger.submit(&greet).unwrap_err().code(), Some("ALREADY_GREETED"));
/// ```
#[derive(Debug)]
pub struct MockLedger<C> {
    channel: Arc<str>,
    contract: Arc<C>,
    /// The contract and those it may call.
    chaincodes: Chaincodes,
    peers: Vec<Peer>,
    collections: Arc<Collections>,
    /// What its transactions may ask of other channels.
    others: BTreeMap<Arc<str>, MockChannel>,
    /// Hashes of private data that does not stay.
    expiring: Expiring,
    /// `None`: whoever is a member of every collection.
    endorsers: Option<Vec<String>>,
    state: Arc<MemoryStore>,
    /// The number of the next block; block 0 is the channel's configuration.
    height: u64,
    transactions: u64,
    now: TimestampMs,
    events: Vec<(String, Event)>,
}

/// One execution on one peer.
struct Execution {
    response: Response,
    event: Option<Event>,
    results: SimulationResults,
    trips: RoundTrips,
    never_endorse: bool,
}

impl<C: Contract> MockLedger<C> {
    /// A channel of `Org1MSP` and `Org2MSP` without private data collections.
    pub fn new(contract: C) -> Self {
        let contract = Arc::new(contract);
        let mut chaincodes = Chaincodes::default();
        chaincodes.add(MOCK_CHAINCODE, Arc::clone(&contract) as Arc<dyn Chaincode>);
        Self {
            channel: CHANNEL.into(),
            contract,
            chaincodes,
            others: BTreeMap::new(),
            expiring: Expiring::default(),
            peers: vec![Peer::new("Org1MSP"), Peer::new("Org2MSP")],
            collections: Arc::default(),
            endorsers: None,
            state: Arc::default(),
            height: 1,
            transactions: 0,
            now: MOCK_EPOCH_MS,
            events: Vec::new(),
        }
    }

    /// The channel's organisations, a peer each, before anything is committed.
    #[must_use]
    pub fn organisations(mut self, msp_ids: &[&str]) -> Self {
        self.peers = msp_ids.iter().map(|msp_id| Peer::new(msp_id)).collect();
        self
    }

    /// Names the channel, which else is `mychannel`.
    #[must_use]
    pub fn channel(mut self, name: &str) -> Self {
        self.channel = name.into();
        self
    }

    /// Adds a private data collection of the contract.
    #[must_use]
    pub fn collection(mut self, collection: MockCollection) -> Self {
        Arc::make_mut(&mut self.collections).add(MOCK_CHAINCODE, collection);
        self
    }

    /// Adds another chaincode of the channel. The contract may call it, and so may
    /// [clients](Call::of). The contract's own chaincode is called `mock`.
    #[must_use]
    pub fn chaincode<D: Contract>(mut self, chaincode: MockChaincode<D>) -> Self {
        let MockChaincode { name, contract, collections } = chaincode;
        let all = Arc::make_mut(&mut self.collections);
        collections.into_iter().for_each(|collection| all.add(&name, collection));
        self.chaincodes.add(&name, Arc::new(contract));
        self
    }

    /// Lets transactions ask the chaincodes of another channel, as it is at this moment: to be told
    /// again after that one has changed.
    pub fn sees(&mut self, other: MockChannel) {
        self.others.insert(Arc::clone(&other.name), other);
    }

    /// The channel as its peers have it now, for another one to [see](Self::sees).
    pub fn seen(&self) -> MockChannel {
        let private =
            self.peers.iter().map(|peer| (peer.msp_id.clone(), Arc::clone(&peer.private)));
        MockChannel {
            name: Arc::clone(&self.channel),
            chaincodes: self.chaincodes.clone(),
            collections: Arc::clone(&self.collections),
            state: Arc::clone(&self.state),
            private: private.collect(),
        }
    }

    /// The organisations whose peers endorse. By default all that are members of every collection.
    #[must_use]
    pub fn endorsed_by(mut self, msp_ids: &[&str]) -> Self {
        self.endorsers = Some(msp_ids.iter().map(|&msp_id| msp_id.to_owned()).collect());
        self
    }

    /// The contract.
    pub fn contract(&self) -> &C {
        &self.contract
    }

    /// The clients' time.
    pub fn now(&self) -> TimestampMs {
        self.now
    }

    /// Sets the clients' time; it may go back, as clocks of clients do.
    pub fn set_now(&mut self, now: TimestampMs) {
        self.now = now;
    }

    /// Moves the clients' time on.
    pub fn advance(&mut self, by_ms: i64) {
        self.now = self.now.saturating_add(by_ms);
    }

    /// How many blocks there are, the configuration's included.
    pub fn height(&self) -> u64 {
        self.height
    }

    /// The events of valid transactions with their ids, in the order of the chain.
    pub fn events(&self) -> &[(String, Event)] {
        &self.events
    }

    /// Keeps private data of new blocks from the peer of an organisation, until it
    /// [reconciles](Self::reconcile).
    ///
    /// # Panics
    /// When the channel has no such organisation.
    pub fn withhold_private_data(&mut self, msp_id: &str) {
        self.peer_mut(msp_id).withheld = true;
    }

    /// Lets the peer of an organisation catch up on withheld private data.
    ///
    /// # Panics
    /// When the channel has no such organisation.
    pub fn reconcile(&mut self, msp_id: &str) {
        let (state, collections) = (Arc::clone(&self.state), Arc::clone(&self.collections));
        let peer = self.peer_mut(msp_id);
        peer.withheld = false;
        sound(peer.reconcile(&state, &collections));
    }

    /// Asks one peer, as a query does: nothing is ordered. It is the peer of the caller's
    /// organisation if that endorses, else the first endorser's.
    ///
    /// # Errors
    /// [`CallError::Refused`].
    pub fn evaluate(&mut self, call: &Call) -> Result<Evaluated, CallError> {
        let endorsers = self.endorsers();
        let own = endorsers.iter().find(|msp_id| *msp_id == call.client.msp_id());
        let organisation = own.or(endorsers.first()).cloned().unwrap_or_default();
        self.evaluate_at(&organisation, call)
    }

    /// Asks the peer of one organisation.
    ///
    /// # Errors
    /// [`CallError::Refused`].
    ///
    /// # Panics
    /// When the channel has no such organisation.
    pub fn evaluate_at(&mut self, msp_id: &str, call: &Call) -> Result<Evaluated, CallError> {
        let cx = self.context(call);
        let Execution { response, trips, .. } = self.execute(msp_id, call, &cx)?;
        Ok(Evaluated { tx_id: cx.tx_id().to_owned(), response, trips })
    }

    /// Has a transaction executed by all its endorsers, at least twice, and compares what comes
    /// out. Nothing is ordered.
    ///
    /// # Errors
    /// Any [`CallError`] but [`CallError::Invalid`].
    pub fn endorse(&mut self, call: &Call) -> Result<Endorsed, CallError> {
        let endorsers = self.endorsers();
        self.endorse_on(endorsers, call)
    }

    /// As [`endorse`](Self::endorse), by the peers of these organisations only: for key-level
    /// endorsement policies.
    ///
    /// # Errors
    /// Any [`CallError`] but [`CallError::Invalid`].
    ///
    /// # Panics
    /// When the channel has no such organisation, or there is none.
    pub fn endorse_at(&mut self, msp_ids: &[&str], call: &Call) -> Result<Endorsed, CallError> {
        self.endorse_on(msp_ids.iter().map(|&msp_id| msp_id.to_owned()).collect(), call)
    }

    fn endorse_on(&mut self, endorsers: Vec<String>, call: &Call) -> Result<Endorsed, CallError> {
        let cx = self.context(call);
        let again = match endorsers.as_slice() {
            [only] => Some(only),
            _ => None,
        };
        let mut executions = Vec::new();
        for msp_id in endorsers.iter().chain(again) {
            let execution = self.execute(msp_id, call, &cx)?;
            if execution.never_endorse {
                return Err(CallError::NeverEndorsed);
            }
            executions.push((msp_id.clone(), execution));
        }
        let mut executions = executions.into_iter();
        #[expect(clippy::expect_used, reason = "a test without endorsers fails at once")]
        let (first, endorsed) = executions.next().expect("the ledger has an endorser");
        for (second, execution) in executions {
            if let Some(part) = endorsed.difference(&execution) {
                return Err(CallError::Mismatch { part, first, second });
            }
        }
        Ok(Endorsed {
            tx_id: cx.tx_id().to_owned(),
            response: endorsed.response,
            event: endorsed.event,
            trips: endorsed.trips,
            timestamp_ms: cx.timestamp_ms(),
            endorsers,
            results: endorsed.results,
        })
    }

    /// Commits these transactions as one block, in this order; answers their validation codes.
    pub fn commit(&mut self, transactions: Vec<Endorsed>) -> Vec<TxValidationCode> {
        sound(self.commit_block(transactions))
    }

    /// Endorses a transaction and commits it in a block of its own.
    ///
    /// # Errors
    /// Any [`CallError`].
    pub fn submit(&mut self, call: &Call) -> Result<Committed, CallError> {
        let endorsed = self.endorse(call)?;
        let Endorsed { tx_id, response, event, trips, .. } = endorsed.clone();
        let block = self.height;
        match self.commit(vec![endorsed]).as_slice() {
            [TxValidationCode::Valid] => Ok(Committed { tx_id, block, response, event, trips }),
            codes => {
                let code = codes.first().copied().unwrap_or(TxValidationCode::NotValidated);
                Err(CallError::Invalid { tx_id, code })
            }
        }
    }

    fn endorsers(&self) -> Vec<String> {
        if let Some(endorsers) = &self.endorsers {
            return endorsers.clone();
        }
        let member = |peer: &&Peer| {
            self.collections.iter().all(|(_, collection)| collection.has_member(&peer.msp_id))
        };
        self.peers.iter().filter(member).map(|peer| peer.msp_id.clone()).collect()
    }

    fn peer(&self, msp_id: &str) -> &Peer {
        #[expect(clippy::expect_used, reason = "a test that names no organisation fails at once")]
        self.peers
            .iter()
            .find(|peer| peer.msp_id == msp_id)
            .expect("an organisation of the channel")
    }

    fn peer_mut(&mut self, msp_id: &str) -> &mut Peer {
        let found = self.peers.iter_mut().find(|peer| peer.msp_id == msp_id);
        #[expect(clippy::expect_used, reason = "a test that names no organisation fails at once")]
        found.expect("an organisation of the channel")
    }

    /// Every invocation has an id of its own, the same in each run.
    fn context(&mut self, call: &Call) -> TxContext {
        self.transactions += 1;
        let number = self.transactions;
        TxContext::new(TxParts {
            channel_id: self.channel.to_string(),
            tx_id: hex::encode(sha256(format!("transaction {number}").as_bytes())),
            timestamp_ms: call.timestamp_ms.unwrap_or(self.now),
            client: call.client.clone(),
            transient: call.transient.clone(),
        })
    }

    fn execute(&self, msp_id: &str, call: &Call, cx: &TxContext) -> Result<Execution, CallError> {
        let refused = |response| CallError::Refused { organisation: msp_id.to_owned(), response };
        let failed = |error: LedgerError| refused(Response::failure(&TxError::from(error)));
        let name = call.chaincode.as_deref().unwrap_or(MOCK_CHAINCODE);
        let Some((_, chaincode)) = self.chaincodes.get(name) else {
            let text = format!("chaincode {name} not found");
            return Err(failed(LedgerError::NotCallable(text)));
        };
        let collections = Arc::clone(&self.collections);
        let access = Access::Client { collections, msp_id: cx.client().msp_id().to_owned() };
        let reader = self.reader(msp_id, name, cx, access);
        let outcome = block_on(chaincode.run(cx, &reader, &call.args));
        let never_endorse = reader.never_endorsed(&outcome);
        let Outcome { response, writes, .. } = outcome;
        if !response.is_success() {
            return Err(refused(response));
        }
        let event = writes.event().cloned();
        reader.apply(writes).map_err(failed)?;
        let (results, trips) = finished(reader);
        Ok(Execution { response, event, results, trips, never_endorse })
    }

    fn reader(&self, msp_id: &str, chaincode: &str, cx: &TxContext, access: Access) -> MockReader {
        let own = self.seen();
        let mut channels = self.others.clone();
        channels.insert(Arc::clone(&self.channel), own);
        let msp_id = self.peer(msp_id).msp_id.clone();
        let executing = Arc::new(Executing { msp_id, cx: cx.clone(), channels });
        let reader = MockReader::begin(executing, &self.channel, chaincode, access, Vec::new());
        #[expect(clippy::expect_used, reason = "the organisation was looked up before")]
        reader.expect("every peer of the channel has joined it")
    }

    fn commit_block(
        &mut self,
        transactions: Vec<Endorsed>,
    ) -> Result<Vec<TxValidationCode>, StoreError> {
        let number = self.height;
        self.height += 1;
        let mut policies = KeyPolicies::new(&self.state, &self.collections);
        let mut validator = BlockStateValidator::new(&*self.state, number);
        let mut codes = Vec::new();
        let mut admitted = BTreeSet::new();
        for (tx, transaction) in (0..).zip(&transactions) {
            let Endorsed { tx_id, results, endorsers, .. } = transaction;
            // Ids of earlier blocks are looked at before the policies, those of this block after.
            let code = if self.state.transaction(tx_id)?.is_some() {
                TxValidationCode::DuplicateTxid
            } else if !policies.admit(&results.rwset, endorsers)? {
                TxValidationCode::EndorsementPolicyFailure
            } else if !admitted.insert(tx_id) {
                TxValidationCode::DuplicateTxid
            } else {
                validator.add(tx, &results.rwset)?
            };
            codes.push(code);
        }
        let outcome = validator.finish();
        let collections = Arc::clone(&self.collections);
        let gone = self.expiring.commit(number, &self.state, &outcome.updates, &collections)?;
        let state = Arc::make_mut(&mut self.state);
        let mut valid = Vec::new();
        for ((tx, transaction), code) in (0..).zip(transactions).zip(&codes) {
            let version = Version::new(number, tx);
            let record = TxRecord { version, code: u8::try_from(i32::from(*code)).unwrap_or(255) };
            state.record_transaction(transaction.tx_id.clone(), record);
            if *code != TxValidationCode::Valid {
                continue;
            }
            let Endorsed { tx_id, event, timestamp_ms, results, .. } = transaction;
            let timestamp = Some(timestamp(timestamp_ms));
            let rows = key_modifications(&results.rwset, version, &tx_id, timestamp);
            for (namespace, key, row) in rows {
                state.record_history(namespace, key, row);
            }
            self.events.extend(event.map(|event| (tx_id, event)));
            valid.push((tx, results));
        }
        state.apply(outcome.updates.clone());
        state.apply(gone);
        let block = Arc::new(Block { number, valid, outcome });
        for peer in &mut self.peers {
            peer.commit(&block, &self.collections)?;
        }
        Ok(codes)
    }
}

impl Execution {
    /// What of two executions differs, if anything.
    fn difference(&self, other: &Self) -> Option<&'static str> {
        if self.response != other.response {
            Some("the response")
        } else if self.event != other.event {
            Some("the event")
        } else if self.results.rwset.encode() != other.results.rwset.encode() {
            Some("the read-write set")
        } else {
            None
        }
    }
}

fn timestamp(ms: TimestampMs) -> Timestamp {
    let nanos = i32::try_from(ms.rem_euclid(1000)).unwrap_or_default() * 1_000_000;
    Timestamp { seconds: ms.div_euclid(1000), nanos }
}

fn finished(reader: MockReader) -> (SimulationResults, RoundTrips) {
    #[expect(clippy::expect_used, reason = "a call ends before the transaction that waits for it")]
    reader.finish().expect("no called chaincode is at work")
}

/// The memory store holds what was put into it: it fails only when this library is wrong.
fn sound<T>(outcome: Result<T, StoreError>) -> T {
    #[expect(clippy::expect_used, reason = "a store in memory does not fail")]
    outcome.expect("the memory store answers")
}
