use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// Runs a future that waits for nothing but the mock ledger, which answers at once.
///
/// ```
/// assert_eq!(fabric_contract_rs::testing::block_on(async { 6 * 7 }), 42);
/// ```
///
/// # Panics
/// When the future waits for anything else: a contract has no timers, sockets or other tasks to
/// wait for, and on a peer it would stall until the transaction's deadline.
pub fn block_on<F: Future>(future: F) -> F::Output {
    let mut context = Context::from_waker(Waker::noop());
    match pin!(future).poll(&mut context) {
        Poll::Ready(output) => output,
        #[expect(clippy::panic, reason = "a test that can never end ends at once")]
        Poll::Pending => panic!("a contract waits for something that is not the ledger"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_future_that_waits_is_a_bug() {
        let run = || block_on(std::future::pending::<()>());
        assert!(std::panic::catch_unwind(run).is_err());
    }
}
