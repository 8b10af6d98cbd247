use std::time::Duration;

use bytes::Bytes;
use fabric_ledger::proposal::{AssembleError, Proposal, assemble, is_endorsed, tx_id};
use fabric_ledger::{Identities, MemoryStore, Timestamp, TxRecord, Version, sha256};
use fabric_protos::common::{HeaderType, Payload};
use fabric_protos::protos::{
    ChaincodeAction, ChaincodeActionPayload, ChaincodeEvent, ChaincodeProposalPayload,
    ProposalResponsePayload, Response, Transaction,
};
use prost::Message as _;

use crate::identities::{CREATOR, Draft, Names, Spoil, endorse, sign};

#[test]
fn a_right_proposal_passes_and_gives_its_creator() {
    let mut draft = Draft::new("n");
    let proposal = draft.unpack();
    let creator = Names.parse(CREATOR.as_bytes()).unwrap();
    assert_eq!(proposal.validate(&Names).unwrap(), creator);
    assert_eq!((proposal.chaincode.as_str(), proposal.channel()), ("cc", "mychannel"));
    assert_eq!(proposal.input.args, ["Create"]);
    assert_eq!(proposal.tx_id(), tx_id(b"n", CREATOR.as_bytes()));

    draft.channel.r#type = HeaderType::Config.into();
    assert!(draft.unpack().validate(&Names).is_ok(), "the peer command queries so");
    draft.channel.channel_id = String::new();
    assert!(draft.unpack().validate(&Names).is_ok(), "a question to the peer itself");
}

#[test]
fn damaged_layers_are_named() {
    let check = |layer, text: &str| {
        let mut draft = Draft::new("n");
        draft.damage = Some((layer, Bytes::from_static(&[0x0a])));
        let err = Proposal::unpack(&draft.signed()).unwrap_err().to_string();
        assert!(err.starts_with(text), "{err}");
    };
    for layer in [
        "Proposal",
        "Header",
        "ChannelHeader",
        "SignatureHeader",
        "ChaincodeHeaderExtension",
        "ChaincodeProposalPayload",
        "ChaincodeInvocationSpec",
    ] {
        check(layer, &format!("error unmarshalling {layer}: "));
    }
}

#[test]
fn what_is_missing_is_named() {
    let check = |spoil: fn(&mut Draft), text: &str| {
        let mut draft = Draft::new("n");
        spoil(&mut draft);
        assert_eq!(Proposal::unpack(&draft.signed()).unwrap_err().to_string(), text);
    };
    check(|draft| draft.chaincode = None, "ChaincodeHeaderExtension.ChaincodeId is nil");
    check(
        |draft| draft.chaincode = Some(Default::default()),
        "ChaincodeHeaderExtension.ChaincodeId.Name is empty",
    );
    check(|draft| draft.spec = None, "chaincode invocation spec did not contain chaincode spec");
    check(
        |draft| draft.spec = Some(Default::default()),
        "chaincode input did not contain any input",
    );
}

/// Each of these is wrong in several ways; the peer's order decides which one is named.
#[test]
fn proposals_are_refused_in_the_order_of_the_peer() {
    let denied = "access denied: channel [mychannel] creator org";
    let right_id = tx_id(b"n", CREATOR.as_bytes());
    let rows: Vec<(Spoil<Draft>, String)> = vec![
        (|draft| draft.signer = "Org1.client.mallory".to_owned(), format!("{denied} [Org1]")),
        (
            |draft| {
                draft.signature.creator = "Org2.revoked.bob".into();
                draft.signer = "Org2.revoked.bob".to_owned();
                draft.channel.tx_id = tx_id(b"n", b"Org2.revoked.bob");
            },
            format!("{denied} [Org2]"),
        ),
        (
            |draft| {
                draft.signature.creator = "Alien.client.x".into();
                draft.channel.tx_id = tx_id(b"n", b"Alien.client.x");
            },
            format!("{denied} unknown, creator is malformed"),
        ),
        (|draft| draft.signer = "nobody".to_owned(), "empty signature bytes".to_owned()),
        (
            |draft| draft.channel.tx_id = "a".to_owned(),
            format!("incorrectly computed txid 'a' -- expected '{right_id}'"),
        ),
        (|draft| draft.signature.creator = Bytes::new(), "creator is empty".to_owned()),
        (|draft| draft.signature.nonce = Bytes::new(), "nonce is empty".to_owned()),
        (|draft| draft.channel.epoch = 1, "epoch is non-zero".to_owned()),
        (
            |draft| draft.channel.r#type = HeaderType::Message.into(),
            "invalid header type MESSAGE".to_owned(),
        ),
    ];
    // Spoilt one after the other, the newest fault is always the first that the peer sees.
    let mut draft = Draft::new("n");
    for (spoil, reason) in rows {
        let mut alone = Draft::new("n");
        spoil(&mut alone);
        let err = alone.unpack().validate(&Names).unwrap_err().to_string();
        assert_eq!(err, format!("error validating proposal: {reason}"));

        spoil(&mut draft);
        let err = draft.unpack().validate(&Names).unwrap_err().to_string();
        let (start, _) = reason.split_once(" -- expected").unwrap_or((&reason, ""));
        assert!(err.starts_with(&format!("error validating proposal: {start}")), "{err}");
    }
    let mut unknown = Draft::new("n");
    unknown.channel.r#type = 99;
    let err = unknown.unpack().validate(&Names).unwrap_err().to_string();
    assert_eq!(err, "error validating proposal: invalid header type 99");
}

