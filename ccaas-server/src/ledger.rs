use crate::config::PAYLOAD_BYTES_MAX;
use crate::lane::Lane;
use crate::refusal;
use crate::session::Features;
use crate::sizes::Sizes;
use crate::wire::{self, Record};
use bytes::Bytes;
use fabric_contract_rs::{
    EndorsementPolicy, Entry, KeyRange, LedgerError, Modification, Page, QueryReader, Reader,
    Response, Space, StateKey, Write, Writes, check_callee, check_other_channel,
};
use fabric_protos::protos::chaincode_message::Type;
use fabric_protos::protos::{
    self, ChaincodeMessage, GetStateMultipleResult, QueryResponse, QueryResponseMetadata,
    StateMetadataResult,
};
use fabric_protos::queryresult::{KeyModification, Kv};
use prost::Message;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::time::Instant;

/// The ledger of one transaction, asked over its peer's stream.
#[derive(Debug)]
pub(crate) struct PeerLedger {
    lane: Arc<Lane>,
    features: Features,
    batch_bytes_max: usize,
    /// Peers refuse private data while they initialise a chaincode.
    init: bool,
    sizes: Arc<Sizes>,
    has_called: AtomicBool,
}

impl PeerLedger {
    pub(crate) fn new(
        lane: Arc<Lane>,
        features: Features,
        batch_bytes_max: usize,
        init: bool,
        sizes: Arc<Sizes>,
    ) -> Self {
        let has_called = AtomicBool::new(false);
        Self { lane, features, batch_bytes_max, init, sizes, has_called }
    }

    /// Whether a chaincode of the transaction's own channel was called, which may have written.
    pub(crate) fn has_called(&self) -> bool {
        self.has_called.load(Ordering::Relaxed)
    }

    fn collection(&self, space: Space) -> Result<&'static str, LedgerError> {
        if self.init && space != Space::Public {
            return Err(LedgerError::Unsupported("private data in INIT".to_owned()));
        }
        Ok(wire::collection(space))
    }

    async fn multi_get(
        &self,
        collection: &str,
        keys: &[StateKey],
        values: &mut Vec<Option<Bytes>>,
    ) -> Result<(), LedgerError> {
        let request = wire::get_state_multiple(collection, keys);
        let kind = Type::GetStateMultiple;
        let reply = self.lane.request_values(kind, request, keys.len()).await?;
        let answer = decode::<GetStateMultipleResult>(reply)?;
        // A peer whose database failed answers with no values and no error.
        if answer.values.len() != keys.len() {
            let (got, asked) = (answer.values.len(), keys.len());
            return Err(LedgerError::Peer(format!("{got} values came for {asked} keys")));
        }
        answer.values.iter().for_each(|value| self.sizes.seen(value.len()));
        values.extend(answer.values.into_iter().map(present));
        Ok(())
    }

    async fn scan(
        &self,
        collection: &str,
        range: &KeyRange,
        limit: usize,
    ) -> Result<Vec<Entry>, LedgerError> {
        let request = wire::get_state_by_range(collection, range);
        let entry = |Kv { key, value, .. }| (StateKey::from_ledger(key), value);
        self.query(Type::GetStateByRange, request, limit, entry).await
    }

    /// The first `limit` rows of a query, in as many pages as the peer makes of it.
    async fn query<M: Message + Default, T>(
        &self,
        kind: Type,
        request: Bytes,
        limit: usize,
        row: impl Fn(M) -> T,
    ) -> Result<Vec<T>, LedgerError> {
        let mut rows = Vec::new();
        if limit == 0 {
            return Ok(rows);
        }
        let mut page = decode::<QueryResponse>(self.lane.request(kind, request).await?)?;
        loop {
            let wanted = limit - rows.len();
            for result in page.results.into_iter().take(wanted) {
                rows.push(row(decode(result.result_bytes)?));
            }
            // With its last page the peer has closed the query itself.
            if !page.has_more {
                return Ok(rows);
            }
            if rows.len() >= limit {
                self.lane.request(Type::QueryStateClose, wire::query_id(&page.id)).await?;
                return Ok(rows);
            }
            let reply = self.lane.request(Type::QueryStateNext, wire::query_id(&page.id)).await?;
            page = decode(reply)?;
        }
    }

    /// Sends every write, in as few messages as the peer allows. Nothing is sent when one of them
    /// cannot be.
    pub(crate) async fn flush(&self, records: Vec<Record>) -> Result<(), LedgerError> {
        for record in &records {
            let size = wire::record_len(record);
            self.collection(record.0)?;
            if let Write::Put(value) = &record.2 {
                self.sizes.seen(value.len());
            }
            if size > PAYLOAD_BYTES_MAX {
                return Err(LedgerError::TooLarge { size, max: PAYLOAD_BYTES_MAX });
            }
        }
        let Some(count_max) = self.features.write_batch else {
            for record in &records {
                let (kind, payload) = wire::single_write(record);
                self.lane.request(kind, payload).await?;
            }
            return Ok(());
        };
        for chunk in chunks(&records, count_max, self.batch_bytes_max, wire::record_len) {
            self.lane.request(Type::WriteBatchState, wire::write_batch(chunk)).await?;
        }
        Ok(())
    }
}

