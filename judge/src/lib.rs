//! Lets real Fabric peers judge this project's rules.
//!
//! A seeded [`plan`] of random transactions runs on a network: real peers, or a devnet. Then its
//! blocks are [replayed](replay) here, and [everything is compared](verdict::judge): what the peers
//! endorsed, byte for byte, with what the ledger's rules give on the same state; every validation
//! code; the commit hash of every block, which covers public and hashed state. See `README.md`.

pub mod chaincode;
pub mod devnet;
pub mod drive;
pub mod envelope;
mod error;
pub mod forge;
pub mod network;
pub mod plan;
pub mod random;
pub mod recorder;
pub mod recording;
pub mod replay;
pub mod script;
pub mod spoil;
pub mod verdict;

pub use self::error::JudgeError;
