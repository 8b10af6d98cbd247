//! Who asks: staff of an organisation, a delegate of the patient, or, in a patient's question, whoever
//! is one of a kind.

use super::directory::Directory;
use super::{Capacity, RequestAccess};
use crate::consent::Actor;
use crate::decision::{Reason, Requester};
use crate::delegation::Power;
use crate::error::ContractError;
use crate::head::Head;
use crate::ids::{PurposeCode, UnitId};
use crate::meta::Tx;
use crate::participant::{Authority, Participant, Standing, unit_is_active};
use crate::policies::{OrganizationKind, Policies};
use crate::role::{Role, RoleSet, StaffRole};
use fabric_contract_rs::{Submit, TimestampMs};
use std::collections::BTreeSet;

/// The roles that every transaction of this folder but the patient's own serves.
pub(super) const READERS: &[&str] = &[
    Role::Delegate.name(),
    Role::Staff(StaffRole::Practitioner).name(),
    Role::Staff(StaffRole::Researcher).name(),
    Role::Staff(StaffRole::Service).name(),
];

/// Who asks for access, or opens it, or reads by it.
pub(super) struct Asker<'a> {
    transaction: &'static str,
    pub(super) policies: &'a Policies,
    pub(super) tx: &'a Tx,
    who: Asking<'a>,
    staff: Result<Member, ContractError>,
}

enum Asking<'a> {
    One(Participant),
    Any(&'a Actor),
}

/// The caller as directives see it.
pub(super) enum Seen<'a> {
    /// All of it is known.
    One(Requester),
    /// Whoever is this.
    Any(&'a Actor),
}

/// What is known of staff that asks.
struct Member {
    /// What its organisation is; several when it may be any.
    kinds: Vec<OrganizationKind>,
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
        (caller, tx): (&Participant, &'a Tx),
        standing: &Standing,
    ) -> Self {
        let who = Asking::One(caller.clone());
        let staff = Member::of(transaction, policies, (caller, tx), standing);
        Self { transaction, policies, tx, who, staff }
    }

    /// Somebody else, as if it requested access to this patient now. For a kind of people all that
    /// anybody of it may is supposed: what is left is decided for those of it who may ask at all.
    pub(super) fn supposed(
        (policies, tx): (&'a Policies, &'a Tx),
        actor: &'a Actor,
        directory: &Directory,
        head: &Head,
    ) -> Self {
        let transaction = RequestAccess::NAME;
        if let Actor::Participant(pid) = actor {
            let (standing, staff) = directory.standing(*pid);
            let participant = Participant::supposed(*pid, staff, head);
            return Self::new(transaction, policies, (&participant, tx), &standing);
        }
        let staff = Member::any(transaction, policies, actor, directory);
        Self { transaction, policies, tx, who: Asking::Any(actor), staff }
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

    /// The capacity in which it asks this patient for this purpose.
    pub(super) fn asks(
        &self,
        purpose: &PurposeCode,
        head: &Head,
    ) -> Result<Capacity, ContractError> {
        self.may_ask(Some(head))?;
        let capacity = self.capacity(purpose)?;
        self.acts(capacity, head)?;
        Ok(capacity)
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
        let Asking::One(caller) = &self.who else { return Ok(false) };
        let roles = head.roles_with(Power::View, caller, self.tx)?;
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
        let assertions = self.policies.assertions();
        let allowed = |kind| assertions.allow(purposes, purpose, kind, &staff.serving);
        // Declaring is its own transaction; asking for it is a decision, so that it is on record.
        let asserts = purposes.is_break_glass(purpose) || staff.kinds.iter().copied().any(allowed);
        if asserts { Ok(Capacity::Staff) } else { Err(ContractError::PurposeNotAssertable) }
    }

    /// The caller as directives see it; nothing when they do not.
    pub(super) fn seen(&self, head: &Head) -> Option<Seen<'a>> {
        let staff = self.staff.as_ref().ok()?;
        let caller = match &self.who {
            Asking::Any(actor) => return Some(Seen::Any(actor)),
            Asking::One(caller) => caller,
        };
        let (units, roles) = (staff.units.clone(), staff.roles.clone());
        let (pid, org) = (caller.pid, caller.msp.clone());
        let care_team = head.care_team.iter().any(|member| match member {
            Actor::Participant(member) => *member == pid,
            Actor::Unit { unit, msp } => *msp == org && units.contains(unit),
            _ => false,
        });
        Some(Seen::One(Requester { pid, org, units, roles, care_team }))
    }

