//! `qscc`: the ledger itself.

use bytes::Bytes;
use fabric_ledger::Store as _;
use fabric_ledger::block::header_hash;
use fabric_protos::common::{Block, BlockchainInfo, Envelope};
use fabric_protos::protos::ProcessedTransaction;
use prost::Message as _;

use super::{Answer, Query, error, success};
use crate::store::Snapshot;

pub(super) fn run(query: &Query<'_>) -> Answer {
    let count = query.args.len();
    if count < 2 {
        return Err(error(format!("Incorrect number of arguments, {count}")));
    }
    let (function, channel) = (query.text(0), query.text(1));
    if function != "GetChainInfo" && count < 3 {
        return Err(error(format!("missing 3rd argument for {function}")));
    }
    let Some(shared) = query.channel(1) else {
        return Err(error(format!("Invalid chain ID, {channel}")));
    };
    query.authorize(shared, &format!("qscc/{function}")).map_err(|reason| {
        error(format!("access denied for [{function}][{channel}]: [{reason}]"))
    })?;
    let snapshot = shared.database.snapshot();
    let asked = query.args.get(2).cloned().unwrap_or_default();
    let answer = match function.as_str() {
        "GetChainInfo" => chain_info(&snapshot),
        "GetBlockByNumber" => by_number(&snapshot, &query.text(2)),
        "GetBlockByHash" => by_hash(&snapshot, &asked),
        "GetBlockByTxID" => by_tx_id(&snapshot, &query.text(2)),
        "GetTransactionByID" => transaction(&snapshot, &query.text(2)),
        _ => Err(format!("Requested function {function} not found.")),
    };
    answer.map(success).map_err(error)
}

fn chain_info(snapshot: &Snapshot) -> Result<Bytes, String> {
    let failed = |reason: String| format!("Failed to get block info with error {reason}");
    let height = snapshot.height();
    let newest = block(snapshot, height.saturating_sub(1)).map_err(failed)?;
    let header = Block::decode(newest).map_err(|err| failed(err.to_string()))?.header;
    let header = header.unwrap_or_default();
    let info = BlockchainInfo {
        height,
        current_block_hash: header_hash(&header).to_vec().into(),
        previous_block_hash: header.previous_hash,
        bootstrapping_snapshot_info: None,
    };
    Ok(info.encode_to_vec().into())
}

fn by_number(snapshot: &Snapshot, text: &str) -> Result<Bytes, String> {
    let number: u64 = text
        .parse()
        .map_err(|err| format!("Failed to parse block number with error {text:?}: {err}"))?;
    // The largest number stands for the newest block.
    let wanted = if number == u64::MAX { snapshot.height().saturating_sub(1) } else { number };
    block(snapshot, wanted)
        .map_err(|reason| format!("Failed to get block number {number}, error {reason}"))
}

fn by_hash(snapshot: &Snapshot, hash: &[u8]) -> Result<Bytes, String> {
    let shown = hex::encode(hash);
    let found = snapshot.block_by_hash(hash).map_err(|err| err.to_string());
    found
        .and_then(|found| match found {
            Some(number) => block(snapshot, number),
            None => Err(format!("no such block hash [{shown}] in index")),
        })
        .map_err(|reason| format!("Failed to get block hash {shown}, error {reason}"))
}

fn by_tx_id(snapshot: &Snapshot, tx_id: &str) -> Result<Bytes, String> {
    let failed = |reason: String| format!("Failed to get block for txID {tx_id}, error {reason}");
    let record = snapshot.transaction(tx_id).map_err(|err| failed(err.to_string()))?;
    let record = record.ok_or_else(|| failed(no_transaction(tx_id)))?;
    block(snapshot, record.version.block).map_err(failed)
}

fn transaction(snapshot: &Snapshot, tx_id: &str) -> Result<Bytes, String> {
    let failed =
        |reason: String| format!("Failed to get transaction with id {tx_id}, error {reason}");
    let text = |err: &dyn std::fmt::Display| failed(err.to_string());
    let record = snapshot.transaction(tx_id).map_err(|err| text(&err))?;
    let record = record.ok_or_else(|| failed(no_transaction(tx_id)))?;
    let block = block(snapshot, record.version.block).map_err(failed)?;
    let data = Block::decode(block).map_err(|err| text(&err))?.data.unwrap_or_default().data;
    let envelope = usize::try_from(record.version.tx).ok().and_then(|index| data.get(index));
    let envelope =
        envelope.ok_or_else(|| failed("the block has no such transaction".to_owned()))?;
    let processed = ProcessedTransaction {
        transaction_envelope: Some(Envelope::decode(envelope.clone()).map_err(|err| text(&err))?),
        validation_code: i32::from(record.code),
    };
    Ok(processed.encode_to_vec().into())
}

fn block(snapshot: &Snapshot, number: u64) -> Result<Bytes, String> {
    let found = snapshot.block(number).map_err(|err| err.to_string())?;
    found.ok_or_else(|| format!("no such block number [{number}] in index"))
}

fn no_transaction(tx_id: &str) -> String {
    format!("no such transaction ID [{tx_id}] in index")
}
