//! The mock ledger: what it does beside being a ledger, which the conformance suite covers.

mod notes;

use fabric_contract_rs::testing::TxValidationCode::{
    self, DuplicateTxid, EndorsementPolicyFailure, MvccReadConflict, Valid,
};
use fabric_contract_rs::testing::{
    Call, CallError, MOCK_EPOCH_MS, MockCollection, MockLedger, TestIdentity,
};
use fabric_contract_rs::{ClientIdentity, EndorsementPolicy, EndorsingRole, Space, Writes};
use notes::{NOTES, Notes, SECRETS};
use serde_json::{Value, json};
use std::sync::atomic::Ordering;

const PRIVATE: Space = Space::Private("secrets");

fn ledger() -> MockLedger<Notes> {
    MockLedger::new(Notes::default()).collection(MockCollection::of_all("secrets"))
}

fn client(msp_id: &str) -> ClientIdentity {
    TestIdentity::new(msp_id, "alice").client()
}

fn call(function: &str, arguments: Value) -> Call {
    Call::new(&client("Org1MSP"), function, arguments)
}

fn write(id: &str, note: &str, secret: &str) -> Call {
    call("Write", json!({ "id": id, "note": note, "secret": secret }))
}

fn key(id: &str) -> (String,) {
    (id.to_owned(),)
}

#[test]
fn a_submit_is_a_block_of_its_own() {
    let mut ledger = ledger();
    let done = ledger.submit(&write("a", "note", "secret")).unwrap();
    assert_eq!((done.block, ledger.height()), (1, 2));
    assert_eq!(done.answer::<String>(), done.tx_id);
    assert_eq!(ledger.value(&NOTES, &key("a")).as_deref(), Some("note"));
    assert_eq!(ledger.value(&SECRETS, &key("a")).as_deref(), Some("secret"));
    assert_eq!(ledger.rows(&NOTES), [(key("a"), "note".to_owned())]);
    assert_eq!(ledger.entries(PRIVATE).len(), 1);
    let [(tx_id, event)] = ledger.events() else { panic!("one event") };
    assert_eq!(
        (tx_id, event.name.as_str(), &event.payload[..]),
        (&done.tx_id, "written", &b"a"[..])
    );
    assert_eq!(done.event.as_ref(), Some(event));
}

#[test]
fn everything_is_the_same_in_every_run() {
    let run = || {
        let mut ledger = ledger();
        let ids: Vec<_> = ["a", "b"]
            .iter()
            .map(|id| ledger.submit(&write(id, "n", "s")).unwrap().tx_id)
            .collect();
        (ids, ledger.digest())
    };
    assert_eq!(run(), run());
    let (ids, _) = run();
    assert_ne!(ids[0], ids[1]);
    assert!(ids.iter().all(|id| id.len() == 64));
}

#[test]
fn what_differs_between_executions_is_found() {
    let check = |part: &str, expected: &str| {
        let error = ledger().submit(&call("Random", json!({ "part": part }))).unwrap_err();
        let CallError::Mismatch { part: found, first, second } = error else {
            panic!("{part}: {error}");
        };
        assert_eq!((found, first.as_str(), second.as_str()), (expected, "Org1MSP", "Org2MSP"));
    };
    check("answer", "the response");
    check("event", "the event");
    check("write", "the read-write set");
    check("secret", "the read-write set");
    check("read", "the read-write set");
}

#[test]
fn a_single_endorser_executes_twice() {
    let mut ledger = ledger().organisations(&["Org1MSP"]);
    ledger.submit(&write("a", "n", "s")).unwrap();
    assert_eq!(ledger.contract().executions.load(Ordering::Relaxed), 2);
    let error = ledger.submit(&call("Random", json!({ "part": "answer" }))).unwrap_err();
    assert!(matches!(error, CallError::Mismatch { .. }), "{error}");
}

