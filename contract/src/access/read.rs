//! Reading by a disclosure.

use super::asker::{Asker, READERS};
use super::weighing::Consent;
use super::{Disclosure, Scope, TicketId};
use crate::decision::RecordFacts;
use crate::error::ContractError;
use crate::ids::{LoincCode, ObligationCode, ParticipantId, SubjectId};
use crate::meta::Tx;
use crate::page;
use crate::participant::{Participant, Standing};
use crate::policies::Policies;
use crate::private;
use crate::record::{Record, RecordStatus, window_ms};
use crate::record_page::Asked;
use crate::state::{ACCESSES, DISCLOSURES, HEADS, RecordKey};
use crate::summary::{Bookmark, PAGE_RECORDS_MAX, StoredSummary, stored};
use crate::time::Period;
use fabric_contract_rs::{Evaluate, QueryReader, TimestampMs, TxContext};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Reads summaries by a disclosure that was opened and committed before. Each record is decided by
/// itself, under the patient's consent as it is now.
///
/// Records that are denied are left out without a trace, and there are no totals. Of those that were
/// entered in error a mark is left, for the patient's delegates as for everybody else. On a peer that has
/// not received everything yet a page is silently incomplete: compare two custodians where that
/// matters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadSummaries {}

/// The private part of [`ReadSummaries`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadSummariesPrivate {
    /// The patient.
    pub sid: SubjectId,
    /// The disclosure, as `OpenDisclosure` answered.
    pub disclosure: TicketId,
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

/// A page of records, and what whoever has it is obliged to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DisclosedPage {
    /// The records, by start and device.
    pub records: Vec<StoredSummary>,
    /// The windows of this page whose records were entered in error, by start and device: whoever has
    /// read one before knows by this that it measures nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entered_in_error: Vec<ErroneousRecord>,
    /// HL7 obligation and refrain codes.
    pub obligations: BTreeSet<ObligationCode>,
    /// Given when there may be more: send it with the next request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bookmark: Option<Bookmark>,
}

/// A record that was entered in error: never the patient's, or never a measurement. Nothing of what
/// it said is told, nor why; the patient reads both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ErroneousRecord {
    /// The device that submitted it.
    pub device: ParticipantId,
    /// The start of its window, in milliseconds since 1970.
    pub start: TimestampMs,
    /// `entered-in-error`.
    pub status: RecordStatus,
    /// 1, one more for each correction.
    pub version: u32,
    /// When it was marked.
    pub updated_at: TimestampMs,
}

impl Evaluate for ReadSummaries {
    const NAME: &'static str = "ReadSummaries";
    const ROLES: &'static [&'static str] = READERS;
    type State = Policies;
    type Output = DisclosedPage;
    type Error = ContractError;

    async fn run(
        self,
        policies: &Policies,
        cx: &TxContext,
        ledger: &impl QueryReader,
    ) -> Result<DisclosedPage, ContractError> {
        let private: ReadSummariesPrivate = private::take(cx)?;
        let limit = private.check()?;
        let (tx, caller) = (Tx::of(cx)?, Participant::calling(cx)?);
        let standing = Standing::load(&caller, ledger).await?;
        let asker = Asker::new(Self::NAME, policies, (&caller, &tx), &standing);
        let head = HEADS.get(ledger, &(private.sid,)).await?;
        asker.may_ask(head.as_ref())?;
        let head = head.ok_or(ContractError::SubjectUnknownAt { position: 0 })?;
        // From here on one answer for a disclosure that is not there, not yet there, or not the
        // caller's.
        let rk = head.rk.ok_or(ContractError::TicketNotVisible)?;
        let disclosure = DISCLOSURES.get(ledger, &(rk, private.disclosure)).await?;
        let own = disclosure.filter(|it| it.recipient == caller.pid);
        let disclosure = own.ok_or(ContractError::TicketNotVisible)?;
        asker.acts(disclosure.capacity, &head)?;
        let access = ACCESSES.get(ledger, &(private.sid, disclosure.access)).await?;
        let access = access.ok_or(ContractError::TicketNotVisible)?;
        private.covered(&disclosure, &tx)?;
        if tx.at >= disclosure.until.min(access.until) {
            return Err(ContractError::TicketExpired);
        }
        let consent = Consent::of(policies, &head);
        let weighing = consent.weigh(&asker, disclosure.capacity);
        // What was withdrawn since is refused as a whole, so that the reader knows.
        let scope = Scope { codes: [private.code].into(), ..disclosure.scope.clone() };
        if weighing.scope(&scope).is_denied() {
            return Err(ContractError::NotDisclosed);
        }
        let ReadSummariesPrivate { code, grid_s, from, until, bookmark, .. } = private;
        let asked = Asked { rk, code, grid_s, from, until, limit, bookmark };
        let found = asked
            .page(ledger, |(.., start, device), record| {
                let facts = RecordFacts::of(code, *device, &record.body.labels, grid_s, start.0);
                let within = is_within(start.0, grid_s, disclosure.scope.data_period);
                within.then(|| weighing.record(&disclosure.scope, &facts)).flatten()
            })
            .await?;
        let mut page = DisclosedPage {
            records: Vec::new(),
            entered_in_error: Vec::new(),
            obligations: disclosure.verdict.obligations,
            bookmark: found.bookmark,
        };
        for (key, record, further) in found.records {
            page.obligations.extend(further);
            page.show(key, record);
        }
        Ok(page)
    }
}

/// Who corrected a record may be the patient: its pseudonym is told to nobody else.
fn disclosed(key: RecordKey, record: Record) -> StoredSummary {
    let told = stored(key, record);
    let measured = |by: &ParticipantId| *by == told.device || Some(*by) == told.gateway;
    StoredSummary { corrected_by: told.corrected_by.filter(measured), ..told }
}

/// Whether the whole window lies in the time that was asked for.
fn is_within(start: TimestampMs, grid_s: u32, period: Period) -> bool {
    let end = start.saturating_add(window_ms(grid_s));
    period.start <= start && period.end.is_none_or(|until| end <= until)
}

impl ReadSummariesPrivate {
    fn check(&self) -> Result<usize, ContractError> {
        let invalid = |reason| Err(ContractError::ArgumentInvalid(reason));
        page::check_window(self.from, self.until)?;
        let within = |mark: &Bookmark| (self.from..self.until).contains(&mark.start());
        if !self.bookmark.as_ref().is_none_or(within) {
            return invalid("the bookmark is of another range");
        }
        page::limit(self.limit, PAGE_RECORDS_MAX, "a page has 1 to 200 records")
    }

    /// Whether the disclosure is of what is asked. A refused one is of nothing.
    fn covered(&self, disclosure: &Disclosure, tx: &Tx) -> Result<(), ContractError> {
        let coarse = disclosure.scope.min_grid_s.is_none_or(|min| self.grid_s >= min);
        let opened = tx.at >= disclosure.meta.updated_at;
        let disclosed = !disclosure.verdict.is_denied() && opened;
        if disclosed && coarse && disclosure.verdict.codes.contains(&self.code) {
            Ok(())
        } else {
            Err(ContractError::NotDisclosed)
        }
    }
}

impl DisclosedPage {
    fn show(&mut self, key: RecordKey, record: Record) {
        let (_, _, _, start, device) = key;
        match record.body.status {
            status @ RecordStatus::EnteredInError => self.entered_in_error.push(ErroneousRecord {
                device,
                start: start.0,
                status,
                version: record.meta.version,
                updated_at: record.meta.updated_at,
            }),
            _ => self.records.push(disclosed(key, record)),
        }
    }
}
