//! Proposals to one peer, and the system chaincodes.

use fabric_devnet::{EnrollRequest, Role};
use fabric_ledger::block::header_hash;
use fabric_protos::common::{
    Block, BlockchainInfo, Config, ConfigEnvelope, Envelope, HeaderType, Payload,
};
use fabric_protos::lifecycle::{
    QueryChaincodeDefinitionArgs, QueryChaincodeDefinitionResult, QueryChaincodeDefinitionsResult,
};
use fabric_protos::msp::{FabricMspConfig, MspConfig};
use fabric_protos::protos::TxValidationCode::Valid;
use fabric_protos::protos::endorser_client::EndorserClient;
use fabric_protos::protos::{AcLs, ChannelQueryResponse, ProcessedTransaction, ProposalResponse};
use prost::Message as _;
use tonic::{Code, Status};

use crate::support::{CHAINCODE, CHANNEL, Client, Draft, setup};

async fn propose(client: &Client, draft: &Draft) -> Result<ProposalResponse, Status> {
    let mut endorser = EndorserClient::new(client.channel.clone());
    Ok(endorser.process_proposal(draft.signed(&client.key)).await?.into_inner())
}

/// A call of a system chaincode, with or without a channel.
fn system(client: &Client, channel: &str, chaincode: &str, args: &[&str]) -> Draft {
    let (channel, chaincode) = (channel.to_owned(), chaincode.to_owned());
    Draft { channel, chaincode, ..client.draft(args) }
}

async fn ask(client: &Client, channel: &str, chaincode: &str, args: &[&str]) -> (i32, Vec<u8>) {
    let answer = propose(client, &system(client, channel, chaincode, args)).await.unwrap();
    // What names a channel is endorsed: the peer command insists on it.
    let response = answer.response.unwrap();
    let endorsed = !channel.is_empty() && response.status < 400;
    assert_eq!(answer.endorsement.is_some(), endorsed, "{chaincode} {args:?}");
    let told = if response.status < 400 {
        response.payload.to_vec()
    } else {
        response.message.into_bytes()
    };
    (response.status, told)
}

