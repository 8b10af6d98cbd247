//! One participant at a gateway, with a typed call for each transaction.

use crate::error::ClientError;
use fabric_contract_rs::ClientIdentity;
use fabric_gateway_client::{Connection, Contract, Gateway, Identity, RetryPolicy, Signer};
use ioht_contract::client::{Call, Invocation};
use ioht_contract::{KeyHash, Myself, Participant, ParticipantId, WhoAmI};
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::time::SystemTime;

/// Where the contract is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The channel.
    pub channel: String,
    /// The chaincode's name on it.
    pub chaincode: String,
}

impl Default for Place {
    fn default() -> Self {
        Self { channel: "mychannel".to_owned(), chaincode: "ioht".to_owned() }
    }
}

/// A participant: an identity, its key, and a gateway to act through.
///
/// The contract's own types say what can be called and what comes back:
///
/// ```no_run
/// # async fn example(patient: &ioht::Actor) -> Result<(), ioht::ClientError> {
/// use ioht_contract::WhoAmI;
///
/// let myself = patient.evaluate(&WhoAmI {}).await?;
/// println!("I am {}", myself.pid);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Actor {
    gateway: Gateway,
    place: Place,
    contract: Contract,
    identity: Identity,
    participant: Participant,
}

/// What a committed transaction leaves with its sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed<A> {
    /// The contract's answer.
    pub answer: A,
    /// The transaction's id.
    pub transaction_id: String,
    /// The block it is in.
    pub block_number: u64,
}

impl Actor {
    /// A participant at the other end of `connection`.
    ///
    /// # Errors
    /// [`ClientError::Certificate`] for a certificate that the contract could not tell a
    /// participant by.
    pub fn new(
        connection: Connection,
        identity: Identity,
        signer: Arc<dyn Signer>,
        place: &Place,
    ) -> Result<Self, ClientError> {
        let gateway = Gateway::new(connection, &identity, signer);
        let contract = gateway.network(&place.channel).contract(&place.chaincode);
        let certificate = identity.certificate_pem.as_bytes();
        let client = ClientIdentity::from_pem(&identity.msp_id, certificate)
            .map_err(|error| ClientError::Certificate(error.to_string()))?;
        let participant = Participant::of(&client)
            .map_err(|error| ClientError::Certificate(error.to_string()))?;
        Ok(Self { gateway, place: place.clone(), contract, identity, participant })
    }

    /// The same participant with another clock than the system's. Peers compare the time it gives
    /// with their own, and the contract takes it for the transaction's.
    #[must_use]
    pub fn with_clock(self, clock: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        let gateway = self.gateway.with_clock(clock);
        let contract = gateway.network(&self.place.channel).contract(&self.place.chaincode);
        Self { gateway, contract, ..self }
    }

    /// The identity that acts.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The contract at the gateway, for calls that no type describes.
    pub fn contract(&self) -> &Contract {
        &self.contract
    }

    /// Submits a transaction without a private part and waits for its commit.
    ///
    /// # Errors
    /// [`ClientError`]; see [`Committed`] for what success means.
    pub async fn submit<C: Call>(&self, call: &C) -> Result<Committed<C::Answer>, ClientError> {
        self.send(Invocation::new(call)).await
    }

    /// Submits a transaction with its private part and waits for its commit.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn submit_private<C: Call>(
        &self,
        call: &C,
        private: &C::Private,
    ) -> Result<Committed<C::Answer>, ClientError> {
        self.send(Invocation::with_private(call, private)).await
    }

    /// Asks without a private part.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn evaluate<C: Call>(&self, call: &C) -> Result<C::Answer, ClientError> {
        self.ask(Invocation::new(call)).await
    }

    /// Asks with a private part.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn evaluate_private<C: Call>(
        &self,
        call: &C,
        private: &C::Private,
    ) -> Result<C::Answer, ClientError> {
        self.ask(Invocation::with_private(call, private)).await
    }

    /// What the ledger knows of this participant.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn who_am_i(&self) -> Result<Myself, ClientError> {
        self.evaluate(&WhoAmI {}).await
    }

    /// This participant's pseudonym.
    pub fn pid(&self) -> ParticipantId {
        self.participant.pid
    }

    /// The hash that pins this participant's key.
    pub fn key_hash(&self) -> KeyHash {
        self.participant.key_hash
    }

    async fn send<A: DeserializeOwned>(
        &self,
        invocation: Invocation,
    ) -> Result<Committed<A>, ClientError> {
        let Invocation { function, arguments, transient } = invocation;
        tracing::debug!(function, arguments, "submits");
        let submitted = self
            .contract
            .submit(&function)
            .argument(arguments)
            .transient(transient)
            .send_with_retry(&RetryPolicy::default())
            .await?;
        Ok(Committed {
            answer: answer(&submitted.result)?,
            transaction_id: submitted.transaction_id,
            block_number: submitted.block_number,
        })
    }

    async fn ask<A: DeserializeOwned>(&self, invocation: Invocation) -> Result<A, ClientError> {
        tracing::debug!(function = invocation.function, "evaluates");
        let payload = self
            .contract
            .evaluate(&invocation.function)
            .argument(invocation.arguments)
            .transient(invocation.transient)
            .send()
            .await?;
        answer(&payload)
    }
}

fn answer<A: DeserializeOwned>(payload: &[u8]) -> Result<A, ClientError> {
    serde_json::from_slice(payload).map_err(ClientError::Answer)
}
