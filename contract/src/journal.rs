//! The patient's journal: what others did to it or in its name, and as what.

use crate::act::View;
use crate::delegation::Power;
use crate::error::ContractError;
use crate::head::Head;
use crate::ids::{MspId, ParticipantId, RecordsKey, Salt, SubjectId, TxId};
use crate::meta::{Salts, Tx};
use crate::page;
use crate::participant::Participant;
use crate::policies::Policies;
use crate::private;
use crate::role::Role;
use crate::state::JOURNAL;
use crate::time::{KeyNewest, is_time};
use fabric_contract_rs::{Evaluate, QueryReader, TimestampMs, TxContext, Writes};
use minicbor::{Decode, Encode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Entries of one page.
pub const JOURNAL_PAGE_MAX: u16 = 100;

/// The place of the journal's salt, beyond those of any other value of a transaction.
const SALT_AT: u32 = u32::MAX;

/// One act.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Entry {
    /// Makes the value's hash unguessable.
    #[n(0)]
    pub salt: Salt,
    /// The transaction's name.
    #[n(1)]
    pub name: String,
    /// Who acted.
    #[n(2)]
    pub by: ParticipantId,
    /// For which organisation, or with a certificate of which.
    #[n(3)]
    pub msp: MspId,
    /// As what: the role that served.
    #[n(4)]
    pub role: String,
    /// The device or the delegate that it was about, where it was about one.
    #[n(5)]
    pub about: Option<ParticipantId>,
}

pub(crate) fn salt(head: &Head, cx: &TxContext) -> Salt {
    Salts::of_subject(&head.secret, cx).at(SALT_AT)
}

pub(crate) fn put(
    rk: RecordsKey,
    tx: &Tx,
    entry: &Entry,
    writes: &mut Writes,
) -> Result<(), ContractError> {
    Ok(JOURNAL.put(writes, &(rk, KeyNewest(tx.at), tx.id), entry)?)
}

/// One page of a patient's journal, newest first: what others did to the patient or in its name. The
/// patient reads in any status, a delegate with `view` too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadJournal {}

/// The private part of [`ReadJournal`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadJournalPrivate {
    /// The patient, when the caller is its delegate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<SubjectId>,
    /// From this moment.
    pub from: TimestampMs,
    /// To the one before this.
    pub until: TimestampMs,
    /// 1 to 100 entries; 100 unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u16>,
    /// The last entry of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<JournalPlace>,
}

/// Where an entry stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JournalPlace {
    /// When it was done.
    pub at: TimestampMs,
    /// By which transaction.
    pub tx: TxId,
}

/// A page of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JournalPage {
    /// The entries, newest first.
    pub entries: Vec<JournalEntry>,
    /// Whether there are more: ask for those after the last.
    pub more: bool,
}

/// An act as the patient reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JournalEntry {
    /// When, and by which transaction.
    pub place: JournalPlace,
    /// The transaction's name.
    pub name: String,
    /// Who acted.
    pub by: ParticipantId,
    /// For which organisation, or with a certificate of which.
    pub msp: MspId,
    /// As what: `delegate`, the staff role that served, or `subject` of another patient that has taken
    /// over a device.
    pub role: String,
    /// The device or the delegate that it was about, where it was about one. Told to the patient, and to
    /// whom it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<ParticipantId>,
}

impl Evaluate for ReadJournal {
    const NAME: &'static str = "ReadJournal";
    const ROLES: &'static [&'static str] = &[Role::Subject.name(), Role::Delegate.name()];
    type State = Policies;
    type Output = JournalPage;
    type Error = ContractError;

    async fn run(
        self,
        policies: &Policies,
        cx: &TxContext,
        ledger: &impl QueryReader,
    ) -> Result<JournalPage, ContractError> {
        let private: ReadJournalPrivate = private::take(cx)?;
        let limit = private.check()?;
        let view = View::of::<Self>(policies, cx, private.sid, Power::View, ledger).await?;
        let rk = view.head.readable()?;
        let caller = Participant::calling(cx)?.pid;
        let told = |about: &ParticipantId| caller == view.head.pid || caller == *about;
        let (first, end) = (private.until.saturating_sub(1), private.from.saturating_sub(1));
        let mut range = JOURNAL.between(&(rk,), &KeyNewest(first), &KeyNewest(end))?;
        if let Some(place) = private.after {
            range = range.after(&JOURNAL.key(&(rk, KeyNewest(place.at), place.tx))?);
        }
        let mut found = JOURNAL.scan(ledger, &range, page::to_scan(limit)).await?;
        let more = page::cut(&mut found, limit);
        let entries = found.into_iter().map(|((_, at, tx), entry)| JournalEntry {
            place: JournalPlace { at: at.0, tx },
            name: entry.name,
            by: entry.by,
            msp: entry.msp,
            role: entry.role,
            about: entry.about.filter(told),
        });
        Ok(JournalPage { entries: entries.collect(), more })
    }
}

impl ReadJournalPrivate {
    fn check(&self) -> Result<usize, ContractError> {
        // From 1 on, because the end of the range is the moment before it.
        if self.from < 1 || !is_time(self.until) || self.from >= self.until {
            return Err(ContractError::ArgumentInvalid(
                "`from` lies after 1970 and before `until`",
            ));
        }
        let within = |place: &JournalPlace| (self.from..self.until).contains(&place.at);
        if !self.after.as_ref().is_none_or(within) {
            return Err(ContractError::ArgumentInvalid("`after` is of another range"));
        }
        page::limit(self.limit, JOURNAL_PAGE_MAX, "a page has 1 to 100 entries")
    }
}
