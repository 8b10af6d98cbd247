//! Certificate authorities and the identity files that Fabric's tools expect.

mod authority;
mod enrollment;
mod layout;
mod profile;

pub use self::authority::{CaError, Role};
pub(crate) use self::enrollment::enroll_with;
pub use self::enrollment::{EnrollKey, EnrollRequest, Enrolled};
pub(crate) use self::layout::{
    NodeIdentity, OrdererFiles, OrganizationFiles, orderer_name, peer_name,
};
