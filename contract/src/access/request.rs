//! Asking to read.

use super::asker::{Asker, READERS};
use super::weighing::Consent;
use super::{Access, SUBJECTS_MAX, Scope, TicketId, TicketsReceipt, USES_MAX};
use crate::answer::announce;
use crate::error::ContractError;
use crate::ids::{DocumentDigest, SubjectId};
use crate::meta::{Meta, Salts, Tx};
use crate::participant::{Participant, StandingSlots};
use crate::policies::Policies;
use crate::private::{self, SPACE, absent};
use crate::state::{ACCESSES, HEADS};
use crate::time::is_time;
use fabric_contract_rs::{Batch, Reader, Space, Submit, TimestampMs, TxContext, Writes};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Codes of one request: more is a second request.
pub const REQUEST_CODES_MAX: usize = 32;

/// The longest that an access lasts, in milliseconds: thirty days. Whoever still needs it asks again,
/// and the patient sees that.
pub const ACCESS_MS_MAX: i64 = 2_592_000_000;

/// Asks to read some data of 1 to 50 patients for one purpose. Each request is decided by itself
/// under that patient's consent, and is on record with its outcome, whatever that is.
///
/// The answer is names only; `GetAccess` tells the outcome after the commit. A member of an
/// organisation asserts a purpose that its organisation and its roles may assert. A delegate of the
/// patient asks for `PATRQT` or a part of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestAccess {}

/// The private part of [`RequestAccess`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestAccessPrivate {
    /// The patients: 1 to 50, each once.
    pub subjects: Vec<SubjectId>,
    /// What is asked for.
    pub scope: Scope,
    /// SHA-256 of the document that says why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub justification: Option<DocumentDigest>,
    /// When the access is no longer needed; at most, and unless given, in thirty days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<TimestampMs>,
}

impl Submit for RequestAccess {
    const NAME: &'static str = "RequestAccess";
    const ROLES: &'static [&'static str] = READERS;
    type State = Policies;
    type Output = TicketsReceipt;
    type Error = ContractError;

    async fn run(
        self,
        policies: &Policies,
        cx: &TxContext,
        ledger: &impl Reader,
        writes: &mut Writes,
    ) -> Result<TicketsReceipt, ContractError> {
        let private: RequestAccessPrivate = private::take(cx)?;
        let (tx, caller) = (Tx::of(cx)?, Participant::calling(cx)?);
        private.check(policies, &tx)?;
        let mut batch = Batch::new(Space::Public);
        let standing = StandingSlots::want(&mut batch, &caller)?;
        let standing = standing.found(&batch.load(ledger).await?)?;
        let asker = Asker::new(Self::NAME, policies, (&caller, &tx), &standing);
        let mut batch = Batch::new(SPACE);
        let slots: Result<Vec<_>, _> =
            private.subjects.iter().map(|sid| batch.want(&HEADS, &(*sid,))).collect();
        let loaded = batch.load(ledger).await?;
        let mut ids = Vec::with_capacity(private.subjects.len());
        for ((sid, slot), position) in private.subjects.iter().zip(slots?).zip(0..) {
            let head = loaded.get(&slot)?;
            let found = head.is_some();
            if let Err(refusal) = asker.may_ask(head.as_ref()) {
                return Err(confirmed(found, *sid, ledger, refusal).await);
            }
            // One that has not confirmed is no patient to others yet.
            let Some(head) = head.filter(|head| head.rk.is_some()) else {
                let refusal = ContractError::SubjectUnknownAt { position };
                return Err(confirmed(found, *sid, ledger, refusal).await);
            };
            let capacity = asker.asks(&private.scope.purpose, &head)?;
            let consent = Consent::of(policies, &head);
            let weighing = consent.weigh(&asker, capacity);
            let verdict = weighing.scope(&private.scope);
            let latest = tx.at.saturating_add(ACCESS_MS_MAX);
            let until = weighing.until(&verdict).into_iter().chain(private.until);
            let access = Access {
                meta: Meta::created(&tx),
                salt: Salts::of_subject(&head.secret, cx).at(position),
                requester: caller.pid,
                msp: caller.msp.clone(),
                capacity,
                scope: private.scope.clone(),
                justification: private.justification,
                verdict,
                policy: policies.digest(),
                until: until.fold(latest, TimestampMs::min),
                uses: 0,
                max_uses: USES_MAX,
            };
            let id = TicketId::of(&tx, position);
            ACCESSES.put(writes, &(*sid, id), &access)?;
            ids.push(id);
        }
        announce::<Self>(writes, &tx);
        Ok(TicketsReceipt::new(ids, policies))
    }
}

/// `refusal`, unless a head that was not found is one that this peer has not received.
pub(super) async fn confirmed(
    found: bool,
    sid: SubjectId,
    ledger: &impl Reader,
    refusal: ContractError,
) -> ContractError {
    if found { refusal } else { absent(&HEADS, ledger, &(sid,), refusal).await }
}

impl RequestAccessPrivate {
    fn check(&self, policies: &Policies, tx: &Tx) -> Result<(), ContractError> {
        let invalid = |reason| Err(ContractError::ArgumentInvalid(reason));
        let subjects: BTreeSet<_> = self.subjects.iter().collect();
        if self.subjects.is_empty() || self.subjects.len() > SUBJECTS_MAX {
            return invalid("name 1 to 50 patients");
        }
        if subjects.len() < self.subjects.len() {
            return invalid("name each patient once");
        }
        let scope = &self.scope;
        if !policies.purposes().contains(&scope.purpose) {
            return invalid("the policies know no such purpose");
        }
        if scope.codes.is_empty() || scope.codes.len() > REQUEST_CODES_MAX {
            return invalid("name 1 to 32 codes");
        }
        if scope.codes.iter().any(|code| policies.codes().rule(*code).is_none()) {
            return invalid("the policies know no such code");
        }
        if !scope.data_period.is_valid() || scope.min_grid_s == Some(0) {
            return invalid("`data_period` holds a moment, and `min_grid_s` is at least 1");
        }
        if self.until.is_some_and(|until| !is_time(until) || until <= tx.at) {
            return invalid("`until` lies in the future");
        }
        Ok(())
    }
}
