//! A peer that does what a test says: for tests of servers, contracts and devnets.
//!
//! [`ScriptedPeer`] dials a chaincode server as a Fabric peer does. Either a test sends and receives
//! message by message, or the peer answers by itself from a [`ScriptedLedger`], which counts what it
//! was asked. It models the stream, not Fabric: there is no endorsement, no ordering and no
//! validation here.
//!
//! ```no_run
//! use ccaas_server::testing::{Call, Offer, ScriptedPeer};
//! use fabric_protos::protos::chaincode_message::Type;
//!
//! # async fn example(address: std::net::SocketAddr) -> Result<(), ccaas_server::testing::PeerError> {
//! let mut peer = ScriptedPeer::dial(address).await?;
//! peer.handshake(Offer::everything()).await?;
//! let ending = peer.invoke(&Call::new("tx1", "ReadDevice", r#"{"id":"d-1"}"#)).await?;
//! assert_eq!(ending.response().map(|response| response.status), Some(404));
//! assert_eq!(peer.ledger.count(Type::GetState), 1);
//! # Ok(())
//! # }
//! ```

mod call;
mod ledger;
mod peer;

pub use call::Call;
pub use ledger::ScriptedLedger;
pub use peer::{Ending, Offer, PeerError, ScriptedPeer};
