use crate::{Key, LedgerError, Reader, Space, StateKey, Table};
use bytes::Bytes;
use minicbor::{Decode, Encode};
use std::marker::PhantomData;

/// Keys of several tables of one space, read in one multi-get.
///
/// A submit transaction knows its keys before it reads, so that it costs one round trip a space.
///
/// ```
/// # use fabric_contract_rs::{Batch, LedgerError, Reader, Space, Table};
/// const NAMES: Table<(String,), String> = Table::new("name", Space::Public);
/// const AGES: Table<(String,), u32> = Table::new("age", Space::Public);
///
/// async fn both(ledger: &impl Reader, id: String) -> Result<Option<(String, u32)>, LedgerError> {
///     let key = (id,);
///     let mut batch = Batch::new(Space::Public);
///     let name = batch.want(&NAMES, &key)?;
///     let age = batch.want(&AGES, &key)?;
///     let loaded = batch.load(ledger).await?;
///     Ok(loaded.get(&name)?.zip(loaded.get(&age)?))
/// }
/// ```
#[derive(Debug)]
pub struct Batch {
    space: Space,
    keys: Vec<StateKey>,
}

/// The place of one wanted value.
#[derive(Debug)]
pub struct Slot<V> {
    index: usize,
    table: &'static str,
    value: PhantomData<fn() -> V>,
}

/// The answers to a [`Batch`].
#[derive(Debug)]
pub struct Loaded {
    values: Vec<Option<Bytes>>,
}

impl Batch {
    /// An empty batch over `space`.
    pub fn new(space: Space) -> Self {
        Self { space, keys: Vec::new() }
    }

    /// Adds `key` of `table`, which must live in the batch's space.
    ///
    /// # Errors
    /// [`LedgerError::BadKey`]; [`LedgerError::Unsupported`] for a table of another space.
    pub fn want<K: Key, V>(&mut self, table: &Table<K, V>, key: &K) -> Result<Slot<V>, LedgerError>
    where
        V: Encode<()> + for<'b> Decode<'b, ()>,
    {
        if table.space() != self.space {
            let table = table.name();
            return Err(LedgerError::Unsupported(format!("table {table} lives elsewhere")));
        }
        self.keys.push(table.key(key)?);
        Ok(Slot { index: self.keys.len() - 1, table: table.name(), value: PhantomData })
    }

    /// Reads every wanted key; an empty batch costs nothing.
    ///
    /// # Errors
    /// Whatever the ledger reports.
    pub async fn load(self, ledger: &impl Reader) -> Result<Loaded, LedgerError> {
        if self.keys.is_empty() {
            return Ok(Loaded { values: Vec::new() });
        }
        let values = ledger.get_many(self.space, &self.keys).await?;
        Ok(Loaded { values })
    }
}

impl Loaded {
    /// The value in `slot`, decoded; `None` when the ledger has none.
    ///
    /// # Errors
    /// [`LedgerError::Corrupt`].
    pub fn get<V>(&self, slot: &Slot<V>) -> Result<Option<V>, LedgerError>
    where
        V: for<'b> Decode<'b, ()>,
    {
        let bytes = self.values.get(slot.index).and_then(Option::as_ref);
        bytes.map(|bytes| crate::table::decode(slot.table, bytes)).transpose()
    }
}
