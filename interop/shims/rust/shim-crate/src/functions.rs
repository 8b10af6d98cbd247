//! The functions.

use fabric_shim::{ChaincodeStub, StateQueryIterator, split_composite_key};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{Answer, Failure, msp_id};

const ITEM: &str = "item";
/// Ends the range of all composite keys below a prefix.
const AFTER_ALL: char = '\u{10FFFF}';

/// The fields of every function; each uses its own.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Arguments {
    collection: String,
    key: String,
    keys: Vec<String>,
    writes: Vec<Write>,
    read: Option<Box<Arguments>>,
    items: Vec<Item>,
    prefix: Vec<String>,
    start: String,
    end: String,
    limit: usize,
    size: i32,
    bookmark: String,
    events: Vec<(String, String)>,
    status: i32,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Write {
    op: String,
    collection: String,
    key: String,
    value: String,
}

#[derive(Deserialize)]
struct Item {
    parts: Vec<String>,
    value: String,
}

pub(crate) async fn run(stub: &ChaincodeStub, function: &str, args: &Arguments) -> Answer {
    match function {
        "Noop" => Ok(Value::Null),
        "WhoCalls" => who_calls(stub),
        "Write" => write_all(stub, &args.writes).await,
        "PutSecret" => {
            let value = stub.get_transient().get("value").cloned().unwrap_or_default();
            stub.put_private_data(&args.collection, &args.key, value).await?;
            Ok(Value::Null)
        }
        "Get" | "GetMany" => get(stub, args).await,
        "Hash" => {
            let hash = stub.get_private_data_hash(&args.collection, &args.key).await?;
            Ok(if hash.is_empty() { Value::Null } else { hex::encode(hash).into() })
        }
        "PutItems" => put_items(stub, args).await,
        "Items" => items(stub, args).await,
        "Range" => range(stub, args).await,
        "Page" => page(stub, args).await,
        "History" => history(stub, &args.key).await,
        "ReadThenWrite" => {
            let values = read(stub, args).await?;
            write_all(stub, &args.writes).await?;
            Ok(values)
        }
        "WriteThenRead" => {
            write_all(stub, &args.writes).await?;
            read(stub, args).await
        }
        "WriteThenRange" => {
            write_all(stub, &args.writes).await?;
            range(stub, args).await
        }
        "RangeThenWrite" => {
            let found = range(stub, args).await?;
            write_all(stub, &args.writes).await?;
            Ok(found)
        }
        "Announce" => {
            write_all(stub, &args.writes).await?;
            for (name, payload) in &args.events {
                stub.set_event(name, payload.as_bytes())?;
            }
            Ok(Value::Null)
        }
        "Refuse" => {
            write_all(stub, &args.writes).await?;
            Err(Failure::Refused(args.status, "JUDGE_REFUSES: the judge says no".to_owned()))
        }
        other => Err(Failure::Fault(format!("no such function: {other}"))),
    }
}

fn who_calls(stub: &ChaincodeStub) -> Answer {
    let mut names: Vec<&String> = stub.get_transient().keys().collect();
    names.sort();
    Ok(json!([msp_id(stub)?, stub.get_channel_id(), stub.get_tx_id(), names]))
}

async fn write_all(stub: &ChaincodeStub, writes: &[Write]) -> Answer {
    for Write { op, collection, key, value } in writes {
        match (op.as_str(), collection.is_empty()) {
            ("put", true) => stub.put_state(key, value.as_bytes()).await?,
            ("put", false) => stub.put_private_data(collection, key, value.as_bytes()).await?,
            ("delete", true) => stub.del_state(key).await?,
            ("delete", false) => stub.del_private_data(collection, key).await?,
            ("purge", false) => stub.purge_private_data(collection, key).await?,
            _ => return Err(Failure::Fault(format!("no such write: {op}"))),
        }
    }
    Ok(writes.len().into())
}

async fn read(stub: &ChaincodeStub, args: &Arguments) -> Answer {
    match &args.read {
        Some(wanted) => get(stub, wanted).await,
        None => Err(Failure::Fault("nothing to read".to_owned())),
    }
}

async fn get(stub: &ChaincodeStub, args: &Arguments) -> Answer {
    let mut values = Vec::new();
    for key in &args.keys {
        let value = if args.collection.is_empty() {
            stub.get_state(key).await?
        } else {
            stub.get_private_data(&args.collection, key).await?
        };
        values.push(text(&value)?);
    }
    Ok(values.into())
}

async fn put_items(stub: &ChaincodeStub, args: &Arguments) -> Answer {
    for Item { parts, value } in &args.items {
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let key = stub.create_composite_key(ITEM, &parts)?;
        if args.collection.is_empty() {
            stub.put_state(&key, value.as_bytes()).await?;
        } else {
            stub.put_private_data(&args.collection, &key, value.as_bytes()).await?;
        }
    }
    Ok(args.items.len().into())
}

async fn items(stub: &ChaincodeStub, args: &Arguments) -> Answer {
    let prefix: Vec<&str> = args.prefix.iter().map(String::as_str).collect();
    let query = if args.collection.is_empty() {
        stub.get_state_by_partial_composite_key(ITEM, &prefix).await?
    } else {
        let start = stub.create_composite_key(ITEM, &prefix)?;
        let end = format!("{start}{AFTER_ALL}");
        stub.get_private_data_by_range(&args.collection, &start, &end).await?
    };
    let mut found = Vec::new();
    for (key, value) in rows(query, args.limit).await? {
        let (_, parts) = split_composite_key(&key)?;
        found.push(json!([parts, value]));
    }
    Ok(found.into())
}

async fn range(stub: &ChaincodeStub, args: &Arguments) -> Answer {
    let Arguments { collection, start, end, limit, .. } = args;
    let query = if collection.is_empty() {
        stub.get_state_by_range(start, end).await?
    } else {
        stub.get_private_data_by_range(collection, start, end).await?
    };
    Ok(json!(rows(query, *limit).await?))
}

/// At most `limit` rows, or all.
async fn rows(
    mut query: StateQueryIterator,
    limit: usize,
) -> Result<Vec<(String, Value)>, Failure> {
    let mut found = Vec::new();
    while limit == 0 || found.len() < limit {
        let Some(row) = query.next().await? else { break };
        found.push((row.key, text(&row.value)?));
    }
    query.close().await?;
    Ok(found)
}

async fn page(stub: &ChaincodeStub, args: &Arguments) -> Answer {
    let Arguments { start, end, size, bookmark, .. } = args;
    let (query, metadata) =
        stub.get_state_by_range_with_pagination(start, end, *size, bookmark).await?;
    let found = rows(query, 0).await?;
    Ok(json!([found, metadata.fetched_records_count, metadata.bookmark]))
}

async fn history(stub: &ChaincodeStub, key: &str) -> Answer {
    let mut query = stub.get_history_for_key(key).await?;
    let mut found = Vec::new();
    while let Some(row) = query.next().await? {
        found.push(json!([row.tx_id.len(), row.is_delete, text(&row.value)?]));
    }
    query.close().await?;
    Ok(found.into())
}

fn text(value: &[u8]) -> Answer {
    if value.is_empty() {
        return Ok(Value::Null);
    }
    match std::str::from_utf8(value) {
        Ok(text) => Ok(text.into()),
        Err(_) => Err(Failure::Fault("a value is not UTF-8".to_owned())),
    }
}
