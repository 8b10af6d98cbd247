//! The workload: which transactions, endorsed by whom, changed how, ordered when.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

use bytes::Bytes;

use crate::envelope::Change;
use crate::random::Random;
use crate::script::{Op, Write};

/// The organisations whose peers endorse, in the order of [`Endorsers::Only`].
pub const MSP_IDS: [&str; 2] = ["Org1MSP", "Org2MSP"];
/// Organisation that key policies sometimes ask for in vain.
const ABSENT: &str = "Org3MSP";
/// Rows of the long range: the peer reads it in two batches, and sums it up by hashes.
const ROWS: usize = 180;
/// Rows written by one of the first transactions.
const ROWS_A_TRANSACTION: usize = 20;
/// Keys that many transactions of a block want.
const HOT: usize = 5;
/// Keys of ordinary use.
const KEYS: usize = 40;
/// Keys, public and private, that get policies of their own.
const POLICED: usize = 8;
/// Private keys of a collection.
const PRIVATE: usize = 14;
/// Batches that a transaction can be late by.
const LATE_MAX: usize = 3;
/// Name of the entry of transient maps.
pub const TRANSIENT: &str = "value";

/// All transactions, and the batches they are ordered in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Every proposal, by number.
    pub steps: Vec<Step>,
    /// What goes to the orderer together.
    pub batches: Vec<Batch>,
    /// The steps that ask for all that the others have left: state, private data, its hashes,
    /// histories, policies of keys.
    pub inspection: Range<usize>,
}

/// A batch: it is cut into one block where nothing delays it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// Steps that are endorsed before the batch, on the state that the one before left.
    pub new: Vec<usize>,
    /// Steps in the order they go to the orderer: new ones, late ones, some twice.
    pub order: Vec<usize>,
}

/// One proposal and what becomes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What the chaincode does.
    pub script: Vec<Op>,
    /// What each of the two peers gets in the transient map.
    pub transient: [BTreeMap<String, Bytes>; 2],
    /// The organisation of the client.
    pub creator: usize,
    /// Who endorses.
    pub endorsers: Endorsers,
    /// What is done to the transaction before it is signed and sent.
    pub change: Option<Change>,
}

impl Step {
    /// Whether policies of keys are written. Such a transaction is sent as it was endorsed, and
    /// once: peers hold later writers of its keys up until they have judged it, which they do not
    /// where they turn it down before.
    pub fn sets_policy(&self) -> bool {
        let sets = |write: &Write| matches!(write, Write::SetPolicy(..));
        let forged =
            |change: Change| matches!(change, Change::Forge(kind, _) if kind.writes_metadata());
        self.change.is_some_and(forged)
            || self.script.iter().any(|op| match op {
                Op::Write(write) => sets(write),
                Op::Batch(writes) => writes.iter().any(sets),
                _ => false,
            })
    }
}

/// Who endorses a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endorsers {
    /// Both peers, alike.
    Both,
    /// One of them.
    Only(usize),
    /// Both, of which the second one got another transient map: it signs other results, and the
    /// transaction has those of the first with the signatures of both.
    Apart,
}

impl Plan {
    /// The plan of a seed: `transactions` envelopes, so many a batch.
    pub fn new(seed: u64, transactions: usize, batch: usize) -> Self {
        let mut maker = Maker {
            random: Random::new(seed),
            plan: Self { steps: Vec::new(), batches: Vec::new(), inspection: 0..0 },
            late: VecDeque::from(vec![Vec::new(); LATE_MAX + 1]),
            ordered: Vec::new(),
        };
        let batches = transactions.div_ceil(batch.max(1));
        for number in 0..batches {
            let left = transactions - number * batch;
            maker.batch(number, number + 1 == batches, left.min(batch));
        }
        maker.plan
    }
}

struct Maker {
    random: Random,
    plan: Plan,
    /// Steps that wait for a later batch: those of the next one are in front.
    late: VecDeque<Vec<usize>>,
    /// What was ordered already and may be sent again.
    ordered: Vec<usize>,
}

