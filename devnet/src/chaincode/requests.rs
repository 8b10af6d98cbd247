//! What a peer answers to a chaincode's requests during one transaction.

use std::collections::HashMap;

use bytes::Bytes;
use fabric_ledger::metadata::KeyMetadata;
use fabric_ledger::{
    CollectionAccess, QueryBatch, QueryId, QueryRows, Simulator, Store, Timestamp,
};
use fabric_protos::protos::chaincode_message::Type;
use fabric_protos::protos::{
    DelState, GetHistoryForKey, GetQueryResult, GetState, GetStateByRange, GetStateMetadata,
    GetStateMultiple, GetStateMultipleResult, PurgePrivateState, PutState, PutStateMetadata,
    QueryMetadata, QueryResponse, QueryResponseMetadata, QueryResultBytes, QueryStateClose,
    QueryStateNext, StateMetadata, StateMetadataResult, WriteBatchState, WriteRecord, write_record,
};
use fabric_protos::queryresult::{KeyModification as WireModification, Kv};
use prost::Message;

/// A simulation and the queries that its chaincode has open: what answers the requests of one
/// transaction.
#[derive(Debug)]
pub struct Running<S, P, A> {
    pub(crate) simulator: Simulator<S, P, A>,
    queries: HashMap<String, QueryId>,
    opened: u64,
}

type Answer = Result<Bytes, String>;

impl<S: Store, P: Store, A: CollectionAccess> Running<S, P, A> {
    /// Answers for a simulation that has done nothing yet.
    pub fn new(simulator: Simulator<S, P, A>) -> Self {
        Self { simulator, queries: HashMap::new(), opened: 0 }
    }

    /// Answers a request of the chaincode `namespace`: with the payload of a RESPONSE, or the text
    /// of an ERROR.
    ///
    /// INVOKE_CHAINCODE is not one of these: it needs another stream.
    pub fn answer(&mut self, namespace: &str, kind: Type, payload: Bytes) -> Result<Bytes, String> {
        match kind {
            Type::GetState => self.get_state(namespace, decode(payload)?),
            Type::GetStateMultiple => self.get_multiple(namespace, decode(payload)?),
            Type::GetPrivateDataHash => self.get_hash(namespace, decode(payload)?),
            Type::PutState => self.put_state(namespace, decode(payload)?),
            Type::DelState => self.delete_state(namespace, decode(payload)?),
            Type::PurgePrivateData => self.purge(namespace, &decode::<PurgePrivateState>(payload)?),
            Type::WriteBatchState => self.write_batch(namespace, decode(payload)?),
            Type::GetStateMetadata => self.get_metadata(namespace, decode(payload)?),
            Type::PutStateMetadata => self.put_metadata(namespace, decode(payload)?),
            Type::GetStateByRange => self.get_range(namespace, decode(payload)?),
            Type::GetHistoryForKey => self.get_history(namespace, decode(payload)?),
            Type::GetQueryResult => self.get_query_result(namespace, decode(payload)?),
            Type::QueryStateNext => self.query_next(namespace, decode(payload)?),
            Type::QueryStateClose => self.query_close(decode(payload)?),
            _ => Err(format!("{} is not supported", kind.as_str_name())),
        }
    }

    /// The simulation, with what was done so far.
    pub fn into_simulator(self) -> Simulator<S, P, A> {
        self.simulator
    }

    fn get_state(&mut self, namespace: &str, request: GetState) -> Answer {
        let GetState { key, collection } = request;
        let found = if collection.is_empty() {
            self.simulator.get_state(namespace, &key)
        } else {
            self.simulator.get_private_data(namespace, &collection, &key)
        };
        Ok(found.map_err(text)?.unwrap_or_default())
    }

