//! Opening what was permitted: the step that leaves the audit entry of a reading.

use super::asker::{Asker, READERS};
use super::request::confirmed;
use super::weighing::Consent;
use super::{
    Access, AccessReference, AccessVerdict, Capacity, Disclosure, SUBJECTS_MAX, Scope, TicketId,
    TicketsReceipt,
};
use crate::answer::announce;
use crate::decision::Reason;
use crate::error::ContractError;
use crate::head::Head;
use crate::ids::{RecordsKey, SubjectId};
use crate::meta::{Meta, Salts, Tx};
use crate::participant::{Participant, StandingSlots};
use crate::policies::Policies;
use crate::private::{self, SPACE, absent};
use crate::state::{ACCESSES, DISCLOSURES, HEADS};
use fabric_contract_rs::{Batch, Reader, Slot, Space, Submit, TxContext, Writes};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How long a disclosure lets its recipient read, in minutes, unless asked otherwise: a sitting.
pub const TICKET_MINUTES: u8 = 15;
/// The longest.
pub const TICKET_MINUTES_MAX: u8 = 60;

const MINUTE_MS: i64 = 60_000;

/// Opens 1 to 50 of the caller's accesses. Each is decided again, under the patient's consent as it
/// is now, and leaves a disclosure, whatever the outcome.
///
/// The answer is names only. `ReadSummaries` reads by them for some minutes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OpenDisclosure {}

/// The private part of [`OpenDisclosure`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OpenDisclosurePrivate {
    /// The accesses: 1 to 50, each once.
    pub accesses: Vec<AccessReference>,
    /// How long they may be read by it: 1 to 60 minutes; 15 unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minutes: Option<u8>,
}

impl Submit for OpenDisclosure {
    const NAME: &'static str = "OpenDisclosure";
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
        let private: OpenDisclosurePrivate = private::take(cx)?;
        let minutes = private.check()?;
        let (tx, caller) = (Tx::of(cx)?, Participant::calling(cx)?);
        let mut batch = Batch::new(Space::Public);
        let standing = StandingSlots::want(&mut batch, &caller)?;
        let standing = standing.found(&batch.load(ledger).await?)?;
        let asker = Asker::new(Self::NAME, policies, (&caller, &tx), &standing);

        let mut batch = Batch::new(SPACE);
        let mut heads: BTreeMap<SubjectId, Slot<Head>> = BTreeMap::new();
        let mut accesses = Vec::with_capacity(private.accesses.len());
        for AccessReference { sid, access } in &private.accesses {
            if !heads.contains_key(sid) {
                heads.insert(*sid, batch.want(&HEADS, &(*sid,))?);
            }
            accesses.push(batch.want(&ACCESSES, &(*sid, *access))?);
        }
        let loaded = batch.load(ledger).await?;
        let heads = heads.into_iter().map(|(sid, slot)| loaded.get(&slot).map(|head| (sid, head)));
        let heads: BTreeMap<SubjectId, Option<Head>> = heads.collect::<Result<_, _>>()?;
        let mut consents: BTreeMap<SubjectId, Consent<'_>> = BTreeMap::new();
        let mut ids = Vec::with_capacity(accesses.len());
        for ((reference, slot), position) in private.accesses.iter().zip(accesses).zip(0..) {
            let AccessReference { sid, access: name } = *reference;
            let head = heads.get(&sid).and_then(Option::as_ref);
            if let Err(refusal) = asker.may_ask(head) {
                return Err(confirmed(head.is_some(), sid, ledger, refusal).await);
            }
            let Some(head) = head else {
                let refusal = ContractError::SubjectUnknownAt { position };
                return Err(confirmed(false, sid, ledger, refusal).await);
            };
            let access = loaded.get(&slot)?;
            let refusal = ContractError::TicketNotVisible;
            let Some(access) = access else {
                return Err(absent(&ACCESSES, ledger, &(sid, name), refusal).await);
            };
            // Somebody else's is as good as none, and so is one of a patient without records.
            let (true, Some(rk)) = (access.requester == caller.pid, head.rk) else {
                return Err(refusal);
            };
            asker.acts(access.capacity, head)?;
            let opening = Opening {
                asker: &asker,
                salts: Salts::of_subject(&head.secret, cx),
                consent: consents.entry(sid).or_insert_with(|| Consent::of(policies, head)),
                at: (sid, name, rk),
                minutes,
            };
            ids.push(opening.write(access, position, writes)?);
        }
        announce::<Self>(writes, &tx);
        Ok(TicketsReceipt::new(ids, policies))
    }
}

