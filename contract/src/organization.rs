//! Organisations and their unit trees.

use crate::act::Act;
use crate::answer::{Receipt, announce};
use crate::error::ContractError;
use crate::ids::UnitId;
use crate::meta::{Meta, Tx};
use crate::participant::{Authority, Participant, Standing};
use crate::policies::{OrganizationKind, Policies};
use crate::private;
use crate::role::{Role, RoleSet, StaffRole};
use crate::state::ORGANIZATIONS;
use crate::status::{Holder, Status};
use fabric_contract_rs::{Reader, Submit, TimestampMs, TxContext, Writes};
use minicbor::{Decode, Encode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Units of one organisation; the tree is read as a whole by every act of its staff.
pub const UNITS_MAX: usize = 256;
/// Levels of a tree, the root included.
pub const UNIT_LEVELS_MAX: usize = 8;
/// The longest name of a unit, in bytes.
pub const UNIT_NAME_BYTES_MAX: usize = 128;

/// An organisation of the channel with its units.
///
/// One document: suspending a unit disables everyone below it in one write.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Organization {
    /// Its history.
    #[n(0)]
    pub meta: Meta<1>,
    /// What it is to the ledger.
    #[n(1)]
    pub kind: OrganizationKind,
    /// Whether it takes part.
    #[n(2)]
    pub status: Status,
    /// Who suspended it.
    #[n(3)]
    pub holder: Option<Holder>,
    /// Its units, the root first, parents before children.
    #[n(4)]
    pub units: Vec<Unit>,
    /// The latest transaction time that changed its status; it never goes back.
    #[n(5)]
    pub since: TimestampMs,
}

/// A part of an organisation.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Unit {
    /// Its id within the organisation.
    #[n(0)]
    pub id: UnitId,
    /// The unit above it; the root has none.
    #[n(1)]
    pub parent: Option<UnitId>,
    /// What people call it.
    #[n(2)]
    pub name: String,
    /// Whether its staff can act.
    #[n(3)]
    pub status: Status,
    /// The latest transaction time that changed its status; it never goes back.
    #[n(4)]
    pub since: TimestampMs,
}

impl Organization {
    fn registered(kind: OrganizationKind, tx: &Tx) -> Self {
        let root = Unit {
            id: UnitId::root(),
            parent: None,
            name: UnitId::ROOT.to_owned(),
            status: Status::Active,
            since: tx.at,
        };
        Self {
            meta: Meta::created(tx),
            kind,
            status: Status::Active,
            holder: None,
            units: vec![root],
            since: tx.at,
        }
    }

    /// The unit of this id.
    pub fn unit(&self, id: &UnitId) -> Option<&Unit> {
        self.units.iter().find(|unit| unit.id == *id)
    }

    /// The unit and all above it, up to the root; nothing for an unknown unit.
    pub fn path<'a>(&'a self, id: &UnitId) -> impl Iterator<Item = &'a Unit> {
        let start = self.unit(id);
        std::iter::successors(start, |unit| unit.parent.as_ref().and_then(|id| self.unit(id)))
            .take(UNIT_LEVELS_MAX)
    }
}

/// Registers the caller's organisation, with a unit `root`.
///
/// The organisation registers itself: the caller is an administrator by its certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RegisterOrganization {
    /// What it is to the ledger; `organizations.json` limits it.
    pub kind: OrganizationKind,
}

impl Submit for RegisterOrganization {
    const NAME: &'static str = "RegisterOrganization";
    const ROLES: &'static [&'static str] = &[Role::Staff(StaffRole::OrgAdmin).name()];
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
        private::none(cx)?;
        let tx = Tx::of(cx)?;
        let caller = Participant::calling(cx)?;
        let admin = RoleSet::NONE.with(Role::Staff(StaffRole::OrgAdmin));
        let held = if caller.is_msp_admin { admin } else { RoleSet::NONE };
        policies.require(Self::NAME, held)?;
        if !policies.allows_kind(&caller.msp, self.kind) {
            return Err(ContractError::KindNotAllowed);
        }
        let key = (caller.msp,);
        if ORGANIZATIONS.get(ledger, &key).await?.is_some() {
            return Err(ContractError::OrganizationExists);
        }
        ORGANIZATIONS.put(writes, &key, &Organization::registered(self.kind, &tx))?;
        announce::<Self>(writes, &tx);
        Ok(Receipt::new(policies))
    }
}

/// Adds a unit below another, or gives one a new name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PutUnit {
    /// The unit.
    pub unit: UnitId,
    /// The unit above it. A unit stays where it was put.
    pub parent: UnitId,
    /// What people call it, 1 to 128 bytes.
    pub name: String,
}

impl Submit for PutUnit {
    const NAME: &'static str = "PutUnit";
    const ROLES: &'static [&'static str] = &[Role::Staff(StaffRole::OrgAdmin).name()];
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
        private::none(cx)?;
        let act = Act::of::<Self>(policies, cx)?;
        let name_max = 1..=UNIT_NAME_BYTES_MAX;
        if !name_max.contains(&self.name.len()) || self.name.chars().any(char::is_control) {
            return Err(ContractError::ArgumentInvalid("a unit's name has 1 to 128 bytes of text"));
        }
        let standing = Standing::load(&act.caller, ledger).await?;
        let authority = standing.authority(&act.caller, &act.tx)?;
        let authority = act.staff(authority, Role::Staff(StaffRole::OrgAdmin))?;
        let changed = self.put(&authority, &act.tx)?;
        ORGANIZATIONS.put(writes, &(act.caller.msp.clone(),), &changed)?;
        Ok(act.done::<Self>(writes))
    }
}

impl PutUnit {
    fn put(self, authority: &Authority<'_>, tx: &Tx) -> Result<Organization, ContractError> {
        if authority.organization.unit(&self.parent).is_none() {
            return Err(ContractError::UnitUnknown);
        }
        // The parent may be the caller's own unit: what is put is below it.
        if !authority.covers(&self.parent) {
            return Err(ContractError::OutsideAuthority);
        }
        let mut changed = authority.organization.clone();
        match changed.units.iter_mut().find(|unit| unit.id == self.unit) {
            Some(unit) if unit.parent.as_ref() == Some(&self.parent) => unit.name = self.name,
            Some(_) => return Err(ContractError::UnitExists),
            None => {
                let levels = changed.path(&self.parent).count();
                if changed.units.len() >= UNITS_MAX || levels >= UNIT_LEVELS_MAX {
                    return Err(ContractError::UnitTreeFull);
                }
                changed.units.push(Unit {
                    id: self.unit,
                    parent: Some(self.parent),
                    name: self.name,
                    status: Status::Active,
                    since: tx.at,
                });
            }
        }
        changed.meta.changed(tx);
        Ok(changed)
    }
}
