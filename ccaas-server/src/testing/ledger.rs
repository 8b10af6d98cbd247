use bytes::Bytes;
use fabric_protos::protos::chaincode_message::Type;
use fabric_protos::protos::{
    ChaincodeMessage, ChaincodeSpec, DelState, GetHistoryForKey, GetState, GetStateByRange,
    GetStateMetadata, GetStateMultiple, GetStateMultipleResult, PurgePrivateState, PutState,
    PutStateMetadata, QueryMetadata, QueryResponse, QueryResponseMetadata, QueryResultBytes,
    QueryStateClose, QueryStateNext, StateMetadata, StateMetadataResult, WriteBatchState,
    write_record,
};
use fabric_protos::queryresult::{KeyModification, Kv};
use prost::Message;
use prost_types::Timestamp;
use ring::digest;
use std::collections::{BTreeMap, BTreeSet};

/// What peers before 3.1.5 crash on.
const NO_METADATA: &str = "a metadata write without metadata";

/// Rows a page, as peers have it.
const PAGE_ROWS: usize = 100;

type Place = (String, String);

/// State of one channel in memory, and a count of what it was asked.
///
/// Reads show what was committed; the writes of a transaction are kept aside until the peer that
/// owns this ledger sees it complete.
#[derive(Debug, Default)]
pub struct ScriptedLedger {
    state: BTreeMap<Place, Bytes>,
    /// Metadata of keys; a missing submessage is what crashes peers before 3.1.5.
    metadata: BTreeMap<Place, StateMetadata>,
    /// Changes of public keys, oldest first.
    history: BTreeMap<String, Vec<KeyModification>>,
    unreconciled: BTreeSet<Place>,
    /// What calls of other chaincodes are answered with, by name as it travels.
    callees: BTreeMap<String, ChaincodeMessage>,
    pending: BTreeMap<Place, Vec<Change>>,
    queries: BTreeMap<String, Vec<QueryResultBytes>>,
    queries_opened: usize,
    counts: BTreeMap<i32, usize>,
}

/// Collection, key, and what becomes of it.
type Change = (String, String, Effect);

#[derive(Debug)]
enum Effect {
    /// The value; empty when it is removed.
    Value(Bytes),
    Metadata(StateMetadata),
}

impl ScriptedLedger {
    /// Puts a value; an empty collection is public state.
    pub fn put(&mut self, collection: &str, key: &str, value: impl Into<Bytes>) {
        self.state.insert((collection.to_owned(), key.to_owned()), value.into());
    }

    /// The value, if there is one.
    pub fn get(&self, collection: &str, key: &str) -> Option<&Bytes> {
        self.state.get(&(collection.to_owned(), key.to_owned()))
    }

