//! Who waits for the outcome of which transaction.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use fabric_ledger::{Store, StoreError, TxValidationCode};
use tokio::sync::{oneshot, watch};

/// What became of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) code: TxValidationCode,
    pub(crate) block: u64,
}

/// Tells of committed blocks, once they are durable.
#[derive(Debug)]
pub(crate) struct CommitNotifier {
    waiting: Mutex<Waiting>,
    height: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Waiting {
    stopped: bool,
    next: u64,
    by_tx: HashMap<String, HashMap<u64, oneshot::Sender<Outcome>>>,
}

impl CommitNotifier {
    pub(crate) fn new(height: u64) -> Self {
        Self { waiting: Mutex::default(), height: watch::Sender::new(height) }
    }

    /// Follows the number of committed blocks.
    pub(crate) fn height(&self) -> watch::Receiver<u64> {
        self.height.subscribe()
    }

    /// Waits until a transaction with this id is committed, for as long as the caller likes.
    ///
    /// `store` gives the newest committed state. It is asked after the caller is registered: a
    /// commit between the two steps is noticed by either. `None` if the peer stops.
    pub(crate) async fn outcome<S: Store>(
        &self,
        tx_id: &str,
        store: impl FnOnce() -> S,
    ) -> Result<Option<Outcome>, StoreError> {
        let (registered, outcome) = self.register(tx_id);
        if let Some(found) = store().transaction(tx_id)? {
            let code = TxValidationCode::try_from(i32::from(found.code))
                .unwrap_or(TxValidationCode::InvalidOtherReason);
            return Ok(Some(Outcome { code, block: found.version.block }));
        }
        let outcome = outcome.await.ok();
        drop(registered);
        Ok(outcome)
    }

    fn register<'a>(&'a self, tx_id: &'a str) -> (Registered<'a>, oneshot::Receiver<Outcome>) {
        let (sender, receiver) = oneshot::channel();
        let mut waiting = self.lock();
        let number = waiting.next;
        waiting.next = waiting.next.wrapping_add(1);
        if !waiting.stopped {
            waiting.by_tx.entry(tx_id.to_owned()).or_default().insert(number, sender);
        }
        (Registered { notifier: self, tx_id, number }, receiver)
    }

    /// A block is durable. Of equal ids the first counts.
    pub(crate) fn committed<'a>(
        &self,
        outcomes: impl IntoIterator<Item = (&'a str, Outcome)>,
        height: u64,
    ) {
        let mut waiting = self.lock();
        for (tx_id, outcome) in outcomes {
            for (_, sender) in waiting.by_tx.remove(tx_id).into_iter().flatten() {
                // A caller that gave up is no longer interested.
                let _ = sender.send(outcome);
            }
        }
        drop(waiting);
        self.height.send_replace(height);
    }

    /// Nothing will be committed any more: nobody waits, neither now nor later.
    pub(crate) fn stop(&self) {
        let mut waiting = self.lock();
        waiting.stopped = true;
        waiting.by_tx.clear();
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends the wait when the caller goes away.
struct Registered<'a> {
    notifier: &'a CommitNotifier,
    tx_id: &'a str,
    number: u64,
}

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        let mut waiting = self.notifier.lock();
        if let Some(senders) = waiting.by_tx.get_mut(self.tx_id) {
            senders.remove(&self.number);
            if senders.is_empty() {
                waiting.by_tx.remove(self.tx_id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use fabric_ledger::MemoryStore;
    use futures_util::FutureExt as _;

    use super::*;

    const VALID: Outcome = Outcome { code: TxValidationCode::Valid, block: 3 };
    const DUPLICATE: Outcome = Outcome { code: TxValidationCode::DuplicateTxid, block: 3 };

    #[tokio::test]
    async fn the_first_of_equal_ids_is_told_to_everybody_who_waits() {
        let notifier = CommitNotifier::new(3);
        let one = notifier.outcome("t", MemoryStore::default);
        let other = notifier.outcome("t", MemoryStore::default);
        let (mut one, mut other) = (Box::pin(one), Box::pin(other));
        assert!((&mut one).now_or_never().is_none() && (&mut other).now_or_never().is_none());
        notifier.committed([("t", VALID), ("t", DUPLICATE)], 4);
        assert_eq!(one.await.unwrap(), Some(VALID));
        assert_eq!(other.await.unwrap(), Some(VALID));
        assert_eq!(*notifier.height().borrow(), 4);
    }

    #[tokio::test]
    async fn whoever_stops_waiting_leaves_nothing_behind() {
        let notifier = CommitNotifier::new(0);
        let mut waiting = Box::pin(notifier.outcome("t", MemoryStore::default));
        assert!((&mut waiting).now_or_never().is_none());
        assert_eq!(notifier.lock().by_tx.len(), 1);
        drop(waiting);
        assert!(notifier.lock().by_tx.is_empty());
    }

    #[tokio::test]
    async fn stopping_ends_the_wait() {
        let notifier = CommitNotifier::new(0);
        let mut waiting = Box::pin(notifier.outcome("t", MemoryStore::default));
        assert!((&mut waiting).now_or_never().is_none());
        notifier.stop();
        assert_eq!(waiting.await.unwrap(), None);
        let late = Box::pin(notifier.outcome("t", MemoryStore::default)).now_or_never();
        assert_eq!(late.unwrap().unwrap(), None);
    }
}
