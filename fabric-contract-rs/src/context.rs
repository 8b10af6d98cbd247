use crate::ClientIdentity;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::fmt;

/// A moment as transactions carry it: milliseconds since 1970-01-01T00:00:00Z.
pub type TimestampMs = i64;

/// What a transaction knows of itself, all of it from the signed proposal.
///
/// There is no clock and no randomness here: every endorser must compute the same.
#[derive(Debug, Clone)]
pub struct TxContext {
    parts: TxParts,
}

/// The pieces a server or a test ledger makes a [`TxContext`] from.
#[derive(Clone)]
pub struct TxParts {
    /// The channel the transaction belongs to.
    pub channel_id: String,
    /// The transaction's id, in lower-case hexadecimal.
    pub tx_id: String,
    /// When the client says it is. Peers bound it to a window around their own clock.
    pub timestamp_ms: TimestampMs,
    /// Who signed the proposal.
    pub client: ClientIdentity,
    /// What the client sent to the endorsers only; it is not part of the transaction.
    pub transient: BTreeMap<String, Bytes>,
}

impl TxContext {
    /// A context of these parts.
    pub fn new(parts: TxParts) -> Self {
        Self { parts }
    }

    /// The same transaction as a chaincode on another channel sees it, which one of the
    /// transaction's own has asked.
    #[cfg(feature = "testing")]
    pub(crate) fn on_channel(&self, channel_id: &str) -> Self {
        let channel_id = channel_id.to_owned();
        Self { parts: TxParts { channel_id, ..self.parts.clone() } }
    }

    /// The channel the transaction belongs to.
    pub fn channel_id(&self) -> &str {
        &self.parts.channel_id
    }

    /// The transaction's id, in lower-case hexadecimal.
    pub fn tx_id(&self) -> &str {
        &self.parts.tx_id
    }

    /// The proposal's timestamp: chosen by the client, bounded by the peers.
    pub fn timestamp_ms(&self) -> TimestampMs {
        self.parts.timestamp_ms
    }

    /// Who signed the proposal.
    pub fn client(&self) -> &ClientIdentity {
        &self.parts.client
    }

    /// One entry of the transient map.
    pub fn transient(&self, name: &str) -> Option<&Bytes> {
        self.parts.transient.get(name)
    }

    /// The whole transient map.
    pub fn transient_map(&self) -> &BTreeMap<String, Bytes> {
        &self.parts.transient
    }
}

impl fmt::Debug for TxParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The transient map is what must never reach a log.
        f.debug_struct("TxParts")
            .field("channel_id", &self.channel_id)
            .field("tx_id", &self.tx_id)
            .field("timestamp_ms", &self.timestamp_ms)
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}
