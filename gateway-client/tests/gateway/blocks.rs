//! Blocks in their three forms: the requests, what is made of the answers, and going on.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use fabric_gateway_client::{
    Block, BlockAndPrivateData, BlockTransaction, Checkpoint, Checkpointer, DeliveredBlock,
    EventError, FilteredBlock, Gateway, MemoryCheckpointer, TxValidationCode,
};
use fabric_protos::common::{
    BlockData, BlockHeader, BlockMetadata, ChannelHeader, Envelope, Header, HeaderType, Payload,
    Status as DeliveryStatus,
};
use fabric_protos::orderer::seek_info::SeekBehavior;
use fabric_protos::orderer::seek_position::Type as Position;
use fabric_protos::orderer::{SeekNextCommit, SeekSpecified};
use fabric_protos::protos::deliver_response::Type as Delivered;
use fabric_protos::protos::{DeliverResponse, FilteredTransaction};
use prost::Message;
use tokio_stream::StreamExt;
use tonic::{Code, Status};

use crate::peer::{CHANNEL, Seen, Stage, identity};
use crate::streams::Play;

const VALID: u8 = TxValidationCode::Valid as u8;
const CONFLICT: u8 = TxValidationCode::MvccReadConflict as u8;

fn full(number: u64, transactions: &[(&str, u8)]) -> Block {
    let envelope = |(id, _): &(&str, u8)| {
        let header = ChannelHeader { tx_id: (*id).to_owned(), ..Default::default() };
        let header = Header {
            channel_header: header.encode_to_vec().into(),
            signature_header: Bytes::new(),
        };
        let payload = Payload { header: Some(header), data: Bytes::new() };
        let envelope =
            Envelope { payload: payload.encode_to_vec().into(), signature: Bytes::new() };
        Bytes::from(envelope.encode_to_vec())
    };
    let codes: Vec<u8> = transactions.iter().map(|(_, code)| *code).collect();
    Block {
        header: Some(BlockHeader { number, ..Default::default() }),
        data: Some(BlockData { data: transactions.iter().map(envelope).collect() }),
        metadata: Some(BlockMetadata { metadata: vec![Bytes::new(), Bytes::new(), codes.into()] }),
    }
}

fn filtered(number: u64, transactions: &[(&str, u8)]) -> FilteredBlock {
    let transaction = |(id, code): &(&str, u8)| FilteredTransaction {
        txid: (*id).to_owned(),
        tx_validation_code: i32::from(*code),
        ..Default::default()
    };
    FilteredBlock {
        channel_id: CHANNEL.to_owned(),
        number,
        filtered_transactions: transactions.iter().map(transaction).collect(),
    }
}

