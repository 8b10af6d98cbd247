//! Validation of blocks, in Fabric's three stages.
//!
//! A. [`TransactionCheck`] judges each transaction by itself, in parallel if the caller likes.
//! B. [`validate_block`] then finds transaction ids that occur twice and writes to keys whose
//!    endorsement policy an earlier transaction of the block changes,
//! C. and lets [`BlockStateValidator`] find conflicting reads.

mod inspect;
mod transaction;

use std::collections::BTreeSet;

pub use self::inspect::{Inspection, inspect};
pub use self::transaction::{Checked, EndorsedTransaction, TransactionCheck, Verdict};
use crate::TxValidationCode as Code;
use crate::block::code_byte;
use crate::history::key_modifications;
use crate::mvcc::{BlockState, BlockStateValidator};
use crate::rwset::TxRwSet;
use crate::store::{KeyModification, Store, StoreError, TxRecord};
use crate::version::Version;

/// What a validated block changes in the public ledger. Nothing of it is written yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ValidatedBlock {
    /// A code for each transaction, in order; [`filter`](crate::block::filter) makes the block's
    /// `TRANSACTIONS_FILTER` of them.
    pub codes: Vec<Code>,
    /// Updates of public and hashed state, and purges.
    pub state: BlockState,
    /// Rows to add to the history of public keys.
    pub history: Vec<HistoryRow>,
    /// Entries for the index of transactions, in order, the first of each id in the block. Only
    /// ids the index does not have yet are to be added.
    pub transactions: Vec<(String, TxRecord)>,
}

/// A row of a public key's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryRow {
    /// Chaincode name.
    pub namespace: String,
    /// The key.
    pub key: String,
    /// What was written to it.
    pub row: KeyModification,
}

/// Completes the validation of block `number`, given the verdicts on its transactions in order and
/// the state before the block.
pub fn validate_block(
    number: u64,
    verdicts: &[Verdict],
    store: &impl Store,
) -> Result<ValidatedBlock, StoreError> {
    let mut validator = BlockStateValidator::new(store, number);
    let mut block = ValidatedBlock::default();
    let mut repoliced = RepolicedKeys::default();
    let mut seen = BTreeSet::new();
    let mut indexed = BTreeSet::new();
    for (tx, verdict) in (0..).zip(verdicts) {
        let version = Version::new(number, tx);
        let code = match &verdict.outcome {
            Err(code) => *code,
            Ok(Checked::Config(_)) => Code::Valid,
            Ok(Checked::Endorsed(transaction)) => {
                let rwset = &transaction.rwset;
                if repoliced.touched_by(rwset) {
                    Code::EndorsementPolicyFailure
                } else {
                    // From here on the transaction counts for the ones after it, even if it turns
                    // out to be a duplicate or in conflict.
                    repoliced.add(rwset);
                    if !seen.insert(transaction.tx_id.as_str()) {
                        Code::DuplicateTxid
                    } else {
                        let code = validator.add(tx, rwset)?;
                        if code == Code::Valid {
                            add_history(&mut block.history, transaction, version);
                        }
                        code
                    }
                }
            }
        };
        if let Some(id) = &verdict.tx_id
            && indexed.insert(id.as_str())
        {
            block.transactions.push((id.clone(), TxRecord { version, code: code_byte(code) }));
        }
        block.codes.push(code);
    }
    block.state = validator.finish();
    Ok(block)
}

fn add_history(rows: &mut Vec<HistoryRow>, transaction: &EndorsedTransaction, version: Version) {
    let EndorsedTransaction { tx_id, timestamp, rwset, .. } = transaction;
    rows.extend(key_modifications(rwset, version, tx_id, *timestamp).map(
        |(namespace, key, row)| HistoryRow {
            namespace: namespace.to_owned(),
            key: key.to_owned(),
            row,
        },
    ));
}

/// Keys whose metadata, and so perhaps whose endorsement policy, the block changes. A later writer
/// of such a key was judged by the committed policy, which may not be the one in force any more.
#[derive(Debug, Default)]
struct RepolicedKeys<'a>(BTreeSet<(&'a str, Option<&'a str>, &'a [u8])>);

impl<'a> RepolicedKeys<'a> {
    fn add(&mut self, rwset: &'a TxRwSet) {
        for ns in &rwset.namespaces {
            let name = ns.namespace.as_str();
            for write in &ns.public.metadata_writes {
                self.0.insert((name, None, write.key.as_bytes()));
            }
            for collection in &ns.collections {
                for write in &collection.hashed.metadata_writes {
                    self.0.insert((name, Some(&collection.name), &write.key_hash));
                }
            }
        }
    }

    fn touched_by(&self, rwset: &TxRwSet) -> bool {
        if self.0.is_empty() {
            return false;
        }
        rwset.namespaces.iter().any(|ns| {
            let name = ns.namespace.as_str();
            let public = (ns.public.writes.iter().map(|write| &write.key))
                .chain(ns.public.metadata_writes.iter().map(|write| &write.key))
                .any(|key| self.0.contains(&(name, None, key.as_bytes())));
            public
                || ns.collections.iter().any(|collection| {
                    let hashed = &collection.hashed;
                    (hashed.hashed_writes.iter().map(|write| &write.key_hash))
                        .chain(hashed.metadata_writes.iter().map(|write| &write.key_hash))
                        .any(|key| self.0.contains(&(name, Some(&collection.name), key)))
                })
        })
    }
}