    /// When the capacity itself ends, as far as is known now.
    pub(super) fn until(&self, capacity: Capacity, head: &Head) -> Option<TimestampMs> {
        match (capacity, &self.who) {
            (Capacity::Staff, _) => self.staff.as_ref().ok().and_then(|staff| staff.until),
            (Capacity::Delegate, Asking::Any(_)) => None,
            (Capacity::Delegate, Asking::One(caller)) => {
                let own = head.delegations.iter().filter(|it| it.delegate == caller.pid);
                own.filter(|it| it.gives(Power::View, self.tx.at))
                    .filter_map(|it| it.period.end)
                    .max()
            }
        }
    }
}

impl Member {
    fn of(
        transaction: &'static str,
        policies: &Policies,
        (caller, tx): (&Participant, &Tx),
        standing: &Standing,
    ) -> Result<Self, ContractError> {
        let authority: Authority<'_> = standing.authority(caller, tx)?.organization_active()?;
        let serving = policies.require(transaction, authority.roles)?;
        authority.not_before(tx)?;
        let organization = authority.organization;
        Ok(Self {
            kinds: vec![policies.kind_of(&caller.msp, organization.kind)],
            units: organization.path(&authority.unit).map(|it| it.id.clone()).collect(),
            roles: staff_roles(authority.roles),
            serving: staff_roles(serving),
            until: authority.until(),
        })
    }

    /// Whatever staff of this kind can be.
    fn any(
        transaction: &'static str,
        policies: &Policies,
        actor: &Actor,
        directory: &Directory,
    ) -> Result<Self, ContractError> {
        use OrganizationKind::{Custodian, Provider, Regulator};
        let place = match actor {
            Actor::Organization(msp) => Some((msp, UnitId::root())),
            Actor::Unit { unit, msp } => Some((msp, unit.clone())),
            Actor::Role(_) | Actor::CareTeam => None,
            Actor::Project(_) | Actor::Participant(_) => {
                return Err(ContractError::RoleNotPermitted { transaction });
            }
        };
        let kinds = match place {
            None => vec![Custodian, Provider, Regulator],
            Some((msp, unit)) => {
                let organization = directory.organization(msp);
                let organization = organization.ok_or(ContractError::IdentityUnknown)?;
                unit_is_active(organization, &unit).map_err(ContractError::Inactive)?;
                vec![policies.kind_of(msp, organization.kind)]
            }
        };
        let beside = |role: &StaffRole| match actor {
            Actor::Role(own) => policies.separated(&[*own, *role].into()),
            _ => true,
        };
        let roles = staff_roles(Role::ALL.into_iter().collect()).into_iter().filter(beside);
        let serving = policies.require(transaction, roles.map(Role::Staff).collect())?;
        let (units, roles) = (BTreeSet::new(), BTreeSet::new());
        Ok(Self { kinds, units, roles, serving: staff_roles(serving), until: None })
    }
}

fn staff_roles(roles: RoleSet) -> BTreeSet<StaffRole> {
    let staff = |role| match role {
        Role::Staff(role) => Some(role),
        _ => None,
    };
    roles.iter().filter_map(staff).collect()
}

/// What a patient is told of a request that is refused rather than decided.
pub(super) fn refused(error: &ContractError) -> Reason {
    match error {
        ContractError::Inactive(_) => Reason::Inactive,
        ContractError::PurposeNotAssertable => Reason::PurposeNotAssertable,
        ContractError::BackDated => Reason::BackDated,
        _ => Reason::RoleNotPermitted,
    }
}
