//! Every kind of state there is.
//!
//! Public state is what everybody on the channel may scrutinise. Everything that can be linked to a
//! patient lives in the private collection [`HEALTH`].

use crate::access::{Access, Disclosure, TicketId};
use crate::command::{Command, Rate};
use crate::consent::{DirectiveVersion, KeyVersion};
use crate::device::Device;
use crate::head::Head;
use crate::ids::{
    CommandId, DirectiveId, KeyHash, LoincCode, MspId, ParticipantId, RecordsKey, SubjectId, TxId,
};
use crate::journal::Entry;
use crate::key_binding::KeyBinding;
use crate::organization::Organization;
use crate::patient::{Claim, Patient};
use crate::record::Record;
use crate::staff::Staff;
use crate::time::{KeyGrid, KeyNewest, KeyTime};
use fabric_contract_rs::{Space, Table};

/// The private data collection of everything linkable to a patient; its members are custodians.
pub const HEALTH: &str = "health";

/// Organisations with their unit trees, by MSP id.
pub const ORGANIZATIONS: Table<(MspId,), Organization> = Table::new("org", Space::Public);

/// Staff, by participant.
pub const STAFF: Table<(ParticipantId,), Staff> = Table::new("staff", Space::Public);

/// What every decision about a patient reads, by subject id.
pub const HEADS: Table<(SubjectId,), Head> = Table::new("head", Space::Private(HEALTH));

/// From a patient's own pseudonym to its subject id.
pub const PATIENTS: Table<(ParticipantId,), Patient> =
    Table::new("patient", Space::Private(HEALTH));

/// Which records keys are some patient's.
pub const RECORDS_KEYS: Table<(RecordsKey,), Claim> =
    Table::new("records_key", Space::Private(HEALTH));

/// Whose a key is: of patients and devices.
pub const KEYS: Table<(KeyHash,), KeyBinding> = Table::new("key", Space::Private(HEALTH));

/// What others did to a patient or in its name: by records key, newest first, then transaction.
pub const JOURNAL: Table<(RecordsKey, KeyNewest, TxId), Entry> =
    Table::new("journal", Space::Private(HEALTH));

/// Every version of a patient's directives: by records key, id and version.
pub const DIRECTIVES: Table<(RecordsKey, DirectiveId, KeyVersion), DirectiveVersion> =
    Table::new("directive", Space::Private(HEALTH));

/// Devices, by participant.
pub const DEVICES: Table<(ParticipantId,), Device> = Table::new("device", Space::Private(HEALTH));

/// Commands, by patient and device, then by when they expire, and their id.
pub const COMMANDS: Table<CommandKey, Command> = Table::new("command", Space::Private(HEALTH));

/// Subject id, device, time of expiry, id.
pub type CommandKey = (SubjectId, ParticipantId, KeyTime, CommandId);

/// How often a device was commanded in an hour, by patient and device, then by who is counted.
pub const RATES: Table<RateKey, Rate> = Table::new("rate", Space::Private(HEALTH));

/// Subject id, device, grantee, hours since 1970.
pub type RateKey = (SubjectId, ParticipantId, String, KeyTime);

/// Summarised records. The key is the guard of uniqueness: one a (patient, code, grid, start,
/// device).
pub const RECORDS: Table<RecordKey, Record> = Table::new("record", Space::Private(HEALTH));

/// Requests with their decisions, by patient, the newest first.
pub const ACCESSES: Table<(SubjectId, TicketId), Access> =
    Table::new("access", Space::Private(HEALTH));

/// Openings with their decisions, by patient, the newest first.
pub const DISCLOSURES: Table<(RecordsKey, TicketId), Disclosure> =
    Table::new("disclosure", Space::Private(HEALTH));

/// What corrected records said before: their keys, and the version.
pub const OLD_RECORDS: Table<OldRecordKey, Record> =
    Table::new("record_old", Space::Private(HEALTH));

/// A record's key and version.
pub type OldRecordKey = (RecordsKey, LoincCode, KeyGrid, KeyTime, ParticipantId, KeyVersion);

/// Records key, code, grid in seconds, start of the window, device.
pub type RecordKey = (RecordsKey, LoincCode, KeyGrid, KeyTime, ParticipantId);
