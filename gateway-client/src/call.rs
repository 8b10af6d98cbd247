//! Putting a call to a contract together.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use bytes::Bytes;

use crate::commit::Submitted;
use crate::error::GatewayError;
use crate::gateway::Contract;
use crate::proposal::Proposal;
use crate::retry::RetryPolicy;
use crate::transaction::Transaction;

/// Marks a [`Call`] as a query.
#[derive(Debug, Clone, Copy)]
pub enum Evaluate {}

/// Marks a [`Call`] as a transaction.
#[derive(Debug, Clone, Copy)]
pub enum Submit {}

/// A call to a contract, to be completed and sent; made by [`Contract::evaluate`] and [`Contract::submit`].
///
/// It can be sent more than once; each time is a proposal with a transaction id of its own.
#[derive(Debug, Clone)]
#[must_use = "nothing happens until it is sent"]
pub struct Call<Kind> {
    contract: Contract,
    /// The function's name, then its arguments.
    arguments: Vec<Bytes>,
    transient: BTreeMap<String, Bytes>,
    organizations: Vec<String>,
    kind: PhantomData<Kind>,
}

impl<Kind> Call<Kind> {
    pub(crate) fn new(contract: Contract, function: &str) -> Self {
        Self {
            contract,
            arguments: vec![Bytes::copy_from_slice(function.as_bytes())],
            transient: BTreeMap::new(),
            organizations: Vec::new(),
            kind: PhantomData,
        }
    }

    /// Adds an argument. It becomes part of the block that every member of the channel keeps.
    pub fn argument(mut self, argument: impl Into<Bytes>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Adds arguments.
    pub fn arguments<A: Into<Bytes>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Adds transient data, name by name: seen by the endorsing peers alone, and never in a block.
    pub fn transient<N: Into<String>, V: Into<Bytes>>(
        mut self,
        data: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        self.transient.extend(data.into_iter().map(|(name, value)| (name.into(), value.into())));
        self
    }

    /// Makes the proposal, signed if the gateway has a signer, for the stages one by one.
    ///
    /// # Errors
    /// [`GatewayError::Sign`] or [`GatewayError::Random`].
    pub fn proposal(&self) -> Result<Proposal, GatewayError> {
        Proposal::new(&self.contract, &self.arguments, &self.transient, &self.organizations)
    }
}

impl Call<Evaluate> {
    /// Names the organisations (MSP ids) whose peers may be asked. With transient data the gateway else asks only its own.
    pub fn target_organizations<O: Into<String>>(
        mut self,
        organizations: impl IntoIterator<Item = O>,
    ) -> Self {
        self.organizations = organizations.into_iter().map(Into::into).collect();
        self
    }

    /// Asks, and returns the payload of the contract's response.
    ///
    /// # Errors
    /// [`GatewayError::Evaluate`], [`GatewayError::Sign`] or [`GatewayError::Random`].
    pub async fn send(&self) -> Result<Bytes, GatewayError> {
        self.proposal()?.evaluate().await
    }

    /// Asks again, with a pause, as long as the error [is retryable](GatewayError::is_retryable) and up to
    /// [`RetryPolicy::proposals_max`] times.
    ///
    /// # Errors
    /// The last error; as [`send`](Self::send).
    pub async fn send_with_retry(&self, policy: &RetryPolicy) -> Result<Bytes, GatewayError> {
        policy.propose(|| self.send()).await
    }
}

impl Call<Submit> {
    /// Names the organisations (MSP ids) that endorse, in place of those that the gateway derives from the endorsement
    /// policies. Too few of them are noticed only at commit (`ENDORSEMENT_POLICY_FAILURE`).
    pub fn endorsing_organizations<O: Into<String>>(
        mut self,
        organizations: impl IntoIterator<Item = O>,
    ) -> Self {
        self.organizations = organizations.into_iter().map(Into::into).collect();
        self
    }

    /// Has the transaction endorsed, submits it and waits for its commit.
    ///
    /// # Errors
    /// Any [`GatewayError`] but `Evaluate`. Where [`outcome_unknown`](GatewayError::outcome_unknown) is true the transaction
    /// may yet be committed.
    pub async fn send(&self) -> Result<Submitted, GatewayError> {
        let transaction = self.endorse().await?;
        let status = transaction.submit().await?.status().await?;
        transaction.submitted(status)
    }

    /// Has the transaction endorsed, by a new proposal each time as long as the error
    /// [is retryable](GatewayError::is_retryable) and up to [`RetryPolicy::proposals_max`] times. Nothing is submitted: for
    /// a client that keeps the endorsed [`Transaction`] before it [settles](Transaction::settle) it.
    ///
    /// # Errors
    /// The last error: [`GatewayError::Endorse`], [`Tampered`](GatewayError::Tampered), [`Sign`](GatewayError::Sign) or
    /// [`Random`](GatewayError::Random).
    pub async fn endorse_with_retry(
        &self,
        policy: &RetryPolicy,
    ) -> Result<Transaction, GatewayError> {
        policy.propose(|| self.endorse()).await
    }

    /// Has the transaction endorsed, submits it and waits for its commit, again where that can help.
    ///
    /// - It is committed at most once, and exactly once if this returns `Ok`: a new proposal is made only when the one
    ///   before can no longer be committed, because it was never signed as a transaction or is in a block as invalid.
    /// - When a reply to Submit is lost, the commit status is asked for, and then the same envelope sent again: see
    ///   [`Transaction::settle`].
    /// - At most [`RetryPolicy::proposals_max`] proposals are made, and each envelope is sent at most
    ///   [`RetryPolicy::submissions_max`] times.
    /// - The contract runs anew for each proposal, with the same arguments and transient data.
    /// - Dropping the future gives the outcome up. A client that must know it after a crash keeps the endorsed
    ///   [`Transaction`] before it is submitted: see [`endorse_with_retry`](Self::endorse_with_retry).
    ///
    /// # Errors
    /// The last error; as [`send`](Self::send).
    pub async fn send_with_retry(&self, policy: &RetryPolicy) -> Result<Submitted, GatewayError> {
        policy.propose(|| self.propose_and_settle(policy)).await
    }

    async fn propose_and_settle(&self, policy: &RetryPolicy) -> Result<Submitted, GatewayError> {
        self.endorse().await?.settle(policy).await
    }

    async fn endorse(&self) -> Result<Transaction, GatewayError> {
        self.proposal()?.endorse().await
    }
}
