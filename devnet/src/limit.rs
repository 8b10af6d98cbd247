use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::Status;

/// How many calls of a service are served at a time.
#[derive(Clone, Debug)]
pub(crate) struct Limit {
    service: &'static str,
    most: usize,
    permits: Arc<Semaphore>,
}

impl Limit {
    /// `service` is the name that refusals tell, such as `/gateway.Gateway`.
    pub(crate) fn new(service: &'static str, most: usize) -> Self {
        Self { service, most, permits: Arc::new(Semaphore::new(most)) }
    }

    /// A place, which is free again when it is dropped.
    pub(crate) fn permit(&self) -> Result<OwnedSemaphorePermit, Status> {
        Arc::clone(&self.permits).try_acquire_owned().map_err(|_| {
            let Self { service, most, .. } = self;
            Status::unknown(format!(
                "too many requests for {service}, exceeding concurrency limit ({most})"
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_free_again_when_its_call_is_over() {
        let limit = Limit::new("/protos.Deliver", 1);
        let taken = limit.permit().unwrap();
        let refused = limit.permit().unwrap_err();
        let text = "too many requests for /protos.Deliver, exceeding concurrency limit (1)";
        assert_eq!((refused.code(), refused.message()), (tonic::Code::Unknown, text));
        drop(taken);
        assert!(limit.permit().is_ok());
    }
}
