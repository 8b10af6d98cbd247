use fabric_ledger::lifetime::{expiries, is_due};
use fabric_ledger::validation::HistoryRow;
use fabric_ledger::{Purge, TxRecord, Update, UpdateBatch, Version};
use redb::{ReadableTable as _, Table, TableDefinition, WriteTransaction};

use super::codec;
use super::database::{
    BLOCKS, Database, EXPIRY, HASHES, HISTORY, META, STATE, Savepoint, TRANSACTIONS, expiry_name,
    plaintext_expiry_name, plaintext_name, private_name,
};
use super::error::LedgerError;
use super::plaintext::{self, Plaintext};
use super::transient;

pub(super) type Rows<'t> = Table<'t, &'static [u8], &'static [u8]>;

/// Blocks that the data of a chaincode's collection lives; 0 for ever.
pub(super) type BlockToLive<'a> = &'a dyn Fn(&str, &str) -> u64;

/// Everything one block changes.
pub(crate) struct BlockCommit<'a> {
    /// Where the ledger stands after it.
    pub(crate) savepoint: Savepoint,
    /// The block with the peer's metadata.
    pub(crate) block: &'a [u8],
    /// Its transactions' ids with where they stand. An id that is known already is left alone.
    pub(crate) transactions: Vec<(&'a str, TxRecord)>,
    /// Public and hashed state.
    pub(crate) updates: &'a UpdateBatch,
    /// Rows of public keys' history.
    pub(crate) history: &'a [HistoryRow],
    /// What each peer gets and loses in clear, by MSP id.
    pub(crate) peers: Vec<PeerCommit<'a>>,
    /// What all peers purge.
    pub(crate) purges: &'a [Purge],
    /// `blockToLive` by chaincode and collection.
    pub(crate) block_to_live: BlockToLive<'a>,
}

/// What a block changes in one peer's plaintext.
#[derive(Debug)]
pub(crate) struct PeerCommit<'a> {
    pub(crate) msp_id: &'a str,
    pub(crate) updates: UpdateBatch,
    /// The private writes themselves, for those who follow blocks with them.
    pub(crate) plaintext: Vec<Plaintext>,
    /// Other transactions, whose plaintext is not waited for any more.
    pub(crate) forgotten: Vec<String>,
}

impl std::fmt::Debug for BlockCommit<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BlockCommit").field("savepoint", &self.savepoint).finish_non_exhaustive()
    }
}

impl Database {
    /// Writes a block, durably and as a whole, and lets readers see it.
    pub(crate) fn commit(&self, commit: &BlockCommit<'_>) -> Result<(), LedgerError> {
        let transaction = self.begin()?;
        write(&transaction, commit)?;
        transaction.commit()?;
        self.publish(commit.savepoint)
    }

    /// Writes what a peer gets in clear after the block that it belongs to. No block is committed
    /// meanwhile.
    pub(crate) fn reconcile(
        &self,
        msp_id: &str,
        updates: &UpdateBatch,
        late: &[Plaintext],
        block_to_live: BlockToLive<'_>,
    ) -> Result<(), LedgerError> {
        let transaction = self.begin()?;
        {
            let (private, expiring) = (private_name(msp_id), expiry_name(msp_id));
            let mut private = transaction.open_table(TableDefinition::new(&private))?;
            let mut expiring = transaction.open_table(TableDefinition::new(&expiring))?;
            apply(&mut private, &mut expiring, updates, block_to_live)?;
            let (rows, expiring) = (plaintext_name(msp_id), plaintext_expiry_name(msp_id));
            let mut rows = transaction.open_table(TableDefinition::new(&rows))?;
            let mut expiring = transaction.open_table(TableDefinition::new(&expiring))?;
            plaintext::add(&mut rows, &mut expiring, late, block_to_live)?;
        }
        transaction.commit()?;
        self.show(self.snapshot().height())
    }
}