/// One access, being opened.
struct Opening<'a> {
    asker: &'a Asker<'a>,
    salts: Salts,
    consent: &'a Consent<'a>,
    at: (SubjectId, TicketId, RecordsKey),
    minutes: u8,
}

impl Opening<'_> {
    /// Writes the access, counted when it is permitted, and the disclosure: two keys in any case.
    fn write(
        self,
        mut access: Access,
        position: u32,
        writes: &mut Writes,
    ) -> Result<TicketId, ContractError> {
        let (sid, name, rk) = self.at;
        let tx = self.asker.tx;
        let verdict = self.verdict(&access);
        let permitted = !verdict.is_denied();
        let minutes = i64::from(self.minutes).saturating_mul(MINUTE_MS);
        let disclosure = Disclosure {
            meta: Meta::created(tx),
            salt: self.salts.at(position.saturating_mul(2)),
            access: name,
            recipient: access.requester,
            msp: access.msp.clone(),
            capacity: access.capacity,
            scope: access.scope.clone(),
            accountable_164_528: permitted && self.is_accountable(&access),
            verdict,
            policy: self.asker.policies.digest(),
            until: tx.at.saturating_add(minutes).min(access.until),
        };
        if permitted {
            access.uses = access.uses.saturating_add(1);
        }
        access.meta.changed(tx);
        access.salt = self.salts.at(position.saturating_mul(2).saturating_add(1));
        let id = TicketId::of(tx, position);
        ACCESSES.put(writes, &(sid, name), &access)?;
        DISCLOSURES.put(writes, &(rk, id), &disclosure)?;
        Ok(id)
    }

    /// The access's own limits, then the patient's consent as it is now.
    fn verdict(&self, access: &Access) -> AccessVerdict {
        let at = self.asker.tx.at;
        let limit = if access.verdict.is_denied() {
            Some(Reason::AccessDenied)
        } else if at < access.meta.updated_at {
            Some(Reason::BackDated)
        } else if at >= access.until {
            Some(Reason::AccessExpired)
        } else if access.uses >= access.max_uses {
            Some(Reason::UsesExhausted)
        } else {
            None
        };
        match limit {
            Some(reason) => AccessVerdict::denied(reason),
            None => {
                let codes = access.verdict.codes.clone();
                let scope = Scope { codes, ..access.scope.clone() };
                self.consent.weigh(self.asker, access.capacity).scope(&scope)
            }
        }
    }

    /// 45 CFR 164.528 leaves out treatment, payment, operations and what goes to the individual.
    fn is_accountable(&self, access: &Access) -> bool {
        let purposes = self.asker.policies.purposes();
        access.capacity == Capacity::Staff && purposes.is_accountable(&access.scope.purpose)
    }
}

impl OpenDisclosurePrivate {
    fn check(&self) -> Result<u8, ContractError> {
        let invalid = |reason| Err(ContractError::ArgumentInvalid(reason));
        if self.accesses.is_empty() || self.accesses.len() > SUBJECTS_MAX {
            return invalid("name 1 to 50 accesses");
        }
        let mut names: Vec<_> =
            self.accesses.iter().map(|it| (it.sid, it.access.newest_first())).collect();
        names.sort_unstable();
        names.dedup();
        if names.len() < self.accesses.len() {
            return invalid("name each access once");
        }
        let minutes = self.minutes.unwrap_or(TICKET_MINUTES);
        if !(1..=TICKET_MINUTES_MAX).contains(&minutes) {
            return invalid("a disclosure lasts 1 to 60 minutes");
        }
        Ok(minutes)
    }
}