    fn get_multiple(&mut self, namespace: &str, request: GetStateMultiple) -> Answer {
        let GetStateMultiple { keys, collection } = request;
        let found = if collection.is_empty() {
            self.simulator.get_state_multiple(namespace, &keys)
        } else {
            self.simulator.get_private_data_multiple(namespace, &collection, &keys)
        };
        let values = found.map_err(text)?.into_iter().map(Option::unwrap_or_default).collect();
        Ok(encode(&GetStateMultipleResult { values }))
    }

    fn get_hash(&mut self, namespace: &str, request: GetState) -> Answer {
        let GetState { key, collection } = request;
        let found = self.simulator.get_private_data_hash(namespace, &collection, &key);
        Ok(found.map_err(text)?.unwrap_or_default())
    }

    fn put_state(&mut self, namespace: &str, request: PutState) -> Answer {
        let PutState { key, value, collection } = request;
        let done = if collection.is_empty() {
            self.simulator.put_state(namespace, &key, value)
        } else {
            self.simulator.put_private_data(namespace, &collection, &key, value)
        };
        done.map(|()| Bytes::new()).map_err(text)
    }

    fn delete_state(&mut self, namespace: &str, request: DelState) -> Answer {
        let DelState { key, collection } = request;
        let done = if collection.is_empty() {
            self.simulator.delete_state(namespace, &key)
        } else {
            self.simulator.delete_private_data(namespace, &collection, &key)
        };
        done.map(|()| Bytes::new()).map_err(text)
    }

    fn purge(&mut self, namespace: &str, request: &PurgePrivateState) -> Answer {
        let done = self.simulator.purge_private_data(namespace, &request.collection, &request.key);
        done.map(|()| Bytes::new()).map_err(text)
    }

    /// The records in their order; those before one that fails stay applied.
    fn write_batch(&mut self, namespace: &str, request: WriteBatchState) -> Answer {
        for record in request.rec {
            let kind = record.r#type();
            let WriteRecord { key, value, collection, metadata, .. } = record;
            match kind {
                write_record::Type::PutState => {
                    self.put_state(namespace, PutState { key, value, collection })?
                }
                write_record::Type::DelState => {
                    self.delete_state(namespace, DelState { key, collection })?
                }
                write_record::Type::PutStateMetadata => {
                    self.put_metadata(namespace, PutStateMetadata { key, collection, metadata })?
                }
                write_record::Type::PurgePrivateData => {
                    self.purge(namespace, &PurgePrivateState { key, collection })?
                }
                write_record::Type::Undefined => return Err("unknown operation type".to_owned()),
            };
        }
        Ok(Bytes::new())
    }

    fn get_metadata(&mut self, namespace: &str, request: GetStateMetadata) -> Answer {
        let GetStateMetadata { key, collection } = request;
        let found = if collection.is_empty() {
            self.simulator.get_state_metadata(namespace, &key)
        } else {
            self.simulator.get_private_data_metadata(namespace, &collection, &key)
        };
        let entries = (found.map_err(text)?.into_iter())
            .map(|(metakey, value)| StateMetadata { metakey, value })
            .collect();
        Ok(encode(&StateMetadataResult { entries }))
    }

    fn put_metadata(&mut self, namespace: &str, request: PutStateMetadata) -> Answer {
        let PutStateMetadata { key, collection, metadata } = request;
        let Some(entry) = metadata else { return Err("metadata is missing".to_owned()) };
        let entries = KeyMetadata::from([(entry.metakey, entry.value)]);
        let done = if collection.is_empty() {
            self.simulator.put_state_metadata(namespace, &key, entries)
        } else {
            self.simulator.put_private_data_metadata(namespace, &collection, &key, entries)
        };
        done.map(|()| Bytes::new()).map_err(text)
    }

