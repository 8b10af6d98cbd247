//! Who asks: staff of an organisation, or a delegate of the patient.

use super::Capacity;
use crate::consent::Actor;
use crate::decision::Requester;
use crate::delegation::Power;
use crate::error::ContractError;
use crate::head::Head;
use crate::ids::{PurposeCode, UnitId};
use crate::meta::Tx;
use crate::participant::{Authority, Participant, Standing};
use crate::policies::{OrganizationKind, Policies};
use crate::role::{Role, RoleSet, StaffRole};
use fabric_contract_rs::TimestampMs;
use std::collections::BTreeSet;

/// The roles that every transaction of this folder but the accounting serves.
pub(super) const READERS: &[&str] = &[
    Role::Delegate.name(),
    Role::Staff(StaffRole::Practitioner).name(),
    Role::Staff(StaffRole::Researcher).name(),
    Role::Staff(StaffRole::Service).name(),
];

/// A caller of one of the transactions of this folder.
pub(super) struct Asker<'a> {
    pub(super) transaction: &'static str,
    pub(super) policies: &'a Policies,
    pub(super) caller: &'a Participant,
    pub(super) tx: &'a Tx,
    staff: Result<StaffAsker, ContractError>,
}

/// What the ledger says of a caller that is staff.
struct StaffAsker {
    kind: OrganizationKind,
    units: BTreeSet<UnitId>,
    roles: BTreeSet<StaffRole>,
    /// Of its roles those that the transaction serves: a purpose is asserted as one of these. Directives are about all of
    /// them, because a deny to one of them stands.
    serving: BTreeSet<StaffRole>,
    until: Option<TimestampMs>,
}

impl<'a> Asker<'a> {
    pub(super) fn new(
        transaction: &'static str,
        policies: &'a Policies,
        (caller, tx): (&'a Participant, &'a Tx),
        standing: &Standing,
    ) -> Self {
        let mut asker =
            Self { transaction, policies, caller, tx, staff: Err(ContractError::IdentityUnknown) };
        asker.staff = asker.staff_of(standing);
        asker
    }

    fn staff_of(&self, standing: &Standing) -> Result<StaffAsker, ContractError> {
        let authority = standing.authority(self.caller, self.tx)?.organization_active()?;
        let serving = self.policies.require(self.transaction, authority.roles)?;
        authority.not_before(self.tx)?;
        let kind = self.policies.kind_of(&self.caller.msp, authority.organization.kind);
        Ok(StaffAsker::of(&authority, kind, serving))
    }

    /// Whether it can ask at all of a patient it names. Whoever can not, gets the same answer for a
    /// patient that is there and for one that is not.
    pub(super) fn may_ask(&self, head: Option<&Head>) -> Result<(), ContractError> {
        match (&self.staff, head) {
            (Ok(_), _) => Ok(()),
            (Err(_), Some(head)) if self.delegates(head)? => Ok(()),
            (Err(error), _) => Err(self.refusal(error)),
        }
    }

    /// Refuses a caller that cannot act in this capacity for this patient now.
    pub(super) fn acts(&self, capacity: Capacity, head: &Head) -> Result<(), ContractError> {
        match capacity {
            Capacity::Staff => self.staff.as_ref().map(|_| ()).map_err(|it| self.refusal(it)),
            Capacity::Delegate if self.delegates(head)? => Ok(()),
            Capacity::Delegate => Err(self.role_not_permitted()),
        }
    }

    fn delegates(&self, head: &Head) -> Result<bool, ContractError> {
        let roles = head.roles_with(Power::View, self.caller, self.tx)?;
        let delegate = roles.and(RoleSet::NONE.with(Role::Delegate));
        Ok(self.policies.require(self.transaction, delegate).is_ok())
    }

    /// Who is no staff at all may be a delegate of somebody else.
    fn refusal(&self, error: &ContractError) -> ContractError {
        match error {
            ContractError::IdentityUnknown => self.role_not_permitted(),
            error => error.clone(),
        }
    }

    fn role_not_permitted(&self) -> ContractError {
        ContractError::RoleNotPermitted { transaction: self.transaction }
    }

    /// The capacity in which this purpose is asked for, if the caller may assert it.
    pub(super) fn capacity(&self, purpose: &PurposeCode) -> Result<Capacity, ContractError> {
        let purposes = self.policies.purposes();
        if purposes.is_patient_request(purpose) {
            return Ok(Capacity::Delegate);
        }
        let staff = self.staff.as_ref().map_err(|error| self.refusal(error))?;
        // Declaring is its own transaction; asking for it is a decision, so that it is on record.
        let asserts = purposes.is_break_glass(purpose)
            || self.policies.assertions().allow(purposes, purpose, staff.kind, &staff.serving);
        if asserts { Ok(Capacity::Staff) } else { Err(ContractError::PurposeNotAssertable) }
    }

    /// The caller as directives see it.
    pub(super) fn requester(&self, head: &Head) -> Requester {
        let nobody = (BTreeSet::new(), BTreeSet::new());
        let (units, roles) =
            self.staff.as_ref().map_or(nobody, |it| (it.units.clone(), it.roles.clone()));
        let (pid, org) = (self.caller.pid, self.caller.msp.clone());
        let care_team = head.care_team.iter().any(|member| match member {
            Actor::Participant(member) => *member == pid,
            Actor::Unit { unit, msp } => *msp == org && units.contains(unit),
            _ => false,
        });
        Requester { pid, org, units, roles, project: None, care_team }
    }

    /// When the capacity itself ends, as far as is known now.
    pub(super) fn until(&self, capacity: Capacity, head: &Head) -> Option<TimestampMs> {
        match capacity {
            Capacity::Staff => self.staff.as_ref().ok().and_then(|staff| staff.until),
            Capacity::Delegate => {
                let own = head.delegations.iter().filter(|it| it.delegate == self.caller.pid);
                own.filter(|it| it.gives(Power::View, self.tx.at))
                    .filter_map(|it| it.period.end)
                    .max()
            }
        }
    }
}

impl StaffAsker {
    fn of(authority: &Authority<'_>, kind: OrganizationKind, serving: RoleSet) -> Self {
        Self {
            kind,
            units: authority.organization.path(&authority.unit).map(|it| it.id.clone()).collect(),
            roles: staff_roles(authority.roles),
            serving: staff_roles(serving),
            until: authority.until(),
        }
    }
}

fn staff_roles(roles: RoleSet) -> BTreeSet<StaffRole> {
    let staff = |role| match role {
        Role::Staff(role) => Some(role),
        _ => None,
    };
    roles.iter().filter_map(staff).collect()
}
