//! Consent for systems that speak FHIR.

use super::fhir::{FhirRelease, bundle, consent, not_sharing, status};
use super::write::KeyVersion;
use crate::act::View;
use crate::delegation::Power;
use crate::error::ContractError;
use crate::ids::SubjectId;
use crate::meta::Tx;
use crate::policies::Policies;
use crate::private;
use crate::role::Role;
use crate::state::DIRECTIVES;
use fabric_contract_rs::{Evaluate, QueryReader, TxContext};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The patient's active directives as FHIR. While it does not share, those that could permit are
/// inactive, and a deny of everything stands beside them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExportConsent {
    /// The release of FHIR.
    pub release: FhirRelease,
}

/// The private part of [`ExportConsent`]; a patient can leave it out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExportConsentPrivate {
    /// The patient, when the caller is its delegate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<SubjectId>,
}

/// The answer of [`ExportConsent`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Exported {
    /// A FHIR `Bundle` of `Consent` resources: a directive each, and one while the patient does not share.
    pub bundle: Value,
}

impl Evaluate for ExportConsent {
    const NAME: &'static str = "ExportConsent";
    const ROLES: &'static [&'static str] = &[Role::Subject.name(), Role::Delegate.name()];
    type State = Policies;
    type Output = Exported;
    type Error = ContractError;

    async fn run(
        self,
        policies: &Policies,
        cx: &TxContext,
        ledger: &impl QueryReader,
    ) -> Result<Exported, ContractError> {
        let ExportConsentPrivate { sid } = private::take_if_given(cx)?;
        let View { head } = View::of::<Self>(policies, cx, sid, Power::Consent, ledger).await?;
        let (rk, at) = (head.readable()?, Tx::of(cx)?.at);
        let mut resources = Vec::with_capacity(head.directives.len());
        for directive in &head.directives {
            let key = (rk, directive.id.clone(), KeyVersion(directive.version));
            let version = DIRECTIVES.get(ledger, &key).await?;
            let written = version.map_or(directive.period.start, |it| it.meta.updated_at);
            let status = status(directive, head.sharing, at);
            resources.push(consent(self.release, directive, head.pid, written, status));
        }
        resources.extend(not_sharing(self.release, &head, at));
        Ok(Exported { bundle: bundle(resources) })
    }
}
