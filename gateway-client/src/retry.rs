//! Trying again without doing anything twice.

use std::time::Duration;

use ring::rand::{SecureRandom, SystemRandom};

use crate::commit::{Commit, CommitStatus, Submitted};
use crate::error::GatewayError;
use crate::transaction::Transaction;
use fabric_protos::protos::TxValidationCode;

/// How often and how fast something is tried again.
///
/// Pauses grow twofold from `backoff_base` to `backoff_max`, and each is drawn at random between zero and that ("full
/// jitter"), so that clients that failed together do not come back together.
///
/// ```
/// use fabric_gateway_client::RetryPolicy;
///
/// let mut policy = RetryPolicy::default();
/// policy.proposals_max = 3;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetryPolicy {
    /// Proposals made for one call, the first included; 5.
    pub proposals_max: u32,
    /// Times one envelope is sent to the orderer, the first included; 4.
    pub submissions_max: u32,
    /// Times the commit status of an accepted transaction is asked for, the first included, while the peer cannot be
    /// reached; 4.
    pub status_calls_max: u32,
    /// Upper bound of the first pause; 50 ms.
    pub backoff_base: Duration,
    /// Upper bound of every pause; 2 s, the usual time of a block.
    pub backoff_max: Duration,
    /// How long the commit status is waited for before an envelope is sent again; 5 s. More than the time of a block lets
    /// a transaction that did arrive be found.
    pub status_probe: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            proposals_max: 5,
            submissions_max: 4,
            status_calls_max: 4,
            backoff_base: Duration::from_millis(50),
            backoff_max: Duration::from_secs(2),
            status_probe: Duration::from_secs(5),
        }
    }
}

impl RetryPolicy {
    /// Makes proposals, each by a new call of `attempt`, as long as another one can help and cannot do anything twice.
    pub(crate) async fn propose<T, F>(
        &self,
        mut attempt: impl FnMut() -> F,
    ) -> Result<T, GatewayError>
    where
        F: Future<Output = Result<T, GatewayError>>,
    {
        let mut attempts = 1;
        loop {
            match attempt().await {
                Err(error)
                    if error.is_retryable()
                        && !error.outcome_unknown()
                        && attempts < self.proposals_max =>
                {
                    self.pause(attempts, &error).await;
                    attempts += 1;
                }
                outcome => return outcome,
            }
        }
    }

    /// Waits before the next attempt, after `failures` (at least one) of them.
    pub(crate) async fn pause(&self, failures: u32, error: &GatewayError) {
        let pause = self.backoff(failures, random());
        tracing::debug!(failures, ?pause, %error, "trying again");
        tokio::time::sleep(pause).await;
    }

    /// The pause for a random number between zero and `u32::MAX`.
    fn backoff(&self, failures: u32, random: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(31);
        let ceiling = self.backoff_base.saturating_mul(1 << doublings).min(self.backoff_max);
        ceiling.mul_f64(f64::from(random) / f64::from(u32::MAX))
    }
}

/// A random number, or the largest when the system has none: the pause is then merely the longest.
fn random() -> u32 {
    let mut bytes = [0; 4];
    match SystemRandom::new().fill(&mut bytes) {
        Ok(()) => u32::from_be_bytes(bytes),
        Err(_) => u32::MAX,
    }
}

impl Transaction {
    /// Submits this transaction and waits for its commit, again where that can help, until its outcome is known.
    ///
    /// When a reply to Submit is lost, the commit status is asked for first, for [`RetryPolicy::status_probe`]; only then
    /// this same envelope is sent again, which the ledger would take for a duplicate if the first did arrive. Nothing is
    /// ever proposed anew.
    ///
    /// # Errors
    /// [`GatewayError::Commit`] when the transaction is invalid, [`GatewayError::Submit`] when the orderer refused it, and
    /// [`GatewayError::CommitStatus`] when the outcome is still unknown: keep the transaction, and [`resume`](Self::resume)
    /// it later.
    pub async fn settle(&self, policy: &RetryPolicy) -> Result<Submitted, GatewayError> {
        self.settle_from(policy, false).await
    }

    /// As [`settle`](Self::settle), for a transaction that may have been submitted before: asks for the commit status
    /// first.
    ///
    /// # Errors
    /// As [`settle`](Self::settle).
    pub async fn resume(&self, policy: &RetryPolicy) -> Result<Submitted, GatewayError> {
        self.settle_from(policy, true).await
    }

    async fn settle_from(
        &self,
        policy: &RetryPolicy,
        mut maybe_ordered: bool,
    ) -> Result<Submitted, GatewayError> {
        self.require_signature()?;
        let commit = self.commit();
        let mut failures = 0;
        loop {
            if maybe_ordered {
                match commit.status_within(policy.status_probe).await {
                    Ok(status) => return self.conclude(&commit, status).await,
                    Err(error) if error.is_retryable() && failures < policy.submissions_max => {}
                    Err(error) => return Err(error),
                }
            }
            let error = match self.submit().await {
                Ok(commit) => {
                    let status = wait(&commit, policy).await?;
                    return self.conclude(&commit, status).await;
                }
                Err(error) => error,
            };
            failures += 1;
            if error.outcome_unknown() {
                maybe_ordered = true;
            } else if !error.is_retryable() {
                // A refusal says nothing about an earlier envelope, which may have arrived.
                if !maybe_ordered {
                    return Err(error);
                }
                let status = wait(&commit, policy).await?;
                return self.conclude(&commit, status).await;
            } else if !maybe_ordered && failures >= policy.submissions_max {
                return Err(error);
            }
            policy.pause(failures, &error).await;
        }
    }

    /// A status that speaks of a duplicate stands for a second envelope: the ledger, asked again, tells of the first.
    async fn conclude(
        &self,
        commit: &Commit,
        status: CommitStatus,
    ) -> Result<Submitted, GatewayError> {
        let duplicate = status.code() == Some(TxValidationCode::DuplicateTxid);
        self.submitted(if duplicate { commit.status().await? } else { status })
    }
}

/// Waits for the commit of a transaction that the orderer accepted.
async fn wait(commit: &Commit, policy: &RetryPolicy) -> Result<CommitStatus, GatewayError> {
    let mut calls = 1;
    loop {
        match commit.status().await {
            Err(error) if calls < policy.status_calls_max && is_interruption(&error) => {
                policy.pause(calls, &error).await;
                calls += 1;
            }
            outcome => return outcome,
        }
    }
}

/// The question did not get through, as opposed to a whole timeout spent waiting.
fn is_interruption(error: &GatewayError) -> bool {
    let late = error.call().is_some_and(|call| call.code == tonic::Code::DeadlineExceeded);
    error.is_retryable() && !late
}

#[cfg(test)]
mod tests {
    use super::RetryPolicy;
    use std::time::Duration;

    fn check(failures: u32, random: u32, milliseconds: u64) {
        let policy = RetryPolicy {
            backoff_base: Duration::from_millis(100),
            backoff_max: Duration::from_millis(1000),
            ..RetryPolicy::default()
        };
        assert_eq!(policy.backoff(failures, random), Duration::from_millis(milliseconds));
    }

    #[test]
    fn pauses_double_up_to_the_bound() {
        check(1, u32::MAX, 100);
        check(2, u32::MAX, 200);
        check(4, u32::MAX, 800);
        check(5, u32::MAX, 1000);
        check(u32::MAX, u32::MAX, 1000);
    }

    #[test]
    fn pauses_are_drawn_from_zero_on() {
        check(3, 0, 0);
        assert!(RetryPolicy::default().backoff(1, u32::MAX / 2) <= Duration::from_millis(25));
    }
}
