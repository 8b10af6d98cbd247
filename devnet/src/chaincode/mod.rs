//! The peer's side of the chaincode stream: one stream per logical peer and chaincode.

mod connection;
mod link;
mod requests;

pub(crate) use self::connection::{Executed, Invocation, Simulation};
pub(crate) use self::link::{LinkSettings, Links};
pub use self::requests::Running;
