//! The blocks of a channel.

use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use fabric_protos::common::{
    Block, BlockMetadataIndex, ChannelHeader, Envelope, Header, HeaderType, Payload,
    SignatureHeader, Status as DeliveryStatus,
};
use fabric_protos::orderer::seek_info::SeekBehavior;
use fabric_protos::orderer::seek_position::Type as Position;
use fabric_protos::orderer::{SeekInfo, SeekPosition, SeekSpecified};
use fabric_protos::protos::deliver_response::Type as Delivered;
use fabric_protos::protos::{
    BlockAndPrivateData, DeliverResponse, FilteredBlock, TxValidationCode,
};
use prost::Message;
use prost_types::Timestamp;
use tokio_stream::{Stream, StreamExt};
use tonic::Request;

use super::feed::Feed;
use super::{Checkpoint, EventError, Start};
use crate::gateway::{Gateway, Network, signature_or_sign};
use crate::signed::signed_elsewhere;

/// A form of blocks that peers deliver: [`Block`], [`FilteredBlock`] or [`BlockAndPrivateData`].
///
/// What a peer delivers is believed: neither the orderers' signatures nor the hashes that chain blocks together are
/// verified here.
pub trait DeliveredBlock: sealed::Form {
    /// The block's number.
    fn number(&self) -> u64;

    /// All transactions of the block in their order, also configuration and what is marked invalid.
    fn transactions(&self) -> Vec<BlockTransaction>;
}

/// A transaction of a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockTransaction {
    /// Its id; empty where it has none that can be read.
    pub id: String,
    /// Fabric's validation code as on the wire; see [`code`](Self::code).
    pub raw_code: i32,
}

impl BlockTransaction {
    /// Fabric's validation code, if it is one that this version knows.
    #[must_use]
    pub fn code(&self) -> Option<TxValidationCode> {
        TxValidationCode::try_from(self.raw_code).ok()
    }

    /// Whether the transaction took effect.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.code() == Some(TxValidationCode::Valid)
    }
}

/// A request for the blocks of a channel; made by [`Network::block_events`] and its like.
///
/// Where it begins, and how it is signed, is as for [`ChaincodeEventsRequest`](crate::ChaincodeEventsRequest). Peers
/// compare its time with their own. It is that of each [`open`](Self::open), but that of its making where the signature is
/// supplied: such a request is made anew for each stream.
#[derive(Debug, Clone)]
pub struct BlockEventsRequest<B> {
    gateway: Gateway,
    channel: String,
    /// When it was made.
    time: Timestamp,
    start: Start,
    /// Empty while not supplied.
    signature: Bytes,
    form: PhantomData<fn() -> B>,
}

impl Network {
    /// The blocks of the channel with all that is in them, as far as the identity may read them (`event/Block`).
    #[must_use]
    pub fn block_events(&self) -> BlockEventsRequest<Block> {
        self.blocks()
    }

    /// The blocks of the channel without content: transaction ids, validation codes, and the names of chaincode events,
    /// also of invalid transactions. For those who may read them (`event/FilteredBlock`).
    #[must_use]
    pub fn filtered_block_events(&self) -> BlockEventsRequest<FilteredBlock> {
        self.blocks()
    }

    /// The blocks of the channel with the private data that the peer has of them. Peers leave out a collection that the
    /// identity may not read only if the collection has `memberOnlyRead`.
    #[must_use]
    pub fn block_and_private_data_events(&self) -> BlockEventsRequest<BlockAndPrivateData> {
        self.blocks()
    }

    fn blocks<B: DeliveredBlock>(&self) -> BlockEventsRequest<B> {
        BlockEventsRequest {
            gateway: self.gateway().clone(),
            channel: self.name().to_owned(),
            time: Timestamp::from(self.gateway().now()),
            start: Start::default(),
            signature: Bytes::new(),
            form: PhantomData,
        }
    }
}

impl<B: DeliveredBlock> BlockEventsRequest<B> {
    /// Begins with this block, which may be the next to come. Of a later one a peer says that it does not know it
    /// ([`EventError::NotFound`]).
    #[must_use]
    pub fn start_block(mut self, number: u64) -> Self {
        self.start.block = Some(number);
        self
    }

