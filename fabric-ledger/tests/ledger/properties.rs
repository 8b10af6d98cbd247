//! Random histories against a naive model, and against running them one after the other.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use fabric_ledger::{
    MemoryStore, Permission, QueryBatch, QueryRows, Simulation, SimulationResults, Simulator,
    Space, Store, TxValidationCode as Code, Version, sha256,
};
use proptest::prelude::*;

use crate::harness::{HASHED, Ledger, PRIVATE, PUBLIC, open_access};

/// Keys are few so that transactions meet.
const KEYS: u8 = 6;

/// A step of a program. What is written depends on all that was read before it.
#[derive(Clone, Debug)]
enum Step {
    Get(u8),
    GetMany(Vec<u8>),
    Range(u8, u8),
    GetPrivate(u8),
    Hash(u8),
    Put(u8),
    Delete(u8),
    PutPrivate(u8),
    DeletePrivate(u8),
}

fn key(number: u8) -> String {
    format!("k{number}")
}

fn step() -> impl Strategy<Value = Step> {
    let key = || 0..KEYS;
    prop_oneof![
        3 => key().prop_map(Step::Get),
        1 => prop::collection::vec(key(), 0..4).prop_map(Step::GetMany),
        2 => (key(), key()).prop_map(|(from, to)| Step::Range(from, to)),
        2 => key().prop_map(Step::GetPrivate),
        1 => key().prop_map(Step::Hash),
        3 => key().prop_map(Step::Put),
        1 => key().prop_map(Step::Delete),
        2 => key().prop_map(Step::PutPrivate),
        1 => key().prop_map(Step::DeletePrivate),
    ]
}

/// A program, and how many blocks old the state is that it is simulated on.
type Tx = (Vec<Step>, usize);

fn history() -> impl Strategy<Value = Vec<Vec<Tx>>> {
    let tx = (prop::collection::vec(step(), 1..7), 0_usize..3);
    prop::collection::vec(prop::collection::vec(tx, 1..5), 1..7)
}

/// What a program can do: run it on a simulator or on a plain map.
trait Machine {
    fn get(&mut self, key: &str) -> Option<Bytes>;
    fn range(&mut self, from: &str, to: &str) -> Vec<(String, Bytes)>;
    fn get_private(&mut self, key: &str) -> Option<Bytes>;
    fn hash(&mut self, key: &str) -> Option<Bytes>;
    fn put(&mut self, key: &str, value: Option<Bytes>);
    fn put_private(&mut self, key: &str, value: Option<Bytes>);
}

fn run(program: &[Step], machine: &mut impl Machine) {
    let mut seen: Vec<u8> = Vec::new();
    let add = |seen: &mut Vec<u8>, value: Option<Bytes>| {
        seen.extend(value.map_or_else(|| vec![0], |value| [&[1], &value[..]].concat()));
    };
    for (number, step) in program.iter().enumerate() {
        let value = |seen: &[u8]| {
            Bytes::copy_from_slice(&sha256(&[seen, &[u8::try_from(number).unwrap()]].concat()))
        };
        match step {
            Step::Get(k) => add(&mut seen, machine.get(&key(*k))),
            Step::GetMany(keys) => {
                for k in keys {
                    add(&mut seen, machine.get(&key(*k)));
                }
            }
            Step::Range(from, to) => {
                for (key, value) in machine.range(&key(*from), &key(*to)) {
                    seen.extend(key.bytes());
                    add(&mut seen, Some(value));
                }
            }
            Step::GetPrivate(k) => add(&mut seen, machine.get_private(&key(*k))),
            Step::Hash(k) => {
                let hash = machine.hash(&key(*k));
                add(&mut seen, hash);
            }
            Step::Put(k) => machine.put(&key(*k), Some(value(&seen))),
            Step::Delete(k) => machine.put(&key(*k), None),
            Step::PutPrivate(k) => machine.put_private(&key(*k), Some(value(&seen))),
            Step::DeletePrivate(k) => machine.put_private(&key(*k), None),
        }
    }
}

type Access = fn(&str, &str) -> Option<Permission>;

