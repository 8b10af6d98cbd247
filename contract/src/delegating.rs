//! How somebody comes to act for a patient, and ceases to.

use crate::act::{Act, View};
use crate::answer::Receipt;
use crate::consent::Actor;
use crate::delegation::{DELEGATIONS_MAX, Delegation, DelegationKind, DelegationStatus, Power};
use crate::error::{ContractError, Inactive};
use crate::head::{Head, OFFER_MS};
use crate::ids::{DocumentDigest, KeyHash, ParticipantId, SubjectId};
use crate::participant::Standing;
use crate::policies::Policies;
use crate::private;
use crate::rebind::of_two_organisations;
use crate::role::{Role, RoleSet, StaffRole};
use crate::state::HEADS;
use crate::status::Status;
use crate::time::Period;
use fabric_contract_rs::{Evaluate, QueryReader, Reader, Submit, TimestampMs, TxContext, Writes};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

const REGISTRAR: Role = Role::Staff(StaffRole::Registrar);
const OFFICER: Role = Role::Staff(StaffRole::PrivacyOfficer);

/// Proposes a delegate: a guardian by a registrar of the patient's organisation, one at a time, anybody
/// else by the patient. It is one once it has accepted; a proposal lapses after seven days, and so
/// does one that was countersigned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProposeDelegation {}

/// The private part of [`ProposeDelegation`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProposeDelegationPrivate {
    /// The patient.
    pub sid: SubjectId,
    /// Who is to act for it.
    pub delegate: ParticipantId,
    /// SHA-256 of the delegate's public key in its SubjectPublicKeyInfo DER form.
    pub key_hash: KeyHash,
    /// Why.
    pub kind: DelegationKind,
    /// At least one power.
    pub powers: BTreeSet<Power>,
    /// When. It has an end: for the guardian of a minor the day it comes of age.
    pub period: Period,
    /// Digest of the court's order or the power of attorney; a guardian and a `healthcare_poa` need
    /// it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<DocumentDigest>,
}

impl Submit for ProposeDelegation {
    const NAME: &'static str = "ProposeDelegation";
    const ROLES: &'static [&'static str] = &[Role::Subject.name(), REGISTRAR.name()];
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
        let private: ProposeDelegationPrivate = private::take(cx)?;
        let act = Act::of::<Self>(policies, cx)?;
        private.check(&act)?;
        let found = Found::load(&act, private.sid, ledger).await?;
        let (mut head, roles, status) = match found.subject(&act)? {
            Some((head, roles)) => {
                if private.kind == DelegationKind::Guardian {
                    return Err(ContractError::OutsideAuthority);
                }
                head.active()?;
                (head, roles, DelegationStatus::Proposed)
            }
            None => {
                let (head, roles) = found.by_staff_now(&act, ledger).await?;
                if private.kind != DelegationKind::Guardian {
                    return Err(ContractError::OutsideAuthority);
                }
                if head.status == Status::Deactivated {
                    return Err(ContractError::Inactive(Inactive::Patient));
                }
                (head, roles, DelegationStatus::Unsigned)
            }
        };
        head.meta.not_before(&act.tx)?;
        private.put(&act, &mut head, status)?;
        head.changed_as(roles, &act.tx);
        act.note(&head, roles, Some(private.delegate), writes)?;
        HEADS.put(writes, &(private.sid,), &head)?;
        Ok(act.done::<Self>(writes))
    }
}

impl ProposeDelegationPrivate {
    fn check(&self, act: &Act<'_>) -> Result<(), ContractError> {
        if self.powers.is_empty() {
            return Err(ContractError::ArgumentInvalid("a delegation has at least one power"));
        }
        let ends = self.period.end.is_some_and(|end| act.tx.at < end);
        if !self.period.is_valid() || !ends {
            return Err(ContractError::ArgumentInvalid(
                "a delegation has a period that ends, in the future",
            ));
        }
        let documented =
            matches!(self.kind, DelegationKind::Guardian | DelegationKind::HealthcarePoa);
        if documented && self.evidence.is_none() {
            return Err(ContractError::ArgumentInvalid(
                "a guardian and a health care power of attorney rest on evidence",
            ));
        }
        Ok(())
    }

