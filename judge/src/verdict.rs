//! Compares what a network did with what this project's rules give, step by step.

use std::collections::BTreeMap;

use bytes::Bytes;
use fabric_devnet::Config;
use fabric_devnet::parts::{Membership, Running, channel};
use fabric_ledger::block::code_byte;
use fabric_ledger::channel::Channel;
use fabric_ledger::policy::Principal;
use fabric_ledger::proposal::Proposal;
use fabric_ledger::rwset::{NsRwSet, TxRwSet};
use fabric_ledger::{
    CollectionAccess, Identities as _, MemoryStore, Simulation, SimulationResults, Simulator,
    TxValidationCode,
};
use fabric_protos::common::Block;
use fabric_protos::protos::chaincode_message::Type;
use fabric_protos::protos::{ChaincodeAction, ProposalResponsePayload, Response, SignedProposal};
use futures_util::FutureExt as _;
use prost::Message as _;

use crate::JudgeError;
use crate::drive::Endorsed;
use crate::envelope::Change;
use crate::forge::CHAINCODE;
use crate::network::CHANNEL;
use crate::plan::{Endorsers, MSP_IDS, Plan};
use crate::replay::{LIFECYCLE, Replay, name};
use crate::script::{self, BATCHED, Op, Peer};
use crate::spoil;

/// Version of the workload's chaincode.
pub const VERSION: &str = "1.0";
/// Findings that are told; a first one tends to bring many.
pub const FINDINGS_MAX: usize = 40;

/// What came out.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    /// Transactions by validation code.
    pub codes: BTreeMap<&'static str, usize>,
    /// Step and code of each transaction, in the order they were ordered.
    pub sequence: Vec<(usize, TxValidationCode)>,
    /// Whether the peers offer chaincode write batches and multi-gets.
    pub batched: bool,
    /// Transactions in each block of the workload.
    pub blocks: Vec<usize>,
    /// Endorsements compared byte for byte.
    pub endorsements: usize,
    /// Where the two differ, in sentences.
    pub findings: Vec<String>,
}

/// The workload's channel.
pub fn definitions() -> Result<Channel, JudgeError> {
    let chaincode = chaincode("");
    let mut config = Config::new("").chaincode(chaincode);
    config.organizations.truncate(MSP_IDS.len());
    channel(&config).map_err(|err| JudgeError::Network(err.to_string()))
}

/// The workload's chaincode, as it is defined on every network.
pub fn chaincode(address: &str) -> fabric_devnet::Chaincode {
    fabric_devnet::Chaincode::new(CHAINCODE, address)
        .endorsement_policy(include_str!("../policies/endorsement-policy.txt").trim())
        .collections(include_str!("../policies/collections.json"))
}

/// Judges a run: `blocks` are all of the network's, from the first one on.
pub fn judge(
    plan: &Plan,
    endorsed: &[Endorsed],
    blocks: &[Bytes],
    membership: Membership,
) -> Result<Verdict, JudgeError> {
    let mut replay = Replay::new(definitions()?, membership)?;
    let mut verdict = Verdict::default();
    let mut blocks = blocks.iter().peekable();
    let first = plan.batches.first().and_then(|batch| batch.order.first());
    let first =
        first.and_then(|index| endorsed.get(*index)).map(|one| one.envelope.encode_to_vec());
    // What came before the workload: the definition of the chaincode.
    while let Some(block) = blocks.next_if(|block| !begins_with(block, first.as_deref())) {
        let committed = replay.commit(block)?;
        verdict.findings.extend(committed.findings);
    }
    for batch in &plan.batches {
        for index in &batch.new {
            let one = endorsed.get(*index).ok_or(JudgeError::NoStep(*index))?;
            verdict.endorsements += one.responses.len();
            simulate(plan, *index, one, &mut replay, &mut verdict)?;
        }
        let mut due = batch.order.iter();
        while due.len() > 0 {
            let Some(block) = blocks.next() else {
                return Err(JudgeError::Network("transactions are missing in the blocks".into()));
            };
            let committed = replay.commit(block)?;
            verdict.blocks.push(committed.codes.len());
            let data = Block::decode(block.clone())?.data.unwrap_or_default().data;
            for (envelope, code) in data.iter().zip(&committed.codes) {
                let index = due.next().copied().unwrap_or(usize::MAX);
                let sent = endorsed.get(index);
                if sent.is_none_or(|sent| sent.envelope.encode_to_vec() != envelope[..]) {
                    verdict.findings.push(format!("{}: not the order sent", replay.height()));
                }
                *verdict.codes.entry(name(code_byte(*code))).or_default() += 1;
                verdict.sequence.push((index, *code));
            }
            verdict.findings.extend(committed.findings);
        }
        if verdict.findings.len() > FINDINGS_MAX {
            break;
        }
    }
    Ok(verdict)
}

