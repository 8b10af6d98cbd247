//! A peer's streams of committed blocks.

use std::sync::Arc;

use bytes::Bytes;
use fabric_ledger::CollectionAccess as _;
use fabric_ledger::validation::inspect;
use fabric_protos::common::{Block, BlockMetadataIndex, Envelope, HeaderType, Status};
use fabric_protos::protos::deliver_response::Type;
use fabric_protos::protos::deliver_server::Deliver;
use fabric_protos::protos::filtered_transaction::Data;
use fabric_protos::protos::{
    BlockAndPrivateData, ChaincodeEvent, DeliverResponse, FilteredBlock, FilteredChaincodeAction,
    FilteredTransaction, FilteredTransactionActions,
};
use tokio::sync::watch;
use tonic::{Request, Response, Streaming};

use super::{Answers, Delivery, Form};
use crate::chain::Chains;
use crate::channel::Shared;
use crate::definition::CreatorAccess;
use crate::endorser::Peer;
use crate::limit::Limit;
use crate::msp::Member;

/// The Deliver service of one organisation's peer.
#[derive(Debug)]
pub(crate) struct DeliverService {
    own: Arc<Peer>,
    chains: Chains,
    limit: Limit,
    stop: watch::Receiver<bool>,
}

impl DeliverService {
    pub(crate) const fn new(
        own: Arc<Peer>,
        chains: Chains,
        limit: Limit,
        stop: watch::Receiver<bool>,
    ) -> Self {
        Self { own, chains, limit, stop }
    }

    fn start<F: Form>(
        &self,
        form: F,
        request: Request<Streaming<Envelope>>,
    ) -> Result<Response<Answers<F::Answer>>, tonic::Status> {
        let permit = self.limit.permit()?;
        let chains = Arc::clone(&self.chains);
        let delivery = Delivery::new(chains, self.own.time_window, form, self.stop.clone());
        Ok(Response::new(delivery.start(request.into_inner(), permit)))
    }
}

#[tonic::async_trait]
impl Deliver for DeliverService {
    type DeliverStream = Answers<DeliverResponse>;
    type DeliverFilteredStream = Answers<DeliverResponse>;
    type DeliverWithPrivateDataStream = Answers<DeliverResponse>;

    async fn deliver(
        &self,
        request: Request<Streaming<Envelope>>,
    ) -> Result<Response<Self::DeliverStream>, tonic::Status> {
        self.start(Whole, request)
    }

    async fn deliver_filtered(
        &self,
        request: Request<Streaming<Envelope>>,
    ) -> Result<Response<Self::DeliverFilteredStream>, tonic::Status> {
        self.start(Filtered, request)
    }

    async fn deliver_with_private_data(
        &self,
        request: Request<Streaming<Envelope>>,
    ) -> Result<Response<Self::DeliverWithPrivateDataStream>, tonic::Status> {
        self.start(WithPrivateData { own: Arc::clone(&self.own) }, request)
    }
}

/// Blocks as they are.
struct Whole;

impl Form for Whole {
    type Answer = DeliverResponse;

    fn authorize(&self, shared: &Shared, reader: &Arc<Member>) -> Result<(), String> {
        shared.acl.check("event/Block", reader)
    }

    fn block(
        &self,
        _shared: &Shared,
        _reader: &Arc<Member>,
        block: Block,
    ) -> Result<Self::Answer, String> {
        Ok(answer(Type::Block(block)))
    }

    fn status(&self, status: Status) -> Self::Answer {
        answer(Type::Status(status.into()))
    }
}

/// What became of the transactions, and their events without content.
struct Filtered;

impl Form for Filtered {
    type Answer = DeliverResponse;

    fn authorize(&self, shared: &Shared, reader: &Arc<Member>) -> Result<(), String> {
        shared.acl.check("event/FilteredBlock", reader)
    }

    fn block(
        &self,
        shared: &Shared,
        _reader: &Arc<Member>,
        block: Block,
    ) -> Result<Self::Answer, String> {
        let channel = shared.channel.name();
        Ok(answer(Type::FilteredBlock(filtered(channel, block))))
    }

    fn status(&self, status: Status) -> Self::Answer {
        answer(Type::Status(status.into()))
    }
}

/// Blocks with what the peer holds in clear of their private writes.
struct WithPrivateData {
    own: Arc<Peer>,
}

impl Form for WithPrivateData {
    type Answer = DeliverResponse;

