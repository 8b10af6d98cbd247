use std::sync::Arc;

use fabric_ledger::validation::inspect;
use fabric_ledger::{Store as _, TxValidationCode};
use fabric_protos::common::{Block, BlockMetadataIndex};
use fabric_protos::gateway::{
    ChaincodeEventsRequest, ChaincodeEventsResponse, SignedChaincodeEventsRequest,
};
use fabric_protos::orderer::SeekPosition;
use fabric_protos::orderer::seek_position::Type as Position;
use fabric_protos::protos::ChaincodeEvent;
use prost::Message as _;
use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};
use tonic::Status;

use super::GatewayService;
use super::reader::SignedRequest;
use crate::chain::Chain;
use crate::deliver::{send, stopping};

/// Answers that wait for a slow client; the next block is read when one has left.
const WAITING_MAX: usize = 4;

/// Follows the chain for one client.
#[derive(Debug)]
pub(super) struct EventsStream {
    chain: Arc<Chain>,
    chaincode: String,
    /// Events up to and with this transaction are left out.
    after: Option<String>,
    next: u64,
    stop: watch::Receiver<bool>,
}

type Answers = mpsc::Sender<Result<ChaincodeEventsResponse, Status>>;

impl GatewayService {
    /// Starts a client's stream of the events of valid transactions. It takes one of the gateway's
    /// places for as long as it lasts.
    pub(super) fn follow_events(
        &self,
        signed: &SignedChaincodeEventsRequest,
        permit: OwnedSemaphorePermit,
    ) -> Result<mpsc::Receiver<Result<ChaincodeEventsResponse, Status>>, Status> {
        if signed.request.is_empty() {
            return Err(Status::invalid_argument("a chaincode events request is required"));
        }
        let request = ChaincodeEventsRequest::decode(signed.request.clone()).map_err(|err| {
            Status::invalid_argument(format!("invalid chaincode events request: {err}"))
        })?;
        let chain = self.authorize_reader(SignedRequest {
            resource: "gateway/ChaincodeEvents",
            channel: &request.channel_id,
            identity: &request.identity,
            bytes: &signed.request,
            signature: &signed.signature,
        })?;
        let stream = EventsStream {
            next: start_block(chain, &request)?,
            chain: Arc::clone(chain),
            chaincode: request.chaincode_id,
            after: Some(request.after_transaction_id).filter(|tx_id| !tx_id.is_empty()),
            stop: self.stop.clone(),
        };
        let (answers, receiver) = mpsc::channel(WAITING_MAX);
        tokio::spawn(async move {
            stream.run(answers).await;
            drop(permit);
        });
        Ok(receiver)
    }
}

impl EventsStream {
    /// Ends when the client goes away or the devnet stops.
    async fn run(mut self, answers: Answers) {
        let mut height = self.chain.notifier.height();
        let mut stop = self.stop.clone();
        loop {
            tokio::select! {
                committed = height.wait_for(|height| *height > self.next) => {
                    if committed.is_err() {
                        return;
                    }
                }
                () = answers.closed() => return,
                () = stopping(&mut stop) => {
                    // A client that still reads learns why nothing comes any more.
                    let _ = answers.try_send(Err(Status::unavailable("the peer is stopping")));
                    return;
                }
            }
            let answer = match self.next_block() {
                Ok(events) if events.is_empty() => None,
                Ok(events) => Some(Ok(ChaincodeEventsResponse { events, block_number: self.next })),
                Err(reason) => Some(Err(Status::aborted(reason))),
            };
            let failed = matches!(answer, Some(Err(_)));
            if let Some(answer) = answer
                && (!send(&answers, answer, &mut stop).await || failed)
            {
                return;
            }
            self.next = self.next.saturating_add(1);
        }
    }

    /// The events of the next block that are asked for, in the order of its transactions.
    fn next_block(&mut self) -> Result<Vec<ChaincodeEvent>, String> {
        let block = self.chain.shared.database.snapshot().block(self.next);
        let block = block.map_err(|err| err.to_string())?.ok_or("the block is not there")?;
        let block = Block::decode(block).map_err(|err| err.to_string())?;
        let slot = usize::try_from(i32::from(BlockMetadataIndex::TransactionsFilter));
        let metadata = block.metadata.unwrap_or_default().metadata;
        let filter = slot.ok().and_then(|slot| metadata.get(slot)).cloned().unwrap_or_default();
        let valid = i32::from(TxValidationCode::Valid);
        let mut found = Vec::new();
        for (envelope, code) in block.data.unwrap_or_default().data.into_iter().zip(filter) {
            if i32::from(code) != valid {
                continue;
            }
            for event in inspect(envelope).unwrap_or_default().events {
                if self.is_asked_for(&event) {
                    found.push(event);
                }
            }
        }
        Ok(found)
    }

    fn is_asked_for(&mut self, event: &ChaincodeEvent) -> bool {
        // What a gateway takes for no event at all.
        if event.chaincode_id.is_empty() || event.event_name.is_empty() || event.tx_id.is_empty() {
            return false;
        }
        match &self.after {
            None => event.chaincode_id == self.chaincode,
            Some(after) => {
                if event.tx_id == *after {
                    self.after = None;
                }
                false
            }
        }
    }
}

/// A known transaction wins over the position, which otherwise decides.
fn start_block(chain: &Chain, request: &ChaincodeEventsRequest) -> Result<u64, Status> {
    let snapshot = chain.shared.database.snapshot();
    if !request.after_transaction_id.is_empty() {
        let found = snapshot.transaction(&request.after_transaction_id);
        if let Some(record) = found.map_err(|err| Status::aborted(err.to_string()))? {
            return Ok(record.version.block);
        }
    }
    let invalid = |name: &str| {
        let text = format!("invalid start position type: *orderer.SeekPosition_{name}");
        Err(Status::invalid_argument(text))
    };
    let position: Option<&SeekPosition> = request.start_position.as_ref();
    match position.and_then(|position| position.r#type.as_ref()) {
        None | Some(Position::NextCommit(_)) => Ok(snapshot.height()),
        Some(Position::Specified(specified)) => Ok(specified.number),
        Some(Position::Oldest(_)) => invalid("Oldest"),
        Some(Position::Newest(_)) => invalid("Newest"),
    }
}
