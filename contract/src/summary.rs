//! Summarised records: submitting them, reading one's own, checking raw data against them.

use crate::answer::announce;
use crate::device::Device;
use crate::error::{ContractError, Inactive};
use crate::head::{Collection, Head};
use crate::ids::{LoincCode, ParticipantId, PolicyDigest, RawDigest, RecordsKey, SubjectId};
use crate::meta::{Meta, Salts, Tx};
use crate::no_raw::{self, BODY_BYTES_MAX, RawRule};
use crate::page;
use crate::participant::Participant;
use crate::policies::Policies;
use crate::private::{self, SPACE, absent};
use crate::record::{CorrectionReason, Raw, Record, RecordBody, RecordStatus, Summary};
use crate::record_page::Asked;
use crate::role::{Role, RoleSet};
use crate::state::{DEVICES, HEADS, PATIENTS, RECORDS, RecordKey};
use crate::time::{KeyGrid, KeyTime, is_time};
use fabric_contract_rs::{
    Batch, Evaluate, Loaded, QueryReader, Reader, Slot, Submit, TimestampMs, TxContext, Writes,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Records of one transaction: about an eighth of what a peer takes in one message.
pub const BATCH_RECORDS_MAX: usize = 100;
/// Records of one page.
pub const PAGE_RECORDS_MAX: u16 = 200;

/// Submits summaries of one device, all of them or none.
///
/// There are no plain arguments: whatever is sent as one is refused (`BAD_ARGUMENTS`) before it can
/// be ordered. The caller is the device, or the gateway that its owner named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SubmitSummaries {}

/// The private part of [`SubmitSummaries`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SubmitSummariesPrivate<R = Vec<Summary>> {
    /// The patient, as `WhoAmI` told it.
    pub sid: SubjectId,
    /// The patient's records key, as `WhoAmI` told it.
    pub rk: RecordsKey,
    /// The device, when the caller is its gateway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<ParticipantId>,
    /// 1 to 100 records, in any order.
    pub records: R,
}

/// The answer of [`SubmitSummaries`].
///
/// It stands on the chain in clear and says no more than the numbers of keys read and written, which
/// stand there too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SummariesReceipt {
    /// Records that are new.
    pub created: u32,
    /// Records that were there with the same content: submitting again is safe.
    pub existing: u32,
    /// Digest of the policies.
    pub policy: PolicyDigest,
}

impl Submit for SubmitSummaries {
    const NAME: &'static str = "SubmitSummaries";
    const ROLES: &'static [&'static str] = &[Role::Device.name(), Role::Gateway.name()];
    type State = Policies;
    type Output = SummariesReceipt;
    type Error = ContractError;

    async fn run(
        self,
        policies: &Policies,
        cx: &TxContext,
        ledger: &impl Reader,
        writes: &mut Writes,
    ) -> Result<SummariesReceipt, ContractError> {
        let tx = Tx::of(cx)?;
        let caller = Participant::calling(cx)?;
        let private = batch_of(private::bytes(cx)?)?;
        check_batch(&private.records, policies)?;
        let device_pid = private.device.unwrap_or(caller.pid);
        let (head_key, device_key) = ((private.sid,), (device_pid,));
        let mut batch = Batch::new(SPACE);
        let head = batch.want(&HEADS, &head_key)?;
        let device = batch.want(&DEVICES, &device_key)?;
        let mut slots = Vec::with_capacity(private.records.len());
        for record in &private.records {
            let key = record_key(private.rk, record, device_pid);
            let slot = batch.want(&RECORDS, &key)?;
            slots.push((key, slot));
        }
        let loaded = batch.load(ledger).await?;
        let Some(device) = loaded.get(&device)? else {
            // As for somebody else's device: who is a device is told to nobody else.
            let refusal = ContractError::RoleNotPermitted { transaction: Self::NAME };
            return Err(absent(&DEVICES, ledger, &device_key, refusal).await);
        };
        let roles = device.roles_of(device_pid, &caller)?;
        policies.require(Self::NAME, roles)?;
        // Before the head: a subject id that is nobody's is refused like one that is somebody else's.
        if device.owner != private.sid {
            return Err(ContractError::DeviceNotOfSubject);
        }
        let Some(head) = loaded.get(&head)? else {
            return Err(absent(&HEADS, ledger, &head_key, ContractError::SubjectUnknown).await);
        };
        check_active(private.rk, &device, &head)?;
        let gateway = roles.contains(Role::Gateway).then_some(caller.pid);
        let writing =
            Writing { tx, device: &device, gateway, salts: Salts::of_subject(&head.secret, cx) };
        let created = writing.write(private.records, slots, &loaded, writes)?;
        announce::<Self>(writes, &tx);
        Ok(SummariesReceipt { created: created.0, existing: created.1, policy: policies.digest() })
    }
}