impl Machine for Simulator<&MemoryStore, &MemoryStore, Access> {
    fn get(&mut self, key: &str) -> Option<Bytes> {
        self.get_state("cc", key).unwrap()
    }
    fn range(&mut self, from: &str, to: &str) -> Vec<(String, Bytes)> {
        let QueryBatch { rows: QueryRows::Keys(rows), has_more: false, .. } =
            self.get_state_by_range("cc", from, to).unwrap()
        else {
            panic!("one batch of keys")
        };
        rows.into_iter().map(|row| (row.key, row.value)).collect()
    }
    fn get_private(&mut self, key: &str) -> Option<Bytes> {
        self.get_private_data("cc", "c", key).unwrap()
    }
    fn hash(&mut self, key: &str) -> Option<Bytes> {
        self.get_private_data_hash("cc", "c", key).unwrap()
    }
    fn put(&mut self, key: &str, value: Option<Bytes>) {
        match value {
            Some(value) => self.put_state("cc", key, value).unwrap(),
            None => self.delete_state("cc", key).unwrap(),
        }
    }
    fn put_private(&mut self, key: &str, value: Option<Bytes>) {
        match value {
            Some(value) => self.put_private_data("cc", "c", key, value).unwrap(),
            None => self.delete_private_data("cc", "c", key).unwrap(),
        }
    }
}

/// Runs programs one after the other on plain maps; reads see the state before the program.
#[derive(Clone, Default)]
struct Serial {
    public: BTreeMap<String, Bytes>,
    private: BTreeMap<String, Bytes>,
    writes: Vec<(bool, String, Option<Bytes>)>,
}

impl Serial {
    fn run(&mut self, program: &[Step]) {
        run(program, self);
        for (private, key, value) in std::mem::take(&mut self.writes) {
            let map = if private { &mut self.private } else { &mut self.public };
            match value {
                Some(value) => map.insert(key, value),
                None => map.remove(&key),
            };
        }
    }
}

impl Machine for Serial {
    fn get(&mut self, key: &str) -> Option<Bytes> {
        self.public.get(key).cloned()
    }
    fn range(&mut self, from: &str, to: &str) -> Vec<(String, Bytes)> {
        let inside = |key: &str| from <= key && key < to;
        let rows = self.public.iter().filter(|(key, _)| inside(key));
        rows.map(|(key, value)| (key.clone(), value.clone())).collect()
    }
    fn get_private(&mut self, key: &str) -> Option<Bytes> {
        self.private.get(key).cloned()
    }
    fn hash(&mut self, key: &str) -> Option<Bytes> {
        self.private.get(key).map(|value| Bytes::copy_from_slice(&sha256(value)))
    }
    fn put(&mut self, key: &str, value: Option<Bytes>) {
        self.writes.push((false, key.to_owned(), value));
    }
    fn put_private(&mut self, key: &str, value: Option<Bytes>) {
        self.writes.push((true, key.to_owned(), value));
    }
}

/// The naive model: versions by key, and which keys the block has written. It knows a transaction
/// by its program only.
#[derive(Clone, Default)]
struct Model {
    /// By (private, key).
    versions: BTreeMap<(bool, String), Version>,
    written: BTreeSet<(bool, String)>,
}

impl Model {
    /// What the program reads, as the model sees it now: the rows and the versions.
    fn reads(&self, program: &[Step]) -> Vec<(String, Option<Version>)> {
        let one = |private: bool, number: u8| {
            let id = (private, key(number));
            (format!("{id:?}"), self.versions.get(&id).copied())
        };
        let mut reads = Vec::new();
        for step in program {
            match step {
                Step::Get(k) => reads.push(one(false, *k)),
                Step::GetMany(keys) => reads.extend(keys.iter().map(|k| one(false, *k))),
                Step::GetPrivate(k) | Step::Hash(k) => reads.push(one(true, *k)),
                Step::Range(from, to) => {
                    let inside = |number: &u8| from <= number && number < to;
                    reads.push((format!("{from}..{to}"), None));
                    let rows = (0..KEYS).filter(inside).map(|number| one(false, number));
                    reads.extend(rows.filter(|(_, version)| version.is_some()));
                }
                _ => {}
            }
        }
        reads
    }

    /// Whether a key that the program reads by name was written in this block already.
    fn reads_written(&self, program: &[Step]) -> bool {
        program.iter().any(|step| match step {
            Step::Get(k) => self.written.contains(&(false, key(*k))),
            Step::GetMany(keys) => keys.iter().any(|k| self.written.contains(&(false, key(*k)))),
            Step::GetPrivate(k) | Step::Hash(k) => self.written.contains(&(true, key(*k))),
            _ => false,
        })
    }

    fn apply(&mut self, program: &[Step], version: Version) {
        let mut write = |private: bool, number: u8, value: bool| {
            let id = (private, key(number));
            self.written.insert(id.clone());
            if value {
                self.versions.insert(id, version);
            } else {
                self.versions.remove(&id);
            }
        };
        for step in program {
            match step {
                Step::Put(k) => write(false, *k, true),
                Step::Delete(k) => write(false, *k, false),
                Step::PutPrivate(k) => write(true, *k, true),
                Step::DeletePrivate(k) => write(true, *k, false),
                _ => {}
            }
        }
    }
}

