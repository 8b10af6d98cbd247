//! What tests of contracts need: a ledger in memory and identities.

mod block_on;
pub mod conformance;
mod der;
mod identity;
mod mock;

pub use block_on::block_on;
pub use fabric_ledger::TxValidationCode;
pub use identity::TestIdentity;
pub use mock::{
    Call, CallError, Committed, Endorsed, Evaluated, MOCK_CHAINCODE, MOCK_EPOCH_MS, MockChaincode,
    MockChannel, MockCollection, MockLedger, MockReader, RoundTrips, SpaceTrips,
};
