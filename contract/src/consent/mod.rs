//! Consent: what a patient lets others do with its data.

mod actor;
mod directive;

pub use actor::{Actor, ActorError};
pub use directive::{
    ACTORS_MAX, Action, BreakGlass, CODES_MAX, Directive, DirectiveStatus, EXCEPTIONS_MAX, Effect,
    Exception, Language, Matcher, OBLIGATIONS_MAX, PROVISIONS_MAX, PURPOSES_MAX, Provision,
    SENSITIVITIES_MAX, ShownText, TermsReference,
};
