//! Reading one's own consent and trying changes out.

use super::write::{
    DIRECTIVES_BYTES_MAX, DIRECTIVES_MAX, KeyVersion, RevocationReason, directives_bytes,
};
use super::{Directive, Draft, Finding, Sharing};
use crate::act::View;
use crate::delegation::Power;
use crate::error::ContractError;
use crate::head::Head;
use crate::ids::{DirectiveId, RecordsKey, SubjectId};
use crate::meta::Tx;
use crate::policies::Policies;
use crate::private;
use crate::role::Role;
use crate::state::DIRECTIVES;
use crate::time::Period;
use fabric_contract_rs::{Evaluate, QueryReader, TimestampMs, TxContext};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Versions of one page.
pub const VERSIONS_PAGE_MAX: usize = 100;

/// The patient's consent as it is now, or the versions of one directive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetConsent {}

/// The private part of [`GetConsent`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetConsentPrivate {
    /// The patient, when the caller is its delegate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<SubjectId>,
    /// Also the versions of this directive, ended ones included: up to 100, oldest first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub versions_of: Option<DirectiveId>,
    /// Of those versions the ones after this.
    #[serde(default)]
    pub after_version: u32,
}

/// The answer of [`GetConsent`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConsentView {
    /// The patient's records key, which `PutConsent` needs.
    pub rk: RecordsKey,
    /// Whether the patient shares at all.
    pub sharing: Sharing,
    /// Its active directives, by id. Whether one has expired is to be seen from its period.
    pub directives: Vec<Directive>,
    /// How much of what a head holds they take.
    pub used: Used,
    /// The versions asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub versions: Vec<VersionView>,
}

/// How much room directives take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Used {
    /// How many there are.
    pub directives: usize,
    /// How many there can be.
    pub directives_max: usize,
    /// How many bytes they have as they are stored.
    pub bytes: usize,
    /// How many they can have.
    pub bytes_max: usize,
}

/// One version of a directive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VersionView {
    /// When it was written.
    pub at: TimestampMs,
    /// The directive.
    pub directive: Directive,
    /// Why a regulator revoked it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<RevocationReason>,
}

pub(super) fn used(directives: &[Directive]) -> Used {
    Used {
        directives: directives.len(),
        directives_max: DIRECTIVES_MAX,
        bytes: directives_bytes(directives),
        bytes_max: DIRECTIVES_BYTES_MAX,
    }
}

impl Evaluate for GetConsent {
    const NAME: &'static str = "GetConsent";
    const ROLES: &'static [&'static str] = &[Role::Subject.name(), Role::Delegate.name()];
    type State = Policies;
    type Output = ConsentView;
    type Error = ContractError;

    async fn run(
        self,
        policies: &Policies,
        cx: &TxContext,
        ledger: &impl QueryReader,
    ) -> Result<ConsentView, ContractError> {
        let private: GetConsentPrivate = private::take_if_given(cx)?;
        let view = View::of::<Self>(policies, cx, private.sid, Power::Consent, ledger).await?;
        let rk = view.head.readable()?;
        let mut versions = Vec::new();
        if let Some(id) = private.versions_of {
            let after = DIRECTIVES.key(&(rk, id.clone(), KeyVersion(private.after_version)))?;
            let range = DIRECTIVES.below(&(rk, id))?.after(&after);
            let found = DIRECTIVES.scan(ledger, &range, VERSIONS_PAGE_MAX).await?;
            versions.extend(found.into_iter().map(|(_, it)| VersionView {
                at: it.meta.updated_at,
                directive: it.directive,
                reason: it.reason,
            }));
        }
        let Head { sharing, directives, .. } = view.head;
        let used = used(&directives);
        Ok(ConsentView { rk, sharing, directives, used, versions })
    }
}

/// What `PutConsent` would say of a draft: every error and warning, without writing it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ValidateConsent {}

/// The private part of [`ValidateConsent`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ValidateConsentPrivate {
    /// The patient, when the caller is its delegate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<SubjectId>,
    /// The directive.
    pub draft: Draft,
}

/// The answer of [`ValidateConsent`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Findings {
    /// What keeps it from being written.
    pub errors: Vec<Finding>,
    /// What the patient should know.
    pub warnings: Vec<Finding>,
    /// The room that directives would take with it.
    pub used: Used,
}

/// The directives of a head with a draft written.
pub(crate) fn with_draft(head: &Head, draft: Draft, tx: &Tx) -> (Directive, Vec<Directive>) {
    let present = head.directives.iter().find(|it| it.id == draft.id);
    let version = present.map_or(0, |it| it.version).saturating_add(1);
    let directive = draft.into_directive(version, Period { start: tx.at, end: None });
    let others = head.directives.iter().filter(|it| it.id != directive.id).cloned();
    let directives = others.chain([directive.clone()]).collect();
    (directive, directives)
}

impl Evaluate for ValidateConsent {
    const NAME: &'static str = "ValidateConsent";
    const ROLES: &'static [&'static str] = &[Role::Subject.name(), Role::Delegate.name()];
    type State = Policies;
    type Output = Findings;
    type Error = ContractError;

    async fn run(
        self,
        policies: &Policies,
        cx: &TxContext,
        ledger: &impl QueryReader,
    ) -> Result<Findings, ContractError> {
        let private: ValidateConsentPrivate = private::take(cx)?;
        let view = View::of::<Self>(policies, cx, private.sid, Power::Consent, ledger).await?;
        let tx = Tx::of(cx)?;
        let (directive, directives) = with_draft(&view.head, private.draft, &tx);
        Ok(Findings {
            errors: directive.errors(policies),
            warnings: directive.warnings(policies, &view.head.directives, tx.at),
            used: used(&directives),
        })
    }
}
