use std::collections::VecDeque;
use std::ops::ControlFlow;

use bytes::Bytes;
use fabric_protos::kvrwset::RangeQueryInfo;

use super::{Result, SimulationError, Simulator};
use crate::access::CollectionAccess;
use crate::rwset::RangeReads;
use crate::space::{KeyRange, Space};
use crate::store::{KeyModification, Row, Store, StoreError};
use crate::version::Version;

/// Rows the peer sends at a time when a query is not paginated.
pub const QUERY_BATCH: usize = 100;

/// An open query of one simulation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QueryId(u64);

/// One answer to a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryBatch {
    /// The query, to ask for more of.
    pub id: QueryId,
    /// Up to [`QUERY_BATCH`] rows, or a whole page.
    pub rows: QueryRows,
    /// Whether another batch follows. If not, the query is closed already.
    pub has_more: bool,
    /// Of a paginated query: where the next page begins, empty at the end.
    pub bookmark: Option<String>,
}

/// Rows of a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueryRows {
    /// Rows of a range, in key order.
    Keys(Vec<KeyValue>),
    /// What was written to a key, newest first.
    History(Vec<KeyModification>),
}

/// One row of a range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyValue {
    /// The key.
    pub key: String,
    /// Its value.
    pub value: Bytes,
}

/// What a public range query has seen, from its first row on: kept after the query is closed.
#[derive(Debug)]
pub(super) struct RangeRecord {
    namespace: String,
    start_key: String,
    /// The end as asked; empty for none.
    query_end: String,
    last_key: String,
    exhausted: bool,
    reads: RangeReads,
}

impl RangeRecord {
    pub(super) fn namespace(&self) -> &str {
        &self.namespace
    }

    pub(super) fn into_info(self) -> (String, RangeQueryInfo) {
        let info = RangeQueryInfo {
            start_key: self.start_key,
            end_key: if self.exhausted { self.query_end } else { self.last_key },
            itr_exhausted: self.exhausted,
            reads_info: self.reads.finish(),
        };
        (self.namespace, info)
    }
}

#[derive(Debug)]
pub(super) struct Query {
    source: Source,
    /// Rows returned or waiting to be.
    read: u32,
}

#[derive(Debug)]
enum Source {
    Public {
        cursor: Cursor,
        record: usize,
        waiting: VecDeque<KeyValue>,
    },
    Private {
        cursor: Cursor,
        collection: String,
        waiting: VecDeque<KeyValue>,
    },
    History {
        namespace: String,
        key: String,
        before: Option<Version>,
        waiting: VecDeque<KeyModification>,
    },
}

/// Where a range goes on. Rows are sought anew for every batch: no iterator has to be kept alive
/// between the messages of a chaincode.
#[derive(Debug)]
struct Cursor {
    namespace: String,
    from: Vec<u8>,
    to: Option<Vec<u8>>,
}

impl Cursor {
    fn new(namespace: &str, start: &str, end: &str) -> Self {
        let range = KeyRange::new(start, end);
        let (from, to) = (range.from.to_vec(), range.to.map(<[u8]>::to_vec));
        Self { namespace: namespace.to_owned(), from, to }
    }

    /// The next `want` rows; fewer mean that the range is exhausted.
    fn read(
        &mut self,
        store: &impl Store,
        space: Space<'_>,
        want: usize,
        waiting: &mut VecDeque<KeyValue>,
        mut each: impl FnMut(&str, Version),
    ) -> Result<usize> {
        let mut count = 0;
        if want == 0 {
            return Ok(count);
        }
        let mut damaged = None;
        let mut last = None;
        let range = KeyRange { from: &self.from, to: self.to.as_deref() };
        store.scan(space, range, &mut |row: Row<'_>| {
            let key = match std::str::from_utf8(row.key) {
                Ok(key) => key,
                Err(err) => {
                    damaged = Some(StoreError::new(err));
                    return ControlFlow::Break(());
                }
            };
            each(key, row.version);
            let value = Bytes::copy_from_slice(row.value);
            waiting.push_back(KeyValue { key: key.to_owned(), value });
            count += 1;
            if count < want {
                return ControlFlow::Continue(());
            }
            last = Some(row.key.to_vec());
            ControlFlow::Break(())
        })?;
        if let Some(mut from) = last {
            from.push(0);
            self.from = from;
        }
        damaged.map_or(Ok(count), |err| Err(err.into()))
    }

    /// The key the next row would have.
    fn peek(&self, store: &impl Store) -> Result<String> {
        let mut found = Vec::new();
        let range = KeyRange { from: &self.from, to: self.to.as_deref() };
        store.scan(Space::Public { namespace: &self.namespace }, range, &mut |row| {
            found = row.key.to_vec();
            ControlFlow::Break(())
        })?;
        String::from_utf8(found).map_err(|err| StoreError::new(err).into())
    }
}

