use bytes::Bytes;
use fabric_ledger::channel::{Channel, Collection, Definition};
use fabric_ledger::policy::parse;
use fabric_ledger::rwset::TxRwSet;
use fabric_ledger::validation::{Checked, TransactionCheck, Verdict, inspect, validate_block};
use fabric_ledger::{
    MemoryStore, Space, TxRecord, TxValidationCode as Code, Update, UpdateBatch, Version,
    Versioned, metadata,
};
use fabric_protos::common::{ChannelHeader, Envelope, HeaderType, Payload};
use fabric_protos::kvrwset::KvMetadataEntry;
use fabric_protos::protos::{
    ChaincodeAction, ChaincodeActionPayload, ChaincodeEvent, ProposalResponsePayload, Transaction,
};
use fabric_protos::rwset::TxReadWriteSet;
use prost::Message;

use crate::harness::Ledger;
use crate::identities::{
    CREATOR, Draft, Names, Spoil, endorse, sign, signed_envelope, transaction,
};

const BOTH: [&str; 2] = ["Org1.peer.p0", "Org2.peer.p0"];

fn collection(members: &str, endorsement: Option<&str>) -> Collection {
    Collection {
        members: parse(members).unwrap(),
        endorsement_policy: endorsement.map(|text| parse(text).unwrap().into()),
        block_to_live: 0,
        member_only_read: false,
        member_only_write: false,
    }
}

/// `cc` needs both organisations, its collection `own` the third one; `other` needs Org1.
fn channel() -> Channel {
    let mut channel = Channel::new("mychannel", ["Org1", "Org2", "Org3"].map(str::to_owned));
    let define = |policy: &str, collections: &[(&str, Option<&str>)]| Definition {
        version: "1.0".to_owned(),
        policy: parse(policy).unwrap().into(),
        collections: collections
            .iter()
            .map(|(name, policy)| ((*name).to_owned(), collection("OR('Org1.member')", *policy)))
            .collect(),
    };
    let collections = [("c", None), ("own", Some("OR('Org3.peer')"))];
    channel.define("cc", define("AND('Org1.peer', 'Org2.peer')", &collections));
    channel.define("other", define("OR('Org1.peer')", &[]));
    channel
}

pub(crate) fn check(envelope: Bytes, store: &MemoryStore) -> Verdict {
    let channel = channel();
    let check = TransactionCheck { channel: &channel, store, identities: &Names };
    check.check(envelope).unwrap()
}

fn code(envelope: Bytes) -> Code {
    check(envelope, &MemoryStore::default()).outcome.err().unwrap_or(Code::Valid)
}

/// Results as a script: `cc:k=v` writes, `cc:k` deletes, `cc/c:k=v` private, `cc!k` metadata,
/// `cc/c!k` private metadata, `cc?k` reads.
pub(crate) fn results(script: &str) -> Bytes {
    let ledger = Ledger::default();
    let simulation = fabric_ledger::Simulation::new("mychannel", "tx");
    let access = |_: &str, _: &str| Some(fabric_ledger::Permission::FULL);
    let (_, results) = ledger.simulate_with(simulation, access, |tx| {
        for word in script.split_whitespace() {
            let at = word.find([':', '!', '?']).unwrap();
            let (space, rest) = word.split_at(at);
            let (kind, rest) = rest.split_at(1);
            let (key, value) = rest.split_once('=').unwrap_or((rest, ""));
            let value = Bytes::copy_from_slice(value.as_bytes());
            let entry = [(metadata::VALIDATION_PARAMETER.to_owned(), value.clone())].into();
            match (space.split_once('/'), kind) {
                (None, ":") => tx.put_state(space, key, value).unwrap(),
                (None, "!") => tx.put_state_metadata(space, key, entry).unwrap(),
                (None, _) => drop(tx.get_state(space, key).unwrap()),
                (Some((ns, coll)), ":") => tx.put_private_data(ns, coll, key, value).unwrap(),
                (Some((ns, coll)), _) => {
                    tx.put_private_data_metadata(ns, coll, key, entry).unwrap();
                }
            }
        }
    });
    results.rwset.encode()
}

