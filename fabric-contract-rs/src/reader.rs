use crate::{EndorsementPolicy, KeyRange, LedgerError, Response, StateKey, TimestampMs, Writes};
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

/// One page of a range of public state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<E = Entry> {
    /// The entries in key order.
    pub entries: Vec<E>,
    /// Where the next page begins: opaque to clients, `None` after the last entry. It is a key, so
    /// a range whose keys are secret must not hand it out.
    pub bookmark: Option<String>,
}

/// Entries one page holds at most.
///
/// 1000: a page comes in one message, which may weigh 100 MiB; a heavier one would end the stream
/// and every transaction on it.
pub const PAGE_ENTRIES_MAX: u32 = 1000;

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
    ///
    /// The peer reads a hundred entries at a time and one more, to see whether there are others. All
    /// that it has read is re-checked, however small `limit` is: a transaction that puts, changes or
    /// removes one of up to 101 entries invalidates this one although it asked for fewer. Where writers
    /// are many, let the range itself be narrow.
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

    /// Has another chaincode of this channel run within this transaction, for the same caller and
    /// with the same transient map.
    ///
    /// What it reads and writes joins the transaction, under its own name and policies; its event
    /// does not. It sees committed state, not the writes of this transaction, nor does this
    /// transaction see what it has written. Its writes are with the peer as soon as it has
    /// succeeded: there is no way back but to let the whole transaction fail. That is why `writes`
    /// is asked for, which queries do not have; nothing is put into it.
    ///
    /// A response of 400 or above is the callee's refusal and left to the caller to judge: a callee
    /// of this library has written nothing then, another one may have.
    ///
    /// # Errors
    /// [`LedgerError::NotCallable`] where there is no such chaincode, or when the call comes back to
    /// a chaincode that it came from; [`LedgerError::CalleeFailed`] when it ends with a fault.
    fn invoke(
        &self,
        writes: &mut Writes,
        chaincode: &str,
        args: &[Bytes],
    ) -> impl Future<Output = Result<Response, LedgerError>> + Send;

    /// Asks a chaincode on another channel that this peer has joined, too.
    ///
    /// Nothing of it becomes part of the transaction: what the callee reads is not checked again at
    /// commit, and what it writes is lost. So its answer is no more than what one peer knew at one
    /// moment, and endorsers whose peers stand at different heights of that channel may disagree.
    ///
    /// # Errors
    /// As [`invoke`](Self::invoke), and [`LedgerError::NotCallable`] for this very channel, where a
    /// call could write.
    fn query_channel(
        &self,
        channel: &str,
        chaincode: &str,
        args: &[Bytes],
    ) -> impl Future<Output = Result<Response, LedgerError>> + Send;
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

    /// One page of a range of public state: at most `size` entries from where `bookmark` says, or
    /// from the range's start. It is shorter where the values might not fit into one message. Neither page nor bookmark knows of the range they came from: pass the
    /// same range again.
    ///
    /// # Errors
    /// [`LedgerError::PageSize`] for a size of 0 or above [`PAGE_ENTRIES_MAX`];
    /// [`LedgerError::BadBookmark`] for one that lies outside the range.
    fn range_page(
        &self,
        range: &KeyRange,
        size: u32,
        bookmark: Option<&str>,
    ) -> impl Future<Output = Result<Page, LedgerError>> + Send;

    /// Asks another chaincode of this channel, as [`invoke`](Reader::invoke) does.
    ///
    /// A query is not meant for the chain, and one that has called is never endorsed by two peers
    /// alike, whatever its route says: what the callee may have written is lost.
    ///
    /// # Errors
    /// As [`invoke`](Reader::invoke).
    fn query_chaincode(
        &self,
        chaincode: &str,
        args: &[Bytes],
    ) -> impl Future<Output = Result<Response, LedgerError>> + Send;
}

/// Refuses what a peer would read as a version or a channel.
///
/// # Errors
/// [`LedgerError::NotCallable`].
pub fn check_callee(chaincode: &str) -> Result<(), LedgerError> {
    if chaincode.is_empty() || chaincode.contains(['/', ':']) {
        return Err(LedgerError::NotCallable("that is not the name of a chaincode".to_owned()));
    }
    Ok(())
}

/// Refuses a call of the same channel as one across channels: peers would let it write.
///
/// # Errors
/// [`LedgerError::NotCallable`].
pub fn check_other_channel(own: &str, channel: &str) -> Result<(), LedgerError> {
    if channel.is_empty() || channel == own {
        return Err(LedgerError::NotCallable("that is not another channel".to_owned()));
    }
    Ok(())
}
