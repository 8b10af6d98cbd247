//! What tests of contracts need: identities.

mod der;
mod identity;

pub use identity::TestIdentity;
