use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow};

use bytes::Bytes;

use crate::batch::{Update, UpdateBatch};
use crate::space::{KeyRange, Space};
use crate::store::{KeyModification, Row, Store, StoreError, TxRecord};
use crate::version::{Version, Versioned};

/// A ledger's state in memory: for tests and for the mock ledger.
///
/// ```
/// use fabric_ledger::{MemoryStore, Space, Store, Update, UpdateBatch, Version, Versioned};
///
/// let space = Space::Public { namespace: "basic" };
/// let mut batch = UpdateBatch::default();
/// batch.insert(space, "a1".into(), Update::Put(Versioned::new("red", Version::new(1, 0))));
///
/// let mut store = MemoryStore::default();
/// store.apply(batch);
/// assert_eq!(store.get(space, b"a1")?.map(|found| found.value), Some("red".into()));
/// # Ok::<(), fabric_ledger::StoreError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemoryStore {
    rows: BTreeMap<Vec<u8>, Versioned>,
    /// By space key, oldest first.
    history: BTreeMap<Vec<u8>, BTreeMap<Version, KeyModification>>,
    transactions: BTreeMap<String, TxRecord>,
}

impl MemoryStore {
    /// Carries out all updates of a batch.
    pub fn apply(&mut self, batch: UpdateBatch) {
        for (space, key, update) in batch.iter() {
            let key = space.key(key);
            match update {
                Update::Put(versioned) => {
                    self.rows.insert(key, versioned.clone());
                }
                Update::Delete(_) => {
                    self.rows.remove(&key);
                }
            }
        }
    }

    /// Adds one write to a public key to its history.
    pub fn record_history(&mut self, namespace: &str, key: &str, row: KeyModification) {
        let key = Space::Public { namespace }.key(key.as_bytes());
        self.history.entry(key).or_default().insert(row.version, row);
    }

    /// Adds a transaction to the index, unless its id is there already.
    pub fn record_transaction(&mut self, tx_id: String, record: TxRecord) {
        self.transactions.entry(tx_id).or_insert(record);
    }

    /// All rows of a space with their metadata, in key order: for tests and inspection.
    pub fn rows(&self, space: Space<'_>) -> impl Iterator<Item = (Bytes, &Versioned)> {
        let (from, to) = space.bounds(KeyRange::ALL);
        let prefix = from.len();
        self.rows
            .range((Bound::Included(from), Bound::Excluded(to)))
            .map(move |(key, row)| (Bytes::copy_from_slice(key.get(prefix..).unwrap_or(&[])), row))
    }
}

impl Store for MemoryStore {
    fn get(&self, space: Space<'_>, key: &[u8]) -> Result<Option<Versioned>, StoreError> {
        Ok(self.rows.get(&space.key(key)).cloned())
    }

    fn version(&self, space: Space<'_>, key: &[u8]) -> Result<Option<Version>, StoreError> {
        Ok(self.rows.get(&space.key(key)).map(|row| row.version))
    }

