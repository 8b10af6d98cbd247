//! The orderer: takes transactions, orders them, cuts and signs blocks.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use fabric_identity::SignError;
use fabric_ledger::Timestamp;
use fabric_ledger::block::{BatchConfig, Cutter, OrdererMetadata, header_hash, new_block};
use fabric_protos::common::{
    Block, ChannelHeader, Envelope, HeaderType, Payload, SignatureHeader, Status,
};
use prost::Message as _;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::acl::unsatisfied;
use crate::chain::Chain;
use crate::channel::Shared;
use crate::channel_config::CONFIG_BLOCK;
use crate::endorser::now;
use crate::msp::Member;
use crate::signer::{NodeSigner, nonce};

/// Transactions that wait for the orderer at most: as many as a gateway of each of eight
/// organisations can submit at a time. Further ones wait in their calls.
const WAITING_MAX: usize = 4096;
/// Blocks that wait for validation: one, so that transactions arriving meanwhile share the next.
const BLOCKS_MAX: usize = 1;

/// An ordered transaction: its envelope's bytes, and how large it is for cutting.
#[derive(Debug)]
struct Ordered {
    envelope: Bytes,
    bytes: usize,
}

/// Takes transactions for the channel.
#[derive(Debug)]
pub(crate) struct Orderer {
    shared: Arc<Shared>,
    absolute_max_bytes: usize,
    /// Gone once the orderer takes nothing more.
    waiting: Mutex<Option<mpsc::Sender<Ordered>>>,
}

/// Why a transaction was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rejection {
    pub(crate) status: Status,
    pub(crate) info: String,
}

impl Rejection {
    fn new(status: Status, info: impl Into<String>) -> Self {
        Self { status, info: info.into() }
    }
}

/// Hands a transaction to the orderer of the channel that it names.
pub(crate) async fn broadcast(
    chains: &BTreeMap<String, Arc<Chain>>,
    envelope: Envelope,
) -> Result<(), Rejection> {
    let bad = |info: String| Rejection::new(Status::BadRequest, info);
    let (channel, creator) = headers(&envelope)
        .map_err(|reason| bad(format!("could not determine channel ID: {reason}")))?;
    let chain = chains.get(&channel.channel_id);
    let chain = chain.ok_or_else(|| bad("channel does not exist".to_owned()))?;
    chain.orderer.take(Addressed { channel, creator, envelope }).await
}

/// A transaction of a channel.
#[derive(Debug)]
struct Addressed {
    channel: ChannelHeader,
    creator: Bytes,
    envelope: Envelope,
}

/// Where the chain goes on.
#[derive(Clone, Debug)]
pub(crate) struct Tip {
    /// Number of the next block.
    pub(crate) next: u64,
    /// Hash of the last block's header.
    pub(crate) previous_hash: [u8; 32],
}

impl Orderer {
    /// An orderer and the task that makes blocks, which come out of the receiver.
    pub(crate) fn new(
        shared: Arc<Shared>,
        signer: NodeSigner,
        config: BatchConfig,
        tip: Tip,
    ) -> (Self, impl Future<Output = ()> + Send + 'static, mpsc::Receiver<Block>) {
        let (waiting, ordered) = mpsc::channel(WAITING_MAX);
        let (blocks, cut) = mpsc::channel(BLOCKS_MAX);
        let absolute_max_bytes = config.absolute_max_bytes;
        let maker = BlockMaker { signer, tip, blocks };
        let waiting = Mutex::new(Some(waiting));
        let orderer = Self { shared, absolute_max_bytes, waiting };
        (orderer, order(ordered, Cutter::new(config), maker), cut)
    }

    /// Checks a transaction as the orderer's Broadcast does and queues it. Neither endorsements
    /// nor the transaction id are looked at.
    async fn take(&self, addressed: Addressed) -> Result<(), Rejection> {
        self.check(&addressed)?;
        let envelope = addressed.envelope;
        let bytes = envelope.payload.len().saturating_add(envelope.signature.len());
        let ordered = Ordered { envelope: envelope.encode_to_vec().into(), bytes };
        let stopped = || Rejection::new(Status::ServiceUnavailable, "the orderer is stopping");
        let waiting = self.waiting().clone().ok_or_else(stopped)?;
        waiting.send(ordered).await.map_err(|_| stopped())
    }

    /// Takes no further transactions. Those taken before still get into blocks.
    pub(crate) fn close(&self) {
        self.waiting().take();
    }