impl Maker {
    fn batch(&mut self, number: usize, last: bool, size: usize) {
        let mut batch = Batch::default();
        let mut first: VecDeque<Step> = match number {
            0 => setup().into(),
            _ if last => self.inspection().into(),
            _ => VecDeque::new(),
        };
        let (next, prepared) = (self.plan.steps.len(), first.len());
        if let Some(due) = self.late.pop_front() {
            batch.order.extend(due.into_iter().take(size / 2));
        }
        self.late.push_back(Vec::new());
        // The last one is new: the batch is committed when it is.
        while batch.order.len() + 1 < size {
            if let Some(step) = first.pop_front() {
                let index = self.add(step, &mut batch);
                batch.order.push(index);
                continue;
            }
            let again = self.ordered.get(self.random.below(self.ordered.len())).copied();
            match again.filter(|_| self.random.percent(3)) {
                Some(index) => batch.order.push(index),
                None => self.ordinary(&mut batch),
            }
        }
        if last && number > 0 {
            self.plan.inspection = next..next + prepared - first.len();
        }
        let mut end = step(vec![put("", "last", &format!("batch {number}"))]);
        if self.random.percent(60) {
            end.change = Some(Change::of_the_last(&mut self.random));
        }
        let index = self.add(end, &mut batch);
        batch.order.truncate(size.saturating_sub(1));
        let steps = &self.plan.steps;
        let once = |index: &&usize| steps.get(**index).is_some_and(Step::sets_policy);
        self.ordered = batch.order.iter().filter(|index| !once(index)).copied().collect();
        batch.order.push(index);
        self.plan.batches.push(batch);
    }

    /// One more transaction: for now, for later or for twice.
    fn ordinary(&mut self, batch: &mut Batch) {
        let step = self.step();
        let once = step.sets_policy();
        let index = self.add(step, batch);
        let fate = self.random.below(100);
        if fate < 6 {
            let by = self.random.below(LATE_MAX);
            if let Some(later) = self.late.get_mut(by) {
                later.push(index);
            }
            return;
        }
        batch.order.push(index);
        if fate < 9 && !once {
            batch.order.push(index);
        }
    }

    fn add(&mut self, step: Step, batch: &mut Batch) -> usize {
        let index = self.plan.steps.len();
        self.plan.steps.push(step);
        batch.new.push(index);
        index
    }

    fn step(&mut self) -> Step {
        if self.random.percent(4) {
            return self.of_one_member();
        }
        let mut script = Vec::new();
        for _ in 0..=self.random.below(2) {
            self.part(&mut script);
        }
        let mut step = step(script);
        step.creator = self.random.below(2);
        step.endorsers = match self.random.below(100) {
            0..6 => Endorsers::Only(0),
            6..12 => Endorsers::Only(1),
            12..14 => {
                let private = self.random.percent(50);
                let (collection, key) = (if private { "shared" } else { "" }, self.private_key());
                step.script.push(Op::PutTransient(
                    collection.to_owned(),
                    key,
                    TRANSIENT.to_owned(),
                ));
                Endorsers::Apart
            }
            _ => Endorsers::Both,
        };
        let value = self.value();
        for (peer, transient) in step.transient.iter_mut().enumerate() {
            let apart = if step.endorsers == Endorsers::Apart { peer } else { 0 };
            let value = Bytes::from(format!("{value} in secret {apart}"));
            transient.insert(TRANSIENT.to_owned(), value);
        }
        if step.endorsers == Endorsers::Both && !step.sets_policy() && self.random.percent(16) {
            step.change = Some(Change::random(&mut self.random));
        }
        step
    }

    /// A collection of one organisation, whose peer alone can read it.
    fn of_one_member(&mut self) -> Step {
        let key = format!("o{}", self.random.below(4));
        let own = || "own".to_owned();
        let script = match self.random.below(6) {
            0 => vec![Op::Get(own(), key.clone()), put("own", &key, &self.value())],
            1 => vec![Op::Write(Write::Delete(own(), key))],
            2 => vec![Op::Write(Write::Purge(own(), key))],
            3 => vec![range("own", "o", "p", 1)],
            // Without a public write the collection's policy alone decides.
            4 => vec![put("own", &key, &self.value()), put("", "k0", "too little")],
            _ => vec![put("own", &key, &self.value())],
        };
        Step { creator: self.random.below(2), endorsers: Endorsers::Only(0), ..step(script) }
    }

    fn part(&mut self, script: &mut Vec<Op>) {
        let public = String::new;
        match self.random.below(100) {
            0..20 => {
                let key = format!("h{}", self.random.below(HOT));
                script.push(Op::Get(public(), key.clone()));
                script.push(put("", &key, &self.value()));
            }
            20..30 => script.push(put("", &self.key(), &self.value())),
            30..35 => script.push(Op::Write(Write::Delete(public(), self.key()))),
            35..43 => {
                let from = self.random.below(KEYS - 4);
                let (from, to) = (format!("k{from:02}"), format!("k{:02}", from + 3));
                script.push(range("", &from, &to, u32::MAX));
                script.push(put("", &format!("sum{}", self.random.below(9)), &self.value()));
            }
            43..46 => self.rows(script),
            46..56 => self.private(script),
            56..61 => {
                let (collection, key) = (self.collection(), self.private_key());
                script.push(Op::Hash(collection, key));
                script.push(put("", &self.key(), &self.value()));
            }
            61..71 => self.policy(script),
            71..74 => {
                script.push(Op::History(format!("h{}", self.random.below(HOT))));
                script.push(put("", &self.key(), &self.value()));
            }
            74..77 => self.refused(script),
            77..83 => {
                let writes = (0..=self.random.below(6)).map(|_| self.write()).collect();
                script.push(Op::Batch(writes));
            }
            83..88 => {
                let keys = (0..=self.random.below(5)).map(|_| self.key()).collect();
                script.push(Op::GetMany(public(), keys));
                script.push(put("", &self.key(), &self.value()));
            }
            88..91 => {
                let keys = (0..=self.random.below(3)).map(|_| self.private_key()).collect();
                script.push(Op::GetMany("shared".to_owned(), keys));
            }
            91..94 => script.push(Op::Event(format!("event {}", self.random.below(100)))),
            94..97 => script.push(Op::Get(public(), self.key())),
            // An empty value deletes.
            _ => script.push(put("", &self.key(), "")),
        }
    }