impl Reader for PeerLedger {
    async fn get(&self, space: Space, key: &StateKey) -> Result<Option<Bytes>, LedgerError> {
        let request = wire::get_state(self.collection(space)?, key);
        let value = self.lane.request(Type::GetState, request).await?;
        self.sizes.seen(value.len());
        Ok(present(value))
    }

    async fn get_many(
        &self,
        space: Space,
        keys: &[StateKey],
    ) -> Result<Vec<Option<Bytes>>, LedgerError> {
        let collection = self.collection(space)?;
        let mut values = Vec::with_capacity(keys.len());
        match self.features.multi_get {
            Some(count_max) => {
                let mut rest = keys;
                // What an answer turns out to weigh may lower the number for the next one.
                while !rest.is_empty() {
                    let count_max = count_max.min(self.sizes.values_max(Instant::now()));
                    let bytes_max = self.batch_bytes_max;
                    let Some(chunk) =
                        chunks(rest, count_max, bytes_max, wire::multi_get_key_len).next()
                    else {
                        break;
                    };
                    self.multi_get(collection, chunk, &mut values).await?;
                    rest = rest.get(chunk.len()..).unwrap_or_default();
                }
            }
            None => {
                for key in keys {
                    values.push(self.get(space, key).await?);
                }
            }
        }
        Ok(values)
    }

    async fn range(&self, range: &KeyRange, limit: usize) -> Result<Vec<Entry>, LedgerError> {
        self.scan("", range, limit).await
    }

    async fn private_hash(
        &self,
        collection: &'static str,
        key: &StateKey,
    ) -> Result<Option<Bytes>, LedgerError> {
        let request = wire::get_state(self.collection(Space::Private(collection))?, key);
        Ok(present(self.lane.request(Type::GetPrivateDataHash, request).await?))
    }

    async fn endorsement_policy(
        &self,
        space: Space,
        key: &StateKey,
    ) -> Result<Option<EndorsementPolicy>, LedgerError> {
        let request = wire::get_state(self.collection(space)?, key);
        let reply = self.lane.request(Type::GetStateMetadata, request).await?;
        let entries = decode::<StateMetadataResult>(reply)?.entries;
        let policy = entries.into_iter().find(|entry| entry.metakey == wire::VALIDATION_PARAMETER);
        Ok(policy.and_then(|entry| present(entry.value)).map(EndorsementPolicy::from_ledger))
    }

    async fn invoke(
        &self,
        _: &mut Writes,
        chaincode: &str,
        args: &[Bytes],
    ) -> Result<Response, LedgerError> {
        self.call_own_channel(chaincode, args).await
    }

    async fn query_channel(
        &self,
        channel: &str,
        chaincode: &str,
        args: &[Bytes],
    ) -> Result<Response, LedgerError> {
        check_other_channel(&self.lane.key().channel_id, channel)?;
        check_callee(chaincode)?;
        self.call(&format!("{chaincode}/{channel}"), args).await
    }
}

impl PeerLedger {
    async fn call_own_channel(
        &self,
        chaincode: &str,
        args: &[Bytes],
    ) -> Result<Response, LedgerError> {
        check_callee(chaincode)?;
        self.has_called.store(true, Ordering::Relaxed);
        self.call(chaincode, args).await
    }

    async fn call(&self, name: &str, args: &[Bytes]) -> Result<Response, LedgerError> {
        let request = wire::invoke_chaincode(name, args);
        let reply = self.lane.request(Type::InvokeChaincode, request).await;
        // The callee's last message, as the peer got it.
        let last = decode::<ChaincodeMessage>(reply.map_err(refusal::call_error)?)?;
        if last.r#type() != Type::Completed {
            return Err(refusal::callee_error(&last.payload));
        }
        let protos::Response { status, message, payload } = decode(last.payload)?;
        // Chaincode of others may answer with any number; what is none of a success is a refusal.
        let status = u16::try_from(status).unwrap_or(500);
        Ok(Response { status, message, payload })
    }
}

