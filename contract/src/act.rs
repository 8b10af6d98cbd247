//! One submitted act: who, when, under which policies, and in whose name.

use crate::answer::{Receipt, announce};
use crate::delegation::Power;
use crate::device::{Device, owned};
use crate::error::ContractError;
use crate::head::Head;
use crate::ids::{ParticipantId, SubjectId};
use crate::journal::{self, Entry};
use crate::meta::Tx;
use crate::participant::{Authority, Participant};
use crate::policies::Policies;
use crate::private::{SPACE, absent};
use crate::role::{Role, RoleSet};
use crate::state::{DEVICES, HEADS, PATIENTS};
use fabric_contract_rs::{Batch, Evaluate, Reader, Submit, TxContext, Writes};

/// What every submit starts from.
pub(crate) struct Act<'a> {
    name: &'static str,
    pub(crate) policies: &'a Policies,
    pub(crate) cx: &'a TxContext,
    pub(crate) tx: Tx,
    pub(crate) caller: Participant,
}

impl<'a> Act<'a> {
    pub(crate) fn of<T: Submit>(
        policies: &'a Policies,
        cx: &'a TxContext,
    ) -> Result<Self, ContractError> {
        let (tx, caller) = (Tx::of(cx)?, Participant::calling(cx)?);
        Ok(Self { name: T::NAME, policies, cx, tx, caller })
    }

    /// The roles in `held` that may do this.
    pub(crate) fn require(&self, held: RoleSet) -> Result<RoleSet, ContractError> {
        self.policies.require(self.name, held)
    }

    /// Requires one role, out of those held.
    pub(crate) fn require_one(&self, held: RoleSet, role: Role) -> Result<(), ContractError> {
        self.require(held.and(RoleSet::NONE.with(role))).map(|_| ())
    }

    /// As for a caller without a role.
    pub(crate) fn refusal(&self) -> ContractError {
        ContractError::RoleNotPermitted { transaction: self.name }
    }

    /// Requires `role` of active staff of an active organisation, used no earlier than it was given.
    pub(crate) fn staff<'b>(
        &self,
        authority: Authority<'b>,
        role: Role,
    ) -> Result<Authority<'b>, ContractError> {
        let authority = authority.organization_active()?;
        self.require_one(authority.roles, role)?;
        authority.not_before(&self.tx)?;
        Ok(authority)
    }

    /// The head that the caller named, found or not.
    ///
    /// Who is neither the patient nor its delegate gets the same answer for a patient that is there
    /// and for one that is not.
    pub(crate) async fn patient(
        &self,
        (sid, head): (SubjectId, Option<Head>),
        power: Power,
        ledger: &impl Reader,
    ) -> Result<Patient, ContractError> {
        let Some(head) = head else {
            return Err(absent(&HEADS, ledger, &(sid,), self.refusal()).await);
        };
        let roles = self.require(head.roles_with(power, &self.caller, &self.tx)?)?;
        Ok(Patient { head, roles })
    }

    /// The patient that is acted for, and a device of its own, loaded together.
    pub(crate) async fn device(
        &self,
        (sid, device): (SubjectId, ParticipantId),
        power: Power,
        ledger: &impl Reader,
    ) -> Result<(Patient, Device), ContractError> {
        let mut batch = Batch::new(SPACE);
        let wanted_head = batch.want(&HEADS, &(sid,))?;
        let wanted_device = batch.want(&DEVICES, &(device,))?;
        let loaded = batch.load(ledger).await?;
        let patient = self.patient((sid, loaded.get(&wanted_head)?), power, ledger).await?;
        let device = owned((device, loaded.get(&wanted_device)?), sid, ledger).await?;
        Ok((patient, device))
    }

    /// Announces the act and answers.
    pub(crate) fn done<T: Submit>(&self, writes: &mut Writes) -> Receipt {
        announce::<T>(writes, &self.tx);
        Receipt::new(self.policies)
    }

    /// Tells the patient in its journal what was done to it or in its name by somebody else, and to
    /// which device or delegate.
    pub(crate) fn note(
        &self,
        head: &Head,
        roles: RoleSet,
        about: Option<ParticipantId>,
        writes: &mut Writes,
    ) -> Result<(), ContractError> {
        match roles.iter().find(|it| *it != Role::Subject) {
            Some(role) => self.note_as(role, head, about, writes),
            None => Ok(()),
        }
    }

    /// Tells a patient what somebody else did, as what it is to somebody else.
    pub(crate) fn note_as(
        &self,
        role: Role,
        head: &Head,
        about: Option<ParticipantId>,
        writes: &mut Writes,
    ) -> Result<(), ContractError> {
        let Some(rk) = head.rk else { return Ok(()) };
        let (by, msp) = (self.caller.pid, self.caller.msp.clone());
        let entry = Entry {
            salt: journal::salt(head, self.cx),
            name: self.name.to_owned(),
            by,
            msp,
            role: role.name().to_owned(),
            about,
        };
        journal::put(rk, &self.tx, &entry, writes)
    }
}

/// A patient, and as what the caller acts for it.
pub(crate) struct Patient {
    pub(crate) head: Head,
    pub(crate) roles: RoleSet,
}

impl Patient {
    /// Requires that the patient is active and the act not dated before it: for whatever widens.
    pub(crate) fn widening(&self, tx: &Tx) -> Result<(), ContractError> {
        self.head.active()?;
        self.head.meta.not_before(tx)
    }
}

/// The patient that a query is about, after the caller's role was checked.
pub(crate) struct View {
    pub(crate) head: Head,
}

impl View {
    /// The caller itself, or the patient that it names and has this power for.
    pub(crate) async fn of<T: Evaluate>(
        policies: &Policies,
        cx: &TxContext,
        sid: Option<SubjectId>,
        power: Power,
        ledger: &impl Reader,
    ) -> Result<Self, ContractError> {
        let (tx, caller) = (Tx::of(cx)?, Participant::calling(cx)?);
        let refusal = ContractError::RoleNotPermitted { transaction: T::NAME };
        let sid = match sid {
            Some(sid) => sid,
            None => match PATIENTS.get(ledger, &(caller.pid,)).await? {
                Some(patient) => patient.sid,
                None => return Err(refusal),
            },
        };
        let head = HEADS.get(ledger, &(sid,)).await?.ok_or(refusal)?;
        policies.require(T::NAME, head.roles_with(power, &caller, &tx)?)?;
        Ok(Self { head })
    }
}
