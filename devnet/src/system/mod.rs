//! The system chaincodes of a peer, as far as a client without an administrator's tools needs them.

mod cscc;
mod lifecycle;
mod qscc;

use std::sync::Arc;

use bytes::Bytes;
use fabric_protos::protos::Response;

use crate::ca::Role;
use crate::channel::{Channels, Shared};
use crate::msp::Member;

/// Version of every system chaincode.
pub(crate) const VERSION: &str = "syscc";

const OK: i32 = 200;
const NOT_FOUND: i32 = 404;
const ERROR: i32 = 500;

/// A call of a system chaincode whose creator and signature are checked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Query<'a> {
    /// The channels that the peer has joined.
    pub(crate) channels: &'a Channels,
    /// The peer's own organisation.
    pub(crate) local: &'a str,
    pub(crate) creator: &'a Arc<Member>,
    /// The channel of the proposal, if it names one.
    pub(crate) on: Option<&'a Shared>,
    pub(crate) args: &'a [Bytes],
}

impl Query<'_> {
    /// What the chaincode answers; `None` if the peer does not have it.
    pub(crate) fn run(&self, chaincode: &str) -> Option<Response> {
        let answer = match chaincode {
            "qscc" => qscc::run(self),
            "cscc" => cscc::run(self),
            "_lifecycle" => lifecycle::run(self),
            _ => return None,
        };
        Some(answer.unwrap_or_else(|refusal| refusal))
    }

    /// An argument as text. What is not text names nothing.
    fn text(&self, index: usize) -> String {
        self.args
            .get(index)
            .map(|arg| String::from_utf8_lossy(arg).into_owned())
            .unwrap_or_default()
    }

    /// The channel that an argument names, if the peer has joined it.
    fn channel(&self, index: usize) -> Option<&Shared> {
        self.channels.get(&self.text(index)).map(|shared| &**shared)
    }

    /// Asks a channel's policy for a resource.
    fn authorize(&self, channel: &Shared, resource: &str) -> Result<(), String> {
        channel.acl.check(resource, self.creator)
    }

    /// Asks for an identity of the peer's own organisation.
    fn is_local(&self, policy: &str) -> Result<(), String> {
        let what = "during channelless check policy with policy";
        if *self.creator.msp_id != *self.local {
            return Err(format!(
                "Failed deserializing proposal creator {what} [{policy}]: [expected MSP ID {}, \
                 received {}]",
                self.local, self.creator.msp_id
            ));
        }
        if policy == "Admins" && self.creator.role() != Ok(Role::Admin) {
            return Err(format!(
                "Failed verifying that proposal's creator satisfies local MSP principal {what} \
                 [{policy}]: [The identity is not an admin under this MSP [{}]]",
                self.local
            ));
        }
        Ok(())
    }
}

type Answer = Result<Response, Response>;

fn success(payload: impl Into<Bytes>) -> Response {
    Response { status: OK, message: String::new(), payload: payload.into() }
}

fn error(message: impl Into<String>) -> Response {
    Response { status: ERROR, message: message.into(), payload: Bytes::new() }
}
