//! The client of the health-IoT ledger: what each role does, from an application or a shell.
//!
//! [`Actor`] is one participant at a Fabric gateway, with the contract's own types for each call.
//! [`Profile`] says which gateway and as whom; [`Actor::read`] requests, opens and reads in one
//! step, and what comes in pages comes whole: [`Actor::own_records`], [`Actor::journal`],
//! [`Actor::commands`], [`Actor::who_looked`]. [`secrets`] makes the random values that a client brings along. [`Stack`] is everything a
//! machine needs to try it: an embedded Fabric and the chaincode server in one process, and
//! [`demo`] plays the whole story on it.

mod actor;
pub mod demo;
mod error;
mod listing;
mod profile;
mod reading;
pub mod secrets;
mod stack;

pub use actor::{Actor, Committed, Place};
pub use error::ClientError;
pub use profile::{Credentials, Profile, ProfileError};
pub use reading::{Disclosed, Erroneous, Reading};
pub use stack::{Stack, StackError, StackOptions};