    fn authorize(&self, shared: &Shared, reader: &Arc<Member>) -> Result<(), String> {
        shared.acl.check("event/Block", reader)
    }

    fn block(
        &self,
        shared: &Shared,
        reader: &Arc<Member>,
        block: Block,
    ) -> Result<Self::Answer, String> {
        let number = block.header.as_ref().map(|header| header.number).unwrap_or_default();
        // As for the chaincode: where members alone may read, others get nothing.
        let access = CreatorAccess::new(Arc::clone(&shared.channel), Arc::clone(reader));
        let may_have = |chaincode: &str, collection: &str| {
            access.permission(chaincode, collection).is_some_and(|permission| permission.read)
        };
        let snapshot = shared.database.snapshot();
        let private_data_map = snapshot
            .private_data(&self.own.msp_id, number, &may_have)
            .map_err(|err| err.to_string())?;
        let block = BlockAndPrivateData { block: Some(block), private_data_map };
        Ok(answer(Type::BlockAndPrivateData(block)))
    }

    fn status(&self, status: Status) -> Self::Answer {
        answer(Type::Status(status.into()))
    }
}

const fn answer(kind: Type) -> DeliverResponse {
    DeliverResponse { r#type: Some(kind) }
}

/// A block's transactions, valid or not, with their codes, also those without an id. What cannot be
/// read is left out.
fn filtered(channel: &str, block: Block) -> FilteredBlock {
    let number = block.header.map(|header| header.number).unwrap_or_default();
    let codes = filter_of(block.metadata.map(|metadata| metadata.metadata).unwrap_or_default());
    let envelopes = block.data.map(|data| data.data).unwrap_or_default();
    let filtered_transactions = (envelopes.into_iter().zip(codes))
        .filter_map(|(envelope, code)| Some((inspect(envelope)?, code)))
        .map(|(read, code)| FilteredTransaction {
            txid: read.tx_id,
            r#type: read.header_type,
            tx_validation_code: i32::from(code),
            data: (read.header_type == i32::from(HeaderType::EndorserTransaction))
                .then(|| actions(read.events)),
        })
        .collect();
    FilteredBlock { channel_id: channel.to_owned(), number, filtered_transactions }
}

fn actions(events: Vec<ChaincodeEvent>) -> Data {
    let chaincode_actions = events
        .into_iter()
        .filter(|event| !event.chaincode_id.is_empty())
        .map(|event| FilteredChaincodeAction {
            chaincode_event: Some(ChaincodeEvent { payload: Bytes::new(), ..event }),
        })
        .collect();
    Data::TransactionActions(FilteredTransactionActions { chaincode_actions })
}

/// A block's validation codes, one byte a transaction.
fn filter_of(metadata: Vec<Bytes>) -> Bytes {
    let slot = usize::try_from(i32::from(BlockMetadataIndex::TransactionsFilter));
    slot.ok().and_then(|slot| metadata.into_iter().nth(slot)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use fabric_protos::common::{
        BlockData, BlockHeader, BlockMetadata, ChannelHeader, Header, Payload, SignatureHeader,
    };
    use prost::Message as _;

    use super::*;

    #[test]
    fn filtered_blocks_keep_transactions_without_an_id() {
        let envelope = |tx_id: &str| {
            let channel = ChannelHeader {
                r#type: HeaderType::EndorserTransaction.into(),
                tx_id: tx_id.to_owned(),
                ..Default::default()
            };
            let signature = SignatureHeader { nonce: "n".into(), creator: "c".into() };
            let header = Header {
                channel_header: channel.encode_to_vec().into(),
                signature_header: signature.encode_to_vec().into(),
            };
            let payload = Payload { header: Some(header), ..Default::default() };
            Envelope { payload: payload.encode_to_vec().into(), ..Default::default() }
        };
        let data = [envelope("t").encode_to_vec(), envelope("").encode_to_vec(), vec![0x0a]];
        let mut metadata = vec![Bytes::new(); 2];
        metadata.push(Bytes::from_static(&[0, 8, 1]));
        let block = Block {
            header: Some(BlockHeader { number: 7, ..Default::default() }),
            data: Some(BlockData { data: data.map(Bytes::from).to_vec() }),
            metadata: Some(BlockMetadata { metadata }),
        };
        let filtered = filtered("ch", block);
        let told: Vec<_> = (filtered.filtered_transactions.iter())
            .map(|one| (one.txid.as_str(), one.tx_validation_code))
            .collect();
        assert_eq!(told, [("t", 0), ("", 8)]);
    }
}