pub(crate) fn endorsed(nonce: &str, script: &str, endorsers: &[&str]) -> Bytes {
    transaction(&Draft::new(nonce), results(script), endorsers)
}

#[test]
fn a_right_transaction_is_taken_apart() {
    let verdict = check(endorsed("n", "cc:k=v", &BOTH), &MemoryStore::default());
    let draft = Draft::new("n");
    assert_eq!(verdict.tx_id.as_ref(), Some(&draft.channel.tx_id));
    let Ok(Checked::Endorsed(transaction)) = verdict.outcome else { panic!("endorsed") };
    assert_eq!(transaction.tx_id, draft.channel.tx_id);
    assert_eq!((transaction.chaincode.as_str(), transaction.event), ("cc", None));
    assert_eq!(transaction.creator, CREATOR);
    assert_eq!(transaction.rwset, TxRwSet::decode(results("cc:k=v")).unwrap());
}

/// Takes a right transaction apart, lets one layer be changed, and signs the whole again.
fn respun(change: impl FnOnce(&mut Layers)) -> Bytes {
    let envelope = Envelope::decode(endorsed("n", "cc:k=v", &BOTH)).unwrap();
    let outer = Payload::decode(envelope.payload).unwrap();
    let transaction = Transaction::decode(outer.data.clone()).unwrap();
    let action = ChaincodeActionPayload::decode(transaction.actions[0].payload.clone()).unwrap();
    let endorsed = action.action.clone().unwrap();
    let response =
        ProposalResponsePayload::decode(endorsed.proposal_response_payload.clone()).unwrap();
    let chaincode = ChaincodeAction::decode(response.extension.clone()).unwrap();
    let mut layers = Layers {
        outer,
        transaction,
        action,
        response,
        chaincode,
        extension: None,
        response_bytes: None,
        data: None,
        endorsers: BOTH.to_vec(),
        signer: CREATOR,
    };
    change(&mut layers);
    layers.spin()
}

struct Layers {
    outer: Payload,
    transaction: Transaction,
    action: ChaincodeActionPayload,
    response: ProposalResponsePayload,
    chaincode: ChaincodeAction,
    /// Replaces the chaincode action.
    extension: Option<Bytes>,
    /// Replaces the proposal response payload.
    response_bytes: Option<Bytes>,
    /// Replaces the transaction.
    data: Option<Bytes>,
    endorsers: Vec<&'static str>,
    signer: &'static str,
}

impl Layers {
    fn spin(mut self) -> Bytes {
        let extension = self.extension.unwrap_or_else(|| self.chaincode.encode_to_vec().into());
        self.response.extension = extension;
        let payload: Bytes =
            self.response_bytes.unwrap_or_else(|| self.response.encode_to_vec().into());
        if let Some(endorsed) = &mut self.action.action {
            endorsed.endorsements =
                self.endorsers.iter().map(|endorser| endorse(endorser, &payload).1).collect();
            endorsed.proposal_response_payload = payload;
        }
        if let Some(action) = self.transaction.actions.first_mut()
            && action.payload.len() != 1
        {
            action.payload = self.action.encode_to_vec().into();
        }
        self.outer.data = self.data.unwrap_or_else(|| self.transaction.encode_to_vec().into());
        let payload = self.outer.encode_to_vec().into();
        signed_envelope(self.signer, Envelope { payload, signature: Bytes::new() })
    }
}

const DAMAGED: Bytes = Bytes::from_static(&[0x0a]);