    fn scan(
        &self,
        space: Space<'_>,
        range: KeyRange<'_>,
        visit: &mut dyn FnMut(Row<'_>) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        if range.is_empty() {
            return Ok(());
        }
        let prefix = space.prefix().len();
        let (from, to) = space.bounds(range);
        for (key, row) in self.rows.range((Bound::Included(from), Bound::Excluded(to))) {
            let key = key.get(prefix..).unwrap_or(&[]);
            let row = Row { key, value: &row.value, version: row.version };
            if visit(row).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn history(
        &self,
        namespace: &str,
        key: &str,
        before: Option<Version>,
        visit: &mut dyn FnMut(KeyModification) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let key = Space::Public { namespace }.key(key.as_bytes());
        let Some(rows) = self.history.get(&key) else { return Ok(()) };
        let end = before.map_or(Bound::Unbounded, Bound::Excluded);
        for row in rows.range((Bound::Unbounded, end)).rev().map(|(_, row)| row) {
            if visit(row.clone()).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn transaction(&self, tx_id: &str) -> Result<Option<TxRecord>, StoreError> {
        Ok(self.transactions.get(tx_id).copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CC1: Space<'_> = Space::Public { namespace: "cc1" };

    fn put(value: &str, version: Version) -> Update {
        Update::Put(Versioned::new(value.to_owned(), version))
    }

    fn store(keys: &[&str]) -> MemoryStore {
        let mut batch = UpdateBatch::default();
        for key in keys {
            let key = Bytes::copy_from_slice(key.as_bytes());
            batch.insert(CC1, key.clone(), put("v", Version::new(1, 0)));
            let other = Space::Public { namespace: "cc10" };
            batch.insert(other, key, put("other", Version::new(1, 0)));
        }
        let mut store = MemoryStore::default();
        store.apply(batch);
        store
    }

    fn keys(store: &MemoryStore, start: &str, end: &str) -> String {
        let mut found = Vec::new();
        let mut visit = |row: Row<'_>| {
            assert_eq!(row.value, b"v");
            found.push(String::from_utf8(row.key.to_vec()).unwrap());
            ControlFlow::Continue(())
        };
        store.scan(CC1, KeyRange::new(start, end), &mut visit).unwrap();
        found.join(" ")
    }

    #[test]
    fn scans_keep_bounds_order_and_space() {
        let store = store(&["b", "a", "c", "é", "aa"]);
        let check = |start, end, expected: &str| {
            assert_eq!(keys(&store, start, end), expected, "{start}..{end}");
        };
        check("", "", "a aa b c é");
        check("a", "b", "a aa");
        check("aa", "", "aa b c é");
        check("b", "a", "");
        check("b", "b", "");
        check("", "\u{10ffff}", "a aa b c é");
    }

    #[test]
    fn a_scan_stops_when_told() {
        let mut seen = 0;
        let mut visit = |_: Row<'_>| {
            seen += 1;
            if seen == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        store(&["a", "b", "c"]).scan(CC1, KeyRange::ALL, &mut visit).unwrap();
        assert_eq!(seen, 2);
    }

    #[test]
    fn a_delete_leaves_nothing() {
        let mut store = store(&["a"]);
        let mut batch = UpdateBatch::default();
        batch.insert(CC1, "a".into(), Update::Delete(Version::new(2, 0)));
        store.apply(batch);
        assert_eq!(store.get(CC1, b"a").unwrap(), None);
        assert_eq!(store.version(CC1, b"a").unwrap(), None);
        assert_eq!(keys(&store, "", ""), "");
    }

    #[test]
    fn history_is_newest_first_and_can_go_on_from_a_version() {
        let mut store = MemoryStore::default();
        for block in [1, 3, 2] {
            let row = KeyModification {
                version: Version::new(block, 0),
                tx_id: format!("tx{block}"),
                timestamp: None,
                value: None,
            };
            store.record_history("cc1", "a", row);
        }
        let check = |before, expected: &str| {
            let mut ids = Vec::new();
            let mut visit = |row: KeyModification| {
                ids.push(row.tx_id);
                ControlFlow::Continue(())
            };
            store.history("cc1", "a", before, &mut visit).unwrap();
            assert_eq!(ids.join(" "), expected);
        };
        check(None, "tx3 tx2 tx1");
        check(Some(Version::new(3, 0)), "tx2 tx1");
        check(Some(Version::new(1, 0)), "");
    }

    #[test]
    fn the_first_transaction_with_an_id_stays() {
        let mut store = MemoryStore::default();
        let first = TxRecord { version: Version::new(1, 0), code: 11 };
        store.record_transaction("t".to_owned(), first);
        store.record_transaction("t".to_owned(), TxRecord { version: Version::new(2, 0), code: 9 });
        assert_eq!(store.transaction("t").unwrap(), Some(first));
        assert_eq!(store.transaction("u").unwrap(), None);
    }
}
