use std::sync::atomic::{AtomicU64, Ordering};

/// Counts of everything that happened since the server was bound.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Streams that peers opened.
    pub streams: u64,
    /// Streams ended because the handshake took too long: mostly a wrong chaincode id.
    pub handshake_timeouts: u64,
    /// Streams ended because the peer broke the protocol.
    pub violations: u64,
    /// Streams ended because the peer did not read what was sent to it.
    pub unread: u64,
    /// Transactions begun.
    pub started: u64,
    /// Transactions answered with a response below 400.
    pub succeeded: u64,
    /// Transactions the contract refused: a response of 400–499.
    pub refused: u64,
    /// Transactions answered with ERROR.
    pub failed: u64,
    /// Of those, the ones that took too long.
    pub deadlines: u64,
    /// Of those, the ones whose contract panicked.
    pub panics: u64,
    /// Transactions not begun because too many were running.
    pub overloads: u64,
    /// Transactions that ended without an answer: superseded, forgotten by the peer, not read by
    /// it, or cut off with their stream.
    pub abandoned: u64,
    /// Replies that nobody waited for.
    pub stray_replies: u64,
}

macro_rules! counters {
    ($($name:ident),* $(,)?) => {
        #[derive(Debug, Default)]
        pub(crate) struct Counters { $(pub(crate) $name: Counter),* }

        impl Counters {
            pub(crate) fn read(&self) -> Stats {
                Stats { $($name: self.$name.0.load(Ordering::Relaxed)),* }
            }
        }
    };
}

counters!(
    streams,
    handshake_timeouts,
    violations,
    unread,
    started,
    succeeded,
    refused,
    failed,
    deadlines,
    panics,
    overloads,
    abandoned,
    stray_replies,
);

#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}