#[test]
fn a_mismatch_and_a_refusal_leave_nothing() {
    let mut ledger = ledger();
    ledger.submit(&write("a", "n", "s")).unwrap();
    let before = (ledger.digest(), ledger.height(), ledger.events().len());
    ledger.submit(&call("Random", json!({ "part": "write" }))).unwrap_err();
    let error = ledger.submit(&call("Copy", json!({ "from": "x", "to": "y" }))).unwrap_err();
    assert_eq!((error.status(), error.code()), (Some(404), Some("NOTHING_TO_COPY")));
    assert_eq!(error.validation_code(), None);
    assert_eq!((ledger.digest(), ledger.height(), ledger.events().len()), before);
    ledger.submit(&write("a", "n", "s")).unwrap();
    assert_ne!(ledger.digest(), before.0, "a rewrite changes the version");
}

#[test]
fn a_contract_that_waits_ends_the_test() {
    let waits = || ledger().submit(&call("Forever", json!({})));
    assert!(std::panic::catch_unwind(waits).is_err());
}

#[test]
fn races_are_endorsed_first_and_committed_in_any_order() {
    let mut ledger = ledger();
    ledger.submit(&write("a", "note", "secret")).unwrap();
    let copy = call("Copy", json!({ "from": "a", "to": "b" }));
    let endorsed = ledger.endorse(&copy).unwrap();
    assert_eq!(ledger.height(), 2, "nothing is ordered yet");
    let change = ledger.endorse(&write("a", "changed", "secret")).unwrap();
    assert_eq!(ledger.commit(vec![change, endorsed]), [Valid, MvccReadConflict]);
    assert_eq!(ledger.value(&SECRETS, &key("b")), None);

    let endorsed = ledger.endorse(&copy).unwrap();
    let change = ledger.endorse(&write("a", "again", "secret")).unwrap();
    assert_eq!(ledger.commit(vec![endorsed, change]), [Valid, Valid]);
    assert_eq!(ledger.value(&SECRETS, &key("b")).as_deref(), Some("secret"));
    assert_eq!(ledger.height(), 4);
}

#[test]
fn what_was_endorsed_before_a_change_is_invalid_after_it() {
    let mut ledger = ledger();
    ledger.submit(&write("a", "note", "secret")).unwrap();
    let late = ledger.endorse(&call("Copy", json!({ "from": "a", "to": "b" }))).unwrap();
    ledger.submit(&write("a", "changed", "secret")).unwrap();
    let events = ledger.events().len();
    assert_eq!(ledger.commit(vec![late]), [MvccReadConflict]);
    assert_eq!(ledger.events().len(), events, "an invalid transaction sends no event");
}

#[test]
fn a_transaction_counts_once() {
    let mut ledger = ledger();
    let endorsed = ledger.endorse(&write("a", "n", "s")).unwrap();
    assert_eq!(ledger.commit(vec![endorsed.clone(), endorsed.clone()]), [Valid, DuplicateTxid]);
    assert_eq!(ledger.commit(vec![endorsed]), [DuplicateTxid]);
    assert_eq!(ledger.events().len(), 1);
}

#[test]
fn a_query_is_not_submitted_unless_it_may_be() {
    let mut ledger = ledger();
    let error = ledger.submit(&call("Look", json!({ "id": "a" }))).unwrap_err();
    assert_eq!(error, CallError::NeverEndorsed);
    ledger.submit(&call("Both", json!({ "limit": 1 }))).unwrap();
}

