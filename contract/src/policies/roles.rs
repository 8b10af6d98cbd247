//! `roles.json`: who may call which transaction.

use super::PolicyError;
use crate::role::{Role, RoleSet};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;

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
