//! A channel's ledger on disk: one redb file, one durable transaction a block.
//!
//! | table | key | value |
//! |---|---|---|
//! | `meta` | name | format, channel, savepoint |
//! | `blocks` | number | the block with the peer's metadata |
//! | `hashes` | hash of a block's header | its number |
//! | `transactions` | transaction id | where it stands first, and its code |
//! | `state` | space and key | value, metadata, version: public and hashed state |
//! | `private/<MSP id>` | space and key | the same, of one peer's plaintext |
//! | `expiry` | block that removes it, space and key | version whose block must still be its last |
//! | `expiry/<MSP id>` | the same of one peer's plaintext | |
//! | `plaintext/<MSP id>` | version, chaincode, collection | one peer's private writes of a transaction |
//! | `plaintext-expiry/<MSP id>` | block that removes it, key | version whose block must still be its last |
//! | `transient/<MSP id>` | transaction id, hash | height, private writes of a transaction to come |
//! | `history` | chaincode, key, version | what was written to a public key |

mod codec;
mod commit;
mod database;
mod error;
mod hold;
mod integrity;
mod plaintext;
mod snapshot;
mod transient;

pub(crate) use self::commit::{BlockCommit, PeerCommit};
pub(crate) use self::database::{Database, Savepoint};
pub use self::error::LedgerError;
pub(crate) use self::hold::Released;
pub(crate) use self::plaintext::Plaintext;
pub(crate) use self::snapshot::{PeerSnapshot, Snapshot};
pub(crate) use self::transient::Held;
