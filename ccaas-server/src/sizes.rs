use crate::config::PAYLOAD_BYTES_MAX;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The size that values are taken to have until a larger one is seen.
///
/// 64 KiB: 1599 of them fit into a message, more than a peer's multi-get takes, so that nothing is
/// split without a reason.
const ASSUMED_BYTES: usize = 64 * 1024;

/// How large the values of this chaincode are, as far as this server has seen: an answer that does
/// not fit into a message ends the peer's stream and every transaction on it, and nobody can know
/// before asking. So as many keys are asked for at once as would fit were all values as large as the
/// largest one.
#[derive(Debug)]
pub(crate) struct Sizes {
    largest: AtomicUsize,
}

impl Default for Sizes {
    fn default() -> Self {
        Self { largest: AtomicUsize::new(ASSUMED_BYTES) }
    }
}

impl Sizes {
    /// A value was read or written.
    pub(crate) fn seen(&self, bytes: usize) {
        if bytes > self.largest.load(Ordering::Relaxed) {
            self.largest.fetch_max(bytes, Ordering::Relaxed);
        }
    }

    /// The stream ended while the answer to a request of so many values was awaited: it may have
    /// been too large. Half as many are asked for from now on, so that a second try gets through.
    pub(crate) fn doubt(&self, values: usize) {
        if let Some(bytes) = PAYLOAD_BYTES_MAX.checked_div(values / 2) {
            self.seen(bytes);
        }
    }

    /// How many values one answer should hold at most; at least one.
    pub(crate) fn values_max(&self) -> usize {
        (PAYLOAD_BYTES_MAX / self.largest.load(Ordering::Relaxed).max(1)).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fewer_are_asked_for_the_larger_they_are() {
        let sizes = Sizes::default();
        assert!(sizes.values_max() > 1000);
        sizes.seen(10);
        assert!(sizes.values_max() > 1000);
        sizes.seen(10 * 1024 * 1024);
        assert_eq!(sizes.values_max(), 9);
        sizes.seen(ASSUMED_BYTES);
        assert_eq!(sizes.values_max(), 9);
        sizes.seen(usize::MAX);
        assert_eq!(sizes.values_max(), 1);
    }

    #[test]
    fn a_stream_that_ended_halves_what_is_asked_for() {
        let sizes = Sizes::default();
        for values in [0, 1] {
            sizes.doubt(values);
            assert!(sizes.values_max() > 1000);
        }
        sizes.doubt(1000);
        assert_eq!(sizes.values_max(), 500);
        // Several at once count as one.
        sizes.doubt(1000);
        assert_eq!(sizes.values_max(), 500);
        sizes.doubt(3);
        assert_eq!(sizes.values_max(), 1);
    }
}
