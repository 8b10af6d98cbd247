//! The transient map: one entry `private`, one JSON object.

use crate::error::ContractError;
use crate::state::HEALTH;
use fabric_contract_rs::minicbor::{Decode, Encode};
use fabric_contract_rs::{Key, LedgerError, Reader, Space, Table, TxContext};
use serde::de::DeserializeOwned;

/// The transient entry that holds everything that must not stand on the chain: subject ids,
/// identifiers of other people, references and health data.
pub const PRIVATE: &str = "private";

/// The longest private part: a hundred records of the largest size, written as JSON.
pub const PRIVATE_BYTES_MAX: usize = 262_144;

/// The bytes of the private part.
pub(crate) fn bytes(cx: &TxContext) -> Result<&[u8], ContractError> {
    let bytes = cx.transient(PRIVATE).ok_or(ContractError::PrivateMissing)?;
    if cx.transient_map().len() > 1 {
        return Err(malformed("it has other entries than `private`"));
    }
    if bytes.len() > PRIVATE_BYTES_MAX {
        return Err(ContractError::PrivateTooLarge);
    }
    Ok(bytes)
}

/// The private part of a transaction that has one.
pub(crate) fn take<T: DeserializeOwned>(cx: &TxContext) -> Result<T, ContractError> {
    parse(bytes(cx)?)
}

/// The private part of a transaction that can do without.
pub(crate) fn take_if_given<T: DeserializeOwned + Default>(
    cx: &TxContext,
) -> Result<T, ContractError> {
    if cx.transient_map().is_empty() { Ok(T::default()) } else { take(cx) }
}

/// Refuses a private part where there is nothing private.
pub(crate) fn none(cx: &TxContext) -> Result<(), ContractError> {
    if cx.transient_map().is_empty() { Ok(()) } else { Err(malformed("this transaction has none")) }
}

/// Only the place of a fault is told: serde's own message may quote what it found.
pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ContractError> {
    // A derived struct would take an array for an object.
    if !bytes.trim_ascii_start().starts_with(b"{") {
        return Err(malformed("`private` is no JSON object"));
    }
    serde_json::from_slice(bytes).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        malformed(&format!("`private` does not fit at line {line}, column {column}"))
    })
}

fn malformed(reason: &str) -> ContractError {
    ContractError::PrivateMalformed(reason.to_owned())
}

/// The health data collection.
pub(crate) const SPACE: Space = Space::Private(HEALTH);

/// What to refuse with because a multi-get did not find `key`.
///
/// A multi-get cannot tell a missing value from one that this peer has not received yet; a single
/// get can, and fails then with an error that clients may retry.
pub(crate) async fn absent<K: Key, V>(
    table: &Table<K, V>,
    ledger: &impl Reader,
    key: &K,
    refusal: ContractError,
) -> ContractError
where
    V: Encode<()> + for<'b> Decode<'b, ()>,
{
    match table.get(ledger, key).await {
        Ok(None) => refusal,
        // It arrived in between.
        Ok(Some(_)) => LedgerError::PrivateDataUnavailable.into(),
        Err(error) => error.into(),
    }
}
