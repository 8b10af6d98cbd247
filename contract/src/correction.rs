//! Corrections of records: what a record said before stays readable to the patient.

use crate::act::Act;
use crate::answer::Receipt;
use crate::consent::KeyVersion;
use crate::device::Device;
use crate::error::ContractError;
use crate::head::Head;
use crate::ids::{LoincCode, ParticipantId, RecordsKey, SubjectId};
use crate::meta::Salts;
use crate::no_raw::{self, BODY_BYTES_MAX, RawRule};
use crate::participant::Participant;
use crate::policies::Policies;
use crate::private::{self, SPACE, absent};
use crate::record::{CorrectionReason, Record, RecordBody, RecordStatus, Summary};
use crate::role::Role;
use crate::state::{DEVICES, HEADS, OLD_RECORDS, RECORDS};
use crate::summary::{StoredSummary, check_active, own_head, record_key, stored};
use crate::time::{KeyGrid, KeyTime, is_time};
use fabric_contract_rs::{
    Batch, Evaluate, QueryReader, Reader, Submit, TimestampMs, TxContext, Writes,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Versions of one record, the first included. Marking one as entered in error is always possible.
pub const RECORD_VERSIONS_MAX: u32 = 16;

/// Corrects one record: the device that measured, its gateway, or the patient. The version before is
/// kept.
///
/// | status | from | what it says |
/// |---|---|---|
/// | `final` | `preliminary` | the window is complete |
/// | `amended`, `corrected` | any but `entered-in-error` | other content |
/// | `entered-in-error` | any other | the same content, which never was the patient's |
///
/// A record that is withheld from the patient is as unknown to it as none. The rules that keep raw data
/// off the ledger hold for corrections too. Once a record is marked as
/// entered in error, only the patient reads what it said; readers get the mark.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CorrectSummary {}

/// The private part of [`CorrectSummary`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CorrectSummaryPrivate {
    /// The patient.
    pub sid: SubjectId,
    /// The patient's records key.
    pub rk: RecordsKey,
    /// The device that measured, when the caller is its gateway or the patient.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<ParticipantId>,
    /// The version that is corrected: another one on the ledger is a conflict.
    pub version: u32,
    /// Why.
    pub reason: CorrectionReason,
    /// The record as it is from now on; code, grid and start are those of the one before.
    pub record: Summary,
}

impl Submit for CorrectSummary {
    const NAME: &'static str = "CorrectSummary";
    const ROLES: &'static [&'static str] =
        &[Role::Subject.name(), Role::Device.name(), Role::Gateway.name()];
    type State = Policies;
    type Output = Receipt;
    type Error = ContractError;

    async fn run(
        self,
        policies: &Policies,
        cx: &TxContext,
        ledger: &impl Reader,
        writes: &mut Writes,
    ) -> Result<Receipt, ContractError> {
        let private: CorrectSummaryPrivate = private::take(cx)?;
        let act = Act::of::<Self>(policies, cx)?;
        // What is taken back is compared with what is there: the policies may no longer know it.
        if private.record.status != RecordStatus::EnteredInError {
            no_raw::check(&private.record, policies.codes()).map_err(rejected)?;
        }
        let pid = private.device.unwrap_or(act.caller.pid);
        let key = record_key(private.rk, &private.record, pid);
        let mut batch = Batch::new(SPACE);
        let head = batch.want(&HEADS, &(private.sid,))?;
        let device = batch.want(&DEVICES, &(pid,))?;
        let record = batch.want(&RECORDS, &key)?;
        let loaded = batch.load(ledger).await?;
        let Some(head) = loaded.get(&head)? else {
            return Err(absent(&HEADS, ledger, &(private.sid,), act.refusal()).await);
        };
        private.permitted(&act, &head, (pid, loaded.get(&device)?), ledger).await?;
        let Some(record) = loaded.get(&record)? else {
            return Err(absent(&RECORDS, ledger, &key, ContractError::RecordUnknown).await);
        };
        // What is withheld from the patient is not the patient's to correct, nor to know of.
        let own = head.pid == act.caller.pid;
        if own && policies.labels().withhold_from_subject(&record.body.labels.sensitivity) {
            return Err(ContractError::RecordUnknown);
        }
        let body = RecordBody::from(private.record);
        if record.is_corrected_to(&body, private.version, private.reason) {
            return Ok(act.done::<Self>(writes));
        }
        check(&record, &body, private.version)?;
        record.meta.not_before(&act.tx)?;
        let salts = Salts::of_subject(&head.secret, cx);
        // Another salt for the old body too: that it moved is nobody's business.
        let old = Record { salt: salts.at(1), ..record.clone() };
        let (rk, code, grid, start, device) = key;
        let old_key = (rk, code, grid, start, device, KeyVersion(record.meta.version));
        let mut corrected = Record {
            salt: salts.at(0),
            body,
            reason: Some(private.reason),
            corrected_by: Some(act.caller.pid),
            ..record
        };
        corrected.meta.changed(&act.tx);
        let value = RECORDS.encode(&corrected)?;
        if value.len() > BODY_BYTES_MAX {
            return Err(rejected(RawRule::BodySize));
        }
        writes.put(RECORDS.space(), RECORDS.key(&key)?, value)?;
        OLD_RECORDS.put(writes, &old_key, &old)?;
        Ok(act.done::<Self>(writes))
    }
}

