//! What holds of the whole ledger before and after each transaction, read from its state alone.

use crate::world::*;
use fabric_contract_rs::{Key, Space, StateKey, Table};
use ioht_contract::access::{Access, AccessVerdict, Disclosure};
use ioht_contract::decision::Outcome;
use ioht_contract::state::*;
use ioht_contract::*;
use minicbor::{Decode, Encode};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

pub(crate) type Rows<V> = BTreeMap<String, V>;

/// Everything on the ledger, decoded.
pub(crate) struct State {
    pub(crate) organizations: Rows<Organization>,
    pub(crate) staff: Rows<Staff>,
    pub(crate) heads: Rows<Head>,
    pub(crate) devices: Rows<Device>,
    pub(crate) commands: Rows<Command>,
    pub(crate) rates: Rows<Rate>,
    pub(crate) records: Rows<Record>,
    pub(crate) old_records: Rows<Record>,
    pub(crate) accesses: Rows<Access>,
    pub(crate) disclosures: Rows<Disclosure>,
    pub(crate) directives: Rows<DirectiveVersion>,
    pub(crate) journal: Rows<Entry>,
    keys: Rows<KeyBinding>,
    patients: Rows<Patient>,
    records_keys: Rows<Claim>,
    /// The bytes under each key.
    bytes: BTreeMap<String, Vec<u8>>,
}

impl State {
    /// Reads all there is: each value decodes and is encoded as it stands there, and stands where its
    /// table is declared. What is in public state is an organisation's or its staff's.
    pub(crate) fn read(world: &World) -> Self {
        let (mut found, mut bytes) = (0, BTreeMap::new());
        let spaces = [Space::Public, Space::Private(HEALTH)];
        let entries: Vec<_> = spaces.into_iter().flat_map(|it| world.ledger.entries(it)).collect();
        for (key, value) in &entries {
            bytes.insert(key.as_str().to_owned(), value.to_vec());
        }
        let state = Self {
            organizations: rows(world, &ORGANIZATIONS, &mut found),
            staff: rows(world, &STAFF, &mut found),
            heads: rows(world, &HEADS, &mut found),
            devices: rows(world, &DEVICES, &mut found),
            commands: rows(world, &COMMANDS, &mut found),
            rates: rows(world, &RATES, &mut found),
            records: rows(world, &RECORDS, &mut found),
            old_records: rows(world, &OLD_RECORDS, &mut found),
            accesses: rows(world, &ACCESSES, &mut found),
            disclosures: rows(world, &DISCLOSURES, &mut found),
            directives: rows(world, &DIRECTIVES, &mut found),
            journal: rows(world, &JOURNAL, &mut found),
            keys: rows(world, &KEYS, &mut found),
            patients: rows(world, &PATIENTS, &mut found),
            records_keys: rows(world, &RECORDS_KEYS, &mut found),
            bytes,
        };
        assert_eq!(found, entries.len(), "a key is of no table, or not where its table is");
        state
    }

    pub(crate) fn head(&self, sid: SubjectId) -> &Head {
        &self.heads[&key_text(&HEADS, &(sid,))]
    }

    pub(crate) fn device(&self, device: ParticipantId) -> Option<&Device> {
        self.devices.get(&key_text(&DEVICES, &(device,)))
    }

    pub(crate) fn staff_entry(&self, pid: ParticipantId) -> Option<&Staff> {
        self.staff.get(&key_text(&STAFF, &(pid,)))
    }

    /// The keys whose values are others than in `before`.
    pub(crate) fn changed<'a>(&'a self, before: &'a Self) -> BTreeSet<&'a str> {
        let other = |(key, value): &(&String, &Vec<u8>)| before.bytes.get(*key) != Some(value);
        self.bytes.iter().filter(other).map(|(key, _)| key.as_str()).collect()
    }

    /// Whether this transaction wrote the value under a key.
    pub(crate) fn is_of(&self, key: &str, tx: &str) -> bool {
        let tx: TxId = tx.parse().unwrap();
        let journal = || JOURNAL.parse_key(&StateKey::from_ledger(key.to_owned()));
        self.last_tx(key).map_or_else(|| journal().is_ok_and(|(_, _, by)| by == tx), |it| it == tx)
    }

