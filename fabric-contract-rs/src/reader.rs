use crate::{EndorsementPolicy, KeyRange, LedgerError, StateKey, TimestampMs};
use bytes::Bytes;
use std::future::Future;

/// Where a key lives: the channel's public state or a private data collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Space {
    /// World state, replicated in clear to every peer of the channel.
    Public,
    /// The private data collection of this name; other peers hold hashes only.
    Private(&'static str),
}

/// A key and its value, as a range returns them.
pub type Entry = (StateKey, Bytes);

/// One change of a public key, as its history tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Modification<V = Bytes> {
    /// The transaction that changed the key.
    pub tx_id: String,
    /// When its client said it was.
    pub timestamp_ms: TimestampMs,
    /// What was written; `None` when the key was removed.
    pub value: Option<V>,
}

/// What a transaction may read: committed state as it was when the peer began to simulate.
///
/// Reads never show the transaction's own writes. Every key read is remembered by the peer, and a
/// change to it that is committed first invalidates the transaction. One request is in flight at a
/// time a transaction: prefer one [`get_many`](Reader::get_many) over several gets.
pub trait Reader: Send + Sync {
    /// The value of `key`, or `None` when there is none.
    fn get(
        &self,
        space: Space,
        key: &StateKey,
    ) -> impl Future<Output = Result<Option<Bytes>, LedgerError>> + Send;

    /// The values of `keys`, in their order, in as few round trips as the peer allows.
    ///
    /// In a private collection a value that this peer has not received yet looks missing here,
    /// where [`get`](Reader::get) says so: confirm by a single get before refusing because
    /// something is missing.
    fn get_many(
        &self,
        space: Space,
        keys: &[StateKey],
    ) -> impl Future<Output = Result<Vec<Option<Bytes>>, LedgerError>> + Send;

    /// The first `limit` entries of a range of public state, re-checked at commit.
    fn range(
        &self,
        range: &KeyRange,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Entry>, LedgerError>> + Send;

    /// SHA-256 of a private value; every peer of the channel can answer.
    fn private_hash(
        &self,
        collection: &'static str,
        key: &StateKey,
    ) -> impl Future<Output = Result<Option<Bytes>, LedgerError>> + Send;

    /// The key's own endorsement policy; `None` where the chaincode's or collection's governs.
    fn endorsement_policy(
        &self,
        space: Space,
        key: &StateKey,
    ) -> impl Future<Output = Result<Option<EndorsementPolicy>, LedgerError>> + Send;
}

/// What a query may read besides: what a peer refuses to combine with writes, or does not re-check
/// at commit.
pub trait QueryReader: Reader {
    /// The first `limit` entries of a range of a private collection.
    ///
    /// On a peer that has not received every value the range is silently partial.
    fn private_range(
        &self,
        collection: &'static str,
        range: &KeyRange,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Entry>, LedgerError>> + Send;

    /// The last `limit` changes of a public key, newest first.
    ///
    /// They are not re-checked at commit, and a peer may have its history database switched off.
    fn history(
        &self,
        key: &StateKey,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Modification>, LedgerError>> + Send;
}