    /// Every collection, key and value.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &str, &Bytes)> {
        self.state.iter().map(|((collection, key), value)| (&**collection, &**key, value))
    }

    /// Makes this peer one that knows the hash of a private value but has not got the value: a
    /// single read says so, a multi-get and a range show nothing.
    pub fn withhold(&mut self, collection: &str, key: &str) {
        self.unreconciled.insert((collection.to_owned(), key.to_owned()));
    }

    /// What a call of another chaincode is answered with; one that is not told is not found.
    pub fn callee(&mut self, name: &str, last: ChaincodeMessage) {
        self.callees.insert(name.to_owned(), last);
    }

    /// How many messages of this type it was sent.
    pub fn count(&self, kind: Type) -> usize {
        self.counts.get(&i32::from(kind)).copied().unwrap_or_default()
    }

    /// How many messages it was sent: the round trips.
    pub fn round_trips(&self) -> usize {
        self.counts.values().sum()
    }

    /// What it was sent, as `TYPE count` a line.
    pub fn counts(&self) -> String {
        let line = |(kind, count): (&i32, &usize)| {
            let name = Type::try_from(*kind).map_or("?", |kind| kind.as_str_name());
            format!("{name} {count}\n")
        };
        self.counts.iter().map(line).collect()
    }

    /// Counts from nothing again.
    pub fn reset_counts(&mut self) {
        self.counts.clear();
    }

    /// Whether a range query is still open.
    pub fn has_open_query(&self) -> bool {
        !self.queries.is_empty()
    }

    /// The answer to a request of a chaincode.
    pub fn answer(&mut self, request: &ChaincodeMessage) -> ChaincodeMessage {
        *self.counts.entry(request.r#type).or_default() += 1;
        let result = self.reply(request);
        let (kind, payload) = match result {
            Ok(payload) => (Type::Response, payload),
            Err(text) => (Type::Error, text.into()),
        };
        ChaincodeMessage {
            r#type: kind.into(),
            payload,
            txid: request.txid.clone(),
            channel_id: request.channel_id.clone(),
            ..Default::default()
        }
    }

    /// Commits or forgets what a finished transaction wrote.
    pub fn end(&mut self, channel_id: &str, tx_id: &str, commit: bool) {
        let changes = self.pending.remove(&(channel_id.to_owned(), tx_id.to_owned()));
        self.queries.clear();
        for (collection, key, effect) in changes.into_iter().flatten().filter(|_| commit) {
            let place = (collection, key);
            match effect {
                Effect::Metadata(metadata) => {
                    self.metadata.insert(place, metadata);
                }
                Effect::Value(value) => self.change(tx_id, place, value),
            }
        }
    }

    fn change(&mut self, tx_id: &str, place: Place, value: Bytes) {
        let (collection, key) = &place;
        if collection.is_empty() {
            let (tx_id, is_delete) = (tx_id.to_owned(), value.is_empty());
            let timestamp = Some(Timestamp { seconds: 1, nanos: 2_000_000 });
            let row = KeyModification { tx_id, value: value.clone(), timestamp, is_delete };
            self.history.entry(key.clone()).or_default().push(row);
        }
        if value.is_empty() {
            self.metadata.remove(&place);
            self.state.remove(&place);
        } else {
            self.state.insert(place, value);
        }
    }

    fn reply(&mut self, request: &ChaincodeMessage) -> Result<Bytes, String> {
        let payload = request.payload.clone();
        match request.r#type() {
            Type::GetState => self.get_state(decode(payload)?),
            Type::GetStateMultiple => {
                let GetStateMultiple { keys, collection } = decode(payload)?;
                let shown = |key| self.shown(&(collection.clone(), key));
                let values = keys.into_iter().map(shown).collect();
                Ok(GetStateMultipleResult { values }.encode_to_vec().into())
            }
            Type::GetPrivateDataHash => {
                let GetState { key, collection } = decode(payload)?;
                let value = self.state.get(&(collection, key));
                let hash = |value: &Bytes| digest::digest(&digest::SHA256, value);
                Ok(value.map_or_else(Bytes::new, |it| Bytes::copy_from_slice(hash(it).as_ref())))
            }
            Type::GetStateMetadata => {
                let GetStateMetadata { key, collection } = decode(payload)?;
                let entries = self.metadata.get(&(collection, key)).cloned().into_iter().collect();
                Ok(StateMetadataResult { entries }.encode_to_vec().into())
            }
            Type::GetStateByRange => self.range(decode(payload)?),
            Type::GetHistoryForKey => {
                let GetHistoryForKey { key } = decode(payload)?;
                let rows = self.history.get(&key).into_iter().flatten().rev();
                let rows = rows
                    .map(|row| QueryResultBytes { result_bytes: row.encode_to_vec().into() })
                    .collect();
                Ok(self.open(rows))
            }
            Type::QueryStateNext => {
                let QueryStateNext { id } = decode(payload)?;
                let rows = self.queries.remove(&id).ok_or("query iterator not found")?;
                Ok(self.page(id, rows))
            }
            Type::QueryStateClose => {
                let QueryStateClose { id } = decode(payload)?;
                self.queries.remove(&id);
                Ok(self.page(id, Vec::new()))
            }
            Type::InvokeChaincode => {
                let name = decode::<ChaincodeSpec>(payload)?.chaincode_id.unwrap_or_default().name;
                let last = self.callees.get(&name).map(|last| last.encode_to_vec().into());
                last.ok_or_else(|| format!("execute failed: chaincode {name} not found"))
            }
            _ => self.write(request),
        }
    }

    fn get_state(&self, request: GetState) -> Result<Bytes, String> {
        let place = (request.collection, request.key);
        if self.unreconciled.contains(&place) {
            return Err("GET_STATE failed: private data matching public hash version is not \
                        available. Public hash version = {1,0}, Private data version = nil"
                .to_owned());
        }
        Ok(self.shown(&place))
    }

    fn shown(&self, place: &Place) -> Bytes {
        let value = self.state.get(place).filter(|_| !self.unreconciled.contains(place));
        value.cloned().unwrap_or_default()
    }

    fn range(&mut self, request: GetStateByRange) -> Result<Bytes, String> {
        let GetStateByRange { start_key, end_key, collection, metadata } = request;
        let in_range = |key: &str| key >= &*start_key && (end_key.is_empty() || key < &*end_key);
        let rows = self
            .state
            .iter()
            .filter(|((place, key), _)| *place == collection && in_range(key))
            .filter(|(place, _)| !self.unreconciled.contains(*place))
            .map(|((_, key), value)| {
                let kv = Kv { namespace: String::new(), key: key.clone(), value: value.clone() };
                QueryResultBytes { result_bytes: kv.encode_to_vec().into() }
            })
            .collect();
        let page: QueryMetadata = decode(metadata)?;
        match usize::try_from(page.page_size) {
            Ok(size) if size > 0 => single_page(rows, size),
            _ => Ok(self.open(rows)),
        }
    }

    fn open(&mut self, rows: Vec<QueryResultBytes>) -> Bytes {
        self.queries_opened += 1;
        self.page(format!("query{}", self.queries_opened), rows)
    }

    fn page(&mut self, id: String, mut rows: Vec<QueryResultBytes>) -> Bytes {
        let rest = rows.split_off(rows.len().min(PAGE_ROWS));
        let has_more = !rest.is_empty();
        if has_more {
            self.queries.insert(id.clone(), rest);
        }
        QueryResponse { results: rows, has_more, id, metadata: Bytes::new() }.encode_to_vec().into()
    }

    fn write(&mut self, request: &ChaincodeMessage) -> Result<Bytes, String> {
        let payload = request.payload.clone();
        let changes: Vec<Change> = match request.r#type() {
            Type::PutState => {
                let PutState { key, value, collection } = decode(payload)?;
                vec![(collection, key, Effect::Value(value))]
            }
            Type::DelState => {
                let DelState { key, collection } = decode(payload)?;
                vec![(collection, key, Effect::Value(Bytes::new()))]
            }
            Type::PurgePrivateData => {
                let PurgePrivateState { key, collection } = decode(payload)?;
                vec![(collection, key, Effect::Value(Bytes::new()))]
            }
            Type::PutStateMetadata => {
                let PutStateMetadata { key, collection, metadata } = decode(payload)?;
                vec![(collection, key, Effect::Metadata(metadata.ok_or(NO_METADATA)?))]
            }
            Type::WriteBatchState => decode::<WriteBatchState>(payload)?
                .rec
                .into_iter()
                .map(|record| {
                    let effect = match record.r#type() {
                        write_record::Type::PutStateMetadata => {
                            Effect::Metadata(record.metadata.ok_or(NO_METADATA)?)
                        }
                        _ => Effect::Value(record.value),
                    };
                    Ok((record.collection, record.key, effect))
                })
                .collect::<Result<_, String>>()?,
            other => return Err(format!("the scripted ledger has no {}", other.as_str_name())),
        };
        let place = (request.channel_id.clone(), request.txid.clone());
        self.pending.entry(place).or_default().extend(changes);
        Ok(Bytes::new())
    }
}

/// One page and no query that stays open; its bookmark is the next key.
fn single_page(mut rows: Vec<QueryResultBytes>, size: usize) -> Result<Bytes, String> {
    let rest = rows.split_off(rows.len().min(size));
    let next = rest.first().map(|row| decode::<Kv>(row.result_bytes.clone())).transpose()?;
    let fetched_records_count = i32::try_from(rows.len()).unwrap_or(i32::MAX);
    let bookmark = next.map(|row| row.key).unwrap_or_default();
    let metadata = QueryResponseMetadata { fetched_records_count, bookmark };
    let (results, metadata) = (rows, metadata.encode_to_vec().into());
    Ok(QueryResponse { results, metadata, ..Default::default() }.encode_to_vec().into())
}

fn decode<M: Message + Default>(payload: Bytes) -> Result<M, String> {
    M::decode(payload).map_err(|error| format!("cannot decode the request: {error}"))
}