#[test]
fn withheld_private_data_is_unavailable_until_reconciled() {
    let mut ledger = ledger();
    ledger.submit(&write("a", "note", "old")).unwrap();
    ledger.withhold_private_data("Org2MSP");
    ledger.submit(&write("a", "note", "new")).unwrap();
    ledger.submit(&write("b", "note", "only")).unwrap();
    let secret = |ledger: &MockLedger<Notes>, msp_id: &str, id: &str| {
        let bytes = ledger.private_bytes_of(msp_id, "secrets", &SECRETS.key(&key(id)).unwrap());
        bytes.map(|bytes| SECRETS.decode(&bytes).unwrap())
    };
    assert_eq!(secret(&ledger, "Org2MSP", "a").as_deref(), Some("old"));
    assert_eq!(secret(&ledger, "Org2MSP", "b"), None);

    let look = call("Look", json!({ "id": "a" }));
    let found = ledger.evaluate_at("Org1MSP", &look).unwrap().answer::<(Option<String>, i64)>();
    assert_eq!(found.0.as_deref(), Some("new"));
    let error = ledger.evaluate_at("Org2MSP", &look).unwrap_err();
    assert_eq!(error.code(), Some("PRIVATE_DATA_UNAVAILABLE"));
    assert_eq!(error.status(), Some(500));

    // A multi-get misses it without a word, the single get that confirms says why.
    let copy = call("Copy", json!({ "from": "b", "to": "c" }));
    let CallError::Refused { organisation, response } = ledger.submit(&copy).unwrap_err() else {
        panic!("refused by the peer that lacks it");
    };
    assert_eq!(organisation, "Org2MSP");
    assert!(response.message.starts_with("PRIVATE_DATA_UNAVAILABLE: "));

    ledger.reconcile("Org2MSP");
    assert_eq!(secret(&ledger, "Org2MSP", "a").as_deref(), Some("new"));
    ledger.submit(&copy).unwrap();
    assert_eq!(secret(&ledger, "Org2MSP", "c").as_deref(), Some("only"));
}

#[test]
fn reconciliation_never_brings_back_what_is_gone_or_changed() {
    let mut ledger = ledger();
    ledger.submit(&write("gone", "n", "1")).unwrap();
    ledger.withhold_private_data("Org2MSP");
    ledger.submit(&write("changed", "n", "1")).unwrap();
    ledger.submit(&write("changed", "n", "2")).unwrap();
    ledger.submit(&write("created", "n", "1")).unwrap();
    let mut delete = Writes::new();
    SECRETS.delete(&mut delete, &key("gone")).unwrap();
    SECRETS.delete(&mut delete, &key("created")).unwrap();
    ledger.seed(delete);
    ledger.reconcile("Org2MSP");
    for id in ["gone", "created", "changed"] {
        let bytes =
            |msp_id| ledger.private_bytes_of(msp_id, "secrets", &SECRETS.key(&key(id)).unwrap());
        assert_eq!(bytes("Org1MSP"), bytes("Org2MSP"), "{id}");
    }
    assert_eq!(ledger.rows(&SECRETS), [(key("changed"), "2".to_owned())]);
}

#[test]
fn only_members_hold_private_data() {
    let mut ledger = MockLedger::new(Notes::default())
        .organisations(&["Org1MSP", "Org2MSP", "Org3MSP"])
        .collection(MockCollection::of("secrets", &["Org1MSP", "Org2MSP"]));
    // Endorsed by the two members; a client need not be one.
    let provider = client("Org3MSP");
    let arguments = json!({ "id": "a", "note": "n", "secret": "s" });
    ledger.submit(&Call::new(&provider, "Write", arguments)).unwrap();
    assert_eq!(ledger.contract().executions.load(Ordering::Relaxed), 2);
    let bytes = ledger.private_bytes_of("Org3MSP", "secrets", &SECRETS.key(&key("a")).unwrap());
    assert_eq!(bytes, None);
    let look = Call::new(&provider, "Look", json!({ "id": "a" }));
    let error = ledger.evaluate_at("Org3MSP", &look).unwrap_err();
    assert_eq!(error.code(), Some("PRIVATE_DATA_UNAVAILABLE"));
    let answer = ledger.evaluate(&look).unwrap().answer::<(Option<String>, i64)>();
    assert_eq!(answer.0.as_deref(), Some("s"));
}

