use fabric_ledger::{
    MemoryStore, Permission, Simulation, Space, Update, UpdateBatch, Version, Versioned, sha256,
};

use super::*;

type Run = Running<MemoryStore, MemoryStore, fn(&str, &str) -> Option<Permission>>;

/// Public keys `k000` to `k149` of `cc`, and `p` in collection `c`.
fn running() -> Run {
    let mut updates = UpdateBatch::default();
    let version = Version::new(1, 0);
    for number in 0..150 {
        let key = format!("k{number:03}").into();
        let value = Versioned::new(number.to_string(), version);
        updates.insert(Space::Public { namespace: "cc" }, key, Update::Put(value));
    }
    let hashed = Space::Hashed { namespace: "cc", collection: "c" };
    let hash = |text: &[u8]| Bytes::copy_from_slice(&sha256(text));
    let value = Versioned::new(hash(b"secret"), version);
    updates.insert(hashed, hash(b"p"), Update::Put(value));
    let (mut state, mut private) = (MemoryStore::default(), MemoryStore::default());
    state.apply(updates);
    let mut updates = UpdateBatch::default();
    let space = Space::Private { namespace: "cc", collection: "c" };
    updates.insert(space, "p".into(), Update::Put(Versioned::new("secret", version)));
    private.apply(updates);
    let access: fn(&str, &str) -> Option<Permission> =
        |_, collection| (collection == "c").then_some(Permission::FULL);
    Running::new(Simulator::new(Simulation::new("ch", "t"), state, private, access))
}

fn ask(run: &mut Run, kind: Type, request: impl Message) -> Result<Bytes, String> {
    run.answer("cc", kind, encode(&request))
}

fn query(run: &mut Run, kind: Type, request: impl Message) -> QueryResponse {
    QueryResponse::decode(ask(run, kind, request).unwrap()).unwrap()
}

fn keys(response: &QueryResponse) -> Vec<String> {
    let rows = response.results.iter();
    rows.map(|row| Kv::decode(row.result_bytes.clone()).unwrap().key).collect()
}

#[test]
fn ranges_come_in_batches_of_a_hundred() {
    let mut run = running();
    let range = GetStateByRange { start_key: "k".to_owned(), ..Default::default() };
    let first = query(&mut run, Type::GetStateByRange, range);
    assert_eq!((keys(&first).len(), first.has_more, first.metadata.len()), (100, true, 0));
    let next = || QueryStateNext { id: first.id.clone() };
    let second = query(&mut run, Type::QueryStateNext, next());
    assert_eq!((keys(&second)[0].as_str(), second.has_more), ("k100", false));
    assert_eq!(second.id, first.id);
    // The last batch closed the query.
    let refused = ask(&mut run, Type::QueryStateNext, next()).unwrap_err();
    assert_eq!(refused, "query iterator not found");
}

#[test]
fn closing_is_never_refused() {
    let mut run = running();
    let range = GetStateByRange { start_key: "k".to_owned(), ..Default::default() };
    let first = query(&mut run, Type::GetStateByRange, range);
    for id in [first.id.as_str(), first.id.as_str(), "nothing"] {
        let id = id.to_owned();
        let closed = query(&mut run, Type::QueryStateClose, QueryStateClose { id: id.clone() });
        assert_eq!((closed.id, closed.has_more, closed.results.len()), (id, false, 0));
    }
    let next = QueryStateNext { id: first.id };
    assert!(ask(&mut run, Type::QueryStateNext, next).is_err());
}

#[test]
fn pages_tell_where_the_next_one_begins() {
    let mut run = running();
    let mut page = |bookmark: &str| {
        let metadata = QueryMetadata { page_size: 60, bookmark: bookmark.to_owned() };
        let range = GetStateByRange {
            start_key: "k".to_owned(),
            metadata: encode(&metadata),
            ..Default::default()
        };
        let response = query(&mut run, Type::GetStateByRange, range);
        assert!(!response.has_more);
        let metadata = QueryResponseMetadata::decode(response.metadata.clone()).unwrap();
        assert_eq!(metadata.fetched_records_count, i32::try_from(keys(&response).len()).unwrap());
        (keys(&response)[0].clone(), keys(&response).len(), metadata.bookmark)
    };
    assert_eq!(page(""), ("k000".to_owned(), 60, "k060".to_owned()));
    assert_eq!(page("k060"), ("k060".to_owned(), 60, "k120".to_owned()));
    assert_eq!(page("k120"), ("k120".to_owned(), 30, String::new()));
    // Such a query goes with no write.
    let put = PutState { key: "a".to_owned(), value: "1".into(), ..Default::default() };
    assert!(ask(&mut run, Type::PutState, put).unwrap_err().contains("paginated query"));
}

