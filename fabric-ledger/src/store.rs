use std::error::Error;
use std::ops::ControlFlow;
use std::sync::Arc;

use bytes::Bytes;

use crate::space::{KeyRange, Space};
use crate::time::Timestamp;
use crate::version::{Version, Versioned};

/// A consistent read snapshot of committed state, of one ledger or of one peer's private data.
///
/// Every answer must come from the same committed height for as long as the value lives. Keys of
/// a space are ordered by their bytes. [`Space::key`] and [`Space::bounds`] give an encoding that
/// any byte-ordered key-value store can use.
///
/// Snapshots may be passed by value, by reference or in an `Arc`.
pub trait Store {
    /// The value under a key; `None` when it is absent or was deleted.
    fn get(&self, space: Space<'_>, key: &[u8]) -> Result<Option<Versioned>, StoreError>;

    /// The values of several keys, in the order of the keys.
    fn get_many(
        &self,
        space: Space<'_>,
        keys: &[&[u8]],
    ) -> Result<Vec<Option<Versioned>>, StoreError> {
        keys.iter().map(|key| self.get(space, key)).collect()
    }

    /// The version of a key, for stores that can tell it without copying the value.
    fn version(&self, space: Space<'_>, key: &[u8]) -> Result<Option<Version>, StoreError> {
        Ok(self.get(space, key)?.map(|found| found.version))
    }

    /// The metadata of a key, for stores that can tell it without copying the value.
    fn metadata(&self, space: Space<'_>, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        Ok(self.get(space, key)?.and_then(|found| found.metadata))
    }

    /// Shows the rows of a range in key order to `visit`, until it breaks or the range ends.
    ///
    /// A range whose end is not after its start has no rows.
    fn scan(
        &self,
        space: Space<'_>,
        range: KeyRange<'_>,
        visit: &mut dyn FnMut(Row<'_>) -> ControlFlow<()>,
    ) -> Result<(), StoreError>;

    /// Shows what was written to a public key, newest first, until `visit` breaks.
    ///
    /// With `before`, only what is older than that version.
    fn history(
        &self,
        namespace: &str,
        key: &str,
        before: Option<Version>,
        visit: &mut dyn FnMut(KeyModification) -> ControlFlow<()>,
    ) -> Result<(), StoreError>;

    /// Where the first transaction with this id stands, valid or not; `None` if none is committed.
    fn transaction(&self, tx_id: &str) -> Result<Option<TxRecord>, StoreError>;
}

/// One row of a [`Store::scan`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row<'a> {
    /// The key, without anything of the space.
    pub key: &'a [u8],
    /// The value.
    pub value: &'a [u8],
    /// Who wrote it last.
    pub version: Version,
}

/// One write to a public key by a valid transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyModification {
    /// Block and index of the transaction.
    pub version: Version,
    /// Its id.
    pub tx_id: String,
    /// The client's time in its channel header; absent when the header had none.
    pub timestamp: Option<Timestamp>,
    /// What was written; `None` for a delete.
    pub value: Option<Bytes>,
}

/// What the transaction index keeps of a transaction id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TxRecord {
    /// Block and index of the first transaction with the id.
    pub version: Version,
    /// Its validation code, as in the block's `TRANSACTIONS_FILTER`.
    pub code: u8,
}

/// The store could not answer: it failed or its content is damaged.
#[derive(Debug, thiserror::Error)]
#[error("the ledger store failed: {0}")]
pub struct StoreError(Box<dyn Error + Send + Sync>);

impl StoreError {
    /// Wraps the cause a store implementation knows.
    pub fn new(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(cause.into())
    }
}

macro_rules! forward {
    ($($holder:ty),*) => {$(
        impl<S: Store + ?Sized> Store for $holder {
            fn get(&self, space: Space<'_>, key: &[u8]) -> Result<Option<Versioned>, StoreError> {
                (**self).get(space, key)
            }
            fn get_many(
                &self,
                space: Space<'_>,
                keys: &[&[u8]],
            ) -> Result<Vec<Option<Versioned>>, StoreError> {
                (**self).get_many(space, keys)
            }
            fn version(&self, space: Space<'_>, key: &[u8]) -> Result<Option<Version>, StoreError> {
                (**self).version(space, key)
            }
            fn metadata(&self, space: Space<'_>, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
                (**self).metadata(space, key)
            }
            fn scan(
                &self,
                space: Space<'_>,
                range: KeyRange<'_>,
                visit: &mut dyn FnMut(Row<'_>) -> ControlFlow<()>,
            ) -> Result<(), StoreError> {
                (**self).scan(space, range, visit)
            }
            fn history(
                &self,
                namespace: &str,
                key: &str,
                before: Option<Version>,
                visit: &mut dyn FnMut(KeyModification) -> ControlFlow<()>,
            ) -> Result<(), StoreError> {
                (**self).history(namespace, key, before, visit)
            }
            fn transaction(&self, tx_id: &str) -> Result<Option<TxRecord>, StoreError> {
                (**self).transaction(tx_id)
            }
        }
    )*};
}
forward!(&S, Arc<S>, Box<S>);
