//! A channel at work: its orderer, its peers as committers, and who waits for either.

use std::collections::BTreeMap;
use std::sync::Arc;

use fabric_ledger::block::BatchConfig;
use fabric_protos::common::Block;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::channel::Shared;
use crate::committer::Committer;
use crate::endorser::Peer;
use crate::error::StartError;
use crate::notify::CommitNotifier;
use crate::orderer::{Orderer, Tip};
use crate::reconciler::Reconciler;
use crate::signer::NodeSigner;
use crate::store::Savepoint;

/// Everything behind the nodes' services that is a channel's.
#[derive(Debug)]
pub(crate) struct Chain {
    pub(crate) shared: Arc<Shared>,
    /// The peers that have joined the channel, one an organisation.
    pub(crate) peers: Vec<Arc<Peer>>,
    pub(crate) orderer: Orderer,
    pub(crate) notifier: Arc<CommitNotifier>,
    pub(crate) reconciler: Arc<Reconciler>,
}

/// Channels at work by name: all, or those that a peer has joined.
pub(crate) type Chains = Arc<BTreeMap<String, Arc<Chain>>>;

/// What makes and commits a channel's blocks until nothing can be submitted any more.
#[derive(Debug)]
pub(crate) struct Working {
    ordering: JoinHandle<()>,
    committing: std::thread::JoinHandle<()>,
}

impl Chain {
    /// Starts to order and to commit, after the last block that there is. `signer` is the orderer's.
    pub(crate) fn start(
        shared: Arc<Shared>,
        peers: Vec<Arc<Peer>>,
        signer: NodeSigner,
        batch: BatchConfig,
        savepoint: Savepoint,
    ) -> Result<(Self, Working), StartError> {
        let height = savepoint.number.saturating_add(1);
        let notifier = Arc::new(CommitNotifier::new(height));
        let reconciler = Arc::new(Reconciler::default());
        let tip = Tip { next: height, previous_hash: savepoint.header_hash };
        let (orderer, ordering, blocks) = Orderer::new(Arc::clone(&shared), signer, batch, tip);
        let committer = Committer::new(
            Arc::clone(&shared),
            Arc::clone(&notifier),
            Arc::clone(&reconciler),
            savepoint,
        );
        let committing = committing(committer, blocks)?;
        let working = Working { ordering: tokio::spawn(ordering), committing };
        Ok((Self { shared, peers, orderer, notifier, reconciler }, working))
    }
}

impl Working {
    /// Waits until all is committed that was ordered, once the orderer is closed.
    pub(crate) async fn end(self, channel: &str) {
        if self.ordering.await.is_err() {
            tracing::warn!(channel, "the orderer did not stop in order");
        }
        let committed = tokio::task::spawn_blocking(move || self.committing.join()).await;
        if !matches!(committed, Ok(Ok(()))) {
            tracing::warn!(channel, "the committer did not stop in order");
        }
    }
}

/// Validation and writing have a thread of their own: both would hold up a runtime.
fn committing(
    committer: Committer,
    blocks: mpsc::Receiver<Block>,
) -> Result<std::thread::JoinHandle<()>, StartError> {
    std::thread::Builder::new()
        .name("committer".to_owned())
        .spawn(move || committer.run(blocks))
        .map_err(StartError::Thread)
}
