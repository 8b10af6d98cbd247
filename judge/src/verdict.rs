//! Compares what a network did with what this project's rules give, step by step.

use std::collections::{BTreeMap, BTreeSet};

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

/// What stands before the number of a block in a peer's words.
const BLOCK_NUMBER: &str = "BlockNum: ";

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
    /// What the peers told the chaincode, by step and by proposal of the step: the answers to its
    /// requests, in which transactions have their step's number instead of their id and time, and
    /// blocks are counted from the workload's first one.
    pub answers: BTreeMap<(usize, usize), String>,
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
    let mut steps = BTreeMap::new();
    let mut blocks = blocks.iter().peekable();
    let first = plan.batches.first().and_then(|batch| batch.order.first());
    let first =
        first.and_then(|index| endorsed.get(*index)).map(|one| one.envelope.encode_to_vec());
    // What came before the workload: the definition of the chaincode.
    while let Some(block) = blocks.next_if(|block| !begins_with(block, first.as_deref())) {
        let committed = replay.commit(block)?;
        verdict.findings.extend(committed.findings);
    }
    let before = replay.height();
    for batch in &plan.batches {
        for index in &batch.new {
            let one = endorsed.get(*index).ok_or(JudgeError::NoStep(*index))?;
            verdict.endorsements += one.responses.len();
            simulate(plan, *index, one, &mut replay, &mut verdict)?;
            steps.insert(one.tx_id().to_owned(), *index);
            for (turn, response) in one.responses.iter().enumerate() {
                let log = logged(response)?;
                let answers = comparable(&String::from_utf8_lossy(&log), &steps, before);
                verdict.answers.insert((*index, turn), answers);
            }
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

/// Where two networks that ran one plan in equal blocks gave a transaction different codes, or told
/// the chaincode something else.
///
/// A changed byte is another one on every network, whose identities differ: codes of such steps do
/// not count.
pub fn differences(plan: &Plan, one: &Verdict, other: &Verdict) -> Vec<String> {
    if one.blocks != other.blocks {
        return vec![format!("other blocks: {:?} and {:?}", one.blocks, other.blocks)];
    }
    let any_byte = |index: usize| {
        let change = plan.steps.get(index).and_then(|step| step.change);
        matches!(change, Some(Change::Spoil(spoil::Kind::Byte, _)))
    };
    let pairs = one.sequence.iter().zip(&other.sequence);
    let codes = pairs.filter(|((index, one), (_, other))| one != other && !any_byte(*index)).map(
        |((index, one), (_, other))| {
            format!("step {index}: {} and {}", one.as_str_name(), other.as_str_name())
        },
    );
    let asked = one.answers.keys().chain(other.answers.keys()).map(|(index, _)| *index);
    let asked: BTreeSet<usize> = asked.chain(plan.inspection.clone()).collect();
    codes.chain(asked.into_iter().filter_map(|index| told(index, one, other))).collect()
}

/// Where the two told the chaincode something else in a step.
fn told(index: usize, one: &Verdict, other: &Verdict) -> Option<String> {
    let of = |verdict: &Verdict| -> Vec<String> {
        let answers = verdict.answers.range((index, 0)..=(index, usize::MAX));
        answers.flat_map(|(_, text)| text.lines().map(str::to_owned)).collect()
    };
    let (one, other) = (of(one), of(other));
    if one == other && !one.is_empty() {
        return None;
    }
    let at = one.iter().zip(&other).position(|(one, other)| one != other);
    let at = at.unwrap_or_else(|| one.len().min(other.len()));
    Some(format!("step {index}: told {:?} and {:?}", one.get(at), other.get(at)))
}

/// Answers of a peer as another network gives them: some tell ids of transactions, which are made
/// of certificates, a history the times at which they were proposed, too, and refusals the numbers
/// of blocks, of which so many came `before` the workload.
fn comparable(answers: &str, steps: &BTreeMap<String, usize>, before: u64) -> String {
    without_blocks(&without_ids(answers, steps), before)
}

/// Numbers of blocks from the workload's first one on.
fn without_blocks(answers: &str, before: u64) -> String {
    let mut parts = answers.split(BLOCK_NUMBER);
    let mut told = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
        let (number, rest) = part.split_at(end);
        let number = number.parse().ok().and_then(|number: u64| number.checked_sub(before));
        told.push_str(BLOCK_NUMBER);
        match number {
            Some(number) => told.push_str(&format!("+{number}{rest}")),
            None => told.push_str(part),
        }
    }
    told
}

fn without_ids(answers: &str, steps: &BTreeMap<String, usize>) -> String {
    let is_hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    let mut told = String::with_capacity(answers.len());
    let mut rest = answers;
    while !rest.is_empty() {
        let (other, behind) = rest.split_at(rest.find(is_hex).unwrap_or(rest.len()));
        let (word, behind) = behind.split_at(behind.find(|c| !is_hex(c)).unwrap_or(behind.len()));
        told.push_str(other);
        rest = behind;
        let Some(step) = steps.get(word) else {
            told.push_str(word);
            continue;
        };
        told.push_str(&format!("step {step}"));
        // A time has no equals sign, and the value behind it comes after one.
        if let Some((_, value)) = rest.strip_prefix('@').and_then(|time| time.split_once('=')) {
            told.push('=');
            rest = value;
        }
    }
    told
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_told_instead_of_ids_and_times_and_blocks_counted_from_the_first() {
        let (known, unknown) = ("a".repeat(64), "b".repeat(64));
        let steps = BTreeMap::from([(known.clone(), 7)]);
        let check = |answers: &str, told: &str| assert_eq!(comparable(answers, &steps, 4), told);
        check("", "");
        check("h1=v5\nrows", "h1=v5\nrows");
        check(
            &format!("rows {known}@16.000000001=v1 {known}@17.5=deleted\nh1=v1\n"),
            "rows step 7=v1 step 7=deleted\nh1=v1\n",
        );
        check(&format!("txid [{known}]: no\n"), "txid [step 7]: no\n");
        check(
            "hash {BlockNum: 5, TxNum: 31}, data {BlockNum: 14}",
            "hash {BlockNum: +1, TxNum: 31}, data {BlockNum: +10}",
        );
        // Whatever else there is stays.
        check("BlockNum: , BlockNum: 3", "BlockNum: , BlockNum: 3");
        check(&format!("{unknown}@16.0=v1"), &format!("{unknown}@16.0=v1"));
        check("k=a@b.c=d", "k=a@b.c=d");
        check(&format!("{known}@"), "step 7@");
        check(&format!("{known}a@16.0=v1"), &format!("{known}a@16.0=v1"));
        check("übrig äb", "übrig äb");
    }

    fn plan(inspection: std::ops::Range<usize>) -> Plan {
        Plan { steps: Vec::new(), batches: Vec::new(), inspection }
    }

    fn verdict(code: TxValidationCode, answers: &[(usize, usize, &str)]) -> Verdict {
        let told =
            |(index, turn, text): &(usize, usize, &str)| ((*index, *turn), (*text).to_owned());
        Verdict {
            sequence: vec![(0, code)],
            blocks: vec![1],
            answers: answers.iter().map(told).collect(),
            ..Verdict::default()
        }
    }

    #[test]
    fn networks_that_differ_are_told_apart() {
        let valid = TxValidationCode::Valid;
        let answers = [(0, 0, "plain\na=1\nb=2\n"), (1, 0, "plain\n"), (1, 1, "plain\nc=3\n")];
        let one = verdict(valid, &answers);
        let check = |inspection, other: &Verdict, found: &[&str]| {
            assert_eq!(differences(&plan(inspection), &one, other), found);
        };
        check(0..2, &one, &[]);
        let conflict = TxValidationCode::MvccReadConflict;
        check(0..0, &verdict(conflict, &answers), &["step 0: VALID and MVCC_READ_CONFLICT"]);
        let other = [(0, 0, "plain\na=1\nb=3\n"), answers[1], answers[2]];
        check(0..0, &verdict(valid, &other), &["step 0: told Some(\"b=2\") and Some(\"b=3\")"]);
        check(0..0, &verdict(valid, &answers[..2]), &["step 1: told Some(\"plain\") and None"]);
        // An inspection that neither network was asked for.
        check(2..3, &one, &["step 2: told None and None"]);
        let cut = Verdict { blocks: vec![1, 1], ..one.clone() };
        check(0..0, &cut, &["other blocks: [1] and [1, 1]"]);
    }
}