    fn get_range(&mut self, namespace: &str, request: GetStateByRange) -> Answer {
        let GetStateByRange { start_key, end_key, collection, metadata } = request;
        let page: QueryMetadata = decode(metadata)?;
        let batch = if !collection.is_empty() {
            self.simulator.get_private_data_by_range(namespace, &collection, &start_key, &end_key)
        } else if page.page_size != 0 || !page.bookmark.is_empty() {
            let QueryMetadata { page_size, bookmark } = page;
            let (start, end) = (&start_key, &end_key);
            self.simulator.get_state_by_range_page(namespace, start, end, page_size, &bookmark)
        } else {
            self.simulator.get_state_by_range(namespace, &start_key, &end_key)
        };
        let batch = batch.map_err(text)?;
        let id = self.open(&batch);
        Ok(response(namespace, id, batch))
    }

    fn get_query_result(&mut self, namespace: &str, request: GetQueryResult) -> Answer {
        let page: QueryMetadata = decode(request.metadata)?;
        let paginated = page.page_size != 0 || !page.bookmark.is_empty();
        let refused = self.simulator.execute_query(namespace, &request.collection, paginated);
        let batch = refused.map_err(text)?;
        let id = self.open(&batch);
        Ok(response(namespace, id, batch))
    }

    fn get_history(&mut self, namespace: &str, request: GetHistoryForKey) -> Answer {
        let batch = self.simulator.get_history_for_key(namespace, &request.key).map_err(text)?;
        let id = self.open(&batch);
        Ok(response(namespace, id, batch))
    }

    fn query_next(&mut self, namespace: &str, request: QueryStateNext) -> Answer {
        let Some(query) = self.queries.get(&request.id) else {
            return Err("query iterator not found".to_owned());
        };
        let batch = self.simulator.next_batch(*query);
        if !batch.as_ref().is_ok_and(|batch| batch.has_more) {
            self.queries.remove(&request.id);
        }
        Ok(response(namespace, request.id, batch.map_err(text)?))
    }

    fn query_close(&mut self, request: QueryStateClose) -> Answer {
        if let Some(query) = self.queries.remove(&request.id) {
            self.simulator.close_query(query);
        }
        Ok(encode(&QueryResponse { id: request.id, ..Default::default() }))
    }

    /// Names a query for the chaincode; a finished one needs no memory.
    fn open(&mut self, batch: &QueryBatch) -> String {
        let id = format!("query-{}", self.opened);
        self.opened = self.opened.saturating_add(1);
        if batch.has_more {
            self.queries.insert(id.clone(), batch.id);
        }
        id
    }
}

fn decode<M: Message + Default>(payload: Bytes) -> Result<M, String> {
    M::decode(payload).map_err(|err| format!("unmarshal failed: {err}"))
}

fn encode(message: &impl Message) -> Bytes {
    message.encode_to_vec().into()
}

fn text(err: impl std::fmt::Display) -> String {
    err.to_string()
}

fn response(namespace: &str, id: String, batch: QueryBatch) -> Bytes {
    let results: Vec<QueryResultBytes> = match batch.rows {
        QueryRows::Keys(rows) => rows
            .into_iter()
            .map(|row| {
                let namespace = namespace.to_owned();
                encode(&Kv { namespace, key: row.key, value: row.value })
            })
            .map(|result_bytes| QueryResultBytes { result_bytes })
            .collect(),
        QueryRows::History(rows) => rows
            .into_iter()
            .map(|row| {
                encode(&WireModification {
                    tx_id: row.tx_id,
                    timestamp: row.timestamp.map(to_wire),
                    is_delete: row.value.is_none(),
                    value: row.value.unwrap_or_default(),
                })
            })
            .map(|result_bytes| QueryResultBytes { result_bytes })
            .collect(),
    };
    let metadata = batch.bookmark.map(|bookmark| {
        let fetched_records_count = i32::try_from(results.len()).unwrap_or(i32::MAX);
        encode(&QueryResponseMetadata { fetched_records_count, bookmark })
    });
    encode(&QueryResponse {
        results,
        has_more: batch.has_more,
        id,
        metadata: metadata.unwrap_or_default(),
    })
}

fn to_wire(timestamp: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: timestamp.seconds, nanos: timestamp.nanos }
}

#[cfg(test)]
mod tests;
