//! The peers as committers: validation of blocks, and one durable write for each.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::sync::Arc;

use bytes::Bytes;
use fabric_ledger::block::{commit_hash, filter, header_hash, set_commit_hash, set_filter};
use fabric_ledger::lifetime::purged;
use fabric_ledger::rwset::TxRwSet;
use fabric_ledger::validation::{
    Checked, EndorsedTransaction, TransactionCheck, ValidatedBlock, Verdict, validate_block,
};
use fabric_ledger::{
    PrivateTx, StoreError, TxValidationCode, UpdateBatch, Version, private_updates, sha256,
};
use fabric_protos::common::Block;
use fabric_protos::rwset::TxPvtReadWriteSet;
use prost::Message as _;
use tokio::sync::mpsc;

use crate::channel::{Joined, Shared};
use crate::notify::{CommitNotifier, Outcome};
use crate::reconciler::Reconciler;
use crate::store::{
    BlockCommit, LedgerError, PeerCommit, PeerSnapshot, Plaintext, Savepoint, Snapshot,
};

/// Transactions one thread checks at least: fewer are not worth another thread.
const CHECKS_PER_THREAD_MIN: usize = 8;

/// Commits the blocks of a channel for all its logical peers.
#[derive(Debug)]
pub(crate) struct Committer {
    shared: Arc<Shared>,
    notifier: Arc<CommitNotifier>,
    reconciler: Arc<Reconciler>,
    savepoint: Savepoint,
}

/// A transaction of the block, with its index.
type Indexed<'a> = (u64, &'a EndorsedTransaction);

/// The transactions of a block with private writes that are endorsed as they have to be.
struct Endorsed<'a> {
    valid: Vec<Indexed<'a>>,
    /// What met a conflict: its private writes are kept, as peers do, and change nothing.
    conflicting: Vec<Indexed<'a>>,
}

impl Committer {
    pub(crate) fn new(
        shared: Arc<Shared>,
        notifier: Arc<CommitNotifier>,
        reconciler: Arc<Reconciler>,
        savepoint: Savepoint,
    ) -> Self {
        Self { shared, notifier, reconciler, savepoint }
    }

    /// Commits what comes until nothing can come any more. A failure ends it: a ledger that
    /// cannot be written must not go on.
    pub(crate) fn run(mut self, mut blocks: mpsc::Receiver<Block>) {
        while let Some(block) = blocks.blocking_recv() {
            if let Err(err) = self.commit(block) {
                tracing::error!(%err, "a block could not be committed: the channel stops");
                break;
            }
        }
        self.notifier.stop();
    }

    fn commit(&mut self, mut block: Block) -> Result<(), LedgerError> {
        let reconciler = Arc::clone(&self.reconciler);
        let _turn = reconciler.turn();
        let number = self.savepoint.number.saturating_add(1);
        let envelopes = block.data.as_ref().map(|data| data.data.clone()).unwrap_or_default();
        let snapshot = self.shared.database.snapshot();
        let verdicts = self.check(&snapshot, &envelopes)?;
        let validated = validate_block(number, &verdicts, &*snapshot)?;
        let endorsed = Endorsed::of(&verdicts, &validated.codes);

        let filter = filter(&validated.codes);
        let previous = (number > 1).then_some(&self.savepoint.commit_hash);
        let commit_hash = commit_hash(&filter, &validated.state.updates, previous);
        set_filter(&mut block, filter);
        set_commit_hash(&mut block, &commit_hash);
        let header_hash = block.header.as_ref().map(header_hash).unwrap_or_default();
        let savepoint = Savepoint { number, header_hash, commit_hash };

        self.write(savepoint, &block, &snapshot, &validated, &endorsed)?;
        self.savepoint = savepoint;
        self.announce(number, &validated);
        Ok(())
    }

    /// Stage A, on as many threads as are worth it.
    fn check(
        &self,
        snapshot: &Arc<Snapshot>,
        envelopes: &[Bytes],
    ) -> Result<Vec<Verdict>, StoreError> {
        let check = TransactionCheck {
            channel: &self.shared.channel,
            store: &**snapshot,
            identities: &self.shared.membership,
        };
        let some = |envelopes: &[Bytes]| -> Result<Vec<Verdict>, StoreError> {
            envelopes.iter().map(|envelope| check.check(envelope.clone())).collect()
        };
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let threads = cores.min(envelopes.len() / CHECKS_PER_THREAD_MIN).max(1);
        if threads == 1 {
            return some(envelopes);
        }
        let share = envelopes.len().div_ceil(threads);
        let parts = std::thread::scope(|scope| {
            let started: Vec<_> =
                envelopes.chunks(share).map(|part| (part, scope.spawn(|| some(part)))).collect();
            started
                .into_iter()
                // A thread that panicked is replaced by doing its work here.
                .map(|(part, thread)| thread.join().unwrap_or_else(|_| some(part)))
                .collect::<Result<Vec<_>, _>>()
        })?;
        Ok(parts.into_iter().flatten().collect())
    }

    fn write(
        &self,
        savepoint: Savepoint,
        block: &Block,
        snapshot: &Arc<Snapshot>,
        validated: &ValidatedBlock,
        endorsed: &Endorsed<'_>,
    ) -> Result<(), LedgerError> {
        let number = savepoint.number;
        let peers = (self.shared.joined.iter())
            .map(|peer| {
                let (updates, plaintext) =
                    self.private(number, peer, snapshot, validated, endorsed)?;
                let forgotten = peer.transient.forgotten();
                Ok(PeerCommit { msp_id: &peer.msp_id, updates, plaintext, forgotten })
            })
            .collect::<Result<Vec<_>, StoreError>>()?;
        let transactions =
            validated.transactions.iter().map(|(id, record)| (id.as_str(), *record)).collect();
        let channel = &self.shared.channel;
        let block_to_live = |chaincode: &str, name: &str| channel.block_to_live(chaincode, name);
        self.shared.database.commit(&BlockCommit {
            savepoint,
            block: &block.encode_to_vec(),
            transactions,
            updates: &validated.state.updates,
            history: &validated.history,
            peers,
            purges: &validated.state.purges,
            block_to_live: &block_to_live,
        })
    }