#[test]
fn a_private_range_ignores_pages() {
    let mut run = running();
    let range = GetStateByRange {
        collection: "c".to_owned(),
        metadata: encode(&QueryMetadata { page_size: 1, bookmark: String::new() }),
        ..Default::default()
    };
    let response = query(&mut run, Type::GetStateByRange, range);
    assert_eq!((keys(&response), response.metadata.len()), (vec!["p".to_owned()], 0));
}

#[test]
fn batches_are_applied_in_order_up_to_the_first_error() {
    let record = |kind: write_record::Type, key: &str, collection: &str| WriteRecord {
        key: key.to_owned(),
        value: "v".into(),
        collection: collection.to_owned(),
        r#type: kind.into(),
        ..Default::default()
    };
    use write_record::Type as Kind;
    let check = |rec: Vec<WriteRecord>, expected: Result<(), &str>, written: usize| {
        let mut run = running();
        let answer = ask(&mut run, Type::WriteBatchState, WriteBatchState { rec });
        assert_eq!(answer.map(drop), expected.map_err(str::to_owned));
        let rwset = run.simulator.finish().rwset;
        let count = |ns: &fabric_ledger::rwset::NsRwSet| {
            let hashed = ns.collections.iter().map(|one| one.hashed.hashed_writes.len());
            ns.public.writes.len() + hashed.sum::<usize>()
        };
        assert_eq!(rwset.namespaces.iter().map(count).sum::<usize>(), written);
    };
    check(
        vec![
            record(Kind::PutState, "a", ""),
            record(Kind::DelState, "b", ""),
            record(Kind::PutState, "a", "c"),
            record(Kind::PurgePrivateData, "b", "c"),
        ],
        Ok(()),
        4,
    );
    check(
        vec![
            record(Kind::PutState, "a", ""),
            record(Kind::PurgePrivateData, "b", ""),
            record(Kind::PutState, "c", ""),
        ],
        Err("only applicable for private data"),
        1,
    );
    check(vec![record(Kind::Undefined, "a", "")], Err("unknown operation type"), 0);
    check(vec![record(Kind::PutStateMetadata, "a", "")], Err("metadata is missing"), 0);
}

#[test]
fn single_requests_are_answered_or_refused() {
    let mut run = running();
    let get = |key: &str, collection: &str| GetState {
        key: key.to_owned(),
        collection: collection.to_owned(),
    };
    let mut check = |kind, request: GetState, expected: Result<&str, &str>| {
        let answer = ask(&mut run, kind, request);
        let text = answer.map(|value| String::from_utf8_lossy(&value).into_owned());
        assert_eq!(text, expected.map(str::to_owned).map_err(str::to_owned));
    };
    check(Type::GetState, get("k007", ""), Ok("7"));
    check(Type::GetState, get("none", ""), Ok(""));
    check(Type::GetState, get("p", "c"), Ok("secret"));
    check(Type::GetState, get("p", "nowhere"), Err("collection ch/cc/nowhere could not be found"));
    check(Type::GetPrivateDataHash, get("none", "c"), Ok(""));
    let many = GetStateMultiple {
        keys: ["k001", "none", "k002"].map(str::to_owned).to_vec(),
        collection: String::new(),
    };
    let answer = ask(&mut run, Type::GetStateMultiple, many).unwrap();
    let values = GetStateMultipleResult::decode(answer).unwrap().values;
    assert_eq!(values, ["1", "", "2"]);
    let damaged = run.answer("cc", Type::GetState, Bytes::from_static(b"\x0a\x05x"));
    assert!(damaged.unwrap_err().starts_with("unmarshal failed: "));
    let rich = run.answer("cc", Type::GetQueryResult, Bytes::new());
    assert_eq!(rich.unwrap_err(), "ExecuteQuery not supported for leveldb");
    assert!(run.answer("cc", Type::Init, Bytes::new()).is_err());
}