    fn rows(&mut self, script: &mut Vec<Op>) {
        match self.random.below(4) {
            0 => script.push(range("", "r", "s", u32::MAX)),
            1 => script.push(range("", "r", "s", 1)),
            2 => {
                let key = format!("r{:03}", self.random.below(ROWS));
                script.push(Op::Write(Write::Delete(String::new(), key)));
            }
            _ => {
                let key = format!("r{:03}", self.random.below(ROWS));
                script.push(put("", &key, &self.value()));
            }
        }
        script.push(put("", &self.key(), &self.value()));
    }

    fn private(&mut self, script: &mut Vec<Op>) {
        let (collection, key) = (self.collection(), self.private_key());
        match self.random.below(8) {
            0..3 => script.push(Op::PutTransient(collection, key, TRANSIENT.to_owned())),
            3..5 => {
                script.push(Op::Get(collection.clone(), key.clone()));
                script.push(put(&collection, &key, &self.value()));
            }
            5 => script.push(Op::Write(Write::Delete(collection, key))),
            6 => script.push(Op::Write(Write::Purge(collection, key))),
            _ => {
                script.push(Op::Get(collection, key));
                script.push(put("", &self.key(), &self.value()));
            }
        }
    }

    /// Keys with policies of their own: set, asked for, fulfilled and violated.
    fn policy(&mut self, script: &mut Vec<Op>) {
        let collection = if self.random.percent(35) { "shared" } else { "" }.to_owned();
        let key = format!("q{}", self.random.below(POLICED));
        match self.random.below(10) {
            // Never deleted: to a peer, metadata behind a delete in one block is the end.
            0..5 => script.push(put(&collection, &key, &self.value())),
            5..7 => script.push(Op::Policy(collection, key)),
            _ => {
                let [one, two] = MSP_IDS;
                let (key, msp_ids): (_, &[&str]) = match self.random.below(12) {
                    0..4 => (key, &[one]),
                    4..7 => (key, &[two]),
                    7..10 => (key, &[one, two]),
                    10 => (key, &[]),
                    // Nobody writes such a key any more.
                    _ => ("z0".to_owned(), &[one, ABSENT]),
                };
                if self.random.percent(50) {
                    script.push(put(&collection, &key, &self.value()));
                }
                let msp_ids = msp_ids.iter().map(|msp_id| (*msp_id).to_owned()).collect();
                script.push(Op::Write(Write::SetPolicy(collection, key, msp_ids)));
            }
        }
    }

    /// What a peer refuses to a transaction that may go on nevertheless.
    fn refused(&mut self, script: &mut Vec<Op>) {
        let write = put("", &self.key(), &self.value());
        match self.random.below(7) {
            0 => {
                let (from, to) = ("k".to_owned(), "l".to_owned());
                script.extend([Op::Page { from, to, size: 5 }, write]);
            }
            1 => script.extend([range("shared", "p", "q", 1), write]),
            2 => script.extend([write, range("shared", "p", "q", 1)]),
            3 => {
                let (from, to) = ("k".to_owned(), "l".to_owned());
                script.extend([write, Op::Page { from, to, size: 5 }]);
            }
            4 => script.push(Op::Get("nowhere".to_owned(), "p0".to_owned())),
            5 => script.push(Op::Write(Write::Purge(String::new(), self.key()))),
            _ => script.push(Op::Hash("nowhere".to_owned(), "p0".to_owned())),
        }
    }

    fn write(&mut self) -> Write {
        let collection = self.collection();
        match self.random.below(6) {
            0..3 => Write::Put(String::new(), self.key(), self.value()),
            3 => Write::Delete(String::new(), self.key()),
            4 => Write::Put(collection, self.private_key(), self.value()),
            _ => Write::Purge(collection, self.private_key()),
        }
    }

