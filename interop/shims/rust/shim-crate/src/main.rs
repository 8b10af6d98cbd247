//! The judge contract on the crate `fabric-shim`. `../../README.md` says what each function does.
//!
//! The crate has neither multi-gets nor metadata of keys, and no private partial composite keys of
//! its own: those are ranges here.

mod functions;

use fabric_shim::protos::msp::SerializedIdentity;
use fabric_shim::{Chaincode, ChaincodeStub, Error, Response, Server};
use serde_json::Value;

use crate::functions::{Arguments, run};

/// How a function fails.
pub(crate) enum Failure {
    /// With this status and message.
    Refused(i32, String),
    /// The ledger or the arguments are to blame.
    Fault(String),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        // The peer's own words, as the other shims give them.
        Self::Fault(match error {
            Error::Peer(text) => text,
            other => other.to_string(),
        })
    }
}

pub(crate) type Answer = Result<Value, Failure>;

struct Judge;

#[fabric_shim::async_trait]
impl Chaincode for Judge {
    async fn invoke(&self, stub: ChaincodeStub) -> Response {
        let (function, params) = stub.get_function_and_args();
        let text = params.first().map_or("{}", String::as_str);
        let answer = match serde_json::from_str::<Arguments>(text) {
            Ok(args) => run(&stub, &function, &args).await,
            Err(error) => Err(Failure::Fault(error.to_string())),
        };
        match answer {
            Ok(value) => Response::success(value.to_string()),
            Err(Failure::Refused(status, message)) => {
                Response { status, message, payload: Vec::new() }
            }
            Err(Failure::Fault(message)) => Response::error(message),
        }
    }
}

/// The MSP id in a marshalled identity.
pub(crate) fn msp_id(stub: &ChaincodeStub) -> Result<String, Failure> {
    let identity: SerializedIdentity = stub.get_creator_identity()?;
    Ok(identity.mspid)
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    Server::from_env()?.start(Judge).await
}
