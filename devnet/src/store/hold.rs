use std::sync::Arc;

use tokio::sync::watch;

/// Kept by all that keeps the file open, as its last field: the file is closed once none is left.
#[derive(Clone, Debug)]
pub(super) struct Hold(Arc<watch::Sender<()>>);

impl Hold {
    pub(super) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(())))
    }

    pub(super) fn released(&self) -> Released {
        Released(self.0.subscribe())
    }
}

/// Tells when the file of a database is closed.
#[derive(Debug)]
pub(crate) struct Released(watch::Receiver<()>);

impl Released {
    /// Waits until nothing holds the file any more.
    pub(crate) async fn wait(mut self) {
        while self.0.changed().await.is_ok() {}
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn the_last_hold_releases() {
        let hold = Hold::new();
        let (early, late) = (hold.released(), hold.released());
        let second = hold.clone();
        drop(hold);
        assert_eq!(early.wait().now_or_never(), None);
        drop(second);
        assert_eq!(late.wait().now_or_never(), Some(()));
    }
}
