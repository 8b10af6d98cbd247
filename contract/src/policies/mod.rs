//! What an organisation reviews and decides: documents, parsed once.

mod assertions;
mod codes;
mod collections;
mod error;
mod hierarchy;
mod labels;
mod organizations;
mod presets;
mod profiles;
mod purposes;
mod roles;

pub use assertions::Assertions;
pub use codes::{
    COMPONENTS_MAX, COUNT_FLOOR, CodeRegistry, CodeRule, ComponentRule, GRID_S_CEILING, Range,
    ValueRule, Values, WINDOW_S_FLOOR,
};
pub use error::PolicyError;
pub use hierarchy::HIERARCHY_LEVELS_MAX;
pub use labels::Labels;
pub use organizations::OrganizationKind;
pub use presets::{Preset, PresetDirective};
pub use profiles::{
    CommandClass, CommandRule, PARAMETERS_MAX, PROFILE_COMMANDS_MAX, ParameterRange, Profiles,
};
pub use purposes::Purposes;
pub(crate) use roles::Catalogued;

use crate::error::ContractError;
use crate::ids::{MspId, PolicyDigest, PresetId};
use crate::role::{RoleSet, StaffRole};
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// The documents compiled in: what a deployment starts from.
const DEFAULTS: [(&str, &str); 10] = [
    (assertions::FILE, include_str!("../../../policies/assertions.json")),
    (codes::FILE, include_str!("../../../policies/codes.json")),
    (collections::FILE, include_str!("../../../policies/collections.json")),
    (collections::ENDORSEMENT_FILE, include_str!("../../../policies/endorsement-policy.txt")),
    (labels::FILE, include_str!("../../../policies/labels.json")),
    (organizations::FILE, include_str!("../../../policies/organizations.json")),
    (presets::FILE, include_str!("../../../policies/presets.json")),
    (purposes::FILE, include_str!("../../../policies/purposes.json")),
    (profiles::FILE, include_str!("../../../policies/profiles.json")),
    (roles::FILE, include_str!("../../../policies/roles.json")),
];

/// Separates the digest of policies from digests of anything else.
const DIGEST_DOMAIN: &[u8] = b"ioht-policies/1\0";

/// The policies a contract runs under.
///
/// They are data: the defaults are compiled in, a deployment loads its own folder. Every submit
/// transaction answers with their [digest](Self::digest), so that custodians with different
/// policies cannot endorse together.
///
/// ```
/// use ioht_contract::Policies;
///
/// let policies = Policies::default();
/// assert!(policies.codes().rule("8867-4".parse().unwrap()).is_some());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policies {
    roles: BTreeMap<&'static str, RoleSet>,
    separation: roles::Separation,
    profiles: Profiles,
    organizations: BTreeMap<MspId, OrganizationKind>,
    codes: CodeRegistry,
    purposes: Purposes,
    labels: Labels,
    presets: presets::Presets,
    assertions: Assertions,
    digest: PolicyDigest,
}

impl Policies {
    /// The documents compiled in, by name.
    pub fn default_documents() -> BTreeMap<String, String> {
        DEFAULTS.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    }

    /// The policies of a deployment's own documents: each of
    /// [`default_documents`](Self::default_documents) by its name, and nothing else.
    ///
    /// # Errors
    /// [`PolicyError`] names the file and the entry.
    pub fn from_documents(documents: &BTreeMap<String, String>) -> Result<Self, PolicyError> {
        let known = |name: &str| DEFAULTS.iter().any(|(default, _)| *default == name);
        if let Some(unknown) = documents.keys().find(|name| !known(name)) {
            return Err(PolicyError::new(
                unknown,
                "the contract has no policy document of this name",
            ));
        }
        let organizations = organizations::parse(json(documents, organizations::FILE)?)?;
        let endorsement = text(documents, collections::ENDORSEMENT_FILE)?;
        let custodians = organizations::custodians(&organizations);
        collections::check(&json(documents, collections::FILE)?, endorsement, custodians)?;
        let labels = labels::parse(json(documents, labels::FILE)?)?;
        let document = json(documents, roles::FILE)?;
        let purposes = purposes::parse(json(documents, purposes::FILE)?)?;
        let policies = Self {
            profiles: profiles::parse(json(documents, profiles::FILE)?)?,
            separation: roles::separation(&document)?,
            roles: roles::parse(document, crate::routes::CATALOGUE)?,
            codes: codes::parse(json(documents, codes::FILE)?, &labels)?,
            assertions: assertions::parse(json(documents, assertions::FILE)?, &purposes)?,
            purposes,
            labels,
            presets: presets::parse(json(documents, presets::FILE)?)?,
            organizations,
            digest: digest(documents),
        };
        presets::check(&policies, &policies.presets)?;
        Ok(policies)
    }