    /// In the place of an earlier proposal to the same participant; what has run out goes. Of guardians
    /// one at a time is proposed, so that a registrar cannot fill a patient's delegations.
    fn put(
        &self,
        act: &Act<'_>,
        head: &mut Head,
        status: DelegationStatus,
    ) -> Result<(), ContractError> {
        if self.delegate == head.pid {
            return Err(ContractError::ArgumentInvalid("a patient is not its own delegate"));
        }
        head.delegations.retain(|it| !it.is_over(act.tx.at));
        // What is in force is ended first, and a guardian's is not the patient's to replace.
        let stays = |it: &Delegation| {
            it.status == DelegationStatus::Active
                || (it.kind == DelegationKind::Guardian && self.kind != it.kind)
        };
        if head.delegations.iter().any(|it| it.delegate == self.delegate && stays(it)) {
            return Err(ContractError::DelegationExists);
        }
        head.delegations.retain(|it| it.delegate != self.delegate);
        let waits = head.delegations.iter().any(|it| is_guardians(it) && it.is_pending());
        let second = self.kind == DelegationKind::Guardian && waits;
        if second || head.delegations.len() >= DELEGATIONS_MAX {
            return Err(ContractError::DelegationsFull);
        }
        head.delegations.push(Delegation {
            delegate: self.delegate,
            key_hash: self.key_hash,
            kind: self.kind,
            powers: self.powers.clone(),
            period: self.period,
            evidence: self.evidence,
            status,
            proposed_by: act.caller.pid,
            offered_until: Some(act.tx.at.saturating_add(OFFER_MS)),
        });
        Ok(())
    }
}

/// Accepts a delegation: the delegate's own word. A guardian's is countersigned before, by a privacy
/// officer of another custodian's root unit, so that no organisation alone puts somebody in a
/// patient's place: it says whom it agrees to and to what, and agrees to nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AcceptDelegation {}

/// The private part of [`AcceptDelegation`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AcceptDelegationPrivate {
    /// The patient.
    pub sid: SubjectId,
    /// What a privacy officer countersigns; who accepts for itself gives none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guardian: Option<Guardianship>,
}

/// A guardian's delegation as its countersigner has seen it documented: every part of it has to be
/// what was proposed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Guardianship {
    /// Who is to act for the patient.
    pub delegate: ParticipantId,
    /// SHA-256 of its public key in its SubjectPublicKeyInfo DER form.
    pub key_hash: KeyHash,
    /// What for.
    pub powers: BTreeSet<Power>,
    /// When.
    pub period: Period,
    /// Digest of the court's order.
    pub evidence: DocumentDigest,
}

impl Guardianship {
    fn is_of(&self, proposed: &Delegation) -> bool {
        let Self { delegate, key_hash, powers, period, evidence } = self;
        proposed.delegate == *delegate
            && proposed.key_hash == *key_hash
            && proposed.powers == *powers
            && proposed.period == *period
            && proposed.evidence == Some(*evidence)
    }
}