fn rejected(rule: RawRule) -> ContractError {
    ContractError::RawDataRejected { position: 0, rule }
}

impl CorrectSummaryPrivate {
    /// The patient corrects all of its records; a device, or its gateway, those of the patient whose it
    /// is now.
    async fn permitted(
        &self,
        act: &Act<'_>,
        head: &Head,
        (pid, device): (ParticipantId, Option<Device>),
        ledger: &impl Reader,
    ) -> Result<(), ContractError> {
        let subject = head.roles_of(&act.caller)?;
        if !subject.is_empty() {
            act.require(subject)?;
            return if head.active()? == self.rk {
                Ok(())
            } else {
                Err(ContractError::RecordsKeyMismatch)
            };
        }
        let Some(device) = device else {
            return Err(absent(&DEVICES, ledger, &(pid,), act.refusal()).await);
        };
        act.require(device.roles_of(pid, &act.caller)?)?;
        if device.owner != self.sid {
            return Err(ContractError::DeviceNotOfSubject);
        }
        check_active(self.rk, &device, head)
    }
}

fn check(record: &Record, body: &RecordBody, version: u32) -> Result<(), ContractError> {
    use RecordStatus::{Amended, Corrected, EnteredInError, Final, Preliminary};
    if record.meta.version != version {
        return Err(ContractError::RecordVersion);
    }
    let from = record.body.status;
    let follows = match body.status {
        Preliminary => false,
        Final => from == Preliminary,
        Amended | Corrected => from != EnteredInError,
        EnteredInError => {
            let same = RecordBody { status: EnteredInError, ..record.body.clone() };
            from != EnteredInError && *body == same
        }
    };
    if !follows {
        return Err(ContractError::StatusConflict);
    }
    if version >= RECORD_VERSIONS_MAX && body.status != EnteredInError {
        return Err(ContractError::RecordVersionsFull);
    }
    Ok(())
}

/// All versions of one of the calling patient's records, the newest first, but for those that are
/// withheld from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadVersions {}

/// The private part of [`ReadVersions`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadVersionsPrivate {
    /// The record's code.
    pub code: LoincCode,
    /// The length of its window in seconds.
    pub grid_s: u32,
    /// The start of its window.
    pub start: TimestampMs,
    /// The device that measured.
    pub device: ParticipantId,
}

/// The answer of [`ReadVersions`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Versions {
    /// The versions, the newest first.
    pub versions: Vec<StoredSummary>,
}

impl Evaluate for ReadVersions {
    const NAME: &'static str = "ReadVersions";
    const ROLES: &'static [&'static str] = &[Role::Subject.name()];
    type State = Policies;
    type Output = Versions;
    type Error = ContractError;

    async fn run(
        self,
        policies: &Policies,
        cx: &TxContext,
        ledger: &impl QueryReader,
    ) -> Result<Versions, ContractError> {
        let private: ReadVersionsPrivate = private::take(cx)?;
        if !is_time(private.start) {
            return Err(ContractError::ArgumentInvalid("`start` is no time"));
        }
        let caller = Participant::calling(cx)?;
        let (head, roles) = own_head(&caller, ledger).await?;
        policies.require(Self::NAME, roles)?;
        let rk = head.ok_or(ContractError::SubjectUnknown)?.readable()?;
        let (grid, start) = (KeyGrid(private.grid_s), KeyTime(private.start));
        let key = (rk, private.code, grid, start, private.device);
        let labels = policies.labels();
        let told = |it: &Record| !labels.withhold_from_subject(&it.body.labels.sensitivity);
        let newest = RECORDS.get(ledger, &key).await?.filter(told);
        let newest = newest.ok_or(ContractError::RecordUnknown)?;
        let limit = usize::try_from(RECORD_VERSIONS_MAX).unwrap_or(usize::MAX);
        let old = OLD_RECORDS.scan(ledger, &OLD_RECORDS.below(&key)?, limit).await?;
        let old = old.into_iter().rev().filter(|(_, it)| told(it));
        let mut versions = vec![stored(key, newest)];
        versions.extend(old.map(|((rk, code, grid, start, device, _), it)| {
            stored((rk, code, grid, start, device), it)
        }));
        Ok(Versions { versions })
    }
}
