//! Chaincodes that have to be initialised, and queries in a database's own language.

use fabric_ledger::{
    INITIALIZED_KEY, InvocationKind, KeyRange, Permission, Simulation, SimulationError, Simulator,
    Space, Store,
};

use crate::harness::{Ledger, summary};

type Tx<'a> = crate::harness::Sim<'a, fn(&str, &str) -> Option<Permission>>;

fn begin(
    tx: &mut Tx<'_>,
    version: &str,
    required: bool,
    init: bool,
) -> Result<InvocationKind, String> {
    tx.begin("cc", version, required, init).map_err(|refusal| refusal.to_string())
}

#[test]
fn a_version_is_initialised_exactly_once() {
    let mut ledger = Ledger::default();
    let not_yet =
        "chaincode 'cc' has not been initialized for this version, must call as init first";
    let (_, results) = ledger.simulate(|tx| {
        assert_eq!(begin(tx, "1", true, false).unwrap_err(), not_yet);
        assert_eq!(begin(tx, "1", true, true), Ok(InvocationKind::Init));
    });
    assert_eq!(summary(&results.rwset), format!("[cc] {INITIALIZED_KEY}@- {INITIALIZED_KEY}=1"));

    ledger.put(&[(INITIALIZED_KEY, "1")]);
    let (_, results) = ledger.simulate(|tx| {
        assert_eq!(begin(tx, "1", true, false), Ok(InvocationKind::Transaction));
        let again = "chaincode 'cc' is already initialized but called as init";
        assert_eq!(begin(tx, "1", true, true).unwrap_err(), again);
        // Another version has to be initialised again.
        assert_eq!(begin(tx, "2", true, false).unwrap_err(), not_yet);
    });
    // A change of the note invalidates whoever relied on it.
    assert_eq!(summary(&results.rwset), format!("[cc] {INITIALIZED_KEY}@0.0"));
    let (_, results) = ledger.simulate(|tx| {
        assert_eq!(begin(tx, "2", true, true), Ok(InvocationKind::Init));
    });
    assert_eq!(summary(&results.rwset), format!("[cc] {INITIALIZED_KEY}@0.0 {INITIALIZED_KEY}=2"));
}

#[test]
fn a_chaincode_without_initialisation_leaves_no_note() {
    let ledger = Ledger::default();
    let (_, results) = ledger.simulate(|tx| {
        assert_eq!(begin(tx, "1", false, false), Ok(InvocationKind::Transaction));
        let refused = "chaincode 'cc' does not require initialization but called as init";
        assert_eq!(begin(tx, "1", false, true).unwrap_err(), refused);
    });
    assert_eq!(summary(&results.rwset), "");
}

#[test]
fn private_data_is_out_of_reach_of_what_is_initialised() {
    let ledger = Ledger::default();
    ledger.simulate(|tx| {
        begin(tx, "1", true, true).unwrap();
        let refused = tx.get_private_data("cc", "c", "k").unwrap_err();
        assert!(matches!(refused, SimulationError::PrivateDataInInit), "{refused}");
        let refused = tx.put_private_data("cc", "c", "k", "v".into()).unwrap_err();
        assert!(matches!(refused, SimulationError::PrivateDataInInit), "{refused}");
        // Of a chaincode that it calls it is not.
        assert_eq!(tx.get_private_data("other", "c", "k").unwrap(), None);
    });
}

#[test]
fn no_range_of_a_chaincode_shows_the_note() {
    let mut ledger = Ledger::default();
    ledger.put(&[(INITIALIZED_KEY, "1"), ("\0t\0a\0", "v"), ("k", "v")]);
    // Ranges begin at U+0001, or below a table's name, which holds no U+10FFFF.
    for (start, end) in [("\u{1}", ""), ("\0t\0", "\0t\0\u{10ffff}")] {
        let range = KeyRange::new(start, end);
        let space = Space::Public { namespace: "cc" };
        let mut keys = Vec::new();
        ledger
            .state
            .scan(space, range, &mut |row| {
                keys.push(row.key.to_vec());
                std::ops::ControlFlow::Continue(())
            })
            .unwrap();
        assert!(!keys.contains(&INITIALIZED_KEY.as_bytes().to_vec()));
        assert_eq!(keys.len(), 1);
    }
}

#[test]
fn rich_queries_are_refused_and_count_all_the_same() {
    let ledger = Ledger::default();
    let text = |refusal: SimulationError| refusal.to_string();
    ledger.simulate(|tx| {
        let refused = tx.execute_query("cc", "", false).unwrap_err();
        assert_eq!(text(refused), "ExecuteQuery not supported for leveldb");
        tx.put_state("cc", "k", "v".into()).unwrap();
        let refused = tx.execute_query("cc", "c", false).unwrap_err();
        assert!(matches!(refused, SimulationError::PrivateQueryAfterWrite { .. }), "{refused}");
        let refused = tx.execute_query("cc", "", true).unwrap_err();
        assert!(matches!(refused, SimulationError::PaginatedQueryAfterWrite { .. }), "{refused}");
        let refused = tx.execute_query("cc", "", false).unwrap_err();
        assert!(matches!(refused, SimulationError::RichQuery), "{refused}");
    });
    ledger.simulate(|tx| {
        tx.execute_query("cc", "c", false).unwrap_err();
        let refused = tx.put_state("cc", "k", "v".into()).unwrap_err();
        assert!(matches!(refused, SimulationError::WriteAfterPrivateQuery { .. }), "{refused}");
    });
    ledger.simulate(|tx| {
        tx.execute_query("cc", "", true).unwrap_err();
        let refused = tx.put_state("cc", "k", "v".into()).unwrap_err();
        assert!(matches!(refused, SimulationError::WriteAfterPaginatedQuery { .. }), "{refused}");
    });
    let nowhere: fn(&str, &str) -> Option<Permission> = |_, _| None;
    let store = fabric_ledger::MemoryStore::default();
    let mut tx = Simulator::new(Simulation::new("ch", "t"), &store, &store, nowhere);
    let refused = tx.execute_query("cc", "c", false).unwrap_err();
    assert!(matches!(refused, SimulationError::CollectionNotFound { .. }), "{refused}");
}