    /// The transaction that a value says it was written by; entries of the journal are named by theirs.
    fn last_tx(&self, key: &str) -> Option<TxId> {
        // What a record said before is written by who says otherwise.
        let version = self.old_records.get(key).map(|it| format!("{:010}\0", it.meta.version));
        if let Some(present) = version.and_then(|it| key.strip_suffix(it.as_str())) {
            let key = present.replacen("record_old", "record", 1);
            return self.records.get(&key).map(|it| it.meta.last_tx);
        }
        macro_rules! first {
            ($($table:ident)*) => {
                None$(.or_else(|| self.$table.get(key).map(|it| it.meta.last_tx)))*
            };
        }
        first!(organizations staff heads devices commands rates records accesses disclosures
            directives keys patients records_keys)
    }

    /// The roles that a caller can use, by a model that shares no code with the contract.
    pub(crate) fn roles(&self, by: &Participant, at: i64) -> BTreeSet<&'static str> {
        let mut roles = BTreeSet::from(["anyone"]);
        let organization = self.organizations.get(&key_text(&ORGANIZATIONS, &(by.msp.clone(),)));
        if organization.is_some() && by.is_msp_admin {
            roles.insert("org_admin");
        }
        if let (Some(organization), Some(staff)) = (organization, self.staff_entry(by.pid))
            && acts(organization, staff, at)
        {
            roles.extend(staff.roles.iter().map(|role| Role::Staff(*role).name()));
        }
        for head in self.heads.values() {
            let own = head.pid == by.pid && head.key_hash == by.key_hash;
            roles.extend(own.then_some("subject"));
            let named = |it: &Delegation| it.delegate == by.pid && it.key_hash == by.key_hash;
            roles.extend(head.delegations.iter().any(named).then_some("delegate"));
            let claimed = |it: &DeviceClaim| it.device == by.pid && it.key_hash == by.key_hash;
            roles.extend(head.claims.iter().any(claimed).then_some("device"));
        }
        let bound = |it: &Device| it.key_hash == by.key_hash;
        roles.extend(self.device(by.pid).is_some_and(bound).then_some("device"));
        let speaks = Gateway { pid: by.pid, key_hash: by.key_hash };
        let gateway = self.devices.values().any(|it| it.gateway == Some(speaks));
        roles.extend(gateway.then_some("gateway"));
        roles
    }

    /// What the ledger never does between two states, whatever happened.
    pub(crate) fn follows(&self, before: &Self) {
        grow(&before.organizations, &self.organizations, |it| stamp(&it.meta));
        grow(&before.staff, &self.staff, |it| stamp(&it.meta));
        grow(&before.heads, &self.heads, |it| stamp(&it.meta));
        grow(&before.devices, &self.devices, |it| stamp(&it.meta));
        grow(&before.commands, &self.commands, |it| stamp(&it.meta));
        grow(&before.rates, &self.rates, |it| stamp(&it.meta));
        grow(&before.records, &self.records, |it| stamp(&it.meta));
        grow(&before.accesses, &self.accesses, |it| stamp(&it.meta));
        stay(&before.old_records, &self.old_records);
        stay(&before.disclosures, &self.disclosures);
        stay(&before.directives, &self.directives);
        stay(&before.journal, &self.journal);
        stay(&before.keys, &self.keys);
        stay(&before.patients, &self.patients);
        stay(&before.records_keys, &self.records_keys);
        for (key, was) in &before.heads {
            let is = &self.heads[key];
            assert!(was.epoch <= is.epoch && was.pid == is.pid && was.home == is.home);
            assert!(was.status != Status::Deactivated || is.status == was.status);
        }
        for (key, was) in &before.devices {
            let is = &self.devices[key];
            assert!(was.epoch <= is.epoch && was.active_from <= is.active_from);
            assert!(was.status != DeviceStatus::Revoked || is.status == was.status, "{is:?}");
            assert!(was.owner == is.owner || was.epoch < is.epoch, "{is:?}");
        }
        for (key, was) in &before.commands {
            use CommandStatus::*;
            let ended = matches!(was.status, Cancelled | Rejected | Completed | Failed);
            assert!(!ended || self.commands[key].status == was.status, "{was:?}");
        }
        for (key, was) in before.records.iter().filter(|(key, was)| self.records[*key] != **was) {
            assert_ne!(was.body.status, RecordStatus::EnteredInError, "it is final");
            let old = key.replacen("record", "record_old", 1);
            let old = format!("{old}{:010}\0", was.meta.version);
            assert_eq!(self.old_records[&old].body, was.body, "what it said is kept");
        }
    }

    /// What is so in every state.
    pub(crate) fn is_sound(&self) {
        let mut owned = BTreeSet::new();
        for (key, head) in &self.heads {
            for device in &head.devices {
                assert!(owned.insert(*device), "{device} has two owners");
                let owner = HEADS.parse_key(&StateKey::from_ledger(key.clone())).unwrap().0;
                assert_eq!(self.device(*device).unwrap().owner, owner);
            }
            assert!(
                head.directives.len() <= DIRECTIVES_MAX && head.care_team.len() <= CARE_TEAM_MAX
            );
            assert!(head.delegations.len() <= DELEGATIONS_MAX && head.devices.len() <= DEVICES_MAX);
            assert!(head.directives.is_sorted_by(|a, b| a.id < b.id));
            for directive in &head.directives {
                assert_eq!(directive.status, DirectiveStatus::Active);
                let ended = |it: &&DirectiveVersion| {
                    it.directive.id == directive.id
                        && it.directive.status != DirectiveStatus::Active
                };
                assert!(!self.directives.values().any(|it| ended(&it)), "ended, and in force");
            }
        }
        for (key, access) in &self.accesses {
            let name = key.trim_end_matches('\0').rsplit('\0').next().unwrap();
            let permitted = |it: &&Disclosure| {
                it.access.to_string() == name && it.verdict.outcome != Outcome::Deny
            };
            let uses = self.disclosures.values().filter(permitted).count();
            assert_eq!(usize::try_from(access.uses).unwrap(), uses, "{access:?}");
            assert!(access.uses <= access.max_uses && (uses == 0 || !access.verdict.is_denied()));
        }
        let counts = self.rates.values().map(|it| it.count);
        assert!(counts.max().is_none_or(|count| count <= OWN_PER_HOUR_MAX));
    }

    /// Whether this verdict rests on directives that were in force.
    pub(crate) fn rests_on(head: &Head, verdict: &AccessVerdict, at: i64) {
        for by in &verdict.determining {
            let held = |it: &Directive| it.id == by.directive && it.version == by.version;
            let held = head.directives.iter().find(|it| held(it));
            assert!(held.is_some_and(|it| it.period.contains(at)), "{by:?} is not in force");
        }
    }
}