    fn waiting(&self) -> MutexGuard<'_, Option<mpsc::Sender<Ordered>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn check(&self, addressed: &Addressed) -> Result<(), Rejection> {
        let Addressed { channel, creator, envelope } = addressed;
        let bad = |info: String| Rejection::new(Status::BadRequest, info);
        match HeaderType::try_from(channel.r#type) {
            Ok(HeaderType::ConfigUpdate) => {
                return Err(bad("configuration updates are not supported here".to_owned()));
            }
            Ok(HeaderType::Config) => {
                let info = "message is of type that cannot be processed directly";
                return Err(bad(info.to_owned()));
            }
            Ok(HeaderType::OrdererTransaction) => {
                let info = "message is of type that is no longer supported";
                return Err(bad(info.to_owned()));
            }
            _ => {}
        }
        let bytes = envelope.payload.len().saturating_add(envelope.signature.len());
        if bytes > self.absolute_max_bytes {
            let max = self.absolute_max_bytes;
            let info =
                format!("message payload is {bytes} bytes and exceeds maximum allowed {max} bytes");
            return Err(bad(info));
        }
        let member = self.shared.membership.identity(creator).ok();
        if is_expired(member.as_ref(), now()) {
            return Err(bad("broadcast client identity expired".to_owned()));
        }
        self.authorize(member.as_ref(), envelope)
    }

    fn authorize(
        &self,
        creator: Option<&Arc<Member>>,
        envelope: &Envelope,
    ) -> Result<(), Rejection> {
        let Shared { membership, acl, .. } = &*self.shared;
        let is_writer = creator.is_some_and(|creator| {
            acl.channel_writers.check(creator).is_ok()
                && membership.verify(&creator.key, &envelope.payload, &envelope.signature).is_ok()
        });
        if is_writer {
            return Ok(());
        }
        let info = format!("{}: permission denied", unsatisfied("Writers"));
        Err(Rejection::new(Status::Forbidden, info))
    }
}

fn is_expired(creator: Option<&Arc<Member>>, now: Timestamp) -> bool {
    creator.is_some_and(|creator| creator.is_expired(now))
}

/// Channel header and creator of an envelope.
fn headers(envelope: &Envelope) -> Result<(ChannelHeader, Bytes), String> {
    let text = |err: prost::DecodeError| err.to_string();
    let payload = Payload::decode(envelope.payload.clone()).map_err(text)?;
    let header = payload.header.ok_or("header not set")?;
    let channel = ChannelHeader::decode(header.channel_header).map_err(text)?;
    let signature = SignatureHeader::decode(header.signature_header).map_err(text)?;
    Ok((channel, signature.creator))
}

/// Orders what arrives until nobody can send any more, then cuts what is left.
async fn order(
    mut ordered: mpsc::Receiver<Ordered>,
    mut cutter: Cutter<Bytes>,
    mut maker: BlockMaker,
) {
    let start = Instant::now();
    loop {
        // What is waiting already goes first: while blocks queue up behind the database, one
        // larger block is better than several.
        let next = match cutter.next_deadline() {
            None => Next::of(ordered.recv().await),
            Some(deadline) => tokio::select! {
                biased;
                message = ordered.recv() => Next::of(message),
                () = tokio::time::sleep_until(start + deadline) => Next::Timer,
            },
        };
        let batches = match next {
            Next::Message(Ordered { envelope, bytes }) => {
                cutter.on_message(envelope, bytes, start.elapsed())
            }
            Next::Timer => cutter.on_timer(start.elapsed()).into_iter().collect(),
            Next::End => {
                let rest = cutter.on_timer(Duration::MAX);
                if let Some(batch) = rest {
                    maker.make(batch).await;
                }
                return;
            }
        };
        for batch in batches {
            if !maker.make(batch).await {
                return;
            }
        }
    }
}

enum Next {
    Message(Ordered),
    Timer,
    End,
}

impl Next {
    fn of(message: Option<Ordered>) -> Self {
        message.map_or(Self::End, Self::Message)
    }
}

#[derive(Debug)]
struct BlockMaker {
    signer: NodeSigner,
    tip: Tip,
    blocks: mpsc::Sender<Block>,
}

impl BlockMaker {
    /// Makes the next block; false if it could not be handed on.
    async fn make(&mut self, envelopes: Vec<Bytes>) -> bool {
        let mut block = new_block(self.tip.next, &self.tip.previous_hash, envelopes);
        if let Err(err) = self.sign(&mut block) {
            tracing::error!(number = self.tip.next, %err, "a block could not be signed");
            return false;
        }
        if let Some(header) = &block.header {
            self.tip.previous_hash = header_hash(header);
        }
        self.tip.next = self.tip.next.saturating_add(1);
        self.blocks.send(block).await.is_ok()
    }

    fn sign(&self, block: &mut Block) -> Result<(), SignError> {
        let creator = self.signer.serialized().clone();
        let metadata =
            OrdererMetadata::new(CONFIG_BLOCK, SignatureHeader { creator, nonce: nonce()? });
        let signature = self.signer.sign(&metadata.message(block))?;
        metadata.sign(block, signature);
        Ok(())
    }
}