#[test]
fn committed_ids_are_duplicates_valid_or_not() {
    let proposal = Draft::new("n").unpack();
    let mut store = MemoryStore::default();
    assert_eq!(proposal.duplicate(&store).unwrap(), None);
    let record = TxRecord { version: Version::new(3, 0), code: 11 };
    store.record_transaction(proposal.tx_id().to_owned(), record);
    assert_eq!(
        proposal.duplicate(&store).unwrap().unwrap().to_string(),
        format!(
            "duplicate transaction found [{}]. Creator [{}]",
            proposal.tx_id(),
            hex::encode(CREATOR)
        )
    );
}

#[test]
fn the_time_window_is_inclusive_and_no_time_is_1970() {
    let check = |client: Option<i64>, now: i64, expected| {
        let mut draft = Draft::new("n");
        draft.channel.timestamp =
            client.map(|seconds| prost_types::Timestamp { seconds, nanos: 0 });
        let window = Duration::from_secs(900);
        let now = Timestamp { seconds: now, nanos: 0 };
        assert_eq!(draft.unpack().is_timely(now, window), expected, "{client:?} at {now:?}");
    };
    check(Some(10_000), 10_000, true);
    check(Some(10_000), 10_900, true);
    check(Some(10_000), 10_901, false);
    check(Some(10_000), 9_100, true);
    check(Some(10_000), 9_099, false);
    check(Some(i64::MIN), i64::MAX, false);
    check(None, 900, true);
    check(None, 901, false);
}

#[test]
fn the_proposal_hash_leaves_out_transient_data() {
    let mut draft = Draft::new("n");
    let plain = draft.unpack();
    draft.transient = true;
    let secret = draft.unpack();
    assert_eq!(plain.hash, secret.hash);
    assert_eq!(secret.transient["secret"], "for endorsers only");
    let covered =
        [&plain.header.channel_header[..], &plain.header.signature_header[..], &plain.payload[..]]
            .concat();
    assert_eq!(plain.hash, sha256(&covered));
}

fn response(status: i32) -> Response {
    Response { status, message: "m".to_owned(), payload: "answer".into() }
}

#[test]
fn the_response_payload_has_all_an_endorser_answers_for() {
    let proposal = Draft::new("n").unpack();
    let event = ChaincodeEvent {
        chaincode_id: "forged".to_owned(),
        tx_id: "forged".to_owned(),
        event_name: "Created".to_owned(),
        payload: "p".into(),
    };
    let payload = proposal.response_payload(response(250), "rw".into(), Some(event), "1.0");
    let payload = ProposalResponsePayload::decode(payload).unwrap();
    assert_eq!(payload.proposal_hash, proposal.hash.to_vec());
    let action = ChaincodeAction::decode(payload.extension).unwrap();
    assert_eq!((action.results, action.response), ("rw".into(), Some(response(250))));
    let id = action.chaincode_id.unwrap();
    assert_eq!((id.path, id.name, id.version), (String::new(), "cc".into(), "1.0".into()));
    let event = ChaincodeEvent::decode(action.events).unwrap();
    assert_eq!((event.chaincode_id.as_str(), event.event_name.as_str()), ("cc", "Created"));
    assert_eq!(event.tx_id, proposal.tx_id());

    let silent = proposal.response_payload(response(200), "rw".into(), None, "1.0");
    let silent = ProposalResponsePayload::decode(silent).unwrap();
    assert!(ChaincodeAction::decode(silent.extension).unwrap().events.is_empty());
    for (status, expected) in [(0, true), (200, true), (399, true), (400, false), (500, false)] {
        assert_eq!(is_endorsed(&response(status)), expected);
    }
}

#[test]
fn a_transaction_carries_the_proposal_without_transient_data() {
    let mut draft = Draft::new("n");
    draft.transient = true;
    let proposal = draft.unpack();
    let payload = proposal.response_payload(response(200), "rw".into(), None, "1.0");
    let peers = ["Org1.peer.p0", "Org2.peer.p0", "Org1.peer.p0"];
    let envelope = assemble(&proposal, peers.iter().map(|peer| endorse(peer, &payload))).unwrap();
    assert!(envelope.signature.is_empty());
    assert!(!envelope.payload.windows(9).any(|part| part == b"endorsers"));

    let outer = Payload::decode(envelope.payload).unwrap();
    assert_eq!(outer.header.as_ref(), Some(&proposal.header));
    let actions = Transaction::decode(outer.data).unwrap().actions;
    let [action] = &actions[..] else { panic!("one action") };
    assert_eq!(action.header, proposal.header.signature_header);
    let action = ChaincodeActionPayload::decode(action.payload.clone()).unwrap();
    assert_eq!(action.chaincode_proposal_payload, proposal.payload);
    let inner = ChaincodeProposalPayload::decode(action.chaincode_proposal_payload).unwrap();
    assert!(inner.transient_map.is_empty());
    let endorsed = action.action.unwrap();
    assert_eq!(endorsed.proposal_response_payload, payload);
    let endorsers: Vec<_> = endorsed.endorsements.iter().map(|one| &one.endorser[..]).collect();
    assert_eq!(endorsers, [b"Org1.peer.p0", b"Org2.peer.p0"], "each once");
}

#[test]
fn endorsers_have_to_agree_to_the_byte() {
    let proposal = Draft::new("n").unpack();
    let payload = |results: &'static str| {
        proposal.response_payload(response(200), results.into(), None, "1.0")
    };
    let responses =
        [endorse("Org1.peer.p0", &payload("a")), endorse("Org2.peer.p0", &payload("b"))];
    let err = assemble(&proposal, responses).unwrap_err();
    assert_eq!(err.to_string(), "ProposalResponsePayloads do not match");
    assert_eq!(assemble(&proposal, []).unwrap_err(), AssembleError::NoEndorsement);
    assert!(sign("nobody", b"message").is_empty());
}