pub(crate) fn record_key(rk: RecordsKey, summary: &Summary, device: ParticipantId) -> RecordKey {
    (rk, summary.code, KeyGrid(summary.grid_s), KeyTime(summary.start), device)
}

/// Reads the batch; a record of another shape breaks rule 1, a commitment of another shape rule 5.
fn batch_of(bytes: &[u8]) -> Result<SubmitSummariesPrivate, ContractError> {
    let malformed = match private::parse(bytes) {
        Ok(private) => return Ok(private),
        Err(error) => error,
    };
    // Not the hot path: find out whether the envelope or a record is at fault.
    let Ok(envelope) = private::parse::<SubmitSummariesPrivate<Vec<serde_json::Value>>>(bytes)
    else {
        return Err(malformed);
    };
    for (position, record) in envelope.records.into_iter().enumerate() {
        let raw = record.get("raw").cloned();
        let committed = raw.is_none_or(|raw| serde_json::from_value::<Raw>(raw).is_ok());
        if !committed {
            let rule = RawRule::Commitment;
            return Err(ContractError::RawDataRejected { position, rule });
        }
        if serde_json::from_value::<Summary>(record).is_err() {
            return Err(ContractError::RawDataRejected { position, rule: RawRule::Schema });
        }
    }
    Err(malformed)
}

/// What can be told of the batch without the ledger.
fn check_batch(records: &[Summary], policies: &Policies) -> Result<(), ContractError> {
    if records.is_empty() || records.len() > BATCH_RECORDS_MAX {
        return Err(ContractError::BatchSize);
    }
    for (position, record) in records.iter().enumerate() {
        no_raw::check(record, policies.codes())
            .map_err(|rule| ContractError::RawDataRejected { position, rule })?;
        if !matches!(record.status, RecordStatus::Preliminary | RecordStatus::Final) {
            return Err(ContractError::RawDataRejected { position, rule: RawRule::Schema });
        }
    }
    let mut places: Vec<_> = records
        .iter()
        .enumerate()
        .map(|(position, record)| ((record.code, record.grid_s, record.start), position))
        .collect();
    places.sort_unstable();
    let twice = places.windows(2).find_map(|pair| match pair {
        [(a, first), (b, second)] if a == b => Some((*first, *second)),
        _ => None,
    });
    match twice {
        Some((first, second)) => Err(ContractError::BatchDuplicate { first, second }),
        None => Ok(()),
    }
}

/// What must hold for a device to write under a patient's records key.
pub(crate) fn check_active(
    rk: RecordsKey,
    device: &Device,
    head: &Head,
) -> Result<(), ContractError> {
    device.active()?;
    if head.active()? != rk {
        return Err(ContractError::RecordsKeyMismatch);
    }
    if head.collection == Collection::Paused {
        return Err(ContractError::Inactive(Inactive::Collection));
    }
    Ok(())
}

/// What all records of a batch share.
struct Writing<'a> {
    tx: Tx,
    device: &'a Device,
    gateway: Option<ParticipantId>,
    salts: Salts,
}

impl Writing<'_> {
    /// Writes what is new; returns how many records are, and how many were there.
    fn write(
        &self,
        records: Vec<Summary>,
        slots: Vec<(RecordKey, Slot<Record>)>,
        loaded: &Loaded,
        writes: &mut Writes,
    ) -> Result<(u32, u32), ContractError> {
        let (mut created, mut existing) = (0_u32, 0_u32);
        for (position, (summary, (key, slot))) in records.into_iter().zip(slots).enumerate() {
            let rejected = |rule| ContractError::RawDataRejected { position, rule };
            no_raw::check_time(&summary, self.device.active_from, self.tx.at).map_err(rejected)?;
            let body = RecordBody::from(summary);
            match loaded.get(&slot)? {
                Some(record) if record.body == body => existing = existing.saturating_add(1),
                Some(_) => return Err(ContractError::RecordConflict { position }),
                None => {
                    let salt = self.salts.at(created);
                    let meta = Meta::created(&self.tx);
                    let record = Record {
                        meta,
                        salt,
                        body,
                        gateway: self.gateway,
                        reason: None,
                        corrected_by: None,
                    };
                    let value = RECORDS.encode(&record)?;
                    if value.len() > BODY_BYTES_MAX {
                        return Err(rejected(RawRule::BodySize));
                    }
                    writes.put(RECORDS.space(), RECORDS.key(&key)?, value)?;
                    created = created.saturating_add(1);
                }
            }
        }
        Ok((created, existing))
    }
}