/// Where two runs of a plan in equal blocks gave a transaction different codes.
///
/// A changed byte is another one on every network, whose identities differ: such steps do not
/// count.
pub fn differences(plan: &Plan, one: &Verdict, other: &Verdict) -> Vec<String> {
    let any_byte = |index: usize| {
        let change = plan.steps.get(index).and_then(|step| step.change);
        matches!(change, Some(Change::Spoil(spoil::Kind::Byte, _)))
    };
    let pairs = one.sequence.iter().zip(&other.sequence);
    pairs
        .filter(|((index, one), (_, other))| one != other && !any_byte(*index))
        .map(|((index, one), (_, other))| {
            format!("step {index}: {} and {}", one.as_str_name(), other.as_str_name())
        })
        .collect()
}

fn begins_with(block: &Bytes, envelope: Option<&[u8]>) -> bool {
    let data = Block::decode(block.clone()).ok().and_then(|block| block.data);
    data.and_then(|data| data.data.into_iter().next()).as_deref() == envelope
}

/// Runs a step on the replayed state and compares the results with those endorsed.
fn simulate(
    plan: &Plan,
    index: usize,
    endorsed: &Endorsed,
    replay: &mut Replay,
    Verdict { findings, batched: offered, .. }: &mut Verdict,
) -> Result<(), JudgeError> {
    let step = plan.steps.get(index).ok_or(JudgeError::NoStep(index))?;
    let mut plaintext = None;
    for (turn, (proposal, theirs)) in endorsed.proposals.iter().zip(&endorsed.responses).enumerate()
    {
        // Where both endorse alike, both are judged by what the first one holds, and the second
        // one has to agree with it: the gateway sees to that.
        let peer = match step.endorsers {
            Endorsers::Only(peer) => peer,
            Endorsers::Both | Endorsers::Apart => turn,
        };
        let transient = step.transient.get(turn).cloned().unwrap_or_default();
        let proposal = Proposal::unpack(&SignedProposal::clone(proposal))
            .map_err(|err| JudgeError::Network(err.to_string()))?;
        let log = logged(theirs)?;
        let batched = log.starts_with(BATCHED.as_bytes());
        *offered = batched;
        let run = Run { proposal: &proposal, script: &step.script, transient, peer, batched };
        let (ours, results) = run.endorse(replay)?;
        let theirs = without_definitions(theirs)?;
        if ours != theirs {
            findings.push(difference(index, &ours, &theirs)?);
        }
        // Peers hand on what belongs to the transaction's results: those of the first one.
        if turn == 0 {
            plaintext = results.private;
        }
        if step.endorsers == Endorsers::Both {
            let other = Run { peer: 1, ..run };
            if other.endorse(replay)?.0 != ours {
                findings.push(format!("step {index}: the second peer would differ"));
            }
        }
        if let Some(plaintext) = plaintext.take() {
            replay.plaintexts.insert(proposal.tx_id().to_owned(), plaintext);
        }
    }
    Ok(())
}

/// A script about to be run on one peer.
#[derive(Clone)]
struct Run<'a> {
    proposal: &'a Proposal,
    script: &'a [Op],
    transient: BTreeMap<String, Bytes>,
    peer: usize,
    batched: bool,
}

