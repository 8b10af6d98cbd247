//! Consent: what a patient lets others do with its data.

mod actor;
mod directive;
mod overlap;
mod sharing;
mod validate;

pub use actor::{Actor, ActorError};
pub use directive::{
    ACTORS_MAX, Action, BreakGlass, CODES_MAX, Directive, DirectiveStatus, EXCEPTIONS_MAX, Effect,
    Exception, Language, LanguageError, Matcher, OBLIGATIONS_MAX, PROVISIONS_MAX, PURPOSES_MAX,
    Provision, SENSITIVITIES_MAX, ShownText, TermsReference,
};
pub(crate) use overlap::{excludes, implies};
pub use sharing::Sharing;
pub use validate::{EXPIRES_SOON_MS, Finding, FindingCode};