impl Submit for AcceptDelegation {
    const NAME: &'static str = "AcceptDelegation";
    const ROLES: &'static [&'static str] = &[Role::Delegate.name(), OFFICER.name()];
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
        let AcceptDelegationPrivate { sid, guardian } = private::take(cx)?;
        let act = Act::of::<Self>(policies, cx)?;
        let found = Found::load(&act, sid, ledger).await?;
        let own = match guardian {
            Some(_) => None,
            None => found.delegate(&act, act.caller.pid)?,
        };
        let (mut head, roles, from, to) = match own {
            Some((head, roles)) => {
                (head, roles, DelegationStatus::Proposed, DelegationStatus::Active)
            }
            None => {
                let (head, roles) = found.by_staff_now(&act, ledger).await?;
                (head, roles, DelegationStatus::Unsigned, DelegationStatus::Proposed)
            }
        };
        head.meta.not_before(&act.tx)?;
        let agreed = |it: &&mut Delegation| {
            let same = match &guardian {
                Some(guardian) => guardian.is_of(it) && it.delegate != act.caller.pid,
                None => it.delegate == act.caller.pid,
            };
            same && it.status == from
        };
        let delegation = head.delegations.iter_mut().find(agreed);
        let delegation = delegation.ok_or(ContractError::NotProposed)?;
        if delegation.is_over(act.tx.at) {
            return Err(ContractError::OfferLapsed);
        }
        delegation.status = to;
        let delegate = delegation.delegate;
        let until = act.tx.at.saturating_add(OFFER_MS);
        delegation.offered_until = delegation.is_pending().then_some(until);
        head.changed_as(roles, &act.tx);
        act.note(&head, roles, Some(delegate), writes)?;
        HEADS.put(writes, &(sid,), &head)?;
        Ok(act.done::<Self>(writes))
    }
}

/// Ends a delegation or a proposal: by the delegate itself; by the patient, but for a guardian's in
/// force; a guardian's by a registrar of the patient's organisation or a privacy officer of another
/// custodian. Never refused for its time or anybody's status but the staff's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EndDelegation {}

/// The private part of [`EndDelegation`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EndDelegationPrivate {
    /// The patient.
    pub sid: SubjectId,
    /// The delegate; the caller itself, unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delegate: Option<ParticipantId>,
}

impl Submit for EndDelegation {
    const NAME: &'static str = "EndDelegation";
    const ROLES: &'static [&'static str] =
        &[Role::Subject.name(), Role::Delegate.name(), REGISTRAR.name(), OFFICER.name()];
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
        let private: EndDelegationPrivate = private::take(cx)?;
        let act = Act::of::<Self>(policies, cx)?;
        let delegate = private.delegate.unwrap_or(act.caller.pid);
        let found = Found::load(&act, private.sid, ledger).await?;
        let (own, subject) = (found.delegate(&act, delegate)?, found.subject(&act)?);
        let (mut head, roles, may): (_, _, fn(&Delegation) -> bool) = match (own, subject) {
            (Some((head, roles)), _) => (head, roles, |_| true),
            (None, Some((head, roles))) => (head, roles, is_the_patients),
            (None, None) => {
                let (head, roles) = found.by_staff(&act, ledger).await?;
                (head, roles, is_guardians)
            }
        };
        let delegation = head.delegations.iter().find(|it| it.delegate == delegate);
        if !may(delegation.ok_or(ContractError::NotProposed)?) {
            return Err(ContractError::OutsideAuthority);
        }
        head.delegations.retain(|it| it.delegate != delegate);
        head.changed_as(roles, &act.tx);
        act.note(&head, roles, Some(delegate), writes)?;
        HEADS.put(writes, &(private.sid,), &head)?;
        Ok(act.done::<Self>(writes))
    }
}

fn is_guardians(it: &Delegation) -> bool {
    it.kind == DelegationKind::Guardian
}

/// Whether the patient can end it: also a guardian's, until it is in force.
fn is_the_patients(it: &Delegation) -> bool {
    !is_guardians(it) || it.is_pending()
}

/// A patient and what its caller is to it: itself, a delegate of any status, or staff.
struct Found {
    sid: SubjectId,
    head: Option<Head>,
    standing: Standing,
}

impl Found {
    async fn load(
        act: &Act<'_>,
        sid: SubjectId,
        ledger: &impl Reader,
    ) -> Result<Self, ContractError> {
        let standing = Standing::load(&act.caller, ledger).await?;
        Ok(Self { sid, head: HEADS.get(ledger, &(sid,)).await?, standing })
    }

    /// As the patient, by its key.
    fn subject(&self, act: &Act<'_>) -> Result<Option<(Head, RoleSet)>, ContractError> {
        let Some(head) = self.head.as_ref() else { return Ok(None) };
        let roles = head.roles_of(&act.caller)?;
        if roles.is_empty() {
            return Ok(None);
        }
        Ok(Some((head.clone(), act.require(roles)?)))
    }

