//! Reading by a disclosure.

use super::asker::{Asker, READERS};
use super::weighing::{Deciding, Weighing, without_terms};
use super::{Disclosure, Scope, TicketId};
use crate::decision::RecordFacts;
use crate::error::ContractError;
use crate::ids::{LoincCode, ObligationCode, ParticipantId, RecordsKey, SubjectId};
use crate::meta::Tx;
use crate::page;
use crate::participant::{Participant, Standing};
use crate::policies::Policies;
use crate::private;
use crate::record::{Record, RecordStatus, window_ms};
use crate::state::{ACCESSES, DISCLOSURES, HEADS, RECORDS, RecordKey};
use crate::summary::{Bookmark, PAGE_RECORDS_MAX, StoredSummary, stored};
use crate::time::{KeyGrid, KeyTime};
use fabric_contract_rs::{Evaluate, QueryReader, TimestampMs, TxContext};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Records that one page looks at, those included that it does not show: two weeks of five-minute
/// windows.
pub const EXAMINED_MAX: usize = 4_096;

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
        let weighing = Weighing::new(&asker, &head, disclosure.capacity);
        // What was withdrawn since is refused as a whole, so that the reader knows.
        let scope = Scope { codes: [private.code].into(), ..disclosure.scope.clone() };
        if weighing.scope(&scope).is_denied() {
            return Err(ContractError::NotDisclosed);
        }
        let free = without_terms(&head);
        let deciding = Deciding::new(&weighing, free.as_deref());
        let reading = Reading { asked: &private, disclosure: &disclosure, deciding, rk, limit };
        reading.page(ledger).await
    }
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
    fn len(&self) -> usize {
        self.records.len().saturating_add(self.entered_in_error.len())
    }

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
            _ => self.records.push(stored(key, record)),
        }
    }
}

/// One page, being read.
struct Reading<'a> {
    asked: &'a ReadSummariesPrivate,
    disclosure: &'a Disclosure,
    deciding: Deciding<'a>,
    rk: RecordsKey,
    limit: usize,
}

impl Reading<'_> {
    async fn page(self, ledger: &impl QueryReader) -> Result<DisclosedPage, ContractError> {
        let ReadSummariesPrivate { code, grid_s, from, until, bookmark, .. } = *self.asked;
        let prefix = (self.rk, code, KeyGrid(grid_s));
        let whole = RECORDS.between(&prefix, &KeyTime(from), &KeyTime(until))?;
        let key = |start, device| (self.rk, code, KeyGrid(grid_s), KeyTime(start), device);
        let mut range = match bookmark {
            Some(mark) => whole.clone().after(&RECORDS.key(&key(mark.start(), mark.device()))?),
            None => whole.clone(),
        };
        let mut page = DisclosedPage {
            records: Vec::new(),
            entered_in_error: Vec::new(),
            obligations: self.disclosure.verdict.obligations.clone(),
            bookmark: None,
        };
        // Of the last one shown: where one is hidden is told to nobody.
        let (mut examined, mut shown) = (0_usize, None);
        loop {
            let found = RECORDS.scan(ledger, &range, usize::from(PAGE_RECORDS_MAX)).await?;
            let last = found.last().map(|(key, _)| *key);
            let complete = found.len() < usize::from(PAGE_RECORDS_MAX);
            examined = examined.saturating_add(found.len());
            for (key, record) in found {
                let (_, _, _, start, device) = key;
                let labels = &record.body.labels;
                let facts = RecordFacts::of(code, device, labels, grid_s, start.0);
                if !self.is_within(start.0) {
                    continue;
                }
                let Some(obligations) = self.deciding.record(&self.disclosure.scope, facts) else {
                    continue;
                };
                if page.len() == self.limit {
                    page.bookmark = shown;
                    return Ok(page);
                }
                shown = Some(Bookmark::new(start.0, device));
                page.obligations.extend(obligations);
                page.show(key, record);
            }
            let Some((_, _, _, start, device)) = last.filter(|_| !complete) else {
                return Ok(page);
            };
            if examined >= EXAMINED_MAX {
                page.bookmark = Some(Bookmark::new(start.0, ParticipantId::new([0xff; 16])));
                return Ok(page);
            }
            range = whole.clone().after(&RECORDS.key(&key(start.0, device))?);
        }
    }

    /// Whether the whole window lies in the time that was asked for.
    fn is_within(&self, start: TimestampMs) -> bool {
        let period = self.disclosure.scope.data_period;
        let end = start.saturating_add(window_ms(self.asked.grid_s));
        period.start <= start && period.end.is_none_or(|until| end <= until)
    }
}
