//! Several channels: what each has for itself, and what one may ask of another.

use fabric_devnet::{Channel, Devnet};
use fabric_protos::common::{Block, BlockchainInfo, Envelope, Payload};
use fabric_protos::kvrwset::KvrwSet;
use fabric_protos::orderer::atomic_broadcast_client::AtomicBroadcastClient;
use fabric_protos::orderer::deliver_response::Type as Ordered;
use fabric_protos::protos::TxValidationCode::{MvccReadConflict, Valid};
use fabric_protos::protos::deliver_client::DeliverClient;
use fabric_protos::protos::endorser_client::EndorserClient;
use fabric_protos::protos::{
    ChaincodeAction, ChaincodeActionPayload, ChannelQueryResponse, ProposalResponsePayload,
    Transaction,
};
use fabric_protos::rwset::TxReadWriteSet;
use futures_util::{StreamExt as _, stream};
use prost::Message as _;
use tonic::Code;

use crate::support::blocks::{Seek, orderer, status, told};
use crate::support::{CHAINCODE, CHANNEL, Client, Draft, Setup, details, setup, setup_with};

/// A channel of two of the three organisations.
const OTHER: &str = "research";

async fn two_channels() -> Setup {
    setup_with(|config| config.channel(other())).await
}

fn other() -> Channel {
    Channel::new(OTHER).organizations(["Org1MSP", "Org2MSP"])
}

/// The same, on the other channel.
fn there(draft: Draft) -> Draft {
    Draft { channel: OTHER.to_owned(), ..draft }
}

async fn read_there(client: &Client, steps: &[&str]) -> String {
    let response = client.evaluate_draft(&there(client.draft(steps))).await.unwrap();
    String::from_utf8(response.payload.to_vec()).unwrap()
}

/// What the only transaction of a block reads and writes.
fn results(block: &[u8]) -> TxReadWriteSet {
    let envelope = Block::decode(block).unwrap().data.unwrap().data.remove(0);
    let payload = Payload::decode(Envelope::decode(envelope).unwrap().payload).unwrap();
    let action = Transaction::decode(payload.data).unwrap().actions.remove(0);
    let action = ChaincodeActionPayload::decode(action.payload).unwrap().action.unwrap();
    let response = ProposalResponsePayload::decode(action.proposal_response_payload).unwrap();
    let action = ChaincodeAction::decode(response.extension).unwrap();
    TxReadWriteSet::decode(action.results).unwrap()
}

fn heights(devnet: &Devnet) -> Vec<(String, u64)> {
    devnet.channels().map(|channel| (channel.name().to_owned(), channel.height())).collect()
}

fn at(own: u64, theirs: u64) -> Vec<(String, u64)> {
    vec![(CHANNEL.to_owned(), own), (OTHER.to_owned(), theirs)]
}

