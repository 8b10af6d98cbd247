use std::time::Duration;

use tokio::time::Instant;
use tonic::{Request, Status};

/// Digits a `grpc-timeout` has at most.
const DIGITS_MAX: usize = 8;
/// How much earlier than the client's deadline a call is answered, so that the answer is ours.
const HEADSTART: Duration = Duration::from_millis(5);

/// When the client stops waiting.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline(Option<Instant>);

impl Deadline {
    pub(super) fn of<T>(request: &Request<T>) -> Self {
        let timeout = request.metadata().get("grpc-timeout");
        let timeout = timeout.and_then(|value| value.to_str().ok()).and_then(parse);
        let after = timeout.map(|timeout| timeout.saturating_sub(HEADSTART));
        Self(after.and_then(|after| Instant::now().checked_add(after)))
    }

    /// Runs a call up to the deadline; dropping it ends what it waits for.
    pub(super) async fn limit<T>(
        self,
        text: &str,
        call: impl Future<Output = Result<T, Status>>,
    ) -> Result<T, Status> {
        match self.0 {
            None => call.await,
            Some(deadline) => match tokio::time::timeout_at(deadline, call).await {
                Ok(outcome) => outcome,
                Err(_) => Err(Status::deadline_exceeded(text)),
            },
        }
    }
}

/// A value of the header `grpc-timeout`: digits and a unit.
fn parse(value: &str) -> Option<Duration> {
    let (digits, unit) = value.split_at_checked(value.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > DIGITS_MAX {
        return None;
    }
    let count: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(count.saturating_mul(3600)),
        "M" => Duration::from_secs(count.saturating_mul(60)),
        "S" => Duration::from_secs(count),
        "m" => Duration::from_millis(count),
        "u" => Duration::from_micros(count),
        "n" => Duration::from_nanos(count),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_call_ends_at_its_deadline() {
        let pending = std::future::pending::<Result<(), Status>>();
        let passed = Deadline(Some(Instant::now()));
        let ended = passed.limit("evaluate timeout expired", pending).await.unwrap_err();
        assert_eq!(ended.code(), tonic::Code::DeadlineExceeded);
        assert_eq!(ended.message(), "evaluate timeout expired");
        let done = async { Ok::<_, Status>(7) };
        assert_eq!(Deadline(None).limit("", done).await.unwrap(), 7);
    }

    #[test]
    fn headers_become_deadlines() {
        let mut request = Request::new(());
        assert!(Deadline::of(&request).0.is_none());
        request.metadata_mut().insert("grpc-timeout", "1H".parse().unwrap());
        assert!(Deadline::of(&request).0.is_some_and(|deadline| deadline > Instant::now()));
        request.metadata_mut().insert("grpc-timeout", "soon".parse().unwrap());
        assert!(Deadline::of(&request).0.is_none());
    }

    #[test]
    fn timeouts_are_digits_and_a_unit() {
        let check = |value, expected| assert_eq!(parse(value), expected, "{value}");
        check("1H", Some(Duration::from_hours(1)));
        check("2M", Some(Duration::from_mins(2)));
        check("5S", Some(Duration::from_secs(5)));
        check("250m", Some(Duration::from_millis(250)));
        check("7u", Some(Duration::from_micros(7)));
        check("9n", Some(Duration::from_nanos(9)));
        check("123456789S", None);
        check("S", None);
        check("", None);
        check("5x", None);
        check("-5S", None);
    }
}