/// Staff acts while its organisation, each unit up to the root and it itself is active, and in its
/// period.
fn acts(organization: &Organization, staff: &Staff, at: i64) -> bool {
    let mut active = organization.status == Status::Active && staff.status == Status::Active;
    let mut place = Some(staff.unit.clone());
    while let Some(id) = place {
        let unit = organization.units.iter().find(|unit| unit.id == id).unwrap();
        active &= unit.status == Status::Active;
        place = unit.parent.clone();
    }
    let Period { start, end } = staff.period;
    active && start <= at && end.is_none_or(|end| at < end)
}

fn rows<K: Key, V>(world: &World, table: &Table<K, V>, found: &mut usize) -> Rows<V>
where
    V: Encode<()> + for<'b> Decode<'b, ()>,
{
    let entries = world.ledger.entries(table.space());
    let own = entries.iter().filter(|(key, _)| table.parse_key(key).is_ok());
    let rows: Rows<V> = own
        .map(|(key, bytes)| {
            let value = table.decode(bytes).unwrap();
            assert_eq!(table.encode(&value).unwrap(), bytes, "as it is encoded");
            (key.as_str().to_owned(), value)
        })
        .collect();
    *found += rows.len();
    rows
}

fn key_text<K: Key, V>(table: &Table<K, V>, key: &K) -> String
where
    V: Encode<()> + for<'b> Decode<'b, ()>,
{
    table.key(key).unwrap().as_str().to_owned()
}

/// Version, time and transaction of a value.
type Stamp = (u32, i64, TxId);

fn stamp(meta: &Meta<1>) -> Stamp {
    (meta.version, meta.updated_at, meta.last_tx)
}

/// Nothing goes, and what changes says so: one version more, by another transaction, no earlier.
fn grow<V: PartialEq + Debug>(before: &Rows<V>, after: &Rows<V>, stamp: impl Fn(&V) -> Stamp) {
    for (key, was) in before {
        assert!(after.contains_key(key), "{was:?} is gone");
        let is = &after[key];
        let ((old, since, by), (new, at, tx)) = (stamp(was), stamp(is));
        if is != was {
            assert!(new == old + 1 && since <= at && by != tx, "{was:?} became {is:?}");
        }
    }
}

fn stay<V: PartialEq + Debug>(before: &Rows<V>, after: &Rows<V>) {
    for (key, was) in before {
        assert_eq!(after.get(key), Some(was), "it never changes");
    }
}