    /// As the delegate it speaks of, by the key it was named with.
    fn delegate(
        &self,
        act: &Act<'_>,
        delegate: ParticipantId,
    ) -> Result<Option<(Head, RoleSet)>, ContractError> {
        let Some(head) = self.head.as_ref().filter(|_| delegate == act.caller.pid) else {
            return Ok(None);
        };
        match head.delegations.iter().find(|it| it.delegate == delegate) {
            None => Ok(None),
            Some(it) if it.key_hash != act.caller.key_hash => Err(ContractError::KeyNotBound),
            Some(_) => {
                let roles = act.require(RoleSet::NONE.with(Role::Delegate))?;
                Ok(Some((head.clone(), roles)))
            }
        }
    }

    /// As a registrar of the patient's organisation, or as a privacy officer of another custodian.
    async fn by_staff(
        &self,
        act: &Act<'_>,
        ledger: &impl Reader,
    ) -> Result<(Head, RoleSet), ContractError> {
        let authority = self.standing.authority(&act.caller, &act.tx)?.organization_active()?;
        let roles = act.require(authority.roles)?;
        let found = (self.sid, self.head.clone());
        let head = of_two_organisations(act, &authority, found, ledger).await?;
        Ok((head, roles))
    }

    /// The same for what puts somebody in a patient's place: not dated before the authority it uses.
    async fn by_staff_now(
        &self,
        act: &Act<'_>,
        ledger: &impl Reader,
    ) -> Result<(Head, RoleSet), ContractError> {
        let found = self.by_staff(act, ledger).await?;
        self.standing.authority(&act.caller, &act.tx)?.not_before(&act.tx)?;
        Ok(found)
    }
}

/// Who acts for a patient and who its care team is: for the patient itself, and for a delegate with
/// `consent`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListDelegations {}

/// The private part of queries about a patient; the caller itself may leave it out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OfPatientPrivate {
    /// The patient, when the caller is its delegate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<SubjectId>,
}

/// The answer of [`ListDelegations`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Relations {
    /// The care team.
    pub care_team: BTreeSet<Actor>,
    /// Delegates, also those that have not accepted, and those whose period is over.
    pub delegations: Vec<DelegationView>,
}

/// A delegation as those it concerns read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DelegationView {
    /// Who acts.
    pub delegate: ParticipantId,
    /// Why.
    pub kind: DelegationKind,
    /// What for.
    pub powers: BTreeSet<Power>,
    /// When.
    pub period: Period,
    /// Digest of what it rests on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<DocumentDigest>,
    /// How far it has come.
    pub status: DelegationStatus,
    /// The first moment at which it has lapsed; nothing once it is in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offered_until: Option<TimestampMs>,
}

impl From<&Delegation> for DelegationView {
    fn from(it: &Delegation) -> Self {
        Self {
            delegate: it.delegate,
            kind: it.kind,
            powers: it.powers.clone(),
            period: it.period,
            evidence: it.evidence,
            status: it.status,
            offered_until: it.offered_until,
        }
    }
}

impl Evaluate for ListDelegations {
    const NAME: &'static str = "ListDelegations";
    const ROLES: &'static [&'static str] = &[Role::Subject.name(), Role::Delegate.name()];
    type State = Policies;
    type Output = Relations;
    type Error = ContractError;

    async fn run(
        self,
        policies: &Policies,
        cx: &TxContext,
        ledger: &impl QueryReader,
    ) -> Result<Relations, ContractError> {
        let OfPatientPrivate { sid } = private::take_if_given(cx)?;
        let view = View::of::<Self>(policies, cx, sid, Power::Consent, ledger).await?;
        Ok(Relations {
            delegations: view.head.delegations.iter().map(DelegationView::from).collect(),
            care_team: view.head.care_team,
        })
    }
}
