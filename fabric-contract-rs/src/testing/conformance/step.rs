//! The language of the conformance contract's transactions: what to read and what to write.

use super::contract::{NEIGHBOUR, TABLE};
use crate::{Key, KeyError, KeyRange, KeyReader, KeyWriter, LedgerError, StateKey, Table};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One thing a conformance transaction does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Step {
    /// Reads one key.
    Get(Cell),
    /// Reads several keys of one space at once.
    GetMany {
        /// The space.
        place: Place,
        /// The keys, in the order of the answer.
        keys: Vec<KeyText>,
    },
    /// Reads the first `limit` entries of a range; of a collection only in a query.
    Range {
        /// The space.
        place: Place,
        /// The bounds.
        range: RangeText,
        /// How many entries at most.
        limit: u32,
    },
    /// Reads one page of a range of public state; in a query.
    Page {
        /// The bounds.
        range: RangeText,
        /// How many entries at most.
        size: u32,
        /// Where the page before ended.
        bookmark: Option<String>,
    },
    /// Has another chaincode take steps.
    Call(Callee, Vec<Step>),
    /// Reads the hash of a private value.
    Hash(KeyText),
    /// Reads the last changes of a public key; in a query.
    History(KeyText, u32),
    /// Reads the endorsement policy of a key.
    GetPolicy(Cell),
    /// Has the peers of these organisations endorse the changes of a key.
    SetPolicy(Cell, Vec<String>),
    /// Takes a key's endorsement policy away.
    RemovePolicy(Cell),
    /// Gives a key the bytes of a text.
    Put(Cell, String),
    /// Gives a key the bytes written in hexadecimal.
    PutHex(Cell, String),
    /// Gives a key this many bytes, counting up from 0 to 250 over and over.
    PutMany(Cell, u32),
    /// Removes a key.
    Delete(Cell),
    /// Removes a private key and its past.
    Purge(KeyText),
    /// Sets the event: name and payload.
    Event(String, String),
    /// Tells the text of an entry of the transient map.
    Transient(String),
    /// Tells the transaction's id, channel, time and creator's MSP id.
    Context,
    /// Fails with status 409 and the code `CONFORMANCE_REFUSED`.
    Refuse,
}

/// Whom a call means, and by which of its transactions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Callee {
    /// The chaincode's name.
    pub chaincode: String,
    /// Another channel; `None` for the caller's.
    pub channel: Option<String>,
    /// Whether the callee's steps may write.
    pub writes: bool,
}

/// Public state or a collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Place {
    /// Public state.
    Public,
    /// The collection [`COLLECTION`](super::COLLECTION).
    Private,
    /// The collection [`SHORT_LIVED`](super::SHORT_LIVED).
    ShortLived,
    /// The collection [`MEMBERS_ONLY`](super::MEMBERS_ONLY).
    MembersOnly,
    /// The collection [`UNENDORSED`](super::UNENDORSED).
    Unendorsed,
}

/// A key of one space.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cell {
    /// The space.
    pub place: Place,
    /// The key.
    pub key: KeyText,
}

/// A key as a transaction is told it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum KeyText {
    /// Outside every table.
    Simple(String),
    /// The attributes of a key of a table.
    Composite(TableName, Vec<String>),
}

/// One of two tables of which one's name begins the other's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum TableName {
    /// The table `conformance`.
    Table,
    /// The table `conformance-2`.
    Neighbour,
}

/// A range as a transaction is told it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum RangeText {
    /// Simple keys from the first to before the second; an empty bound is open.
    Simple(String, String),
    /// Keys of a table that begin with these attributes.
    Below(TableName, Vec<String>),
    /// Keys of a table that begin with these attributes, and whose next one is at least the third
    /// and below the fourth.
    Between(TableName, Vec<String>, String, String),
}

/// Any number of attributes.
pub(super) struct Attributes(Vec<String>);

impl Key for Attributes {
    fn write(&self, key: &mut KeyWriter) -> Result<(), KeyError> {
        self.0.iter().try_for_each(|attribute| key.part(attribute))
    }

    fn read(parts: &mut KeyReader<'_>) -> Result<Self, KeyError> {
        let mut attributes = Vec::new();
        while let Ok(attribute) = parts.part() {
            attributes.push(attribute);
        }
        Ok(Self(attributes))
    }
}

impl TableName {
    fn table(self) -> &'static Table<Attributes, String> {
        match self {
            Self::Table => &TABLE,
            Self::Neighbour => &NEIGHBOUR,
        }
    }
}

impl KeyText {
    pub(super) fn to_key(&self) -> Result<StateKey, LedgerError> {
        match self {
            Self::Simple(text) => Ok(StateKey::simple(text)?),
            Self::Composite(table, attributes) => {
                table.table().key(&Attributes(attributes.clone()))
            }
        }
    }
}

impl RangeText {
    pub(super) fn to_range(&self) -> Result<KeyRange, LedgerError> {
        match self {
            Self::Simple(start, end) => Ok(KeyRange::simple(start, end)?),
            Self::Below(table, prefix) => table.table().below(&Attributes(prefix.clone())),
            Self::Between(table, prefix, from, until) => {
                table.table().between(&Attributes(prefix.clone()), from, until)
            }
        }
    }
}