impl<S: Store, P: Store, A: CollectionAccess> Simulator<S, P, A> {
    /// Public rows from `start` to before `end`; an empty end is the end of the chaincode's state.
    ///
    /// What the *peer* reads for its batches enters the results, one row ahead of the last batch:
    /// that is what validation re-runs to find phantoms.
    pub fn get_state_by_range(
        &mut self,
        namespace: &str,
        start: &str,
        end: &str,
    ) -> Result<QueryBatch> {
        let (cursor, record) = self.open_range(namespace, start, end);
        let id = self.open(Source::Public { cursor, record, waiting: VecDeque::new() });
        self.next_batch(id)
    }

    /// One page of public rows: at most `page_size`, from the bookmark if there is one.
    ///
    /// As the peer takes it: a page size of 0 or below means up to the total query limit. Refused
    /// after a write, and refuses every write after it.
    pub fn get_state_by_range_page(
        &mut self,
        namespace: &str,
        start: &str,
        end: &str,
        page_size: i32,
        bookmark: &str,
    ) -> Result<QueryBatch> {
        if self.writes_performed {
            let tx_id = self.simulation.tx_id.clone();
            return Err(SimulationError::PaginatedQueryAfterWrite { tx_id });
        }
        self.paginated_query_performed = true;
        let start = if bookmark.is_empty() { start } else { bookmark };
        let (mut cursor, record) = self.open_range(namespace, start, end);
        let limit = self.simulation.total_query_limit;
        let page = u32::try_from(page_size).ok().filter(|page| *page > 0);
        let want = to_usize(page.map_or(limit, |page| page.min(limit)));
        let mut rows = VecDeque::new();
        let record = self.ranges.get_mut(record);
        let exhausted = read_public(&self.state, &mut cursor, record, want, &mut rows)?;
        let bookmark = if exhausted { String::new() } else { cursor.peek(&self.state)? };
        Ok(QueryBatch {
            id: self.next_id(),
            rows: QueryRows::Keys(rows.into()),
            has_more: false,
            bookmark: Some(bookmark),
        })
    }

    /// Rows of a collection as this peer holds them. Nothing of them enters the results, so a
    /// transaction that queries private data may not write, and none that wrote may query it.
    pub fn get_private_data_by_range(
        &mut self,
        namespace: &str,
        collection: &str,
        start: &str,
        end: &str,
    ) -> Result<QueryBatch> {
        self.before_private_read(namespace, collection)?;
        if self.writes_performed {
            let tx_id = self.simulation.tx_id.clone();
            return Err(SimulationError::PrivateQueryAfterWrite { tx_id });
        }
        self.private_query_performed = true;
        let id = self.open(Source::Private {
            cursor: Cursor::new(namespace, start, end),
            collection: collection.to_owned(),
            waiting: VecDeque::new(),
        });
        self.next_batch(id)
    }

    /// Everything valid transactions wrote to a public key, newest first. Nothing of it enters the
    /// results: validation does not look at it again.
    pub fn get_history_for_key(&mut self, namespace: &str, key: &str) -> Result<QueryBatch> {
        let id = self.open(Source::History {
            namespace: namespace.to_owned(),
            key: key.to_owned(),
            before: None,
            waiting: VecDeque::new(),
        });
        self.next_batch(id)
    }

    /// A query in the state database's own language, which peers on LevelDB refuse; `paginated` if a
    /// page of it is asked for. The transaction counts as one that has queried all the same.
    pub fn execute_query(
        &mut self,
        namespace: &str,
        collection: &str,
        paginated: bool,
    ) -> Result<QueryBatch> {
        let tx_id = self.simulation.tx_id.clone();
        if !collection.is_empty() {
            self.before_private_read(namespace, collection)?;
            if self.writes_performed {
                return Err(SimulationError::PrivateQueryAfterWrite { tx_id });
            }
            self.private_query_performed = true;
        } else if paginated {
            if self.writes_performed {
                return Err(SimulationError::PaginatedQueryAfterWrite { tx_id });
            }
            self.paginated_query_performed = true;
        }
        Err(SimulationError::RichQuery)
    }