#[tokio::test(flavor = "multi_thread")]
async fn each_channel_has_a_ledger_of_its_own() {
    let setup = two_channels().await;
    let client = setup.client("Org1MSP").await;
    let draft = client.draft(&["put a 1", "putp health k one"]);
    assert_eq!(client.commit_draft(&draft).await, Valid);
    assert_eq!(heights(&setup.devnet), at(2, 1));
    assert_eq!(read_there(&client, &["get a", "getp health k"]).await, "\n");

    // Transaction ids are a channel's: the same one, with other content, is none's duplicate.
    let args = ["put a 2", "putp health k two"].map(str::to_owned).into();
    let same_id = there(Draft { args, ..draft.clone() });
    assert_eq!(same_id.id(), draft.id());
    assert_eq!(client.commit_draft(&same_id).await, Valid);
    assert_eq!(client.read(&["get a", "getp health k"]).await, "1\none");
    assert_eq!(read_there(&client, &["get a", "getp health k", "history a"]).await, "2\ntwo\n2");
    let private = |channel| {
        let channel = setup.devnet.channel(channel).unwrap();
        channel.private_data("Org2MSP", CHAINCODE, "health").unwrap()
    };
    let row = |value: &'static str| vec![("k".into(), value.into())];
    assert_eq!((private(CHANNEL), private(OTHER)), (row("one"), row("two")));
    assert!(setup.devnet.channel("elsewhere").is_none());

    // What is endorsed on one is not a transaction of the other.
    let stray = client.prepare(&client.draft(&["put a 3"])).await;
    let nowhere = Draft { channel: "nowhere".to_owned(), ..client.draft(&["put a 3"]) };
    let refused = client.submit(&nowhere, stray.clone()).await.unwrap_err();
    assert_eq!(refused.message(), "failed to get config for channel [nowhere]: channel not found");
    client.submit(&there(draft), stray).await.unwrap();
    assert!(setup.devnet.wait_for_height(3).await);
    assert_eq!((client.read(&["get a"]).await, heights(&setup.devnet)), ("3".into(), at(3, 2)));

    let setup = setup.restart().await;
    assert_eq!(heights(&setup.devnet), at(3, 2));
    let client = setup.client("Org2MSP").await;
    assert_eq!(read_there(&client, &["get a", "getp health k"]).await, "2\ntwo");
    assert_eq!(client.commit_draft(&there(client.draft(&["put a 4"]))).await, Valid);
    assert_eq!(heights(&setup.devnet), at(3, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_of_one_channel_gets_another_one() {
    let mut setup = setup().await;
    let client = setup.client("Org1MSP").await;
    assert_eq!(client.commit(&["put a 1"]).await, Valid);
    setup.config.channels.push(other());
    let mut setup = setup.restart().await;
    assert_eq!(heights(&setup.devnet), at(2, 1));
    let client = setup.client("Org1MSP").await;
    assert_eq!(client.read(&["get a"]).await, "1");
    assert_eq!(client.commit_draft(&there(client.draft(&["put a 2"]))).await, Valid);

    setup.devnet.shutdown().await;
    setup.config.channels.pop();
    let refused = Devnet::start(setup.config).await.unwrap_err().to_string();
    let text = "mychannel: Org1MSP Org2MSP Org3MSP, research: Org1MSP Org2MSP`, not `";
    assert!(refused.contains(text), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_channel_is_asked_and_nothing_of_it_is_kept() {
    let setup = two_channels().await;
    let client = setup.client("Org1MSP").await;
    assert_eq!(client.commit_draft(&there(client.draft(&["put a theirs"]))).await, Valid);
    // Even the very chaincode that asks: it is at work on its own channel alone.
    let steps = ["get a", "call script/research get a|put a lost|putp health k lost", "put b 1"];
    let asking = client.draft(&steps);
    let asked = client.prepare(&asking).await;
    // What was read there may change meanwhile.
    assert_eq!(client.commit_draft(&there(client.draft(&["put a newer"]))).await, Valid);
    client.submit(&asking, asked).await.unwrap();
    assert!(setup.devnet.wait_for_height(2).await);
    assert_eq!(client.read(&["get a", "get b", "getp health k"]).await, "\n1\n");
    assert_eq!(read_there(&client, &["get a", "getp health k"]).await, "newer\n");
    assert_eq!(heights(&setup.devnet), at(2, 3));
    let read_write_set = results(&setup.devnet.block(1).unwrap().unwrap());
    let namespaces = read_write_set.ns_rwset.iter().map(|one| one.namespace.as_str());
    assert_eq!(namespaces.collect::<Vec<_>>(), [CHAINCODE]);
    let own = KvrwSet::decode(read_write_set.ns_rwset[0].rwset.clone()).unwrap();
    assert_eq!((own.reads.len(), own.writes.len()), (1, 1));
    // On its own channel the key was absent.
    assert_eq!((own.reads[0].key.as_str(), &own.reads[0].version), ("a", &None));

    assert_eq!(client.read(&["call script/research get a"]).await, "called: 200\nnewer");
    assert_eq!(client.read(&["call script/research status 404 no"]).await, "called: 404no\n");
    // A call back would have a simulation of its own again, but what is at work is not called.
    let back = client.read(&["call script/research call script/mychannel get a"]).await;
    assert!(back.starts_with("called: 409"), "{back}");

    // Within the channel, reads do count.
    let asking = client.draft(&["get a", "put b 2"]);
    let asked = client.prepare(&asking).await;
    assert_eq!(client.commit(&["put a 1"]).await, Valid);
    client.submit(&asking, asked).await.unwrap();
    let code = client.status(&asking.id()).await.unwrap().result;
    assert_eq!(code, i32::from(MvccReadConflict));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_write_there_may_not_ask() {
    let setup = two_channels().await;
    let check = async |client: &Client, callee: &str, expected: &str| {
        let draft = client.draft(&[&format!("call {callee} get a")]);
        let refused = client.evaluate_draft(&draft).await.unwrap_err();
        let text = format!("INVOKE_CHAINCODE failed: transaction ID: {}: {expected}", draft.id());
        assert!(refused.message().contains(&text), "{refused}");
    };
    let provider = setup.client_at("Org3MSP", "Org1MSP").await;
    check(
        &provider,
        "script/research",
        "failed evaluating policy on signed data during check policy \
         [/Channel/Application/Writers]: [implicit policy evaluation failed - 0 sub-policies were \
         satisfied, but this policy requires 1 of the 'Writers' sub-policies to be satisfied]",
    )
    .await;
    // The organisation's own peer has not joined.
    let unknown = "Failed to get policy manager for channel [research]";
    check(&setup.client("Org3MSP").await, "script/research", unknown).await;
    let client = setup.client("Org1MSP").await;
    let unknown = "Failed to get policy manager for channel [elsewhere]";
    check(&client, "script/elsewhere", unknown).await;
    let undefined = "execute failed: invalid invocation: [channel research] failed to get \
                     chaincode container info for none: chaincode none not found";
    check(&client, "none/research", undefined).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chaincode_is_where_it_is_defined() {
    let setup = setup_with(|config| config.channel(other().chaincodes::<String>([]))).await;
    let client = setup.client("Org1MSP").await;
    assert_eq!(client.commit(&["put a 1"]).await, Valid);
    let refused = client.endorse(&there(client.draft(&["put a 1"]))).await.unwrap_err();
    assert_eq!(
        refused.message(),
        "no combination of peers can be derived which satisfy the endorsement policy: No metadata \
         was found for chaincode script in channel research"
    );
    let refused = client.evaluate(&["call script/research get a"]).await.unwrap_err();
    assert!(refused.message().contains("chaincode script not found"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn peers_tell_the_channels_that_they_have_joined() {
    let setup = two_channels().await;
    let ask = async |client: &Client, chaincode: &str, args: &[&str]| {
        let draft =
            Draft { channel: String::new(), chaincode: chaincode.to_owned(), ..client.draft(args) };
        let mut endorser = EndorserClient::new(client.channel.clone());
        let answer = endorser.process_proposal(draft.signed(&client.key)).await.unwrap();
        answer.into_inner().response.unwrap()
    };
    let channels = async |msp_id: &str| {
        let answer = ask(&setup.client(msp_id).await, "cscc", &["GetChannels"]).await;
        let answer = ChannelQueryResponse::decode(answer.payload).unwrap();
        answer.channels.into_iter().map(|one| one.channel_id).collect::<Vec<_>>()
    };
    assert_eq!(channels("Org1MSP").await, [CHANNEL, OTHER]);
    assert_eq!(channels("Org3MSP").await, [CHANNEL]);

    let client = setup.client("Org1MSP").await;
    assert_eq!(client.commit_draft(&there(client.draft(&["put a 1"]))).await, Valid);
    for (channel, height) in [(CHANNEL, 1), (OTHER, 2)] {
        let answer = ask(&client, "qscc", &["GetChainInfo", channel]).await;
        assert_eq!(BlockchainInfo::decode(answer.payload).unwrap().height, height);
    }
    let provider = setup.client("Org3MSP").await;
    let answer = ask(&provider, "qscc", &["GetChainInfo", OTHER]).await;
    assert_eq!((answer.status, answer.message.as_str()), (500, "Invalid chain ID, research"));
}

#[tokio::test(flavor = "multi_thread")]
async fn organisations_that_are_not_on_a_channel_have_nothing_of_it() {
    let setup = two_channels().await;
    let provider = setup.client("Org3MSP").await;
    let refused = provider.evaluate_draft(&there(provider.draft(&["get a"]))).await.unwrap_err();
    let text = "failed to get config for channel [research]: channel not found";
    assert_eq!((refused.code(), refused.message()), (Code::Unavailable, text));
    let guest = setup.client_at("Org3MSP", "Org1MSP").await;
    let refused = guest.evaluate_draft(&there(guest.draft(&["get a"]))).await.unwrap_err();
    assert!(details(&refused)[0].message.contains("creator"), "{refused:?}");

    let seek = |client: &Client| {
        let seek = Seek { channel: OTHER.to_owned(), ..Seek::new(client, "oldest", "newest") };
        seek.signed(client)
    };
    let delivered = async |client: &Client, request: Envelope| {
        let mut deliver = DeliverClient::new(client.channel.clone());
        let answers = deliver.deliver_filtered(stream::iter([request])).await.unwrap();
        let told = answers.into_inner().map(|answer| told(&answer.unwrap()));
        told.collect::<Vec<_>>().await.join(", ")
    };
    assert_eq!(delivered(&provider, seek(&provider)).await, "NOT_FOUND");
    assert_eq!(delivered(&guest, seek(&guest)).await, "FORBIDDEN");
    let member = setup.client("Org2MSP").await;
    assert_eq!(delivered(&member, seek(&member)).await, "research 0 VALID, SUCCESS");

    let mut ordering = AtomicBroadcastClient::new(orderer(&setup.devnet).await);
    for (client, expected) in [(&guest, "FORBIDDEN"), (&member, "research, SUCCESS")] {
        let answers = ordering.deliver(stream::iter([seek(client)])).await.unwrap().into_inner();
        let told = answers.map(|answer| match answer.unwrap().r#type.unwrap() {
            Ordered::Status(code) => status(code),
            Ordered::Block(_) => OTHER.to_owned(),
        });
        assert_eq!(told.collect::<Vec<_>>().await.join(", "), expected);
    }
    let draft = there(member.draft(&["put a 1"]));
    let endorsed = member.endorse(&draft).await.unwrap();
    let answers = ordering.broadcast(stream::iter([guest.sign(endorsed)])).await.unwrap();
    let told = answers.into_inner().map(|answer| status(answer.unwrap().status));
    assert_eq!(told.collect::<Vec<_>>().await, ["FORBIDDEN"]);
}
