//! Blocks from peers and from the orderer.

use std::time::{Duration, SystemTime};

use fabric_devnet::{EnrollRequest, Role};
use fabric_protos::common::{Block, Envelope};
use fabric_protos::kvrwset::KvrwSet;
use fabric_protos::orderer::atomic_broadcast_client::AtomicBroadcastClient;
use fabric_protos::orderer::deliver_response::Type as Ordered;
use fabric_protos::orderer::seek_info::{SeekBehavior, SeekContentType};
use fabric_protos::protos::TxValidationCode::{EndorsementPolicyFailure, MvccReadConflict, Valid};
use fabric_protos::protos::deliver_client::DeliverClient;
use fabric_protos::protos::deliver_response::Type;
use fabric_protos::protos::{BlockAndPrivateData, DeliverResponse};
use futures_util::{FutureExt as _, StreamExt as _, stream};
use prost::Message as _;
use time::OffsetDateTime;
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::Streaming;

use crate::support::blocks::{Seek, orderer, status, told, whole};
use crate::support::{Client, code, setup, setup_with};

/// Bytes of an event in a test of clients that do not read.
const LARGE_BYTES: usize = 1 << 20;
/// How many there are: more than a connection's buffers hold.
const LARGE_EVENTS: u64 = 16;

/// One of a peer's three kinds of streams.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Whole,
    Filtered,
    Private,
}

/// Sends requests and closes its side; the stream of answers.
async fn open(client: &Client, kind: Kind, requests: Vec<Envelope>) -> Streaming<DeliverResponse> {
    let mut deliver = DeliverClient::new(client.channel.clone());
    let requests = stream::iter(requests);
    let answer = match kind {
        Kind::Whole => deliver.deliver(requests).await,
        Kind::Filtered => deliver.deliver_filtered(requests).await,
        Kind::Private => deliver.deliver_with_private_data(requests).await,
    };
    answer.unwrap().into_inner()
}