#[test]
fn member_only_collections_refuse_other_clients() {
    let members = ["Org1MSP", "Org2MSP"];
    let check = |collection: MockCollection, function: &str, arguments: Value, refused: bool| {
        let mut ledger = MockLedger::new(Notes::default())
            .organisations(&["Org1MSP", "Org2MSP", "Org3MSP"])
            .collection(collection);
        let call = Call::new(&client("Org3MSP"), function, arguments);
        let code = match function {
            "Look" => ledger.evaluate(&call).err(),
            _ => ledger.submit(&call).err(),
        };
        let expected = refused.then_some("COLLECTION_ACCESS_DENIED");
        assert_eq!(code.as_ref().and_then(CallError::code), expected, "{function}");
    };
    let collection = || MockCollection::of("secrets", &members);
    let (write, look) = (json!({ "id": "a", "secret": "s" }), json!({ "id": "a" }));
    check(collection(), "Write", write.clone(), false);
    check(collection(), "Look", look.clone(), false);
    check(collection().member_only_read(), "Write", write.clone(), false);
    check(collection().member_only_read(), "Look", look.clone(), true);
    check(collection().member_only_write(), "Write", write, true);
    check(collection().member_only_write(), "Look", look, false);
}

#[test]
fn an_undefined_collection_is_refused_as_the_peer_does() {
    let mut ledger = MockLedger::new(Notes::default());
    let error = ledger.submit(&write("a", "n", "s")).unwrap_err();
    assert_eq!(error.code(), Some("LEDGER_ERROR"));
    assert!(error.to_string().contains("collection mychannel/mock/secrets could not be found"));
}

#[test]
fn policies_of_keys_say_who_must_endorse() {
    let mut ledger = ledger();
    let (note, secret) = (NOTES.key(&key("a")).unwrap(), SECRETS.key(&key("a")).unwrap());
    let second = EndorsementPolicy::all_of(EndorsingRole::Peer, ["Org2MSP"]).unwrap();
    ledger.submit(&write("a", "note", "secret")).unwrap();
    let mut writes = Writes::new();
    writes.set_endorsement_policy(Space::Public, note, &second);
    writes.set_endorsement_policy(PRIVATE, secret, &second);
    ledger.seed(writes);

    let public = call("Write", json!({ "id": "a", "note": "new" }));
    let private = call("Write", json!({ "id": "a", "secret": "new" }));
    for (call, event) in [(public, 2), (private, 3)] {
        let endorsed = ledger.endorse_at(&["Org1MSP"], &call).unwrap();
        assert_eq!(ledger.commit(vec![endorsed]), [EndorsementPolicyFailure]);
        assert_eq!(ledger.events().len(), event - 1);
        let endorsed = ledger.endorse_at(&["Org2MSP"], &call).unwrap();
        assert_eq!(ledger.commit(vec![endorsed]), [Valid]);
        assert_eq!(ledger.events().len(), event);
    }
    // A key that has none is not concerned.
    let other = ledger.endorse_at(&["Org1MSP"], &write("b", "note", "secret")).unwrap();
    assert_eq!(ledger.commit(vec![other]), [Valid]);
}

#[test]
fn a_transaction_that_was_not_admitted_is_no_duplicate_within_its_block() {
    let mut ledger = ledger();
    let second = EndorsementPolicy::all_of(EndorsingRole::Peer, ["Org2MSP"]).unwrap();
    let mut writes = Writes::new();
    NOTES.put(&mut writes, &key("a"), &"note".to_owned()).unwrap();
    writes.set_endorsement_policy(Space::Public, NOTES.key(&key("a")).unwrap(), &second);
    ledger.seed(writes);
    let write = call("Write", json!({ "id": "a", "note": "new" }));
    let endorsed = ledger.endorse_at(&["Org1MSP"], &write).unwrap();
    let codes = ledger.commit(vec![endorsed.clone(), endorsed.clone()]);
    assert_eq!(codes, [EndorsementPolicyFailure, EndorsementPolicyFailure]);
    assert_eq!(ledger.commit(vec![endorsed]), [DuplicateTxid], "a later block knows its id");
}