impl QueryReader for PeerLedger {
    async fn private_range(
        &self,
        collection: &'static str,
        range: &KeyRange,
        limit: usize,
    ) -> Result<Vec<Entry>, LedgerError> {
        self.scan(self.collection(Space::Private(collection))?, range, limit).await
    }

    async fn history(
        &self,
        key: &StateKey,
        limit: usize,
    ) -> Result<Vec<Modification>, LedgerError> {
        let request = wire::get_history_for_key(key);
        self.query(Type::GetHistoryForKey, request, limit, modification).await
    }

    async fn range_page(
        &self,
        range: &KeyRange,
        size: u32,
        bookmark: Option<&str>,
    ) -> Result<Page, LedgerError> {
        let (rest, size) = range.page(size, bookmark)?;
        // A page is one message. A shorter one is still a page.
        let values_max = self.sizes.values_max(Instant::now());
        let size = size.min(i32::try_from(values_max).unwrap_or(i32::MAX));
        let values = usize::try_from(size).unwrap_or_default();
        let request = wire::get_state_page(&rest, size);
        let reply = self.lane.request_values(Type::GetStateByRange, request, values).await?;
        let QueryResponse { results, metadata, .. } = decode(reply)?;
        let mut entries = Vec::with_capacity(results.len());
        for result in results {
            let Kv { key, value, .. } = decode(result.result_bytes)?;
            self.sizes.seen(value.len());
            entries.push((StateKey::from_ledger(key), value));
        }
        let QueryResponseMetadata { bookmark, .. } = decode(metadata)?;
        Ok(Page { entries, bookmark: (!bookmark.is_empty()).then_some(bookmark) })
    }

    async fn query_chaincode(
        &self,
        chaincode: &str,
        args: &[Bytes],
    ) -> Result<Response, LedgerError> {
        self.call_own_channel(chaincode, args).await
    }
}

fn modification(row: KeyModification) -> Modification {
    let timestamp_ms = row.timestamp.map_or(0, |time| {
        time.seconds.saturating_mul(1000).saturating_add((time.nanos / 1_000_000).into())
    });
    let value = present(row.value).filter(|_| !row.is_delete);
    Modification { tx_id: row.tx_id, timestamp_ms, value }
}

/// A peer stores no empty value, so an empty answer means that there is none.
fn present(value: Bytes) -> Option<Bytes> {
    (!value.is_empty()).then_some(value)
}

fn decode<M: Message + Default>(bytes: Bytes) -> Result<M, LedgerError> {
    M::decode(bytes).map_err(|_| LedgerError::Peer("an answer that cannot be decoded".to_owned()))
}

/// Consecutive pieces of at most `count_max` items and `bytes_max` bytes; an item that exceeds the
/// latter alone stands alone.
fn chunks<T>(
    items: &[T],
    count_max: usize,
    bytes_max: usize,
    len: impl Fn(&T) -> usize,
) -> impl Iterator<Item = &[T]> {
    let mut rest = items;
    std::iter::from_fn(move || {
        let mut bytes = 0usize;
        let fits = rest
            .iter()
            .take(count_max)
            .take_while(|item| {
                bytes = bytes.saturating_add(len(item));
                bytes <= bytes_max
            })
            .count();
        let (chunk, after) = rest.split_at_checked(fits.max(1))?;
        rest = after;
        Some(chunk)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(items: &[usize], count_max: usize, bytes_max: usize, expected: &[&[usize]]) {
        let got: Vec<&[usize]> = chunks(items, count_max, bytes_max, |item| *item).collect();
        assert_eq!(got, expected);
    }

    #[test]
    fn chunks_by_count_and_bytes() {
        check(&[], 2, 10, &[]);
        check(&[1, 1, 1], 2, 10, &[&[1, 1], &[1]]);
        check(&[4, 6, 1], 9, 10, &[&[4, 6], &[1]]);
        check(&[4, 7, 1], 9, 10, &[&[4], &[7, 1]]);
        check(&[11, 11], 9, 10, &[&[11], &[11]]);
        check(&[1, 11, 1], 9, 10, &[&[1], &[11], &[1]]);
        check(&[usize::MAX, usize::MAX], 9, 10, &[&[usize::MAX], &[usize::MAX]]);
    }
}