#[test]
fn every_damage_has_its_code() {
    let rows: Vec<(Code, Spoil<Layers>)> = vec![
        (Code::Valid, |_| ()),
        (Code::BadCommonHeader, |tx| tx.outer.header = None),
        (Code::BadCreatorSignature, |tx| tx.signer = "Org1.client.mallory"),
        (Code::InvalidEndorserTransaction, |tx| tx.data = Some(DAMAGED)),
        (Code::InvalidEndorserTransaction, |tx| tx.transaction.actions.clear()),
        (Code::InvalidEndorserTransaction, |tx| {
            tx.transaction.actions.push(tx.transaction.actions[0].clone());
        }),
        (Code::InvalidEndorserTransaction, |tx| tx.transaction.actions[0].header = DAMAGED),
        (Code::InvalidEndorserTransaction, |tx| tx.transaction.actions[0].header = Bytes::new()),
        (Code::InvalidEndorserTransaction, |tx| tx.transaction.actions[0].payload = DAMAGED),
        (Code::InvalidEndorserTransaction, |tx| tx.action.action = None),
        (Code::InvalidEndorserTransaction, |tx| tx.response_bytes = Some(DAMAGED)),
        (Code::InvalidEndorserTransaction, |tx| tx.response.proposal_hash = "forged".into()),
        (Code::InvalidEndorserTransaction, |tx| {
            tx.action.chaincode_proposal_payload = "another proposal".into();
        }),
        (Code::BadResponsePayload, |tx| tx.extension = Some(Bytes::new())),
        (Code::BadResponsePayload, |tx| tx.extension = Some(DAMAGED)),
        (Code::BadRwset, |tx| tx.chaincode.results = DAMAGED),
        (Code::InvalidOtherReason, |tx| tx.chaincode.chaincode_id = None),
        (Code::InvalidChaincode, |tx| {
            tx.chaincode.chaincode_id.as_mut().unwrap().name = "other".to_owned();
        }),
        (Code::InvalidChaincode, |tx| {
            tx.chaincode.chaincode_id.as_mut().unwrap().version = String::new();
        }),
        (Code::InvalidOtherReason, |tx| tx.chaincode.events = DAMAGED),
        (Code::InvalidOtherReason, |tx| {
            let event = ChaincodeEvent { chaincode_id: "other".to_owned(), ..Default::default() };
            tx.chaincode.events = event.encode_to_vec().into();
        }),
        (Code::Valid, |tx| {
            let event = ChaincodeEvent { chaincode_id: "cc".to_owned(), ..Default::default() };
            tx.chaincode.events = event.encode_to_vec().into();
        }),
        (Code::IllegalWriteset, |tx| {
            let mut twice = TxReadWriteSet::decode(tx.chaincode.results.clone()).unwrap();
            twice.ns_rwset.push(twice.ns_rwset[0].clone());
            tx.chaincode.results = twice.encode_to_vec().into();
        }),
        (Code::InvalidChaincode, |tx| tx.chaincode.results = results("undefined:k=v")),
        (Code::Valid, |tx| tx.chaincode.results = results("undefined?k")),
        (Code::EndorsementPolicyFailure, |tx| tx.endorsers = vec![BOTH[0]]),
    ];
    for (row, (expected, change)) in rows.into_iter().enumerate() {
        assert_eq!(code(respun(change)), expected, "row {row}");
    }
}

