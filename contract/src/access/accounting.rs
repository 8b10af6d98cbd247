//! Who looked and why: the patient's own view of every request and every opening.

use super::ticket::TicketTime;
use super::{Access, AccessVerdict, Capacity, Disclosure, Scope, TicketId};
use crate::act::View;
use crate::delegation::Power;
use crate::error::ContractError;
use crate::ids::{DocumentDigest, MspId, ParticipantId, PolicyDigest, SubjectId};
use crate::page;
use crate::participant::Participant;
use crate::policies::Policies;
use crate::private;
use crate::role::Role;
use crate::state::{ACCESSES, DISCLOSURES, PATIENTS};
use crate::time::is_time;
use fabric_contract_rs::{Evaluate, QueryReader, TimestampMs, TxContext};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Entries of one page.
pub const ACCOUNTING_PAGE_MAX: u16 = 100;

/// The longest stretch of one accounting, in milliseconds: the six years of 45 CFR 164.528, with
/// their leap days.
pub const ACCOUNTING_MS_MAX: i64 = 6 * 366 * 86_400_000;

/// Tells the patient, or a delegate with `view`, every request and every opening, refusals included,
/// newest first. The patient asks in whatever status it is.
///
/// On a peer that has not received everything yet the accounting is silently incomplete: compare two
/// custodians.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetAccountingOfDisclosures {}

/// The private part of [`GetAccountingOfDisclosures`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetAccountingOfDisclosuresPrivate {
    /// The patient, when the caller is its delegate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<SubjectId>,
    /// From this moment.
    pub from: TimestampMs,
    /// To the one before this; at most six years later.
    pub until: TimestampMs,
    /// 1 to 100 entries; 100 unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u16>,
    /// Where the page before ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bookmark: Option<TicketId>,
}

/// A page of the accounting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountingPage {
    /// The entries, newest first.
    pub entries: Vec<AccountingEntry>,
    /// Given when there are more: send it with the next request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bookmark: Option<TicketId>,
}

/// One request or one opening: who, when, what, why, and what was decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountingEntry {
    /// Its name.
    pub id: TicketId,
    /// When.
    pub at: TimestampMs,
    /// Who.
    pub who: ParticipantId,
    /// Of which organisation.
    pub msp: MspId,
    /// As what.
    pub capacity: Capacity,
    /// What was asked for and why.
    pub scope: Scope,
    /// What was decided, and by which directives.
    pub verdict: AccessVerdict,
    /// Under which policies.
    pub policy: PolicyDigest,
    /// The first moment at which it has expired.
    pub until: TimestampMs,
    /// What it was.
    pub occasion: Occasion,
}

/// What an entry is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Occasion {
    /// A request.
    Request {
        /// Digest of why.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        justification: Option<DocumentDigest>,
        /// How often it was opened since.
        uses: u32,
    },
    /// An opening: from then on, for some minutes, data could be read.
    Opening {
        /// The request it rests on.
        access: TicketId,
        /// Whether 45 CFR 164.528 asks to account for it.
        accountable_164_528: bool,
    },
}

impl Evaluate for GetAccountingOfDisclosures {
    const NAME: &'static str = "GetAccountingOfDisclosures";
    const ROLES: &'static [&'static str] = &[Role::Subject.name(), Role::Delegate.name()];
    type State = Policies;
    type Output = AccountingPage;
    type Error = ContractError;

    async fn run(
        self,
        policies: &Policies,
        cx: &TxContext,
        ledger: &impl QueryReader,
    ) -> Result<AccountingPage, ContractError> {
        let private: GetAccountingOfDisclosuresPrivate = private::take(cx)?;
        let limit = private.check()?;
        let sid = match private.sid {
            Some(sid) => sid,
            None => {
                let caller = Participant::calling(cx)?;
                let patient = PATIENTS.get(ledger, &(caller.pid,)).await?;
                let refusal = ContractError::RoleNotPermitted { transaction: Self::NAME };
                patient.ok_or(refusal)?.sid
            }
        };
        let View { head } = View::of::<Self>(policies, cx, Some(sid), Power::View, ledger).await?;
        let rk = head.readable()?;
        // A bound sorts before the names of its own time, and those of later times before it.
        let (first, end) = (
            TicketTime(private.until.saturating_sub(1)),
            TicketTime(private.from.saturating_sub(1)),
        );
        let mut requests = ACCESSES.between(&(sid,), &first, &end)?;
        let mut openings = DISCLOSURES.between(&(rk,), &first, &end)?;
        if let Some(mark) = private.bookmark {
            requests = requests.after(&ACCESSES.key(&(sid, mark))?);
            openings = openings.after(&DISCLOSURES.key(&(rk, mark))?);
        }
        let most = page::to_scan(limit);
        let requests = ACCESSES.scan(ledger, &requests, most).await?;
        let openings = DISCLOSURES.scan(ledger, &openings, most).await?;
        let requests = requests.into_iter().map(|((_, id), it)| AccountingEntry::request(id, it));
        let openings = openings.into_iter().map(|((_, id), it)| AccountingEntry::opening(id, it));
        let mut entries: Vec<_> = requests.chain(openings).collect();
        entries.sort_by_key(|entry| entry.id.newest_first());
        let more = page::cut(&mut entries, limit);
        let bookmark = entries.last().filter(|_| more).map(|entry| entry.id);
        Ok(AccountingPage { entries, bookmark })
    }
}

impl AccountingEntry {
    fn request(id: TicketId, access: Access) -> Self {
        let Access { requester, msp, capacity, scope, verdict, policy, until, .. } = access;
        let occasion = Occasion::Request { justification: access.justification, uses: access.uses };
        Self {
            id,
            at: id.at(),
            who: requester,
            msp,
            capacity,
            scope,
            verdict,
            policy,
            until,
            occasion,
        }
    }

    fn opening(id: TicketId, disclosure: Disclosure) -> Self {
        let Disclosure { recipient, msp, capacity, scope, verdict, policy, until, .. } = disclosure;
        let occasion = Occasion::Opening {
            access: disclosure.access,
            accountable_164_528: disclosure.accountable_164_528,
        };
        Self {
            id,
            at: id.at(),
            who: recipient,
            msp,
            capacity,
            scope,
            verdict,
            policy,
            until,
            occasion,
        }
    }
}

impl GetAccountingOfDisclosuresPrivate {
    fn check(&self) -> Result<usize, ContractError> {
        let invalid = |reason| Err(ContractError::ArgumentInvalid(reason));
        // From 1 on, because the end of the range is the moment before it.
        if self.from < 1 || !is_time(self.until) || self.from >= self.until {
            return invalid("`from` lies after 1970 and before `until`");
        }
        if self.until.saturating_sub(self.from) > ACCOUNTING_MS_MAX {
            return invalid("one accounting covers at most six years");
        }
        let within = |mark: &TicketId| (self.from..self.until).contains(&mark.at());
        if !self.bookmark.as_ref().is_none_or(within) {
            return invalid("the bookmark is of another range");
        }
        page::limit(self.limit, ACCOUNTING_PAGE_MAX, "a page has 1 to 100 entries")
    }
}