    /// Begins with the block to go on with according to a checkpoint; see [`Checkpoint::done_in`] for the transactions in
    /// it. An empty one says nothing, and [`start_block`](Self::start_block) counts.
    #[must_use]
    pub fn checkpoint(mut self, checkpoint: &Checkpoint) -> Self {
        self.start.checkpoint = checkpoint.clone();
        self
    }

    /// The bytes that the signature covers.
    #[must_use]
    pub fn bytes(&self) -> Bytes {
        self.bytes_at(self.time)
    }

    fn bytes_at(&self, time: Timestamp) -> Bytes {
        let channel_header = ChannelHeader {
            r#type: HeaderType::DeliverSeekInfo.into(),
            timestamp: Some(time),
            channel_id: self.channel.clone(),
            tls_cert_hash: self.gateway.connection().client_certificate_hash(),
            ..Default::default()
        };
        let signature_header =
            SignatureHeader { creator: self.gateway.creator().clone(), nonce: Bytes::new() };
        let last = Position::Specified(SeekSpecified { number: u64::MAX });
        let seek = SeekInfo {
            start: Some(self.start.position()),
            stop: Some(SeekPosition { r#type: Some(last) }),
            behavior: SeekBehavior::BlockUntilReady.into(),
            ..Default::default()
        };
        let header = Header {
            channel_header: channel_header.encode_to_vec().into(),
            signature_header: signature_header.encode_to_vec().into(),
        };
        Payload { header: Some(header), data: seek.encode_to_vec().into() }.encode_to_vec().into()
    }

    signed_elsewhere!();

    /// Sends the request. What becomes of it is the first item of the stream.
    ///
    /// # Errors
    /// [`EventError::Sign`].
    ///
    /// # Panics
    /// Outside a Tokio runtime.
    pub fn open(&self) -> Result<BlockEvents<B>, EventError> {
        let payload = match self.signature.is_empty() {
            true => self.bytes_at(Timestamp::from(self.gateway.now())),
            false => self.bytes(),
        };
        let signature = signature_or_sign(&self.gateway, &self.signature, &payload)?;
        let seek = Envelope { payload, signature };
        // The peer takes the end of the requests for that of the interest.
        let requests = tokio_stream::once(seek).chain(tokio_stream::pending());
        let mut client = self.gateway.connection().deliver_client();
        let call = async move {
            let requests = Request::new(requests);
            match B::FORM {
                Form::Full => client.deliver(requests).await,
                Form::Filtered => client.deliver_filtered(requests).await,
                Form::PrivateData => client.deliver_with_private_data(requests).await,
            }
        };
        Ok(BlockEvents {
            feed: Feed::start(call),
            expected: self.start.first_block(),
            form: PhantomData,
        })
    }
}

/// The blocks of a channel as they are committed, without a gap; ends with an error, and never otherwise.
///
/// Dropping it ends the call.
pub struct BlockEvents<B> {
    feed: Feed<DeliverResponse>,
    /// The block that has to come; any, when the peer was to start with its next.
    expected: Option<u64>,
    form: PhantomData<fn() -> B>,
}

impl<B: DeliveredBlock> BlockEvents<B> {
    /// The next block, as soon as there is one. Giving up waiting loses nothing.
    pub async fn next(&mut self) -> Option<Result<B, EventError>> {
        std::future::poll_fn(|cx| self.poll(cx)).await
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<B, EventError>>> {
        self.feed.poll(cx).map(|received| {
            received.map(|answer| {
                answer.and_then(|answer| self.take(answer).map_err(|error| self.feed.fail(error)))
            })
        })
    }

    fn take(&mut self, answer: DeliverResponse) -> Result<B, EventError> {
        let delivered = answer.r#type.ok_or(EventError::Malformed("an empty answer"))?;
        if let Delivered::Status(raw_status) = delivered {
            return Err(match (DeliveryStatus::try_from(raw_status), self.expected) {
                // Past the last block that numbers can count.
                (Ok(DeliveryStatus::Success), _) => EventError::Ended,
                (Ok(DeliveryStatus::NotFound), Some(block_number)) => {
                    EventError::NotFound { block_number }
                }
                _ => EventError::Delivery { raw_status },
            });
        }
        let block = B::take(delivered)?;
        let found = block.number();
        match self.expected {
            Some(expected) if expected != found => {
                return Err(EventError::Order { expected, found });
            }
            _ => self.expected = Some(found.saturating_add(1)),
        }
        Ok(block)
    }
}

impl<B: DeliveredBlock> Stream for BlockEvents<B> {
    type Item = Result<B, EventError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll(cx)
    }
}

impl<B> fmt::Debug for BlockEvents<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockEvents").field("expected", &self.expected).finish_non_exhaustive()
    }
}

