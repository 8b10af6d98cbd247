//! The conformance suite on a Fabric network: any that has a gateway.
//!
//! The cases are `fabric_contract_rs::testing::conformance`'s. The program `fabric-conformance`
//! serves their contract to peers and runs them against a gateway; this library is the part in
//! between, for tests that start a network of their own. `run.sh` does all of it on a real network of
//! its own, where Fabric's commands are at hand.

mod backend;
mod withholding;

pub use backend::GatewayBackend;
pub use withholding::WithholdingBackend;
