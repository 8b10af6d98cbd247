//! Blocks of a channel of a devnet that is not running.

use std::path::Path;

use bytes::Bytes;

use crate::config::{CACHE_BYTES, ledger_file};
use crate::store::{Database, LedgerError};
use crate::topology::{Topology, TopologyError};

/// A channel's chain of blocks in a devnet's directory, for tools that read blocks.
///
/// While it is open, no devnet can be started in the directory.
#[derive(Debug)]
pub struct Archive {
    database: Database,
}

/// The blocks cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The directory is not a devnet's.
    #[error(transparent)]
    Topology(#[from] TopologyError),
    /// The ledger's file cannot be used: a running devnet has it open, for example.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// There is no such channel.
    #[error("there is no channel `{asked}`, only {known}")]
    NoChannel {
        /// What was asked for.
        asked: String,
        /// The channels that there are.
        known: String,
    },
    /// There is no such block.
    #[error("there is no block {asked}: the ledger has {height}, the first is 0")]
    NoBlock {
        /// What was asked for.
        asked: u64,
        /// How many there are.
        height: u64,
    },
}

impl Archive {
    /// Opens the ledger of a channel of the devnet in `dir`: of the first one, if none is named.
    ///
    /// # Errors
    /// [`ArchiveError::Topology`] where there is no devnet, [`ArchiveError::NoChannel`] where it has
    /// no such channel, [`ArchiveError::Ledger`] while it runs.
    pub fn open(dir: &Path, channel: Option<&str>) -> Result<Self, ArchiveError> {
        let topology = Topology::load(dir)?;
        let mut channels = topology.channels().enumerate();
        let found = channels.find(|(_, name)| channel.is_none_or(|channel| channel == *name));
        let Some((place, channel)) = found else {
            let known = topology.channels().collect::<Vec<_>>().join(", ");
            return Err(ArchiveError::NoChannel {
                asked: channel.unwrap_or_default().to_owned(),
                known,
            });
        };
        let file = ledger_file(dir, place, channel);
        if !file.exists() {
            return Err(TopologyError::Absent(dir.display().to_string()).into());
        }
        let peers = topology.members(channel);
        let database = Database::open(&file, channel, &peers, CACHE_BYTES)?;
        Ok(Self { database })
    }

    /// How many blocks there are.
    pub fn height(&self) -> u64 {
        self.database.snapshot().height()
    }

    /// A block as bytes of Fabric's `common.Block`, with the metadata that the peers added.
    ///
    /// # Errors
    /// [`ArchiveError::NoBlock`] from [`Archive::height`] on.
    pub fn block(&self, number: u64) -> Result<Bytes, ArchiveError> {
        let found = self.database.snapshot().block(number).map_err(LedgerError::from)?;
        found.ok_or_else(|| ArchiveError::NoBlock { asked: number, height: self.height() })
    }
}

#[cfg(test)]
mod tests {
    use fabric_protos::common;
    use prost::Message as _;

    use super::*;
    use crate::{Config, Devnet};

    #[tokio::test(flavor = "multi_thread")]
    async fn blocks_can_be_read_once_the_devnet_has_stopped() {
        let dir = tempfile::tempdir().unwrap();
        let refused = |number: u64| {
            let read = Archive::open(dir.path(), None).and_then(|archive| archive.block(number));
            read.unwrap_err().to_string()
        };
        assert!(refused(0).starts_with("there is no devnet in "), "{}", refused(0));

        let devnet = Devnet::start(Config::new(dir.path()).any_ports()).await.unwrap();
        assert!(refused(0).contains(" is in use by another process"), "{}", refused(0));
        let written = devnet.block(0).unwrap().unwrap();
        devnet.shutdown().await;

        let archive = Archive::open(dir.path(), None).unwrap();
        assert_eq!(archive.height(), 1);
        let read = archive.block(0).unwrap();
        assert_eq!(read, written);
        assert_eq!(common::Block::decode(read).unwrap().header.unwrap().number, 0);
        drop(archive);
        let other = Archive::open(dir.path(), Some("other")).unwrap_err().to_string();
        assert_eq!(other, "there is no channel `other`, only mychannel");
        assert_eq!(refused(1), "there is no block 1: the ledger has 1, the first is 0");

        std::fs::remove_file(ledger_file(dir.path(), 0, "mychannel")).unwrap();
        assert!(refused(0).starts_with("there is no devnet in "), "{}", refused(0));
    }
}
