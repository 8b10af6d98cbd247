//! `roles.json`: who may call which transaction.

use super::PolicyError;
use crate::role::{Role, RoleSet, StaffRole};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

pub(super) const FILE: &str = "roles.json";

/// The roles each transaction serves.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RolesDocument {
    /// Where an editor finds this schema.
    #[serde(rename = "$schema", default)]
    _schema: Option<String>,
    /// Every transaction of the contract with the roles that may call it; an empty list switches it
    /// off. The roles a transaction is built to serve can be narrowed here, never widened.
    transactions: BTreeMap<String, Vec<String>>,
    /// Separation of duties: staff that holds the first role must not hold the others. Who reviews
    /// does not also act.
    separation: BTreeMap<StaffRole, BTreeSet<StaffRole>>,
}

/// The pairs that the contract's own rules of two persons rest on: a document can separate more.
const SEPARATE: [(StaffRole, StaffRole); 2] = [
    (StaffRole::PrivacyOfficer, StaffRole::Registrar),
    (StaffRole::PrivacyOfficer, StaffRole::OrgAdmin),
];

/// Pairs of roles that one person must not hold, each both ways.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Separation(BTreeSet<(StaffRole, StaffRole)>);

impl Separation {
    pub(super) fn allows(&self, roles: &BTreeSet<StaffRole>) -> bool {
        let mut pairs = roles.iter().flat_map(|a| roles.iter().map(|b| (*a, *b)));
        !pairs.any(|pair| self.0.contains(&pair))
    }
}

pub(super) fn separation(document: &RolesDocument) -> Result<Separation, PolicyError> {
    let mut pairs = BTreeSet::new();
    for (role, others) in &document.separation {
        if others.contains(role) {
            let name = Role::Staff(*role).name();
            return Err(PolicyError::new(FILE, format!("`{name}` is separated from itself")));
        }
        pairs.extend(others.iter().flat_map(|other| [(*role, *other), (*other, *role)]));
    }
    match SEPARATE.into_iter().find(|pair| !pairs.contains(pair)) {
        Some((a, b)) => {
            let (a, b) = (Role::Staff(a).name(), Role::Staff(b).name());
            let reason = format!("`{a}` and `{b}` stay separated: each checks the other");
            Err(PolicyError::new(FILE, reason))
        }
        None => Ok(Separation(pairs)),
    }
}

/// A transaction and the roles it is built to serve.
pub(crate) struct Catalogued {
    pub(crate) name: &'static str,
    pub(crate) roles: &'static [&'static str],
}

/// The roles in force, by transaction.
pub(super) type Roles = BTreeMap<&'static str, RoleSet>;

pub(super) fn parse(
    mut document: RolesDocument,
    catalogue: &[Catalogued],
) -> Result<Roles, PolicyError> {
    let fail = |reason: String| PolicyError::new(FILE, reason);
    let mut roles = Roles::new();
    for transaction in catalogue {
        let name = transaction.name;
        let listed = document.transactions.remove(name).ok_or_else(|| {
            fail(format!("transaction `{name}` is missing; list it, with no role to switch it off"))
        })?;
        let mut set = RoleSet::NONE;
        for role_name in &listed {
            let role = Role::from_name(role_name)
                .ok_or_else(|| fail(format!("`{name}` names the unknown role `{role_name}`")))?;
            if !transaction.roles.contains(&role.name()) {
                let served = transaction.roles.join(", ");
                return Err(fail(format!(
                    "`{name}` cannot serve `{role_name}`; it can serve {served}"
                )));
            }
            if set.contains(role) {
                return Err(fail(format!("`{name}` lists `{role_name}` twice")));
            }
            set = set.with(role);
        }
        roles.insert(name, set);
    }
    match document.transactions.keys().next() {
        Some(unknown) => Err(fail(format!("the contract has no transaction `{unknown}`"))),
        None => Ok(roles),
    }
}
