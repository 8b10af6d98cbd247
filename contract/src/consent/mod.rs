//! Consent: what a patient lets others do with its data.

mod actor;
mod choose;
mod directive;
mod draft;
mod end;
mod export;
mod fhir;
mod overlap;
mod put;
mod read;
mod sharing;
mod validate;
mod write;

pub use actor::{Actor, ActorError};
pub use choose::{ChoosePreset, ChoosePresetPrivate, SetSharing, SetSharingPrivate};
pub use directive::{
    ACTORS_MAX, Action, BreakGlass, CODES_MAX, Directive, DirectiveStatus, EXCEPTIONS_MAX, Effect,
    Exception, Language, LanguageError, Matcher, OBLIGATIONS_MAX, PROVISIONS_MAX, PURPOSES_MAX,
    Provision, SENSITIVITIES_MAX, ShownText, TermsReference,
};
pub use draft::Draft;
pub use end::{EndConsent, EndConsentPrivate, Ending, RevokeConsent, RevokeConsentPrivate};
pub use export::{ExportConsent, ExportConsentPrivate, Exported};
pub use fhir::FhirRelease;
pub(crate) use overlap::{excludes, implies};
pub use put::{PutConsent, PutConsentPrivate};
pub(crate) use read::with_draft;
pub use read::{
    ConsentView, Findings, GetConsent, GetConsentPrivate, Used, VERSIONS_PAGE_MAX, ValidateConsent,
    ValidateConsentPrivate, VersionView,
};
pub use sharing::Sharing;
pub use validate::{EXPIRES_SOON_MS, Finding, FindingCode};
pub use write::{
    DIRECTIVES_BYTES_MAX, DIRECTIVES_MAX, DirectiveVersion, KeyVersion, RevocationReason,
};