impl Run<'_> {
    /// What the peer signs by this project's rules, and the results behind it.
    fn endorse(&self, replay: &Replay) -> Result<(Bytes, SimulationResults), JudgeError> {
        let Self { proposal, script, transient, peer, batched } = self;
        let creator = replay.membership.parse(&proposal.signature_header.creator);
        let creator = creator.ok_or_else(|| JudgeError::Network("an unknown client".into()))?;
        let is_principal = |principal: &Principal| replay.membership.satisfies(&creator, principal);
        let access = |chaincode: &str, collection: &str| {
            replay.channel.permission(chaincode, collection, is_principal)
        };
        let private = replay.private.get(*peer).ok_or(JudgeError::NoPeer(*peer))?;
        let simulation = Simulation::new(CHANNEL, proposal.tx_id());
        let simulator = Simulator::new(simulation, &replay.state, private, access);
        let mut rules = Rules { running: Running::new(simulator), batched: *batched };
        let outcome = script::run(script, transient, &mut rules)
            .now_or_never()
            .ok_or_else(|| JudgeError::Network("the rules wait for something".into()))?;
        let results = rules.running.into_simulator().finish();
        let response =
            Response { status: 200, message: String::new(), payload: outcome.log.into() };
        let ours =
            proposal.response_payload(response, results.rwset.encode(), outcome.event, VERSION);
        Ok((ours, results))
    }
}

/// The ledger's rules as the peer of a script.
struct Rules<'a, A> {
    running: Running<&'a MemoryStore, &'a MemoryStore, A>,
    batched: bool,
}

impl<A: CollectionAccess + Send> Peer for Rules<'_, A> {
    async fn ask(&mut self, kind: Type, payload: Bytes) -> Result<Bytes, String> {
        self.running.answer(CHAINCODE, kind, payload)
    }

    fn batched(&self) -> bool {
        self.batched
    }
}

/// What was endorsed, without the chaincode's definition, which real peers read in every
/// transaction. Everything else has to be there, and in the same bytes when it is encoded again.
fn without_definitions(response: &Bytes) -> Result<Bytes, JudgeError> {
    let mut response = ProposalResponsePayload::decode(response.clone())?;
    let mut action = ChaincodeAction::decode(response.extension.clone())?;
    let mut rwset = TxRwSet::decode(action.results.clone())?;
    let is_definition = |ns: &NsRwSet| ns.namespace == LIFECYCLE && !ns.has_writes();
    if rwset.encode() == action.results && rwset.namespaces.iter().any(is_definition) {
        rwset.namespaces.retain(|ns| !is_definition(ns));
        action.results = rwset.encode();
        response.extension = action.encode_to_vec().into();
    }
    Ok(response.encode_to_vec().into())
}

fn action(response: &Bytes) -> Result<ChaincodeAction, JudgeError> {
    let response = ProposalResponsePayload::decode(response.clone())?;
    Ok(ChaincodeAction::decode(response.extension)?)
}

fn logged(response: &Bytes) -> Result<Bytes, JudgeError> {
    Ok(action(response)?.response.unwrap_or_default().payload)
}

fn difference(index: usize, ours: &Bytes, theirs: &Bytes) -> Result<String, JudgeError> {
    let (our_action, their_action) = (action(ours)?, action(theirs)?);
    let text = |action: &ChaincodeAction| {
        let payload = action.response.clone().unwrap_or_default().payload;
        String::from_utf8_lossy(&payload).into_owned()
    };
    if our_action.response != their_action.response {
        let (ours, theirs) = (text(&our_action), text(&their_action));
        let lines = ours.lines().zip(theirs.lines()).find(|(ours, theirs)| ours != theirs);
        return Ok(format!("step {index}: other answers: here, there: {lines:?}"));
    }
    if our_action.results != their_action.results {
        let decode = |action: &ChaincodeAction| TxRwSet::decode(action.results.clone());
        let (ours, theirs) = (decode(&our_action)?, decode(&their_action)?);
        return Ok(format!("step {index}: other results: here {ours:?}, there {theirs:?}"));
    }
    Ok(format!("step {index}: other endorsement: here {our_action:?}, there {their_action:?}"))
}