/// One page of the calling patient's own records.
///
/// The patient reads without a disclosure, in whatever status it is. On a peer that has not received everything yet a page is
/// silently incomplete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadOwnSummaries {}

/// The private part of [`ReadOwnSummaries`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadOwnSummariesPrivate {
    /// What was measured.
    pub code: LoincCode,
    /// Length of the windows in seconds.
    pub grid_s: u32,
    /// The first start of a window, in milliseconds since 1970.
    pub from: TimestampMs,
    /// The start after the last.
    pub until: TimestampMs,
    /// 1 to 200 records; 200 unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u16>,
    /// Where the page before ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bookmark: Option<Bookmark>,
}

/// Where a page ended: the last record's start and device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bookmark {
    start: TimestampMs,
    device: ParticipantId,
}

/// A text that no page has ended with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a bookmark")]
pub struct BookmarkError;

impl Bookmark {
    pub(crate) fn new(start: TimestampMs, device: ParticipantId) -> Self {
        Self { start, device }
    }

    pub(crate) fn start(&self) -> TimestampMs {
        self.start
    }

    pub(crate) fn device(&self) -> ParticipantId {
        self.device
    }
}

impl FromStr for Bookmark {
    type Err = BookmarkError;

    fn from_str(text: &str) -> Result<Self, BookmarkError> {
        let (start, device) = text.split_once('.').ok_or(BookmarkError)?;
        let start = start.parse().ok().filter(|start| is_time(*start)).ok_or(BookmarkError)?;
        let device = device.parse().map_err(|_| BookmarkError)?;
        Ok(Self { start, device })
    }
}

impl crate::text::Text for Bookmark {
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.start, self.device)
    }
}
crate::text::json_text!(Bookmark, "^[0-9]{1,13}\\.[0-9a-f]{32}$", "the bookmark of a page");

/// A page of records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SummaryPage {
    /// The records, by start and device.
    pub records: Vec<StoredSummary>,
    /// Given when there are more: send it with the next request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bookmark: Option<Bookmark>,
}

/// A record as readers get it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StoredSummary {
    /// The device that measured.
    pub device: ParticipantId,
    /// The gateway that submitted, if the device did not itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<ParticipantId>,
    /// 1, one more for each correction.
    pub version: u32,
    /// Why it differs from the version before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<CorrectionReason>,
    /// Who corrected it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub corrected_by: Option<ParticipantId>,
    /// When it was written.
    pub updated_at: TimestampMs,
    /// The record.
    pub summary: Summary,
}

impl Evaluate for ReadOwnSummaries {
    const NAME: &'static str = "ReadOwnSummaries";
    const ROLES: &'static [&'static str] = &[Role::Subject.name()];
    type State = Policies;
    type Output = SummaryPage;
    type Error = ContractError;

    async fn run(
        self,
        policies: &Policies,
        cx: &TxContext,
        ledger: &impl QueryReader,
    ) -> Result<SummaryPage, ContractError> {
        let private: ReadOwnSummariesPrivate = private::take(cx)?;
        let limit = private.check()?;
        let caller = Participant::calling(cx)?;
        let (head, roles) = own_head(&caller, ledger).await?;
        policies.require(Self::NAME, roles)?;
        let rk = head.ok_or(ContractError::IdentityUnknown)?.readable()?;
        let ReadOwnSummariesPrivate { code, grid_s, from, until, bookmark, .. } = private;
        let asked = Asked { rk, code, grid_s, from, until, limit, bookmark };
        let labels = policies.labels();
        let told = |record: &Record| !labels.withhold_from_subject(&record.body.labels.sensitivity);
        let found = asked.page(ledger, |_, record| told(record).then_some(())).await?;
        let records = found.records.into_iter().map(|(key, record, ())| stored(key, record));
        Ok(SummaryPage { records: records.collect(), bookmark: found.bookmark })
    }
}