fn write(transaction: &WriteTransaction, commit: &BlockCommit<'_>) -> Result<(), LedgerError> {
    let number = commit.savepoint.number;
    transaction.open_table(META)?.insert(Savepoint::KEY, commit.savepoint.encode().as_slice())?;
    transaction.open_table(BLOCKS)?.insert(number, commit.block)?;
    transaction.open_table(HASHES)?.insert(commit.savepoint.header_hash.as_slice(), number)?;
    let mut index = transaction.open_table(TRANSACTIONS)?;
    for (tx_id, record) in &commit.transactions {
        let key = codec::tx_id(tx_id);
        // The first one with an id is the one that counts, valid or not.
        if index.get(key.as_slice())?.is_none() {
            index.insert(key.as_slice(), codec::tx_record(*record).as_slice())?;
        }
    }
    let mut history = transaction.open_table(HISTORY)?;
    for HistoryRow { namespace, key, row } in commit.history {
        let mut at = codec::history_prefix(namespace, key);
        at.extend(codec::version(row.version));
        history.insert(at.as_slice(), codec::history_row(row).as_slice())?;
    }
    let mut state = transaction.open_table(STATE)?;
    let mut expiry = transaction.open_table(EXPIRY)?;
    apply(&mut state, &mut expiry, commit.updates, commit.block_to_live)?;
    expire(&mut state, &mut expiry, number)?;
    for peer in &commit.peers {
        let (private, expiring) = (private_name(peer.msp_id), expiry_name(peer.msp_id));
        let mut private = transaction.open_table(TableDefinition::new(&private))?;
        let mut expiring = transaction.open_table(TableDefinition::new(&expiring))?;
        apply(&mut private, &mut expiring, &peer.updates, commit.block_to_live)?;
        expire(&mut private, &mut expiring, number)?;
        write_plaintext(transaction, commit, peer)?;
        let committed = commit.transactions.iter().map(|(tx_id, _)| *tx_id);
        let over: Vec<&str> = committed.chain(peer.forgotten.iter().map(String::as_str)).collect();
        transient::forget(transaction, peer.msp_id, &over)?;
    }
    Ok(())
}

fn write_plaintext(
    transaction: &WriteTransaction,
    commit: &BlockCommit<'_>,
    peer: &PeerCommit<'_>,
) -> Result<(), LedgerError> {
    let (rows, expiring) = (plaintext_name(peer.msp_id), plaintext_expiry_name(peer.msp_id));
    let mut rows = transaction.open_table(TableDefinition::new(&rows))?;
    let mut expiring = transaction.open_table(TableDefinition::new(&expiring))?;
    plaintext::add(&mut rows, &mut expiring, &peer.plaintext, commit.block_to_live)?;
    plaintext::purge(&mut rows, commit.purges)?;
    expire(&mut rows, &mut expiring, commit.savepoint.number)
}

fn apply(
    state: &mut Rows<'_>,
    expiry: &mut Rows<'_>,
    updates: &UpdateBatch,
    block_to_live: BlockToLive<'_>,
) -> Result<(), LedgerError> {
    for (space, key, update) in updates.iter() {
        let key = space.key(key);
        match update {
            Update::Delete(_) => {
                state.remove(key.as_slice())?;
            }
            Update::Put(value) => {
                state.insert(key.as_slice(), codec::versioned(value).as_slice())?;
            }
        }
    }
    for entry in expiries(updates, block_to_live) {
        let at = [&entry.at.to_be_bytes()[..], &entry.space().key(&entry.key)].concat();
        let written = Version::new(entry.written, 0);
        expiry.insert(at.as_slice(), codec::version(written).as_slice())?;
    }
    Ok(())
}

/// Removes what lives up to this block, unless it was written again meanwhile.
fn expire(state: &mut Rows<'_>, expiry: &mut Rows<'_>, number: u64) -> Result<(), LedgerError> {
    let end = number.saturating_add(1).to_be_bytes();
    let mut due: Vec<(Vec<u8>, Option<Version>)> = Vec::new();
    for row in expiry.range::<&[u8]>(..end.as_slice())? {
        let (at, version) = row?;
        due.push((at.value().to_vec(), codec::read_version(version.value())));
    }
    for (at, version) in due {
        expiry.remove(at.as_slice())?;
        let Some((_, key)) = at.split_at_checked(end.len()) else { continue };
        let current = match state.get(key)? {
            Some(row) => codec::read_version(row.value()),
            None => None,
        };
        if version.is_some_and(|written| is_due(current, written.block)) {
            state.remove(key)?;
        }
    }
    Ok(())
}
