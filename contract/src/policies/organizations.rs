//! `organizations.json`: what each organisation may be.

use super::PolicyError;
use crate::ids::MspId;
use minicbor::{Decode, Encode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub(super) const FILE: &str = "organizations.json";

/// Custodians that must endorse together.
///
/// With one, its administrator alone could write what no patient agreed to.
pub(super) const CUSTODIANS_MIN: usize = 2;

/// What an organisation is to the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum OrganizationKind {
    /// Keeps the private collection on its peers and endorses.
    #[n(0)]
    Custodian,
    /// Treats or researches; holds no health data.
    #[n(1)]
    Provider,
    /// Supervises.
    #[n(2)]
    Regulator,
}

/// What each organisation may register as.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OrganizationsDocument {
    /// Where an editor finds this schema.
    #[serde(rename = "$schema", default)]
    _schema: Option<String>,
    /// At least two custodians. An organisation that is not listed can register as provider only.
    organizations: Vec<OrganizationEntry>,
}

/// One organisation.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct OrganizationEntry {
    /// Its MSP id on the channel.
    msp: MspId,
    /// What it may register as.
    kind: OrganizationKind,
}

pub(super) type Organizations = BTreeMap<MspId, OrganizationKind>;

pub(super) fn parse(document: OrganizationsDocument) -> Result<Organizations, PolicyError> {
    let mut organizations = Organizations::new();
    for entry in document.organizations {
        let msp = entry.msp.to_string();
        if organizations.insert(entry.msp, entry.kind).is_some() {
            return Err(PolicyError::new(FILE, format!("`{msp}` is listed twice")));
        }
    }
    if custodians(&organizations).count() < CUSTODIANS_MIN {
        let reason = format!("list at least {CUSTODIANS_MIN} organisations of kind `custodian`");
        return Err(PolicyError::new(FILE, reason));
    }
    Ok(organizations)
}

pub(super) fn custodians(organizations: &Organizations) -> impl Iterator<Item = &str> {
    organizations
        .iter()
        .filter(|(_, kind)| **kind == OrganizationKind::Custodian)
        .map(|(msp, _)| msp.as_str())
}