impl ReadOwnSummariesPrivate {
    fn check(&self) -> Result<usize, ContractError> {
        page::check_window(self.from, self.until)?;
        let within = |mark: &Bookmark| (self.from..self.until).contains(&mark.start);
        if !self.bookmark.as_ref().is_none_or(within) {
            return Err(ContractError::ArgumentInvalid("the bookmark is of another range"));
        }
        page::limit(self.limit, PAGE_RECORDS_MAX, "a page has 1 to 200 records")
    }
}

pub(crate) fn stored((_, code, grid, start, device): RecordKey, record: Record) -> StoredSummary {
    StoredSummary {
        device,
        gateway: record.gateway,
        version: record.meta.version,
        reason: record.reason,
        corrected_by: record.corrected_by,
        updated_at: record.meta.updated_at,
        summary: record.body.into_summary(code, grid.0, start.0),
    }
}

/// The caller's own head, and the role `subject` if its key is the registered one.
pub(crate) async fn own_head(
    caller: &Participant,
    ledger: &impl Reader,
) -> Result<(Option<Head>, RoleSet), ContractError> {
    let Some(patient) = PATIENTS.get(ledger, &(caller.pid,)).await? else {
        return Ok((None, RoleSet::NONE));
    };
    let head = HEADS.get(ledger, &(patient.sid,)).await?.ok_or(ContractError::SubjectUnknown)?;
    let roles = head.roles_of(caller)?;
    Ok((Some(head), roles))
}

/// Whether a digest of raw data is the one that a record commits to. The patient asks of its own
/// records, but for those that are withheld from it; a device and its gateway of those they submitted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VerifyRaw {}

/// The private part of [`VerifyRaw`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VerifyRawPrivate {
    /// The record's code.
    pub code: LoincCode,
    /// The length of its window in seconds.
    pub grid_s: u32,
    /// The start of its window.
    pub start: TimestampMs,
    /// The device that measured.
    pub device: ParticipantId,
    /// The digest recomputed from the raw data.
    pub digest: RawDigest,
}

/// The answer of [`VerifyRaw`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawVerdict {
    /// Whether the raw data is the record's.
    pub matches: bool,
}

impl Evaluate for VerifyRaw {
    const NAME: &'static str = "VerifyRaw";
    const ROLES: &'static [&'static str] =
        &[Role::Subject.name(), Role::Device.name(), Role::Gateway.name()];
    type State = Policies;
    type Output = RawVerdict;
    type Error = ContractError;

    async fn run(
        self,
        policies: &Policies,
        cx: &TxContext,
        ledger: &impl QueryReader,
    ) -> Result<RawVerdict, ContractError> {
        let private: VerifyRawPrivate = private::take(cx)?;
        if !is_time(private.start) {
            return Err(ContractError::ArgumentInvalid("`start` is no time"));
        }
        let caller = Participant::calling(cx)?;
        let device = DEVICES.get(ledger, &(private.device,)).await?;
        let by_device = match &device {
            Some(device) => device.roles_of(private.device, &caller)?,
            None => RoleSet::NONE,
        };
        let (rk, own) = match device.filter(|_| !by_device.is_empty()) {
            Some(device) => {
                policies.require(Self::NAME, by_device)?;
                device.active()?;
                let head = HEADS.get(ledger, &(device.owner,)).await?;
                let head = head.ok_or(ContractError::SubjectUnknown)?;
                // A patient may be the gateway of its own device.
                (head.active()?, head.pid == caller.pid)
            }
            None => {
                let (head, roles) = own_head(&caller, ledger).await?;
                policies.require(Self::NAME, roles)?;
                (head.ok_or(ContractError::SubjectUnknown)?.readable()?, true)
            }
        };
        let key =
            (rk, private.code, KeyGrid(private.grid_s), KeyTime(private.start), private.device);
        let labels = policies.labels();
        let told = |it: &Record| !own || !labels.withhold_from_subject(&it.body.labels.sensitivity);
        let record = RECORDS.get(ledger, &key).await?.filter(told);
        let record = record.ok_or(ContractError::RecordUnknown)?;
        Ok(RawVerdict { matches: record.body.raw.digest == private.digest })
    }
}
