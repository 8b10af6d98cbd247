use crate::lane::{Lane, Outbound, Reply, Stop, TxKey};
use std::collections::HashMap;
use std::sync::Arc;
use tokio::task::AbortHandle;

/// How many finished transactions a stream remembers whose last request the peer has not answered.
///
/// A peer answers every request, so there are a few of them at most; one that leaves a thousand
/// open is broken, and the stream is better begun anew.
const UNANSWERED_MAX: usize = 1024;

/// The transactions of one stream. Owned by the stream's task, so there is no lock.
#[derive(Debug, Default)]
pub(crate) struct Transactions {
    entries: HashMap<Arc<TxKey>, Entry>,
    attempts: u64,
    unanswered: usize,
}

#[derive(Debug)]
struct Entry {
    attempt: u64,
    lane: Arc<Lane>,
    task: Option<AbortHandle>,
    /// Finished, and kept only to recognise the reply that is still to come.
    finished: bool,
}

/// A new attempt.
#[derive(Debug)]
pub(crate) struct Begun {
    pub(crate) attempt: u64,
    pub(crate) lane: Arc<Lane>,
    /// An earlier attempt was still running; it is silenced and ended.
    pub(crate) superseded: bool,
}

/// What became of a reply.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// The transaction that asked has it.
    Taken,
    /// Nobody asked, or the one who asked has finished: dropped.
    Stray,
}

/// The peer leaves requests unanswered.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the peer left {UNANSWERED_MAX} requests of finished transactions unanswered")]
pub(crate) struct TooManyUnanswered;

impl Transactions {
    /// Begins a transaction. One of the same key that is still there is silenced first; a reply it
    /// still waits for is taken by the new attempt before its own first request.
    pub(crate) fn begin(&mut self, key: TxKey, out: &Outbound) -> Begun {
        let key = Arc::new(key);
        let (mut awaited, mut superseded) = (None, false);
        if let Some(old) = self.remove(&key) {
            let fenced = old.lane.fence();
            awaited = fenced.awaited;
            superseded = fenced.unfinished;
            if let Some(task) = old.task.filter(|_| superseded) {
                task.abort();
            }
        }
        self.attempts += 1;
        let attempt = self.attempts;
        let lane = Arc::new(Lane::new(Arc::clone(&key), out.clone(), awaited));
        let entry = Entry { attempt, lane: Arc::clone(&lane), task: None, finished: false };
        self.entries.insert(key, entry);
        Begun { attempt, lane, superseded }
    }

    /// Remembers the task that runs an attempt, to end it when it is superseded.
    pub(crate) fn runs_in(&mut self, key: &TxKey, task: AbortHandle) {
        if let Some(entry) = self.entries.get_mut(key) {
            entry.task = Some(task);
        }
    }

    /// Hands a reply to the transaction that waits for it.
    pub(crate) fn deliver(&mut self, key: &TxKey, reply: Reply) -> Delivery {
        let Some(entry) = self.entries.get(key) else {
            return Delivery::Stray;
        };
        if !entry.lane.arrive(reply) {
            return Delivery::Stray;
        }
        if entry.finished {
            self.remove(key);
            return Delivery::Stray;
        }
        Delivery::Taken
    }

    /// Notes that an attempt's task has ended.
    pub(crate) fn finished(&mut self, key: &TxKey, attempt: u64) -> Result<(), TooManyUnanswered> {
        let Some(entry) = self.entries.get_mut(key).filter(|entry| entry.attempt == attempt) else {
            return Ok(());
        };
        if entry.lane.awaited().is_none() {
            self.remove(key);
            return Ok(());
        }
        entry.finished = true;
        entry.lane.fence();
        self.unanswered += 1;
        if self.unanswered > UNANSWERED_MAX { Err(TooManyUnanswered) } else { Ok(()) }
    }

    /// How many are running.
    pub(crate) fn running(&self) -> usize {
        self.entries.len() - self.unanswered
    }

    /// How many values the largest answer holds that the peer owes, as far as known.
    pub(crate) fn values_awaited(&self) -> usize {
        self.entries.values().filter_map(|entry| entry.lane.awaited()).max().unwrap_or_default()
    }

    /// Asks every running transaction to stop.
    pub(crate) fn stop_all(&self, stop: Stop) {
        for entry in self.entries.values().filter(|entry| !entry.finished) {
            entry.lane.stop(stop);
        }
    }

    fn remove(&mut self, key: &TxKey) -> Option<Entry> {
        let entry = self.entries.remove(key)?;
        if entry.finished {
            self.unanswered -= 1;
        }
        Some(entry)
    }
}

/// The stream is over: nobody will answer, so whoever waits learns it now.
impl Drop for Transactions {
    fn drop(&mut self) {
        for entry in self.entries.values() {
            entry.lane.end();
        }
    }
}

#[cfg(test)]
mod tests;
