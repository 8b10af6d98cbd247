use crate::config::PAYLOAD_BYTES_MAX;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// The size that values are taken to have until a larger one is seen.
///
/// 64 KiB: 1599 of them fit into a message, more than a peer's multi-get takes, so that nothing is
/// split without a reason.
const ASSUMED_BYTES: usize = 64 * 1024;

/// Fewer values than this are not suspected of having been too many for one message.
///
/// 16: they would have to weigh more than 6 MiB each, and a stream that ends while the peer owes so
/// few is nearly always that of a peer that restarts. Fewer are suspected once more have been.
const FEW: usize = 16;

/// How long a doubt lasts.
///
/// 10 min: clients try again well within it, so that a request that is truly too large is halved
/// until it gets through, and then the values themselves have been seen. A peer that was merely
/// restarted slows nobody down for longer.
const DOUBT: Duration = Duration::from_secs(600);

/// How large the values of this chaincode are, as far as this server has seen: an answer that does
/// not fit into a message ends the peer's stream and every transaction on it, and nobody can know
/// before asking. So as many keys are asked for at once as would fit were all values as large as the
/// largest one, and fewer for a while after a stream has ended under such a request.
#[derive(Debug)]
pub(crate) struct Sizes {
    largest: AtomicUsize,
    doubt: Mutex<Option<Doubt>>,
}

#[derive(Debug, Clone, Copy)]
struct Doubt {
    values_max: usize,
    until: Instant,
}

impl Default for Sizes {
    fn default() -> Self {
        Self { largest: AtomicUsize::new(ASSUMED_BYTES), doubt: Mutex::new(None) }
    }
}

impl Sizes {
    /// A value was read or written.
    pub(crate) fn seen(&self, bytes: usize) {
        if bytes > self.largest.load(Ordering::Relaxed) {
            self.largest.fetch_max(bytes, Ordering::Relaxed);
        }
    }

    /// A stream ended while its peer owed the answer to a request of so many values: it may have
    /// been too large. Half as many are asked for from now on, so that a later try gets through.
    /// Whether that changes anything.
    pub(crate) fn doubt(&self, values: usize, now: Instant) -> bool {
        let mut doubt = self.lock();
        let in_force = values_max(*doubt, now);
        if values <= 1 || (values < FEW && values.saturating_mul(2) < in_force) {
            return false;
        }
        let values_max = in_force.min(values / 2);
        *doubt = Some(Doubt { values_max, until: now + DOUBT });
        true
    }

    /// How many values one answer should hold at most; at least one.
    pub(crate) fn values_max(&self, now: Instant) -> usize {
        let fit = PAYLOAD_BYTES_MAX / self.largest.load(Ordering::Relaxed).max(1);
        fit.min(values_max(*self.lock(), now)).max(1)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Doubt>> {
        // One value, written at once.
        self.doubt.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn values_max(doubt: Option<Doubt>, now: Instant) -> usize {
    doubt.filter(|doubt| now < doubt.until).map_or(usize::MAX, |doubt| doubt.values_max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fewer_are_asked_for_the_larger_they_are() {
        let (sizes, now) = (Sizes::default(), Instant::now());
        assert!(sizes.values_max(now) > 1000);
        sizes.seen(10);
        assert!(sizes.values_max(now) > 1000);
        sizes.seen(10 * 1024 * 1024);
        assert_eq!(sizes.values_max(now), 9);
        sizes.seen(ASSUMED_BYTES);
        assert_eq!(sizes.values_max(now), 9);
        sizes.seen(usize::MAX);
        assert_eq!(sizes.values_max(now), 1);
    }

    /// Streams that end under these numbers of values, and how many are asked for then.
    fn doubted(values: &[usize], expected: usize) {
        let (sizes, now) = (Sizes::default(), Instant::now());
        let all = sizes.values_max(now);
        for values in values {
            sizes.doubt(*values, now);
        }
        assert_eq!(sizes.values_max(now), expected.min(all), "{values:?}");
        assert_eq!(sizes.values_max(now + DOUBT), all, "a doubt ends");
    }

    #[test]
    fn a_stream_that_ended_halves_what_is_asked_for() {
        doubted(&[1000], 500);
        doubted(&[1000, 500, 250], 125);
        doubted(&[16], 8);
        // Several at once count as one, and what was halved stays so.
        doubted(&[1000, 1000, 1000], 500);
        doubted(&[100, 1000], 50);
    }

    #[test]
    fn few_values_are_suspected_only_where_more_have_been() {
        for few in 0..FEW {
            doubted(&[few], usize::MAX);
        }
        doubted(&[1000, 2, 3, 15], 500);
        doubted(&[1000, 500, 250, 125, 62, 31, 15, 7, 3, 2, 1], 1);
    }

    #[test]
    fn a_new_doubt_begins_where_an_old_one_ended() {
        let (sizes, now) = (Sizes::default(), Instant::now());
        assert!(sizes.doubt(1000, now));
        let later = now + DOUBT;
        assert!(sizes.doubt(800, later));
        assert_eq!(sizes.values_max(later), 400);
        assert!(!sizes.doubt(2, later + DOUBT));
    }
}
