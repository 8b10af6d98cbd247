use crate::rwset::{TxRwSet, is_delete};
use crate::store::KeyModification;
use crate::time::Timestamp;
use crate::version::Version;

/// The history rows of a valid transaction, as (chaincode, key, row): one a public write.
///
/// Metadata-only and private writes leave none. `timestamp` is the one in the transaction's
/// channel header, never a peer's clock.
pub fn key_modifications<'a>(
    rwset: &'a TxRwSet,
    version: Version,
    tx_id: &'a str,
    timestamp: Option<Timestamp>,
) -> impl Iterator<Item = (&'a str, &'a str, KeyModification)> {
    rwset.namespaces.iter().flat_map(move |ns| {
        ns.public.writes.iter().map(move |write| {
            let value = (!is_delete(write)).then(|| write.value.clone());
            let row = KeyModification { version, tx_id: tx_id.to_owned(), timestamp, value };
            (ns.namespace.as_str(), write.key.as_str(), row)
        })
    })
}
