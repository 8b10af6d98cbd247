use crate::key::{KeyReader, KeyWriter};
use crate::{
    Entry, Key, KeyPart, KeyRange, LedgerError, Modification, Page, QueryReader, Reader, Space,
    StateKey, Writes,
};
use bytes::Bytes;
use minicbor::{Decode, Encode};
use std::marker::PhantomData;

/// A kind of state: its name, where it lives, its key and its value.
///
/// Values are CBOR with numbered fields (`#[derive(minicbor::Encode, minicbor::Decode)]` with
/// `#[cbor(map)]`), so that records can grow. All tables of a contract belong on one screen.
///
/// ```
/// use fabric_contract_rs::{Space, Table, minicbor};
///
/// #[derive(minicbor::Encode, minicbor::Decode)]
/// #[cbor(map)]
/// struct Device { #[n(0)] owner: String }
///
/// const DEVICES: Table<(String,), Device> = Table::new("device", Space::Public);
///
/// let key = DEVICES.key(&("d-1".to_owned(),)).unwrap();
/// assert_eq!(key.as_str(), "\0device\0d-1\0");
/// ```
#[derive(Debug)]
pub struct Table<K, V> {
    name: &'static str,
    space: Space,
    types: PhantomData<fn(&K) -> V>,
}

impl<K: Key, V> Table<K, V>
where
    V: Encode<()> + for<'b> Decode<'b, ()>,
{
    /// A table named `name`, the object type of its composite keys.
    ///
    /// # Panics
    /// At compile time, when the name is empty or holds a character that keys reserve.
    pub const fn new(name: &'static str, space: Space) -> Self {
        assert!(!name.is_empty(), "a table needs a name");
        let bytes = name.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            #[expect(clippy::indexing_slicing, reason = "`at` is below the length")]
            let byte = bytes[at];
            assert!(byte.is_ascii_graphic(), "a table's name is visible ASCII");
            at += 1;
        }
        Self { name, space, types: PhantomData }
    }

    /// Where the table lives.
    pub const fn space(&self) -> Space {
        self.space
    }

    /// The name that starts each of its keys.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The ledger key of `key`.
    ///
    /// # Errors
    /// [`LedgerError::BadKey`].
    pub fn key(&self, key: &K) -> Result<StateKey, LedgerError> {
        let mut writer = KeyWriter::new(self.name);
        key.write(&mut writer)?;
        Ok(writer.finish())
    }

    /// The attributes of a key of this table.
    ///
    /// # Errors
    /// [`LedgerError::BadKey`] for another table's key.
    pub fn parse_key(&self, key: &StateKey) -> Result<K, LedgerError> {
        let mut parts = KeyReader::new(key, self.name)?;
        let parsed = K::read(&mut parts)?;
        parts.finish()?;
        Ok(parsed)
    }

    /// Every key that begins with the attributes of `prefix`.
    ///
    /// # Errors
    /// [`LedgerError::BadKey`].
    pub fn below(&self, prefix: &impl Key) -> Result<KeyRange, LedgerError> {
        let mut writer = KeyWriter::new(self.name);
        prefix.write(&mut writer)?;
        Ok(writer.all_below())
    }

    /// Every key that begins with `prefix` and whose next attribute lies in `from..until`.
    ///
    /// # Errors
    /// [`LedgerError::BadKey`].
    pub fn between<P: KeyPart>(
        &self,
        prefix: &impl Key,
        from: &P,
        until: &P,
    ) -> Result<KeyRange, LedgerError> {
        let mut writer = KeyWriter::new(self.name);
        prefix.write(&mut writer)?;
        Ok(writer.between(from, until)?)
    }

    /// The value under `key`.
    ///
    /// # Errors
    /// Whatever the ledger reports, or [`LedgerError::Corrupt`].
    pub async fn get(&self, ledger: &impl Reader, key: &K) -> Result<Option<V>, LedgerError> {
        let bytes = ledger.get(self.space, &self.key(key)?).await?;
        bytes.map(|bytes| self.decode(&bytes)).transpose()
    }

    /// Gives `key` a value.
    ///
    /// # Errors
    /// [`LedgerError::BadKey`].
    pub fn put(&self, writes: &mut Writes, key: &K, value: &V) -> Result<(), LedgerError> {
        writes.put(self.space, self.key(key)?, self.encode(value)?)
    }

    /// Removes `key`.
    ///
    /// # Errors
    /// [`LedgerError::BadKey`].
    pub fn delete(&self, writes: &mut Writes, key: &K) -> Result<(), LedgerError> {
        writes.delete(self.space, self.key(key)?);
        Ok(())
    }

    /// The first `limit` entries of `range`, decoded. The next page begins
    /// [after](KeyRange::after) the last one's key.
    ///
    /// # Errors
    /// Whatever the ledger reports, or [`LedgerError::Corrupt`].
    pub async fn scan(
        &self,
        ledger: &impl QueryReader,
        range: &KeyRange,
        limit: usize,
    ) -> Result<Vec<(K, V)>, LedgerError> {
        let entries = match self.space {
            Space::Public => ledger.range(range, limit).await?,
            Space::Private(collection) => ledger.private_range(collection, range, limit).await?,
        };
        entries.iter().map(|entry| self.decode_entry(entry)).collect()
    }

    /// One page of `range`, decoded: see [`QueryReader::range_page`].
    ///
    /// # Errors
    /// [`LedgerError::Unsupported`] for a table of a collection, of which peers make no pages;
    /// whatever the ledger reports, or [`LedgerError::Corrupt`].
    pub async fn page(
        &self,
        ledger: &impl QueryReader,
        range: &KeyRange,
        size: u32,
        bookmark: Option<&str>,
    ) -> Result<Page<(K, V)>, LedgerError> {
        if self.space != Space::Public {
            return Err(LedgerError::Unsupported("pages of private data".to_owned()));
        }
        let Page { entries, bookmark } = ledger.range_page(range, size, bookmark).await?;
        let entries = entries.iter().map(|entry| self.decode_entry(entry));
        Ok(Page { entries: entries.collect::<Result<_, _>>()?, bookmark })
    }

    /// The last `limit` changes of `key`, newest first, decoded.
    ///
    /// # Errors
    /// [`LedgerError::Unsupported`] for a table of a collection, whose history peers do not keep;
    /// whatever the ledger reports, or [`LedgerError::Corrupt`].
    pub async fn history(
        &self,
        ledger: &impl QueryReader,
        key: &K,
        limit: usize,
    ) -> Result<Vec<Modification<V>>, LedgerError> {
        if self.space != Space::Public {
            return Err(LedgerError::Unsupported("history of private data".to_owned()));
        }
        let history = ledger.history(&self.key(key)?, limit).await?;
        let decoded = history.into_iter().map(|Modification { tx_id, timestamp_ms, value }| {
            let value = value.map(|bytes| self.decode(&bytes)).transpose()?;
            Ok(Modification { tx_id, timestamp_ms, value })
        });
        decoded.collect()
    }

    /// A value in its stored form.
    ///
    /// # Errors
    /// [`LedgerError::Corrupt`] when the value's own encoder refuses.
    pub fn encode(&self, value: &V) -> Result<Bytes, LedgerError> {
        minicbor::to_vec(value)
            .map(Bytes::from)
            .map_err(|_| LedgerError::Corrupt { table: self.name })
    }

    /// A value from its stored form; all bytes must belong to it.
    ///
    /// # Errors
    /// [`LedgerError::Corrupt`].
    pub fn decode(&self, bytes: &[u8]) -> Result<V, LedgerError> {
        decode(self.name, bytes)
    }

    fn decode_entry(&self, (key, value): &Entry) -> Result<(K, V), LedgerError> {
        Ok((self.parse_key(key)?, self.decode(value)?))
    }
}

pub(crate) fn decode<V>(table: &'static str, bytes: &[u8]) -> Result<V, LedgerError>
where
    V: for<'b> Decode<'b, ()>,
{
    let corrupt = || LedgerError::Corrupt { table };
    let mut decoder = minicbor::Decoder::new(bytes);
    let value = decoder.decode().map_err(|_| corrupt())?;
    if decoder.position() == bytes.len() { Ok(value) } else { Err(corrupt()) }
}