async fn refusal(client: &Client, channel: &str, chaincode: &str, args: &[&str]) -> String {
    let (status, text) = ask(client, channel, chaincode, args).await;
    format!("{status} {}", String::from_utf8(text).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_endorses_for_itself() {
    let setup = setup().await;
    let draft = setup.client("Org1MSP").await.draft(&["put a 1", "number"]);
    let mut endorsers = Vec::new();
    for msp_id in ["Org1MSP", "Org2MSP"] {
        let client = setup.client_at("Org1MSP", msp_id).await;
        let answer = propose(&client, &draft).await.unwrap();
        assert_eq!((answer.version, answer.response.unwrap().status), (1, 200));
        endorsers.push(answer.endorsement.unwrap().endorser);
        assert!(!answer.payload.is_empty());
    }
    assert_ne!(endorsers[0], endorsers[1]);
    assert_eq!(setup.chaincode.executions(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_errors_or_responses_as_a_peers_are() {
    let setup = setup().await;
    let client = setup.client("Org1MSP").await;
    let draft = client.draft(&["put a 1"]);
    let check = async |draft: Draft, text: &str| {
        let refused = propose(&client, &draft).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unknown);
        assert!(refused.message().contains(text), "{refused}");
    };
    check(Draft { timestamp: None, ..draft.clone() }, "request unauthorized due to incorrect")
        .await;
    check(Draft { epoch: 1, ..draft.clone() }, "error validating proposal: epoch").await;
    check(Draft { tx_id: Some("x".to_owned()), ..draft.clone() }, "incorrectly computed txid")
        .await;
    check(Draft { creator: "nobody".into(), ..draft.clone() }, "creator is malformed").await;
    check(
        Draft { header_type: HeaderType::Message.into(), ..draft.clone() },
        "invalid header type",
    )
    .await;
    let other = setup.client("Org2MSP").await.identity;
    check(Draft { creator: other, ..draft.clone() }, "access denied: channel [mychannel]").await;
    assert_eq!(client.commit_draft(&draft).await, Valid);
    check(draft.clone(), "duplicate transaction found").await;

    let check = async |draft: Draft, status: i32, text: &str| {
        let answer = propose(&client, &draft).await.unwrap();
        let response = answer.response.unwrap();
        assert_eq!((response.status, answer.endorsement), (status, None));
        assert!(response.message.contains(text), "{}", response.message);
    };
    let elsewhere = Draft { channel: "other".to_owned(), ..client.draft(&["get a"]) };
    check(elsewhere, 500, "channel 'other' not found").await;
    let unknown = Draft { chaincode: "other".to_owned(), ..client.draft(&["get a"]) };
    check(unknown, 500, "chaincode other not found").await;
    let legacy = Draft { chaincode: "lscc".to_owned(), ..client.draft(&["getid"]) };
    check(legacy, 500, "chaincode lscc not found").await;
    check(client.draft(&["status 404 nothing"]), 404, "nothing").await;
    // No chaincode runs without a channel, for whom it would skip every check of one.
    let nowhere = Draft { channel: String::new(), ..client.draft(&["put a 1"]) };
    check(nowhere, 500, "chaincode script not found").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn qscc_tells_the_chain() {
    let setup = setup().await;
    let client = setup.admin("Org1MSP").await;
    let draft = client.draft(&["put a 1"]);
    assert_eq!(client.commit_draft(&draft).await, Valid);
    let id = draft.id();
    let stored = setup.devnet.block(1).unwrap().unwrap();
    let header = Block::decode(stored.clone()).unwrap().header.unwrap();
    let hash = header_hash(&header);

    // As the peer command asks: without a channel, and as configuration.
    let mut info = system(&client, "", "qscc", &["GetChainInfo", CHANNEL]);
    info.header_type = HeaderType::Config.into();
    let answer = propose(&client, &info).await.unwrap();
    assert!(answer.endorsement.is_none() && answer.payload.is_empty());
    let info = BlockchainInfo::decode(answer.response.unwrap().payload).unwrap();
    assert_eq!(info.height, 2);
    assert_eq!(
        (&info.current_block_hash[..], info.previous_block_hash),
        (&hash[..], header.previous_hash)
    );

    for args in [
        ["GetBlockByNumber", CHANNEL, "1"],
        ["GetBlockByNumber", CHANNEL, "18446744073709551615"],
        ["GetBlockByTxID", CHANNEL, &id],
    ] {
        assert_eq!(ask(&client, CHANNEL, "qscc", &args).await, (200, stored.to_vec()), "{args:?}");
    }
    let (_, found) = ask(&client, CHANNEL, "qscc", &["GetTransactionByID", CHANNEL, &id]).await;
    let found = ProcessedTransaction::decode(found.as_slice()).unwrap();
    let envelope = Block::decode(stored.clone()).unwrap().data.unwrap().data[0].clone();
    assert_eq!(found.transaction_envelope.unwrap(), Envelope::decode(envelope).unwrap());
    assert_eq!(found.validation_code, i32::from(Valid));
    // A hash is no text.
    let mut by_hash = system(&client, CHANNEL, "qscc", &["GetBlockByHash", CHANNEL]);
    by_hash.more = vec![hash.to_vec().into()];
    let answer = propose(&client, &by_hash).await.unwrap();
    assert_eq!(answer.response.unwrap().payload, stored);

    // The same through the gateway; endorsements of it are for nobody.
    let draft = system(&client, CHANNEL, "qscc", &["GetBlockByNumber", CHANNEL, "1"]);
    assert_eq!(client.evaluate_draft(&draft).await.unwrap().payload, stored);
    let refused = client.endorse(&draft).await.unwrap_err();
    assert!(refused.message().contains("No metadata was found for chaincode qscc"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn qscc_refuses_what_it_does_not_have_or_the_caller_may_not() {
    let setup = setup().await;
    let client = setup.admin("Org1MSP").await;
    let check = async |args: &[&str], expected: &str| {
        assert_eq!(refusal(&client, CHANNEL, "qscc", args).await, expected);
    };
    check(&["GetChainInfo"], "500 Incorrect number of arguments, 1").await;
    check(&["GetBlockByNumber", CHANNEL], "500 missing 3rd argument for GetBlockByNumber").await;
    check(&["GetChainInfo", "other"], "500 Invalid chain ID, other").await;
    check(
        &["GetBlockByNumber", CHANNEL, "9"],
        "500 Failed to get block number 9, error no such block number [9] in index",
    )
    .await;
    check(
        &["GetBlockByNumber", CHANNEL, "one"],
        "500 Failed to parse block number with error \"one\": invalid digit found in string",
    )
    .await;
    check(
        &["GetBlockByHash", CHANNEL, "x"],
        "500 Failed to get block hash 78, error no such block hash [78] in index",
    )
    .await;
    check(
        &["GetBlockByTxID", CHANNEL, "x"],
        "500 Failed to get block for txID x, error no such transaction ID [x] in index",
    )
    .await;
    check(
        &["GetTransactionByID", CHANNEL, "x"],
        "500 Failed to get transaction with id x, error no such transaction ID [x] in index",
    )
    .await;
    check(
        &["Nothing", CHANNEL, "x"],
        "500 access denied for [Nothing][mychannel]: [Unmapped policy for qscc/Nothing]",
    )
    .await;

    let (provider, doctor) = (setup.client("Org3MSP").await, setup.client("Org1MSP").await);
    let functions = ["GetBlockByNumber", "GetBlockByHash", "GetBlockByTxID", "GetTransactionByID"];
    for (function, by) in functions.iter().flat_map(|it| [(it, &provider), (it, &doctor)]) {
        let refused = refusal(by, CHANNEL, "qscc", &[function, CHANNEL, "0"]).await;
        let expected = format!(
            "500 access denied for [{function}][mychannel]: [failed evaluating policy on signed \
             data during check policy [/Channel/Application/Custodians]: [signature set did not \
             satisfy policy]]"
        );
        assert_eq!(refused, expected);
    }
    let (status, _) = ask(&provider, CHANNEL, "qscc", &["GetChainInfo", CHANNEL]).await;
    assert_eq!(status, 200);
    let draft = system(&provider, CHANNEL, "qscc", &["GetBlockByNumber", CHANNEL, "0"]);
    let refused = provider.evaluate_draft(&draft).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unknown);
    assert!(refused.message().contains("chaincode response 500, access denied"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn cscc_tells_the_peers_channels_to_its_own_organisation() {
    let setup = setup().await;
    let client = setup.client("Org1MSP").await;
    let (_, answer) = ask(&client, "", "cscc", &["GetChannels"]).await;
    let channels = ChannelQueryResponse::decode(answer.as_slice()).unwrap().channels;
    assert_eq!((channels.len(), channels[0].channel_id.as_str()), (1, CHANNEL));

    let guest = setup.client_at("Org2MSP", "Org1MSP").await;
    let refused = propose(&guest, &system(&guest, "", "cscc", &["GetChannels"])).await.unwrap_err();
    assert_eq!(
        refused.message(),
        "error validating proposal: access denied: channel [] creator org unknown, creator is \
         malformed"
    );
    let refused = refusal(&guest, CHANNEL, "cscc", &["GetChannels"]).await;
    assert!(refused.starts_with("500 access denied for [GetChannels]: Failed deser"), "{refused}");
    let check = async |client: &Client, args: &[&str], expected: &str| {
        let refused = refusal(client, "", "cscc", args).await;
        assert!(refused.starts_with(expected), "{refused}");
    };
    check(&client, &[], "500 Incorrect number of arguments, 0").await;
    check(&client, &["GetConfigBlock"], "500 Incorrect number of arguments, 1").await;
    check(&client, &["Nothing", "x"], "500 Requested function Nothing not found.").await;
    let other = "500 access denied for [GetConfigBlock][other]: Failed to get policy manager";
    check(&client, &["GetConfigBlock", "other"], other).await;
    let join = "500 access denied for [JoinChain]: [Failed verifying that proposal's creator";
    check(&client, &["JoinChain", "x"], join).await;
    let admin = EnrollRequest { role: Role::Admin, ..EnrollRequest::client("Org1MSP", "boss") };
    let admin = setup.enrolled(&admin).await;
    let join = "500 JoinChain: a devnet has the channels that it was started with; ";
    check(&admin, &["JoinChain", "x"], join).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_block_is_the_channels_configuration() {
    let setup = setup().await;
    let provider = setup.client("Org3MSP").await;
    let (_, block) = ask(&provider, CHANNEL, "cscc", &["GetConfigBlock", CHANNEL]).await;
    assert_eq!(block, setup.devnet.block(0).unwrap().unwrap());
    let (_, config) = ask(&provider, "", "cscc", &["GetChannelConfig", CHANNEL]).await;
    let config = Config::decode(config.as_slice()).unwrap();
    let block = Block::decode(block.as_slice()).unwrap();
    let envelope = Envelope::decode(block.data.unwrap().data[0].clone()).unwrap();
    let payload = Payload::decode(envelope.payload).unwrap();
    let envelope = ConfigEnvelope::decode(payload.data).unwrap();
    assert_eq!(envelope.config.unwrap(), config);

    let group = config.channel_group.unwrap();
    let application = &group.groups["Application"];
    let names: Vec<&str> = application.groups.keys().map(String::as_str).collect();
    assert_eq!(names, ["Org1MSP", "Org2MSP", "Org3MSP"]);
    let msp = MspConfig::decode(application.groups["Org1MSP"].values["MSP"].value.clone()).unwrap();
    let msp = FabricMspConfig::decode(msp.config).unwrap();
    let organizations = setup.dir.path().join("organizations/peerOrganizations/org1.example.com");
    let ca = std::fs::read(organizations.join("ca/ca.org1.example.com-cert.pem")).unwrap();
    assert_eq!((msp.name.as_str(), &msp.root_certs[0][..]), ("Org1MSP", ca.as_slice()));
    assert!(msp.fabric_node_ous.unwrap().enable);
    let acls = AcLs::decode(application.values["ACLs"].value.clone()).unwrap().acls;
    assert_eq!(acls["event/Block"].policy_ref, "/Channel/Application/Custodians");
    assert!(application.policies.contains_key("Custodians"));
    let orderer = &group.groups["Orderer"];
    for value in ["ConsensusType", "BatchSize", "BatchTimeout"] {
        assert!(orderer.values.contains_key(value), "{value}");
    }
    assert!(orderer.groups["OrdererMSP"].values.contains_key("Endpoints"));
}

#[tokio::test(flavor = "multi_thread")]
async fn lifecycle_tells_the_definitions_and_changes_none() {
    let setup = setup().await;
    let client = setup.client("Org3MSP").await;
    let query = async |name: &str| {
        let name = name.to_owned();
        let argument = QueryChaincodeDefinitionArgs { name }.encode_to_vec();
        let mut draft = system(&client, CHANNEL, "_lifecycle", &["QueryChaincodeDefinition"]);
        draft.more = vec![argument.into()];
        propose(&client, &draft).await.unwrap().response.unwrap()
    };
    let one = QueryChaincodeDefinitionResult::decode(query(CHAINCODE).await.payload).unwrap();
    assert_eq!((one.sequence, one.version.as_str()), (1, "1.0"));
    assert_eq!(one.collections.unwrap().config.len(), 3);
    assert!(one.approvals.values().all(|approved| *approved) && one.approvals.len() == 3);
    let none = query("other").await;
    assert_eq!((none.status, none.message.as_str()), (404, "namespace other is not defined"));

    let (_, all) = ask(&client, CHANNEL, "_lifecycle", &["QueryChaincodeDefinitions", ""]).await;
    let all = QueryChaincodeDefinitionsResult::decode(all.as_slice()).unwrap();
    assert_eq!(all.chaincode_definitions.len(), 1);
    assert_eq!(all.chaincode_definitions[0].name, CHAINCODE);

    let check = async |channel: &str, args: &[&str], expected: &str| {
        let refused = refusal(&client, channel, "_lifecycle", args).await;
        assert!(refused.starts_with(expected), "{refused}");
    };
    check(CHANNEL, &["QueryChaincodeDefinitions"], "500 lifecycle scc operations require").await;
    let denied = "500 Failed to authorize invocation due to failed ACL check";
    check("", &["QueryChaincodeDefinitions", ""], denied).await;
    check(CHANNEL, &["Nothing", ""], denied).await;
    let fixed = "500 InstallChaincode: a devnet has the chaincodes that it was started with";
    check("", &["InstallChaincode", ""], fixed).await;
    let garbled = "500 failed to invoke backing implementation of 'QueryChaincodeDefinition'";
    check(CHANNEL, &["QueryChaincodeDefinition", "\u{7f}"], garbled).await;
}