    /// What the block changes in one peer's plaintext, and the writes that it comes from.
    fn private(
        &self,
        number: u64,
        peer: &Joined,
        snapshot: &Arc<Snapshot>,
        validated: &ValidatedBlock,
        endorsed: &Endorsed<'_>,
    ) -> Result<(UpdateBatch, Vec<Plaintext>), StoreError> {
        let Endorsed { valid, conflicting } = endorsed;
        if valid.is_empty() && conflicting.is_empty() {
            return Ok(Default::default());
        }
        let withheld = self.reconciler.withholds_from(&peer.msp_id);
        let plaintext =
            |one: &EndorsedTransaction| peer.transient.get(&one.tx_id).filter(|_| !withheld);
        let plaintexts: Vec<Option<TxPvtReadWriteSet>> =
            valid.iter().map(|(_, one)| plaintext(one)).collect();
        let txs = valid.iter().zip(&plaintexts).map(|((tx, one), plaintext)| PrivateTx {
            tx: *tx,
            rwset: &one.rwset,
            plaintext: plaintext.as_ref(),
        });
        let store = PeerSnapshot::new(Arc::clone(snapshot), Arc::clone(&peer.msp_id));
        let is_member = |chaincode: &str, collection: &str| {
            self.shared.channel.is_member(chaincode, collection, &peer.msp_id)
        };
        let mut private =
            private_updates(&store, number, txs, &validated.state.updates, is_member)?;
        for missing in &private.missing {
            tracing::warn!(
                peer = %peer.msp_id,
                version = %missing.version,
                chaincode = missing.namespace,
                collection = missing.collection,
                "the peer has no plaintext of a transaction: it is not reconciled"
            );
            let one = valid.iter().find(|(tx, _)| *tx == missing.version.tx);
            if let Some((_, one)) = one {
                let held =
                    self.shared.joined.iter().filter_map(|peer| peer.transient.get(&one.tx_id));
                self.reconciler.missed(&peer.msp_id, missing, &one.rwset, held);
            }
        }
        let purged = purged(&validated.state.purges, &store, &private)?;
        private.updates.extend(purged);
        let of_conflicting = conflicting.iter().map(|(tx, one)| (tx, one, plaintext(one)));
        let kept = (valid.iter().zip(plaintexts))
            .map(|((tx, one), plaintext)| (tx, one, plaintext))
            .chain(of_conflicting)
            .filter_map(|(tx, one, plaintext)| {
                Some(held(Version::new(number, *tx), &one.rwset, &plaintext?))
            })
            .flatten()
            .filter(|held| is_member(&held.namespace, &held.collection))
            .collect();
        Ok((private.updates, kept))
    }

    fn announce(&self, number: u64, validated: &ValidatedBlock) {
        let height = number.saturating_add(1);
        let tx_ids: BTreeSet<&str> =
            validated.transactions.iter().map(|(id, _)| id.as_str()).collect();
        for peer in &self.shared.joined {
            peer.transient.committed(tx_ids.iter().copied(), height);
        }
        let outcomes = validated.transactions.iter().map(|(id, record)| {
            let code = TxValidationCode::try_from(i32::from(record.code))
                .unwrap_or(TxValidationCode::InvalidOtherReason);
            (id.as_str(), Outcome { code, block: number })
        });
        self.notifier.committed(outcomes, height);
        tracing::debug!(number, transactions = validated.codes.len(), "block committed");
    }
}

impl<'a> Endorsed<'a> {
    fn of(verdicts: &'a [Verdict], codes: &[TxValidationCode]) -> Self {
        let mut endorsed = Self { valid: Vec::new(), conflicting: Vec::new() };
        for (tx, (verdict, code)) in (0..).zip(verdicts.iter().zip(codes)) {
            let Ok(Checked::Endorsed(transaction)) = &verdict.outcome else { continue };
            if transaction.rwset.namespaces.iter().all(|ns| ns.collections.is_empty()) {
                continue;
            }
            match code {
                TxValidationCode::Valid => endorsed.valid.push((tx, transaction)),
                TxValidationCode::MvccReadConflict | TxValidationCode::PhantomReadConflict => {
                    endorsed.conflicting.push((tx, transaction));
                }
                _ => {}
            }
        }
        endorsed
    }
}

/// The private writes of a transaction whose hash its read-write set names.
fn held(version: Version, rwset: &TxRwSet, plaintext: &TxPvtReadWriteSet) -> Vec<Plaintext> {
    let mut held = Vec::new();
    for ns in &rwset.namespaces {
        for collection in &ns.collections {
            let hash = &collection.pvt_rwset_hash;
            let found = (plaintext.ns_pvt_rwset.iter())
                .filter(|one| one.namespace == ns.namespace)
                .flat_map(|one| &one.collection_pvt_rwset)
                .find(|one| {
                    one.collection_name == collection.name && sha256(&one.rwset)[..] == hash[..]
                });
            held.extend(found.map(|one| Plaintext {
                version,
                namespace: ns.namespace.clone(),
                collection: collection.name.clone(),
                rwset: one.rwset.clone(),
            }));
        }
    }
    held
}
