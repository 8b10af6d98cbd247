//! What tests of contracts need: identities.

mod block_on;
mod der;
mod identity;

pub use block_on::block_on;
pub use identity::TestIdentity;