fn rows(store: &MemoryStore, space: Space<'_>) -> BTreeMap<Bytes, (Bytes, Version)> {
    let rows = store.rows(space);
    rows.map(|(key, row)| (key, (row.value.clone(), row.version))).collect()
}

fn simulate(ledger: &Ledger, program: &[Step]) -> SimulationResults {
    let simulation = Simulation::new("mychannel", "tx");
    let access = open_access as Access;
    ledger.simulate_with(simulation, access, |sim| run(program, sim)).1
}

fn check(history: &[Vec<Tx>]) {
    let mut ledger = Ledger::default();
    let mut model = Model::default();
    let mut serial = Serial::default();
    let mut past = Vec::new();
    for block in history {
        past.push((clone(&ledger), model.clone()));
        let states: Vec<_> = block
            .iter()
            .map(|(_, age)| &past[past.len() - 1 - (*age).min(past.len() - 1)])
            .collect();
        let results: Vec<_> = block
            .iter()
            .zip(&states)
            .map(|((program, _), (ledger, _))| simulate(ledger, program))
            .collect();
        let number = ledger.height;
        let codes = ledger.commit(&results);
        model.written.clear();
        for (tx, ((program, _), (_, before))) in (0..).zip(block.iter().zip(&states)) {
            let same = before.reads(program) == model.reads(program);
            let valid = same && !model.reads_written(program);
            let index = usize::try_from(tx).unwrap();
            assert_eq!(codes[index] == Code::Valid, valid, "tx {tx} of block {number}");
            if valid {
                model.apply(program, Version::new(number, tx));
                serial.run(program);
            }
        }
        compare(&ledger, &model, &serial);
    }
}

fn compare(ledger: &Ledger, model: &Model, serial: &Serial) {
    let public = rows(&ledger.state, PUBLIC);
    let private = rows(&ledger.private, PRIVATE);
    let values = |rows: &BTreeMap<Bytes, (Bytes, Version)>| -> BTreeMap<String, Bytes> {
        let text = |key: &Bytes| String::from_utf8(key.to_vec()).unwrap();
        rows.iter().map(|(key, (value, _))| (text(key), value.clone())).collect()
    };
    assert_eq!(values(&public), serial.public, "as if run one after the other");
    assert_eq!(values(&private), serial.private);

    let versions = |rows: &BTreeMap<Bytes, (Bytes, Version)>, is_private: bool| {
        let id = |key: &Bytes| (is_private, String::from_utf8(key.to_vec()).unwrap());
        rows.iter().map(|(key, (_, version))| (id(key), *version)).collect::<Vec<_>>()
    };
    let mut found: BTreeMap<_, _> = versions(&public, false).into_iter().collect();
    found.extend(versions(&private, true));
    assert_eq!(found, model.versions);

    let hashes: BTreeMap<Bytes, (Bytes, Version)> = private
        .iter()
        .map(|(key, (value, version))| {
            let hash = |bytes: &Bytes| Bytes::copy_from_slice(&sha256(bytes));
            (hash(key), (hash(value), *version))
        })
        .collect();
    assert_eq!(rows(&ledger.state, HASHED), hashes, "hashes follow the plaintext");
}

fn clone(ledger: &Ledger) -> Ledger {
    let Ledger { state, private, height } = ledger;
    Ledger { state: state.clone(), private: private.clone(), height: *height }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..Default::default() })]

    #[test]
    fn histories_are_what_the_model_says_and_serial(history in history()) {
        check(&history);
    }

    /// Simulations read nothing but their snapshot: what they leave depends on nothing else.
    #[test]
    fn simulations_are_deterministic(program in prop::collection::vec(step(), 1..20)) {
        let mut ledger = Ledger::default();
        ledger.run(|tx| {
            tx.put_state("cc", "k1", "v".into()).unwrap();
            tx.put_private_data("cc", "c", "k2", "v".into()).unwrap();
        });
        let (one, other) = (simulate(&ledger, &program), simulate(&clone(&ledger), &program));
        prop_assert_eq!(one.rwset.encode(), other.rwset.encode());
        let decoded = fabric_ledger::rwset::TxRwSet::decode(one.rwset.encode()).unwrap();
        prop_assert_eq!(&decoded, &one.rwset);
        prop_assert_eq!(one, other);
    }
}

#[test]
fn committed_state_answers_every_space_by_itself() {
    let mut ledger = Ledger::default();
    ledger.run(|tx| tx.put_private_data("cc", "c", "k", "v".into()).unwrap());
    assert_eq!(ledger.state.get(PUBLIC, b"k").unwrap(), None);
    assert_eq!(ledger.state.get(PRIVATE, b"k").unwrap(), None);
    assert_eq!(ledger.private.get(HASHED, &sha256(b"k")).unwrap(), None);
}