    /// SHA-256 over `ioht-policies/1`, a zero byte, and for each document in order of its name: the
    /// length of the name (8 bytes, big-endian), the name, the length of the text, the text.
    pub fn digest(&self) -> PolicyDigest {
        self.digest
    }

    /// What may be recorded.
    pub fn codes(&self) -> &CodeRegistry {
        &self.codes
    }

    /// What data may be used for, and which purpose is part of which.
    pub fn purposes(&self) -> &Purposes {
        &self.purposes
    }

    /// Security labels and obligations.
    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    /// The choice of this name that a patient makes in one step.
    pub fn preset(&self, id: &PresetId) -> Option<&Preset> {
        self.presets.get(id)
    }

    /// Who may ask for which purpose.
    pub fn assertions(&self) -> &Assertions {
        &self.assertions
    }

    /// Whether the organisation may register as `kind`: what it is listed as, or provider.
    pub fn allows_kind(&self, msp: &MspId, kind: OrganizationKind) -> bool {
        self.organizations.get(msp).map_or(kind == OrganizationKind::Provider, |it| *it == kind)
    }

    /// What an organisation that registered as `kind` counts as now: a provider, which everybody may be,
    /// when it may not register so any more.
    pub fn kind_of(&self, msp: &MspId, kind: OrganizationKind) -> OrganizationKind {
        if self.allows_kind(msp, kind) { kind } else { OrganizationKind::Provider }
    }

    /// The roles that may call a transaction.
    pub fn roles(&self, transaction: &str) -> RoleSet {
        self.roles.get(transaction).copied().unwrap_or_default()
    }

    /// What devices can be told to do.
    pub fn profiles(&self) -> &Profiles {
        &self.profiles
    }

    /// Whether one person may hold these roles together.
    pub fn separated(&self, roles: &BTreeSet<StaffRole>) -> bool {
        self.separation.allows(roles)
    }

    /// The roles in `held` that may call `transaction`.
    pub(crate) fn require(
        &self,
        transaction: &'static str,
        held: RoleSet,
    ) -> Result<RoleSet, ContractError> {
        let serving = self.roles(transaction).and(held);
        if serving.is_empty() {
            return Err(ContractError::RoleNotPermitted { transaction });
        }
        Ok(serving)
    }
}

impl Default for Policies {
    /// The policies of the documents compiled in.
    #[expect(clippy::expect_used, reason = "the documents are constants, and a test parses them")]
    fn default() -> Self {
        Self::from_documents(&Self::default_documents()).expect("the compiled-in policies")
    }
}

fn text<'a>(documents: &'a BTreeMap<String, String>, file: &str) -> Result<&'a str, PolicyError> {
    let text = documents.get(file).map(String::as_str);
    text.ok_or_else(|| PolicyError::new(file, "the document is missing"))
}

fn json<T: DeserializeOwned>(
    documents: &BTreeMap<String, String>,
    file: &str,
) -> Result<T, PolicyError> {
    serde_json::from_str(text(documents, file)?)
        .map_err(|error| PolicyError::new(file, error.to_string()))
}

fn digest(documents: &BTreeMap<String, String>) -> PolicyDigest {
    let mut hash = Sha256::new_with_prefix(DIGEST_DOMAIN);
    for part in documents.iter().flat_map(|(name, text)| [name, text]) {
        // A length never exceeds 64 bits on any platform Rust supports.
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part);
    }
    PolicyDigest::new(hash.finalize().into())
}

/// The JSON schemas of the documents, by file name.
pub fn document_schemas() -> BTreeMap<&'static str, schemars::Schema> {
    BTreeMap::from([
        (assertions::FILE, schemars::schema_for!(assertions::AssertionsDocument)),
        (codes::FILE, schemars::schema_for!(codes::CodesDocument)),
        (collections::FILE, schemars::schema_for!(collections::CollectionsDocument)),
        (labels::FILE, schemars::schema_for!(labels::LabelsDocument)),
        (organizations::FILE, schemars::schema_for!(organizations::OrganizationsDocument)),
        (presets::FILE, schemars::schema_for!(presets::PresetsDocument)),
        (purposes::FILE, schemars::schema_for!(purposes::PurposesDocument)),
        (profiles::FILE, schemars::schema_for!(profiles::ProfilesDocument)),
        (roles::FILE, schemars::schema_for!(roles::RolesDocument)),
    ])
}