fn answer(delivered: Delivered) -> DeliverResponse {
    DeliverResponse { r#type: Some(delivered) }
}

fn blocks(numbers: impl IntoIterator<Item = u64>) -> Vec<DeliverResponse> {
    numbers
        .into_iter()
        .map(|number| answer(Delivered::FilteredBlock(filtered(number, &[]))))
        .collect()
}

async fn stage(play: Play<DeliverResponse>) -> Stage {
    let stage = Stage::new().await;
    stage.script(|script| script.blocks.push_back(play));
    stage
}

/// The error that a stream of filtered blocks from block 3 on ends with, after the numbers that came.
async fn end(play: Play<DeliverResponse>) -> (Vec<u64>, EventError) {
    let stage = stage(play).await;
    let network = stage.gateway.network(CHANNEL);
    let mut stream = network.filtered_block_events().start_block(3).open().unwrap();
    let mut numbers = Vec::new();
    loop {
        match stream.next().await.unwrap() {
            Ok(block) => numbers.push(block.number()),
            Err(error) => {
                assert!(stream.next().await.is_none());
                return (numbers, error);
            }
        }
    }
}

#[tokio::test]
async fn each_form_has_a_call_of_its_own() {
    let transactions = [("a", VALID), ("b", CONFLICT)];
    let stage = Stage::new().await;
    stage.script(|script| {
        let block = full(4, &transactions);
        let both = BlockAndPrivateData { block: Some(block.clone()), ..Default::default() };
        for delivered in [
            Delivered::Block(block),
            Delivered::FilteredBlock(filtered(4, &transactions)),
            Delivered::BlockAndPrivateData(both),
        ] {
            script.blocks.push_back(Play::open([answer(delivered)]));
        }
    });
    let clock = || UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let network = stage.gateway.clone().with_clock(clock).network(CHANNEL);
    let transaction =
        |id: &str, code: u8| BlockTransaction { id: id.to_owned(), raw_code: i32::from(code) };
    let expected = (4, vec![transaction("a", VALID), transaction("b", CONFLICT)]);
    let mut first = network.block_events().open().unwrap();
    let block = first.next().await.unwrap().unwrap();
    assert_eq!((block.number(), block.transactions()), expected);
    let mut second = network.filtered_block_events().start_block(4).open().unwrap();
    let block = second.next().await.unwrap().unwrap();
    assert_eq!((block.number(), block.transactions()), expected);
    let mut third = network.block_and_private_data_events().start_block(4).open().unwrap();
    let block = StreamExt::next(&mut third).await.unwrap().unwrap();
    assert_eq!((block.number(), block.transactions()), expected);
    let [valid, invalid] = &block.transactions()[..] else { panic!("two transactions") };
    assert!(valid.is_valid() && !invalid.is_valid());
    assert_eq!(invalid.code(), Some(TxValidationCode::MvccReadConflict));

    let from = Position::Specified(SeekSpecified { number: 4 });
    assert_eq!(stage.starts(), [Position::NextCommit(SeekNextCommit {}), from, from]);
    let calls = stage.seen().into_iter().map(|seen| match seen {
        Seen::Deliver(call, channel, seek) => {
            assert_eq!(channel.r#type, i32::from(HeaderType::DeliverSeekInfo));
            assert_eq!(channel.timestamp.unwrap().seconds, 1_700_000_000);
            let last = Position::Specified(SeekSpecified { number: u64::MAX });
            assert_eq!(seek.stop.unwrap().r#type, Some(last));
            assert_eq!(seek.behavior, i32::from(SeekBehavior::BlockUntilReady));
            call
        }
        _ => panic!("only blocks are asked for"),
    });
    assert_eq!(calls.collect::<Vec<_>>(), ["full", "filtered", "private"]);
}

#[tokio::test]
async fn blocks_come_without_a_gap() {
    let (numbers, error) = end(Play::ended(blocks([3, 4, 5]))).await;
    assert_eq!(numbers, [3, 4, 5]);
    assert!(matches!(error, EventError::Ended) && error.is_retryable());
    for (sent, came) in [(vec![3, 5], 5), (vec![3, 3], 3), (vec![3, 2], 2)] {
        let (_, error) = end(Play::open(blocks(sent))).await;
        let EventError::Order { expected: 4, found } = error else { panic!("{error}") };
        assert_eq!(found, came);
    }
    let (_, error) = end(Play::open(blocks([4]))).await;
    assert!(matches!(error, EventError::Order { expected: 3, found: 4 }), "{error}");
}

#[tokio::test]
async fn a_peers_status_ends_the_stream() {
    let rows = [
        (DeliveryStatus::Forbidden, "403 (FORBIDDEN)", false),
        (DeliveryStatus::BadRequest, "400 (BAD_REQUEST)", false),
        (DeliveryStatus::ServiceUnavailable, "503 (SERVICE_UNAVAILABLE)", true),
    ];
    for (status, text, retryable) in rows {
        let (_, error) = end(Play::open([answer(Delivered::Status(status.into()))])).await;
        assert!(
            matches!(error, EventError::Delivery { raw_status } if raw_status == i32::from(status))
        );
        assert!(error.to_string().ends_with(text), "{error}");
        assert_eq!(error.is_retryable(), retryable, "{error}");
    }
    let (_, error) = end(Play::open([answer(Delivered::Status(299))])).await;
    assert!(error.to_string().ends_with(" 299"), "{error}");
    let success = i32::from(DeliveryStatus::Success);
    let (_, error) = end(Play::open([answer(Delivered::Status(success))])).await;
    assert!(matches!(error, EventError::Ended), "{error}");
    let (_, error) = end(Play::broken(blocks([3]), Status::unavailable("gone"))).await;
    assert!(matches!(error, EventError::Call { code: Code::Unavailable, .. }), "{error}");
}

#[tokio::test]
async fn a_chain_that_is_behind_the_start_is_asked_again() {
    let not_found = || answer(Delivered::Status(DeliveryStatus::NotFound.into()));
    let (_, error) = end(Play::open([not_found()])).await;
    assert!(matches!(error, EventError::NotFound { block_number: 3 }), "{error}");
    assert!(error.is_retryable() && error.to_string().contains("does not reach block 3"));

    let stage = stage(Play::open([not_found()])).await;
    let network = stage.gateway.network(CHANNEL);
    let done = Checkpoint::after_block(8);
    let mut stream = network.filtered_block_events().checkpoint(&done).open().unwrap();
    let error = stream.next().await.unwrap().unwrap_err();
    assert!(matches!(error, EventError::NotFound { block_number: 9 }), "{error}");

    // Without a start only the channel can be unknown.
    stage.script(|script| script.blocks.push_back(Play::open([not_found()])));
    let mut stream = network.filtered_block_events().open().unwrap();
    let error = stream.next().await.unwrap().unwrap_err();
    assert!(matches!(error, EventError::Delivery { raw_status: 404 }), "{error}");
    assert!(error.to_string().ends_with("404 (NOT_FOUND)") && !error.is_retryable(), "{error}");
}

#[tokio::test]
async fn what_is_no_whole_block_is_refused() {
    let (_, error) = end(Play::open([answer(Delivered::Block(full(3, &[])))])).await;
    assert!(matches!(error, EventError::Malformed(_)) && !error.is_retryable(), "{error}");
    let (_, error) = end(Play::open([DeliverResponse::default()])).await;
    assert!(matches!(error, EventError::Malformed(_)), "{error}");

    let whole = full(3, &[("a", VALID)]);
    let spoilt: [fn(&mut Block); 3] = [
        |block| block.header = None,
        |block| block.metadata = None,
        |block| block.metadata.as_mut().unwrap().metadata[2] = Bytes::new(),
    ];
    for spoil in spoilt {
        let mut block = whole.clone();
        spoil(&mut block);
        let stage = stage(Play::open([answer(Delivered::Block(block))])).await;
        let mut stream = stage.gateway.network(CHANNEL).block_events().open().unwrap();
        let error = stream.next().await.unwrap().unwrap_err();
        assert!(matches!(error, EventError::Malformed(_)), "{error}");
    }
    let stage =
        stage(Play::open([answer(Delivered::BlockAndPrivateData(Default::default()))])).await;
    let mut stream = stage.gateway.network(CHANNEL).block_and_private_data_events().open().unwrap();
    assert!(matches!(stream.next().await, Some(Err(EventError::Malformed(_)))));
}

#[tokio::test]
async fn going_on_within_a_block_loses_and_doubles_nothing() {
    let ledger =
        [filtered(0, &[("a", VALID), ("b", CONFLICT), ("c", VALID)]), filtered(1, &[("d", VALID)])];
    let stage = Stage::new().await;
    let mut done = MemoryCheckpointer::default();
    let mut seen = Vec::new();
    // Each time one transaction is done, and then the connection breaks.
    for _ in 0..4 {
        let start = done.checkpoint().block_number().unwrap_or(0);
        let rest = ledger.iter().filter(|block| block.number >= start).cloned();
        let rest: Vec<_> = rest.map(|block| answer(Delivered::FilteredBlock(block))).collect();
        stage
            .script(|script| script.blocks.push_back(Play::broken(rest, Status::unavailable("x"))));
        let request = stage.gateway.network(CHANNEL).filtered_block_events().start_block(0);
        let mut stream = request.checkpoint(done.checkpoint()).open().unwrap();
        'blocks: while let Some(Ok(block)) = stream.next().await {
            let skip = done.checkpoint().done_in(&block).unwrap();
            if let Some(transaction) = block.transactions().get(skip) {
                done.transaction_done(block.number(), &transaction.id).unwrap();
                seen.push(transaction.id.clone());
                break 'blocks;
            }
            done.block_done(block.number()).unwrap();
        }
    }
    assert_eq!(seen, ["a", "b", "c", "d"]);
}

#[test]
fn a_checkpoints_transaction_must_be_in_its_block() {
    let block = filtered(7, &[("a", VALID), ("b", VALID)]);
    let done = |checkpoint: &Checkpoint| checkpoint.done_in(&block);
    assert_eq!(done(&Checkpoint::default()).unwrap(), 0);
    assert_eq!(done(&Checkpoint::after_block(6)).unwrap(), 0);
    assert_eq!(done(&Checkpoint::after_transaction(6, "z")).unwrap(), 0);
    assert_eq!(done(&Checkpoint::after_transaction(7, "a")).unwrap(), 1);
    assert_eq!(done(&Checkpoint::after_transaction(7, "b")).unwrap(), 2);
    let error = done(&Checkpoint::after_transaction(7, "z")).unwrap_err();
    assert!(error.to_string().starts_with("block 7 has no transaction z"), "{error}");
}

#[tokio::test]
async fn requests_for_blocks_are_signed_elsewhere() {
    let stage = stage(Play::open([answer(Delivered::Block(full(3, &[])))])).await;
    let gateway = Gateway::without_signer(stage.connection.clone(), &identity());
    let request = gateway.network(CHANNEL).block_events().start_block(3);
    assert!(matches!(request.open(), Err(EventError::Sign(_))));
    let signature = stage.key.sign(&request.bytes()).unwrap();
    let mut stream = request.sign_with(signature).open().unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap().number(), 3);
}

#[tokio::test]
async fn a_request_has_the_time_at_which_it_is_opened_or_was_signed() {
    let stage = Stage::new().await;
    let seconds = Arc::new(AtomicU64::new(1000));
    let clock = Arc::clone(&seconds);
    let clock = move || UNIX_EPOCH + Duration::from_secs(clock.load(Ordering::SeqCst));
    let network = stage.gateway.clone().with_clock(clock).network(CHANNEL);
    let request = network.filtered_block_events().start_block(0);
    let signature = stage.key.sign(&request.bytes()).unwrap();
    for (now, request) in
        [(1000, request.clone()), (5000, request.clone()), (9000, request.sign_with(signature))]
    {
        seconds.store(now, Ordering::SeqCst);
        stage.script(|script| script.blocks.push_back(Play::open(blocks([0]))));
        request.open().unwrap().next().await.unwrap().unwrap();
    }
    let time = |seen| match seen {
        Seen::Deliver(_, channel, _) => channel.timestamp.unwrap().seconds,
        _ => panic!("only blocks are asked for"),
    };
    assert_eq!(stage.seen().into_iter().map(time).collect::<Vec<_>>(), [1000, 5000, 1000]);
}

#[tokio::test]
async fn a_client_certificate_is_named_in_the_request() {
    let stage = stage(Play::open(blocks([0]))).await;
    let connection = stage.connection.clone().with_client_certificate_hash(vec![7; 32]);
    let gateway = Gateway::new(connection, &identity(), stage.key.clone());
    let mut stream = gateway.network(CHANNEL).filtered_block_events().open().unwrap();
    stream.next().await.unwrap().unwrap();
    let seen = stage.seen();
    let [Seen::Deliver(_, channel, _)] = &seen[..] else { panic!("{}", stage.calls()) };
    assert_eq!(channel.tls_cert_hash, vec![7; 32]);
}
