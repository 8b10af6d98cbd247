//! The peer's side of the chaincode stream: one stream per logical peer and chaincode.

mod connection;
mod link;
mod requests;

pub(crate) use self::connection::{Completed, ExecuteError, Invocation, Simulation};
pub(crate) use self::link::{LinkSettings, Links};
pub(crate) use self::requests::Running;