/// Which of the peer's calls delivers a form.
#[derive(Debug, Clone, Copy)]
pub enum Form {
    Full,
    Filtered,
    PrivateData,
}

mod sealed {
    use super::{Delivered, EventError, Form as Kind};

    pub trait Form: Sized + Send + 'static {
        const FORM: Kind;

        fn take(delivered: Delivered) -> Result<Self, EventError>;
    }
}

impl sealed::Form for Block {
    const FORM: Form = Form::Full;

    fn take(delivered: Delivered) -> Result<Self, EventError> {
        let Delivered::Block(block) = delivered else { return Err(OTHER_FORM) };
        complete(block)
    }
}

impl DeliveredBlock for Block {
    fn number(&self) -> u64 {
        self.header.as_ref().map_or(0, |header| header.number)
    }

    fn transactions(&self) -> Vec<BlockTransaction> {
        let envelopes = self.data.iter().flat_map(|data| &data.data);
        envelopes
            .zip(validation_codes(self))
            .map(|(envelope, code)| BlockTransaction {
                id: transaction_id(envelope).unwrap_or_default(),
                raw_code: i32::from(*code),
            })
            .collect()
    }
}

impl sealed::Form for FilteredBlock {
    const FORM: Form = Form::Filtered;

    fn take(delivered: Delivered) -> Result<Self, EventError> {
        let Delivered::FilteredBlock(block) = delivered else { return Err(OTHER_FORM) };
        Ok(block)
    }
}

impl DeliveredBlock for FilteredBlock {
    fn number(&self) -> u64 {
        self.number
    }

    fn transactions(&self) -> Vec<BlockTransaction> {
        let all = self.filtered_transactions.iter();
        all.map(|found| BlockTransaction {
            id: found.txid.clone(),
            raw_code: found.tx_validation_code,
        })
        .collect()
    }
}

impl sealed::Form for BlockAndPrivateData {
    const FORM: Form = Form::PrivateData;

    fn take(delivered: Delivered) -> Result<Self, EventError> {
        let Delivered::BlockAndPrivateData(mut both) = delivered else { return Err(OTHER_FORM) };
        both.block = Some(complete(both.block.take().unwrap_or_default())?);
        Ok(both)
    }
}

impl DeliveredBlock for BlockAndPrivateData {
    fn number(&self) -> u64 {
        self.block.as_ref().map_or(0, DeliveredBlock::number)
    }

    fn transactions(&self) -> Vec<BlockTransaction> {
        self.block.as_ref().map(DeliveredBlock::transactions).unwrap_or_default()
    }
}

const OTHER_FORM: EventError = EventError::Malformed("another kind of block than was asked for");

/// A block with a number, and a validation code for each transaction.
fn complete(block: Block) -> Result<Block, EventError> {
    if block.header.is_none() {
        return Err(EventError::Malformed("a block without a header"));
    }
    let transactions = block.data.as_ref().map_or(0, |data| data.data.len());
    if validation_codes(&block).len() != transactions {
        return Err(EventError::Malformed(
            "a block without a validation code for each transaction",
        ));
    }
    Ok(block)
}

fn validation_codes(block: &Block) -> &[u8] {
    let slot = usize::try_from(i32::from(BlockMetadataIndex::TransactionsFilter));
    let metadata = block.metadata.as_ref().map(|metadata| metadata.metadata.as_slice());
    let codes = slot.ok().zip(metadata).and_then(|(slot, metadata)| metadata.get(slot));
    codes.map_or(&[], |codes| codes)
}

fn transaction_id(envelope: &Bytes) -> Option<String> {
    let payload = Envelope::decode(envelope.clone()).ok()?.payload;
    let header = Payload::decode(payload).ok()?.header?;
    Some(ChannelHeader::decode(header.channel_header).ok()?.tx_id)
}