#[test]
fn every_wrong_header_has_its_code() {
    let rows: Vec<(Code, Spoil<Draft>)> = vec![
        (Code::BadCommonHeader, |draft| draft.damage = Some(("ChannelHeader", DAMAGED))),
        (Code::BadCommonHeader, |draft| draft.damage = Some(("SignatureHeader", DAMAGED))),
        (Code::BadCommonHeader, |draft| draft.channel.r#type = HeaderType::Message.into()),
        (Code::BadCommonHeader, |draft| draft.channel.r#type = 99),
        (Code::BadCommonHeader, |draft| draft.channel.epoch = 1),
        (Code::BadCommonHeader, |draft| draft.signature.nonce = Bytes::new()),
        (Code::BadCommonHeader, |draft| draft.signature.creator = Bytes::new()),
        (Code::BadCreatorSignature, |draft| draft.signature.creator = "Alien.client.x".into()),
        (Code::BadCreatorSignature, |draft| {
            draft.signature.creator = "Org1.revoked.x".into();
            draft.signer = "Org1.revoked.x".to_owned();
        }),
        (Code::BadCreatorSignature, |draft| draft.signer = "nobody".to_owned()),
        (Code::UnsupportedTxPayload, |draft| {
            draft.channel.r#type = HeaderType::ConfigUpdate.into();
        }),
        (Code::BadProposalTxid, |draft| draft.channel.tx_id = "made up".to_owned()),
        (Code::BadProposalTxid, |draft| draft.channel.tx_id.make_ascii_uppercase()),
        (Code::TargetChainNotFound, |draft| draft.channel.channel_id = "elsewhere".to_owned()),
        (Code::BadHeaderExtension, |draft| {
            draft.damage = Some(("ChaincodeHeaderExtension", DAMAGED));
        }),
        (Code::InvalidOtherReason, |draft| draft.chaincode = None),
        (Code::InvalidChaincode, |draft| draft.chaincode = Some(Default::default())),
    ];
    for (row, (expected, spoil)) in rows.into_iter().enumerate() {
        let mut draft = Draft::new("n");
        spoil(&mut draft);
        // The headers are put around the transaction after it was endorsed; so the hash of the
        // proposal is made right again.
        let envelope = respun(|tx| {
            let wire = fabric_protos::protos::Proposal::decode(draft.signed().proposal_bytes);
            let header = fabric_protos::common::Header::decode(wire.unwrap().header).unwrap();
            let action_header = tx.transaction.actions[0].header.clone();
            let payload = tx.action.chaincode_proposal_payload.clone();
            let covered = [&header.channel_header[..], &action_header, &payload].concat();
            tx.response.proposal_hash = fabric_ledger::sha256(&covered).to_vec().into();
            tx.outer.header = Some(header);
            tx.signer = draft.signer.clone().leak();
        });
        assert_eq!(code(envelope), expected, "row {row}");
    }
}

#[test]
fn bytes_that_are_no_envelope_have_their_codes() {
    assert_eq!(code(DAMAGED), Code::InvalidOtherReason);
    assert_eq!(code(Bytes::new()), Code::BadCommonHeader);
    let envelope = Envelope { payload: DAMAGED, signature: Bytes::new() };
    assert_eq!(code(envelope.encode_to_vec().into()), Code::BadPayload);
}

#[test]
fn configuration_is_passed_on() {
    let mut draft = Draft::new("n");
    draft.channel.r#type = HeaderType::Config.into();
    draft.channel.tx_id = String::new();
    let wire = fabric_protos::protos::Proposal::decode(draft.signed().proposal_bytes).unwrap();
    let header = fabric_protos::common::Header::decode(wire.header).unwrap();
    let payload = Payload { header: Some(header), data: "config".into() }.encode_to_vec();
    let envelope = Envelope { payload: payload.into(), signature: Bytes::new() };
    let verdict = check(signed_envelope(CREATOR, envelope), &MemoryStore::default());
    assert_eq!(verdict.outcome, Ok(Checked::Config("config".into())));
    assert_eq!(verdict.tx_id, Some(Draft::new("n").channel.tx_id), "computed");
    let block = validate_block(1, &[verdict], &MemoryStore::default()).unwrap();
    assert_eq!((block.codes, block.state.updates.is_empty()), (vec![Code::Valid], true));
}

#[test]
fn a_committed_id_is_a_duplicate() {
    let mut store = MemoryStore::default();
    let record = TxRecord { version: Version::new(0, 0), code: 11 };
    store.record_transaction(Draft::new("n").channel.tx_id, record);
    let verdict = check(endorsed("n", "cc:k=v", &BOTH), &store);
    assert_eq!(verdict.outcome, Err(Code::DuplicateTxid));
}

/// State in which key `k` of `cc` and of its collection `c` has this policy.
fn with_key_policy(policy: Bytes) -> MemoryStore {
    let entry = KvMetadataEntry { name: metadata::VALIDATION_PARAMETER.to_owned(), value: policy };
    let metadata =
        fabric_protos::kvrwset::KvMetadataWrite { key: String::new(), entries: vec![entry] };
    let value = Versioned {
        value: "v".into(),
        metadata: Some(metadata.encode_to_vec().into()),
        version: Version::new(0, 0),
    };
    let mut batch = UpdateBatch::default();
    let public = Space::Public { namespace: "cc" };
    batch.insert(public, "k".into(), Update::Put(value.clone()));
    let hashed = Space::Hashed { namespace: "cc", collection: "c" };
    let key = Bytes::copy_from_slice(&fabric_ledger::sha256(b"k"));
    batch.insert(hashed, key, Update::Put(value));
    let mut store = MemoryStore::default();
    store.apply(batch);
    store
}

#[test]
fn each_written_key_needs_its_own_policy_else_the_collections_else_the_chaincodes() {
    let org3 = {
        let policy = fabric_ledger::policy::SignaturePolicy::parse_envelope("OR('Org3.peer')");
        with_key_policy(policy.unwrap().encode_to_vec().into())
    };
    let check = |script: &str, organisations: &str, valid: bool| {
        let endorsers: Vec<String> =
            organisations.chars().map(|org| format!("Org{org}.peer.p0")).collect();
        let endorsers: Vec<&str> = endorsers.iter().map(String::as_str).collect();
        let verdict = check(endorsed("n", script, &endorsers), &org3);
        let expected = if valid { Code::Valid } else { Code::EndorsementPolicyFailure };
        let code = verdict.outcome.err().unwrap_or(Code::Valid);
        assert_eq!(code, expected, "{script} by {organisations}");
    };
    // The chaincode's policy, also for transactions that only read.
    check("cc:a=v", "12", true);
    check("cc:a=v", "13", false);
    check("cc?a", "12", true);
    check("cc?a", "1", false);
    check("cc!a", "1", false);
    check("", "12", true);
    check("", "3", false);
    // The key's.
    check("cc:k=v", "3", true);
    check("cc:k=v", "12", false);
    check("cc:k", "12", false);
    check("cc!k", "12", false);
    check("cc!k", "3", true);
    check("cc:k=v cc:a=v", "3", false);
    check("cc:k=v cc:a=v", "12", false);
    check("cc:k=v cc:a=v", "123", true);
    check("cc/c:k=v", "3", true);
    check("cc/c:k=v", "12", false);
    check("cc/c!k", "3", true);
    // The collection's, else the chaincode's.
    check("cc/c:a=v", "12", true);
    check("cc/c:a=v", "1", false);
    check("cc/c!a", "1", false);
    check("cc/own:a=v", "3", true);
    check("cc/own:a=v", "12", false);
    check("cc/own:a=v cc:a=v", "3", false);
    check("cc/own:a=v cc:a=v", "123", true);
    check("cc/_implicit_org_Org2:a=v", "2", true);
    check("cc/_implicit_org_Org2:a=v", "13", false);
    check("cc/nowhere:a=v", "123", false);
    // Every chaincode written, and the invoked one.
    check("other:a=v", "1", false);
    check("other:a=v", "12", true);
    check("other:a=v cc:k=v", "3", false);
    check("other:a=v cc:k=v", "13", true);
    check("other?a cc:k=v", "3", true);
}

#[test]
fn a_key_policy_that_cannot_be_read_is_satisfied_by_nobody() {
    let everybody = ["Org1.peer.p0", "Org2.peer.p0", "Org3.peer.p0"];
    let verdict = check(endorsed("n", "cc:k=v", &everybody), &with_key_policy(DAMAGED));
    assert_eq!(verdict.outcome, Err(Code::EndorsementPolicyFailure));
    let verdict = check(endorsed("n", "cc:k=v", &BOTH), &with_key_policy(Bytes::new()));
    assert!(verdict.outcome.is_ok(), "an empty policy is none");
}

#[test]
fn endorsements_count_once_and_only_with_a_right_signature() {
    let check = |endorsers: &[&str], expected| {
        assert_eq!(code(endorsed("n", "cc:k=v", endorsers)), expected, "{endorsers:?}");
    };
    let failure = Code::EndorsementPolicyFailure;
    check(&["Org2.peer.p0", "Org1.peer.p0"], Code::Valid);
    check(&["Org1.peer.p0", "Org1.peer.p1"], failure);
    check(&["Org1.client.x", "Org2.peer.p0"], failure);
    check(&["Alien.peer.x", "Org2.peer.p0"], failure);
    check(&["Org1.peer.p0", "Org2.revoked.p0"], failure);
    assert_eq!(code(respun(|tx| tx.endorsers.clear())), failure);

    // The same certificate spelt twice is one identity.
    let mut channel = channel();
    let policy = parse("AND('Org1.peer', 'Org1.peer')").unwrap().into();
    let version = "1.0".to_owned();
    channel.define("cc", Definition { version, policy, collections: Default::default() });
    let verify = |endorsers: &[&str]| {
        let store = MemoryStore::default();
        let check = TransactionCheck { channel: &channel, store: &store, identities: &Names };
        check.check(endorsed("n", "cc:k=v", endorsers)).unwrap().outcome.is_ok()
    };
    assert!(verify(&["Org1.peer.p0", "Org1.peer.p1"]));
    assert!(!verify(&["Org1.peer.p0", "Org1.peer.p0.again"]));

    let forged = respun(|tx| tx.endorsers = vec!["Org1.peer.p0"]);
    let mut envelope = Envelope::decode(forged).unwrap();
    let stolen = sign("Org2.peer.p0", b"another message");
    let mut outer = Payload::decode(envelope.payload).unwrap();
    let mut transaction = Transaction::decode(outer.data).unwrap();
    let mut action =
        ChaincodeActionPayload::decode(transaction.actions[0].payload.clone()).unwrap();
    let endorser = "Org2.peer.p0".into();
    let endorsement = fabric_protos::protos::Endorsement { endorser, signature: stolen };
    action.action.as_mut().unwrap().endorsements.push(endorsement);
    transaction.actions[0].payload = action.encode_to_vec().into();
    outer.data = transaction.encode_to_vec().into();
    envelope.payload = outer.encode_to_vec().into();
    assert_eq!(code(signed_envelope(CREATOR, envelope)), failure);
}

#[test]
fn envelopes_can_be_inspected_valid_or_not() {
    let envelope = respun(|tx| {
        let event = ChaincodeEvent {
            chaincode_id: "cc".to_owned(),
            event_name: "Created".to_owned(),
            ..Default::default()
        };
        tx.chaincode.events = event.encode_to_vec().into();
        tx.endorsers.clear();
    });
    let seen = inspect(envelope).unwrap();
    assert_eq!(seen.tx_id, Draft::new("n").channel.tx_id);
    assert_eq!(seen.header_type, i32::from(HeaderType::EndorserTransaction));
    assert_eq!(seen.creator, CREATOR);
    let names: Vec<_> = seen.events.iter().map(|event| event.event_name.as_str()).collect();
    assert_eq!(names, ["Created"]);

    assert!(inspect(endorsed("n", "cc:k=v", &BOTH)).unwrap().events.is_empty());
    assert!(inspect(respun(|tx| tx.data = Some(DAMAGED))).unwrap().events.is_empty());
    assert_eq!(inspect(DAMAGED), None);
    assert_eq!(inspect(respun(|tx| tx.outer.header = None)), None);
    // An id is what the header says, even nothing.
    let nameless = inspect(respun(|tx| {
        let mut header = tx.outer.header.take().unwrap();
        let mut channel = ChannelHeader::decode(header.channel_header).unwrap();
        channel.tx_id.clear();
        header.channel_header = channel.encode_to_vec().into();
        tx.outer.header = Some(header);
    }));
    assert_eq!(nameless.unwrap().tx_id, "");
}