/// All that is answered to one request.
async fn ask(client: &Client, kind: Kind, request: Envelope) -> String {
    let answers = open(client, kind, vec![request]).await;
    let told: Vec<String> = answers.map(|answer| told(&answer.unwrap())).collect().await;
    told.join(", ")
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_come_from_and_to_what_is_asked_for() {
    let setup = setup().await;
    let client = setup.admin("Org1MSP").await;
    for value in ["1", "2", "3"] {
        assert_eq!(client.commit(&[&format!("put a {value}")]).await, Valid);
    }
    for (start, stop, expected) in [
        ("oldest", "newest", "0, 1, 2, 3, SUCCESS"),
        ("oldest", "oldest", "0, SUCCESS"),
        ("newest", "newest", "3, SUCCESS"),
        ("1", "2", "1, 2, SUCCESS"),
        ("2", "1", "BAD_REQUEST"),
        ("9", "9", "NOT_FOUND"),
    ] {
        let request = Seek::new(&client, start, stop).signed(&client);
        assert_eq!(ask(&client, Kind::Whole, request).await, expected, "{start} {stop}");
    }
    let mut beyond = Seek::new(&client, "2", "9");
    beyond.info.behavior = SeekBehavior::FailIfNotReady.into();
    assert_eq!(ask(&client, Kind::Whole, beyond.signed(&client)).await, "2, 3, NOT_FOUND");
    let mut headers = Seek::new(&client, "oldest", "1");
    headers.info.content_type = SeekContentType::HeaderWithSig.into();
    // The configuration's block is needed whole.
    let answer = ask(&client, Kind::Whole, headers.signed(&client)).await;
    assert_eq!(answer, "0, 1 without data, SUCCESS");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_goes_on_with_the_next_request_and_outlives_the_clients_side() {
    let setup = setup().await;
    let client = setup.admin("Org1MSP").await;
    let request = |start, stop| Seek::new(&client, start, stop).signed(&client);
    // The client has closed its side before the block is there, as the peer command does.
    let requests = vec![request("newest", "newest"), request("1", "1")];
    let mut answers = open(&client, Kind::Filtered, requests).await;
    for expected in ["mychannel 0 VALID", "SUCCESS"] {
        assert_eq!(told(&answers.next().await.unwrap().unwrap()), expected);
    }
    assert!(answers.next().now_or_never().is_none());
    assert_eq!(client.commit(&["put a 1"]).await, Valid);
    for expected in ["mychannel 1 VALID", "SUCCESS"] {
        assert_eq!(told(&answers.next().await.unwrap().unwrap()), expected);
    }
    assert!(answers.next().await.is_none());

    // A refusal ends the stream, whatever was to follow.
    let requests = vec![request("2", "1"), request("oldest", "oldest")];
    let answers = open(&client, Kind::Whole, requests).await;
    let told: Vec<String> = answers.map(|answer| told(&answer.unwrap())).collect().await;
    assert_eq!(told, ["BAD_REQUEST"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn filtered_blocks_tell_outcomes_and_events_without_content() {
    let setup = setup().await;
    let client = setup.admin("Org1MSP").await;
    let valid = client.draft(&["put a 1", "event Made secret"]);
    assert_eq!(client.commit_draft(&valid).await, Valid);
    let invalid = client.draft(&["put b 1", "event Made b"]).endorsers(&["Org1MSP"]);
    assert_eq!(client.commit_draft(&invalid).await, EndorsementPolicyFailure);
    let provider = setup.client("Org3MSP").await;
    let request = Seek::new(&provider, "1", "2").signed(&provider);
    let answers = open(&provider, Kind::Filtered, vec![request]).await;
    let answers: Vec<_> = answers.collect().await;
    for (answer, (draft, code)) in
        answers.iter().zip([(&valid, Valid), (&invalid, EndorsementPolicyFailure)])
    {
        let Some(Type::FilteredBlock(block)) = &answer.as_ref().unwrap().r#type else {
            panic!("{answer:?}");
        };
        let [one] = block.filtered_transactions.as_slice() else { panic!("{block:?}") };
        assert_eq!((one.txid.clone(), one.tx_validation_code()), (draft.id(), code));
        let text = format!("{one:?}");
        assert!(text.contains("Made") && !text.contains("secret"), "{text}");
    }
}

/// A custodian's clients are doctors, patients and devices: private data is not theirs to stream.
#[tokio::test(flavor = "multi_thread")]
async fn whole_blocks_are_for_custodians_peers_and_administrators_only() {
    let setup = setup().await;
    let given = "0, SUCCESS";
    for (msp_id, name, expected) in [
        ("Org1MSP", "Admin", given),
        ("Org1MSP", "User1", "FORBIDDEN"),
        ("Org3MSP", "Admin", "FORBIDDEN"),
        ("Org3MSP", "User1", "FORBIDDEN"),
    ] {
        let client = Client::user(&setup.devnet, msp_id, name).await;
        let request = || Seek::new(&client, "oldest", "oldest").signed(&client);
        assert_eq!(ask(&client, Kind::Whole, request()).await, expected, "{name}@{msp_id}");
        assert_eq!(ask(&client, Kind::Private, request()).await, expected, "{name}@{msp_id}");
        let filtered = ask(&client, Kind::Filtered, request()).await;
        assert_eq!(filtered, "mychannel 0 VALID, SUCCESS");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_checked_as_a_peer_does() {
    let setup = setup().await;
    let client = setup.admin("Org1MSP").await;
    let good = Seek::new(&client, "oldest", "oldest");
    let check = async |seek: Seek, expected: &str| {
        for kind in [Kind::Whole, Kind::Filtered, Kind::Private] {
            let answer = ask(&client, kind, seek.signed(&client)).await;
            assert_eq!(answer, expected, "{kind:?}");
        }
    };
    let hour = Duration::from_secs(3600);
    check(Seek { timestamp: None, ..good.clone() }, "BAD_REQUEST").await;
    let early = Some(SystemTime::now() - hour);
    check(Seek { timestamp: early, ..good.clone() }, "BAD_REQUEST").await;
    let late = Some(SystemTime::now() + hour);
    check(Seek { timestamp: late, ..good.clone() }, "BAD_REQUEST").await;
    check(Seek { channel: "other".to_owned(), ..good.clone() }, "NOT_FOUND").await;
    check(Seek { creator: "nobody".into(), ..good.clone() }, "FORBIDDEN").await;
    let other = setup.admin("Org2MSP").await;
    check(Seek { creator: other.identity.clone(), ..good.clone() }, "FORBIDDEN").await;
    let mut endless = good.clone();
    endless.info.stop = None;
    check(endless, "BAD_REQUEST").await;
    let mut unsigned = good.signed(&client);
    unsigned.signature = bytes::Bytes::new();
    assert_eq!(ask(&client, Kind::Whole, unsigned).await, "FORBIDDEN");
    assert_eq!(ask(&client, Kind::Whole, Envelope::default()).await, "BAD_REQUEST");
    let nonsense = Envelope { payload: "nonsense".into(), ..Default::default() };
    assert_eq!(ask(&client, Kind::Whole, nonsense).await, "BAD_REQUEST");

    let ended = OffsetDateTime::now_utc() - time::Duration::minutes(1);
    let request = EnrollRequest {
        role: Role::Admin,
        not_after: Some(ended),
        ..EnrollRequest::client("Org1MSP", "former")
    };
    let former = setup.enrolled(&request).await;
    let request = Seek::new(&former, "oldest", "oldest").signed(&former);
    assert_eq!(ask(&former, Kind::Whole, request).await, "FORBIDDEN");
}

/// Private writes by transaction, as `collection key=value …`.
fn private(both: &BlockAndPrivateData) -> Vec<String> {
    let mut told = Vec::new();
    for (tx, set) in &both.private_data_map {
        for ns in &set.ns_pvt_rwset {
            for one in &ns.collection_pvt_rwset {
                let writes = KvrwSet::decode(one.rwset.clone()).unwrap().writes;
                let writes: Vec<String> = (writes.iter())
                    .map(|write| format!("{}={}", write.key, String::from_utf8_lossy(&write.value)))
                    .collect();
                told.push(format!("{tx} {} {}", one.collection_name, writes.join(" ")));
            }
        }
    }
    told
}

async fn with_private_data(client: &Client, start: &str, stop: &str) -> Vec<Vec<String>> {
    let request = Seek::new(client, start, stop).signed(client);
    let answers = open(client, Kind::Private, vec![request]).await;
    let answers: Vec<_> = answers.map(|answer| answer.unwrap().r#type.unwrap()).collect().await;
    assert!(matches!(answers.last(), Some(Type::Status(200))), "{answers:?}");
    (answers.iter())
        .filter_map(|answer| match answer {
            Type::BlockAndPrivateData(both) => Some(private(both)),
            _ => None,
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn private_data_is_what_the_peer_holds_until_it_is_purged_or_ends() {
    let setup = setup().await;
    let client = setup.admin("Org1MSP").await;
    let steps = ["putp health a 1", "putp health b 2", "putp brief c 3"];
    assert_eq!(client.commit(&steps).await, Valid);
    setup.devnet.withhold_private_data("Org2MSP", true);
    assert_eq!(client.commit(&["putp health a 4"]).await, Valid);
    let first = vec!["0 brief c=3".to_owned(), "0 health a=1 b=2".to_owned()];
    let second = vec!["0 health a=4".to_owned()];
    let found = with_private_data(&client, "oldest", "2").await;
    assert_eq!(found, [vec![], first.clone(), second]);
    // The other custodian's peer missed the second.
    let other = setup.admin("Org2MSP").await;
    assert_eq!(with_private_data(&other, "1", "2").await, [first, vec![]]);

    assert_eq!(setup.devnet.reconcile_private_data("Org2MSP").unwrap(), 1);
    let second = vec!["0 health a=4".to_owned()];
    assert_eq!(with_private_data(&other, "2", "2").await, [second]);

    // `brief` lives one block: gone with block 3.
    assert_eq!(client.commit(&["purge health a"]).await, Valid);
    let rest = vec!["0 health b=2".to_owned()];
    assert_eq!(with_private_data(&client, "1", "3").await, [rest.clone(), vec![], vec![]]);

    // What is on disk is the same.
    let setup = setup.restart().await;
    let client = setup.admin("Org1MSP").await;
    assert_eq!(with_private_data(&client, "1", "3").await, [rest, vec![], vec![]]);
}

/// Peers keep what a transaction would have written that met a conflict, until it is purged.
#[tokio::test(flavor = "multi_thread")]
async fn private_data_is_also_what_met_a_conflict() {
    let setup = setup().await;
    let client = setup.admin("Org1MSP").await;
    let draft = client.draft(&["getp health k", "putp health k 1"]);
    let late = client.prepare(&draft).await;
    assert_eq!(client.commit(&["putp health k 2"]).await, Valid);
    client.submit(&draft, late).await.unwrap();
    let status = client.status(&draft.id()).await.unwrap();
    assert_eq!(code(status.result), MvccReadConflict);
    let told = |value| vec![format!("0 health k={value}")];
    assert_eq!(with_private_data(&client, "1", "2").await, [told(2), told(1)]);
    assert_eq!(client.read(&["getp health k"]).await, "2");

    assert_eq!(client.commit(&["purge health k"]).await, Valid);
    let nothing = Vec::<String>::new();
    assert_eq!(with_private_data(&client, "1", "2").await, [nothing.clone(), nothing]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_members_only_collection_others_get_nothing() {
    let setup = setup_with(|mut config| {
        config.organizations[2].custodian = true;
        config
    })
    .await;
    let client = setup.admin("Org1MSP").await;
    assert_eq!(client.commit(&["putp guarded a 1"]).await, Valid);
    assert_eq!(with_private_data(&client, "1", "1").await, [vec!["0 guarded a=1".to_owned()]]);
    // May read blocks, but is no member of the collection.
    let (provider, there) = (setup.admin("Org3MSP").await, setup.admin("Org1MSP").await);
    let provider = Client { channel: there.channel, gateway: there.gateway, ..provider };
    assert_eq!(with_private_data(&provider, "1", "1").await, [Vec::<String>::new()]);
}

/// All that the orderer answers to one request.
async fn ordered(client: &Client, channel: tonic::transport::Channel, seek: &Seek) -> Vec<String> {
    let request = stream::iter([seek.signed(client)]);
    let mut orderer = AtomicBroadcastClient::new(channel);
    let answers = orderer.deliver(request).await.unwrap().into_inner();
    answers
        .map(|answer| match answer.unwrap().r#type.unwrap() {
            Ordered::Status(code) => status(code),
            Ordered::Block(block) => {
                let slots = &block.metadata.as_ref().unwrap().metadata;
                assert!(slots.len() == 5 && slots[2].is_empty() && slots[4].is_empty());
                whole(&block)
            }
        })
        .collect()
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_orderer_delivers_to_all_readers_what_it_ordered() {
    let setup = setup().await;
    let client = setup.admin("Org1MSP").await;
    assert_eq!(client.commit(&["put a 1"]).await, Valid);
    let channel = orderer(&setup.devnet).await;
    // Every organisation's peer gets its blocks here, so every reader may.
    for msp_id in ["Org1MSP", "Org3MSP"] {
        let reader = setup.client(msp_id).await;
        let all = Seek::new(&reader, "oldest", "newest");
        assert_eq!(ordered(&reader, channel.clone(), &all).await, ["0", "1", "SUCCESS"]);
    }
    let other = Seek { channel: "other".to_owned(), ..Seek::new(&client, "oldest", "newest") };
    assert_eq!(ordered(&client, channel.clone(), &other).await, ["NOT_FOUND"]);
    let forged = Seek { creator: "nobody".into(), ..Seek::new(&client, "oldest", "newest") };
    assert_eq!(ordered(&client, channel, &forged).await, ["FORBIDDEN"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_orderer_takes_transactions_until_it_refuses_one() {
    let setup = setup().await;
    let client = setup.admin("Org1MSP").await;
    let mut orderer = AtomicBroadcastClient::new(orderer(&setup.devnet).await);
    let draft = client.draft(&["put a 1"]);
    let good = client.prepare(&draft).await;
    let mut unsigned = good.clone();
    unsigned.signature = bytes::Bytes::new();
    let (requests, receiver) = mpsc::unbounded_channel();
    for envelope in [good.clone(), unsigned, good] {
        requests.send(envelope).unwrap();
    }
    let answers = orderer.broadcast(UnboundedReceiverStream::new(receiver)).await.unwrap();
    let answers: Vec<_> = answers.into_inner().map(|answer| answer.unwrap()).collect().await;
    let codes: Vec<_> = answers.iter().map(|answer| status(answer.status)).collect();
    assert_eq!(codes, ["SUCCESS", "FORBIDDEN"]);
    assert!(answers[1].info.ends_with("permission denied"), "{answers:?}");
    assert_eq!(crate::support::code(client.status(&draft.id()).await.unwrap().result), Valid);
    let block = Block::decode(setup.devnet.block(1).unwrap().unwrap()).unwrap();
    assert_eq!(block.data.unwrap().data.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_ends_streams_of_blocks() {
    let setup = setup().await;
    let client = setup.admin("Org1MSP").await;
    let request = Seek::new(&client, "next", "99").signed(&client);
    let mut peer = open(&client, Kind::Whole, vec![request.clone()]).await;
    let mut orderer = AtomicBroadcastClient::new(orderer(&setup.devnet).await);
    let mut ordered = orderer.deliver(stream::iter([request])).await.unwrap().into_inner();
    setup.devnet.shutdown().await;
    assert!(!matches!(peer.message().await, Ok(Some(_))));
    assert!(!matches!(ordered.message().await, Ok(Some(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_do_not_read_do_not_keep_a_stopping_devnet() {
    let setup = setup().await;
    let client = setup.admin("Org1MSP").await;
    let large = format!("event Made {}", "x".repeat(LARGE_BYTES));
    for _ in 0..LARGE_EVENTS {
        assert_eq!(client.commit(&[&large]).await, Valid);
    }
    let request = Seek::new(&client, "oldest", "99").signed(&client);
    let mut blocks = open(&client, Kind::Whole, vec![request]).await;
    let mut events = crate::events::from_start(&client).await;
    // Once the first answers are here, the others are under way, more than fit into any buffer.
    assert!(blocks.message().await.unwrap().is_some());
    assert!(events.message().await.unwrap().is_some());
    // Fails where something still has the ledger open.
    let setup = setup.restart().await;
    assert_eq!(setup.devnet.height(), LARGE_EVENTS + 1);
    drop((blocks, events));
}