    /// The next batch of an open query.
    pub fn next_batch(&mut self, id: QueryId) -> Result<QueryBatch> {
        let mut query = self.queries.remove(&id).ok_or(SimulationError::QueryNotFound)?;
        let left = self.simulation.total_query_limit.saturating_sub(query.read);
        // One row ahead tells whether a further batch follows.
        let want = (QUERY_BATCH + 1).saturating_sub(query.source.waiting()).min(to_usize(left));
        let before = query.source.waiting();
        match &mut query.source {
            Source::Public { cursor, record, waiting } => {
                read_public(&self.state, cursor, self.ranges.get_mut(*record), want, waiting)?;
            }
            Source::Private { cursor, collection, waiting } => {
                let namespace = cursor.namespace.clone();
                let space = Space::Private { namespace: &namespace, collection };
                cursor.read(&self.private, space, want, waiting, |_, _| ())?;
            }
            Source::History { namespace, key, before, waiting } => {
                read_history(&self.state, namespace, key, before, want, waiting)?;
            }
        }
        let added = query.source.waiting() - before;
        query.read = query.read.saturating_add(u32::try_from(added).unwrap_or(u32::MAX));
        let has_more = query.source.waiting() > QUERY_BATCH;
        let rows = query.source.take_batch();
        if has_more {
            self.queries.insert(id, query);
        }
        Ok(QueryBatch { id, rows, has_more, bookmark: None })
    }

    /// Closes a query; one that is not open is closed already.
    pub fn close_query(&mut self, id: QueryId) {
        self.queries.remove(&id);
    }

    /// Starts the record of a public range, which stays whatever becomes of the query.
    fn open_range(&mut self, namespace: &str, start: &str, end: &str) -> (Cursor, usize) {
        let record = self.ranges.len();
        self.ranges.push(RangeRecord {
            namespace: namespace.to_owned(),
            start_key: start.to_owned(),
            query_end: end.to_owned(),
            last_key: String::new(),
            exhausted: false,
            reads: RangeReads::default(),
        });
        (Cursor::new(namespace, start, end), record)
    }

    fn open(&mut self, source: Source) -> QueryId {
        let id = self.next_id();
        self.queries.insert(id, Query { source, read: 0 });
        id
    }

    fn next_id(&mut self) -> QueryId {
        let id = QueryId(self.opened);
        self.opened += 1;
        id
    }
}

impl Source {
    fn waiting(&self) -> usize {
        match self {
            Self::Public { waiting, .. } | Self::Private { waiting, .. } => waiting.len(),
            Self::History { waiting, .. } => waiting.len(),
        }
    }

    fn take_batch(&mut self) -> QueryRows {
        match self {
            Self::Public { waiting, .. } | Self::Private { waiting, .. } => {
                QueryRows::Keys(waiting.drain(..waiting.len().min(QUERY_BATCH)).collect())
            }
            Self::History { waiting, .. } => {
                QueryRows::History(waiting.drain(..waiting.len().min(QUERY_BATCH)).collect())
            }
        }
    }
}

/// Reads on and records what was seen; says whether the range is exhausted.
fn read_public(
    store: &impl Store,
    cursor: &mut Cursor,
    record: Option<&mut RangeRecord>,
    want: usize,
    waiting: &mut VecDeque<KeyValue>,
) -> Result<bool> {
    let Some(record) = record else { return Err(SimulationError::QueryNotFound) };
    let namespace = cursor.namespace.clone();
    let space = Space::Public { namespace: &namespace };
    let reads = &mut record.reads;
    let count = cursor.read(store, space, want, waiting, |key, version| {
        reads.push(key.to_owned(), version);
    })?;
    if count > 0
        && let Some(last) = waiting.back()
    {
        record.last_key.clone_from(&last.key);
    }
    record.exhausted = count < want;
    Ok(record.exhausted)
}

fn read_history(
    store: &impl Store,
    namespace: &str,
    key: &str,
    before: &mut Option<Version>,
    want: usize,
    waiting: &mut VecDeque<KeyModification>,
) -> Result<()> {
    if want == 0 {
        return Ok(());
    }
    let mut count = 0;
    store.history(namespace, key, *before, &mut |row| {
        waiting.push_back(row);
        count += 1;
        if count < want { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    *before = waiting.back().map_or(*before, |row| Some(row.version));
    Ok(())
}

fn to_usize(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