#[test]
fn round_trips_are_counted_by_space() {
    let mut ledger = ledger();
    let written = ledger.submit(&write("a", "note", "secret")).unwrap().trips;
    assert_eq!((written.total(), written.write_batches()), (1, 1));

    let copied = ledger.submit(&call("Copy", json!({ "from": "a", "to": "b" }))).unwrap().trips;
    assert_eq!((copied.total(), copied.write_batches()), (3, 1));
    assert_eq!(copied.spaces().collect::<Vec<_>>(), [Space::Public, PRIVATE]);
    let public = copied.space(Space::Public);
    assert_eq!((public.multi_gets, public.gets, public.keys), (1, 0, 2));
    assert_eq!(copied.space(PRIVATE).keys, 1);

    let mut many = Writes::new();
    for number in 0..250 {
        NOTES.put(&mut many, &(format!("{number:03}"),), &"n".to_owned()).unwrap();
    }
    ledger.seed(many);
    // (limit, messages): batches of a hundred, and the end of a query that is left early.
    for (limit, messages) in [(0, 0), (100, 2), (150, 3), (251, 3), (1000, 3)] {
        let read = ledger.evaluate(&call("Both", json!({ "limit": limit }))).unwrap();
        assert_eq!(read.answer::<usize>(), limit.min(251), "limit {limit}");
        let public = read.trips.space(Space::Public);
        assert_eq!((public.ranges, public.gets), (messages, 1), "limit {limit}");
        assert_eq!(read.trips.space(PRIVATE).hashes, 1);
        assert_eq!(read.trips.total(), messages + 2);
    }
}

#[test]
fn time_is_the_clients() {
    let mut ledger = ledger();
    let look = call("Look", json!({ "id": "a" }));
    let time = |ledger: &mut MockLedger<Notes>, look: &Call| {
        ledger.evaluate(look).unwrap().answer::<(Option<String>, i64)>().1
    };
    assert_eq!(time(&mut ledger, &look), MOCK_EPOCH_MS);
    ledger.advance(1500);
    assert_eq!(time(&mut ledger, &look), MOCK_EPOCH_MS + 1500);
    ledger.set_now(-1);
    assert_eq!(time(&mut ledger, &look), -1);
    assert_eq!(time(&mut ledger, &look.at(7)), 7);
    assert_eq!(ledger.now(), -1);
}

#[test]
fn seeded_state_is_committed_state() {
    let mut ledger = ledger();
    let mut writes = Writes::new();
    NOTES.put(&mut writes, &key("a"), &"note".to_owned()).unwrap();
    SECRETS.put(&mut writes, &key("a"), &"secret".to_owned()).unwrap();
    ledger.seed(writes);
    assert_eq!(ledger.height(), 2);
    ledger.submit(&call("Copy", json!({ "from": "a", "to": "b" }))).unwrap();
    assert_eq!(ledger.rows(&SECRETS).len(), 2);
}

#[test]
fn errors_say_what_happened_without_arguments() {
    let mut ledger = ledger();
    let error = ledger.submit(&call("Copy", json!({ "from": "x", "to": "y" }))).unwrap_err();
    assert_eq!(
        error.to_string(),
        "refused on the peer of Org1MSP: 404 NOTHING_TO_COPY: there is no such secret"
    );
    let error = ledger.evaluate(&call("Look", json!({ "id": "x", "more": "secret" }))).unwrap_err();
    assert_eq!(error.code(), Some("BAD_ARGUMENTS"));
    assert!(!error.to_string().contains("secret"));
    let invalid =
        CallError::Invalid { tx_id: "7".to_owned(), code: TxValidationCode::MvccReadConflict };
    assert_eq!(invalid.to_string(), "transaction 7 is invalid: MVCC_READ_CONFLICT");
    let text = format!("{:?}", write("a", "n", "s"));
    assert!(!text.contains("\"s\"") && text.contains("Write"), "{text}");
}
