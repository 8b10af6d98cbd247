//! The judge's arguments, in the library's terms.

use fabric_contract_rs::{KeyRange, LedgerError, Reader, Space, StateKey, Table, TxError, Writes};
use schemars::JsonSchema;
use serde::Deserialize;

/// Only its keys are used: values stand on the ledger as they come, for the other shims to read.
const ITEMS: [Table<(String, String), String>; 3] = [
    Table::new("item", Space::Public),
    Table::new("item", Space::Private("secrets")),
    Table::new("item", Space::Private("members")),
];

/// A collection's name; none is the public state.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Place {
    #[default]
    #[serde(rename = "")]
    Public,
    Secrets,
    Members,
}

impl Place {
    pub(crate) fn space(self) -> Space {
        self.items().space()
    }

    pub(crate) fn collection(self) -> Result<&'static str, TxError> {
        match self.space() {
            Space::Private(name) => Ok(name),
            Space::Public => Err(TxError::new(400, "BAD_ARGUMENTS", "a collection is needed")),
        }
    }

    fn items(self) -> &'static Table<(String, String), String> {
        let [public, secrets, members] = &ITEMS;
        match self {
            Self::Public => public,
            Self::Secrets => secrets,
            Self::Members => members,
        }
    }

    pub(crate) fn item(self, parts: [String; 2]) -> Result<StateKey, LedgerError> {
        self.items().key(&parts.into())
    }

    pub(crate) fn parts(self, key: &StateKey) -> Result<(String, String), LedgerError> {
        self.items().parse_key(key)
    }

    /// The items below a prefix of no or one part.
    pub(crate) fn below(self, prefix: &[String]) -> Result<KeyRange, LedgerError> {
        match prefix.first() {
            None => self.items().below(&()),
            Some(part) => self.items().below(&(part.clone(),)),
        }
    }
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Op {
    Put,
    Delete,
    Purge,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OneWrite {
    op: Op,
    #[serde(default)]
    collection: Place,
    key: String,
    #[serde(default)]
    value: String,
}

pub(crate) fn apply(all: Vec<OneWrite>, writes: &mut Writes) -> Result<usize, TxError> {
    let count = all.len();
    for OneWrite { op, collection, key, value } in all {
        let key = simple(&key)?;
        match op {
            Op::Put => writes.put(collection.space(), key, value.into())?,
            Op::Delete => writes.delete(collection.space(), key),
            Op::Purge => writes.purge(collection.collection()?, key),
        }
    }
    Ok(count)
}

pub(crate) fn simple(key: &str) -> Result<StateKey, TxError> {
    Ok(StateKey::simple(key).map_err(LedgerError::from)?)
}

pub(crate) fn text(value: &[u8]) -> Result<String, TxError> {
    let text = std::str::from_utf8(value);
    text.map(str::to_owned).map_err(|_| TxError::new(500, "NOT_TEXT", "a value is not UTF-8"))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Keys {
    #[serde(default)]
    pub(crate) collection: Place,
    pub(crate) keys: Vec<String>,
}

impl Keys {
    pub(crate) async fn one_by_one(
        &self,
        ledger: &impl Reader,
    ) -> Result<Vec<Option<String>>, TxError> {
        let mut values = Vec::new();
        for key in &self.keys {
            let value = ledger.get(self.collection.space(), &simple(key)?).await?;
            values.push(value.as_deref().map(text).transpose()?);
        }
        Ok(values)
    }

    pub(crate) async fn at_once(
        &self,
        ledger: &impl Reader,
    ) -> Result<Vec<Option<String>>, TxError> {
        let keys: Vec<_> = self.keys.iter().map(|key| simple(key)).collect::<Result<_, _>>()?;
        let values = ledger.get_many(self.collection.space(), &keys).await?;
        values.iter().map(|value| value.as_deref().map(text).transpose()).collect()
    }
}