    /// Everything that can be asked of the peers, at the end.
    fn inspection(&mut self) -> Vec<Step> {
        let mut scripts: Vec<Vec<Op>> = vec![
            vec![range("", "", "", u32::MAX)],
            vec![range("shared", "", "", u32::MAX)],
            vec![range("brief", "", "", u32::MAX)],
        ];
        scripts.extend((0..HOT).map(|key| vec![Op::History(format!("h{key}"))]));
        for collection in ["shared", "brief", "own"] {
            let keys = (0..PRIVATE).map(|key| format!("p{key:02}"));
            let others = ["o0", "o1", "o2", "o3", "q0", "q1", "q2", "q3"].map(str::to_owned);
            let hash = |key| Op::Hash(collection.to_owned(), key);
            scripts.push(keys.chain(others).map(hash).collect());
        }
        for collection in ["", "shared"] {
            let policy = |key| Op::Policy(collection.to_owned(), format!("q{key}"));
            scripts.push((0..POLICED).map(policy).collect());
        }
        let mut steps: Vec<Step> = scripts.into_iter().map(step).collect();
        let own = step(vec![range("own", "", "", u32::MAX)]);
        steps.push(Step { endorsers: Endorsers::Only(0), ..own });
        steps
    }

    fn key(&mut self) -> String {
        format!("k{:02}", self.random.below(KEYS))
    }

    fn private_key(&mut self) -> String {
        format!("p{:02}", self.random.below(PRIVATE))
    }

    fn collection(&mut self) -> String {
        self.random.pick(&["shared", "shared", "brief"]).to_owned()
    }

    fn value(&mut self) -> String {
        format!("v{}", self.random.below(100_000))
    }
}

fn step(script: Vec<Op>) -> Step {
    let transient = [BTreeMap::new(), BTreeMap::new()];
    Step { script, transient, creator: 0, endorsers: Endorsers::Both, change: None }
}

/// The rows of the long range.
fn setup() -> Vec<Step> {
    let rows: Vec<usize> = (0..ROWS).collect();
    rows.chunks(ROWS_A_TRANSACTION)
        .map(|rows| {
            let row =
                |row: &usize| Write::Put(String::new(), format!("r{row:03}"), "row".to_owned());
            step(vec![Op::Batch(rows.iter().map(row).collect())])
        })
        .collect()
}

fn put(collection: &str, key: &str, value: &str) -> Op {
    Op::Write(Write::Put(collection.to_owned(), key.to_owned(), value.to_owned()))
}

fn range(collection: &str, from: &str, to: &str, batches: u32) -> Op {
    Op::Range {
        collection: collection.to_owned(),
        from: from.to_owned(),
        to: to.to_owned(),
        batches,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_has_one_plan() {
        assert_eq!(Plan::new(7, 300, 50), Plan::new(7, 300, 50));
        assert_ne!(Plan::new(7, 300, 50), Plan::new(8, 300, 50));
    }

    #[test]
    fn batches_are_full_and_end_with_something_new() {
        let plan = Plan::new(1, 1030, 50);
        let sizes: Vec<usize> = plan.batches.iter().map(|batch| batch.order.len()).collect();
        assert_eq!((sizes.iter().sum::<usize>(), sizes.len(), sizes[20]), (1030, 21, 30));
        for batch in &plan.batches {
            let last = *batch.order.last().unwrap();
            assert!(batch.new.contains(&last));
            assert_eq!(batch.order.iter().filter(|index| **index == last).count(), 1);
        }
    }

    #[test]
    fn the_end_of_it_is_an_inspection_of_everything() {
        let plan = Plan::new(1, 500, 50);
        assert_eq!(plan.inspection.len(), 14);
        let steps = &plan.steps[plan.inspection.clone()];
        assert!(steps.iter().all(|step| step.change.is_none()));
        let last = &plan.batches.last().unwrap().new;
        assert!(plan.inspection.clone().all(|index| last.contains(&index)));
        let everything = range("", "", "", u32::MAX);
        assert_eq!(steps[0].script, [everything]);
        assert_eq!(steps[13].script, [range("own", "", "", u32::MAX)]);
    }

    #[test]
    fn every_kind_of_transaction_occurs() {
        let plan = Plan::new(1, 5000, 50);
        let steps =
            |wanted: fn(&Step) -> bool| plan.steps.iter().filter(|step| wanted(step)).count();
        assert!(steps(|step| step.endorsers == Endorsers::Apart) > 20);
        assert!(steps(|step| step.endorsers == Endorsers::Only(1)) > 100);
        assert!(steps(|step| step.change.is_some()) > 300);
        let again = plan
            .batches
            .iter()
            .filter(|batch| batch.order.iter().any(|index| !batch.new.contains(index)));
        assert!(again.count() > 50);
    }
}
