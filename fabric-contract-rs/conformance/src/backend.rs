use bytes::Bytes;
use fabric_contract_rs::Event;
use fabric_contract_rs::testing::conformance::{
    Backend, CALLEE, Destination, Invocation, Ordered, Verdict,
};
use fabric_gateway_client::{
    Call, Contract, ErrorDetail, GatewayError, Network, Transaction, TxValidationCode,
};
use fabric_protos::common::Payload;
use fabric_protos::protos::{
    self, ChaincodeAction, ChaincodeActionPayload, ChaincodeEvent, ProposalResponsePayload,
};
use prost::{DecodeError, Message};
use std::time::Duration;

/// The conformance contract behind a gateway, and a client of an organisation that endorses.
#[derive(Debug, Clone)]
pub struct GatewayBackend {
    contract: Contract,
    callee: Contract,
    /// The callee on the other channel, where there is one.
    other: Option<Contract>,
    chaincode: String,
    endorsing: Vec<String>,
    attempts: u32,
}

/// Attempts at an endorsement where peers commit on their own: the client learns of a commit from
/// one peer, and the next transaction may reach another one that is a block behind, whose answer
/// then differs. Nor does a busy peer always take private data in time.
const ATTEMPTS: u32 = 20;
/// A gateway's words about a peer that has signed something else than the one before.
const DISAGREEMENT: &str = "ProposalResponsePayloads do not match";
/// A gateway's words about private data that too few peers have taken.
const NOT_DISSEMINATED: &str = "Failed disseminating";
/// Time between two attempts: together far more than a peer needs for a block.
pub(crate) const ATTEMPT_INTERVAL: Duration = Duration::from_millis(100);

impl GatewayBackend {
    /// The contract where it is installed, as `chaincode` and as
    /// [`CALLEE`](fabric_contract_rs::testing::conformance::CALLEE) on the same channel. `endorsing`
    /// names the organisations whose peers endorse, as many as its policy needs.
    pub fn new(
        network: &Network,
        chaincode: &str,
        endorsing: impl IntoIterator<Item = String>,
    ) -> Self {
        Self {
            contract: network.contract(chaincode),
            callee: network.contract(CALLEE),
            other: None,
            chaincode: chaincode.to_owned(),
            endorsing: endorsing.into_iter().collect(),
            attempts: 1,
        }
    }

    /// Gives peers that commit on their own the time to catch up with each other.
    #[must_use]
    pub fn of_independent_peers(mut self) -> Self {
        self.attempts = ATTEMPTS;
        self
    }

    /// Adds the other channel, where the callee is installed, too.
    #[must_use]
    pub fn other_channel(mut self, network: &Network) -> Self {
        self.other = Some(network.contract(CALLEE));
        self
    }

    fn contract(&self, to: Destination) -> &Contract {
        match to {
            Destination::Main => &self.contract,
            Destination::Callee => &self.callee,
            // No case goes there unless it was added.
            Destination::OtherChannel => self.other.as_ref().unwrap_or(&self.callee),
        }
    }

    /// Names the endorsers: those members of the collection that the policy needs.
    pub(crate) async fn endorse(&self, call: Invocation) -> Result<Transaction, GatewayError> {
        self.endorse_by(&self.endorsing, call).await
    }

    /// What an organisation's peer answers to a query.
    pub(crate) async fn ask(&self, msp_id: &str, call: &Invocation) -> Verdict {
        let query = self.contract(call.to).evaluate(&call.function);
        let query = with(query, call).target_organizations([msp_id]);
        match query.send().await {
            Ok(payload) => Verdict::Success { payload, event: None },
            Err(error) => verdict(&error),
        }
    }

    /// Without `endorsing` organisations the gateway plans for some.
    async fn endorse_by(
        &self,
        endorsing: &[String],
        call: Invocation,
    ) -> Result<Transaction, GatewayError> {
        let mut attempt = 1;
        loop {
            let proposal = with(self.contract(call.to).submit(&call.function), &call)
                .endorsing_organizations(endorsing)
                .proposal()?;
            match proposal.endorse().await {
                Err(error) if attempt < self.attempts && passes(&error) => attempt += 1,
                outcome => return outcome,
            }
            tokio::time::sleep(ATTEMPT_INTERVAL).await;
        }
    }
}

/// Whether the error is one that peers which commit on their own get over.
fn passes(error: &GatewayError) -> bool {
    disagrees(error) || details(error).any(|detail| detail.message.contains(NOT_DISSEMINATED))
}

/// Whether the contract has said no.
pub(crate) fn is_refusal(error: &GatewayError) -> bool {
    error.contract_error().is_some()
}

/// Whether the peers have signed different results.
fn disagrees(error: &GatewayError) -> bool {
    details(error).any(|detail| detail.message == DISAGREEMENT)
}

fn details(error: &GatewayError) -> impl Iterator<Item = &ErrorDetail> {
    error.call().map(|call| &call.details).into_iter().flatten()
}

fn with<Kind>(to: Call<Kind>, call: &Invocation) -> Call<Kind> {
    let transient = call.transient.iter().map(|(name, value)| (name.clone(), value.clone()));
    to.argument(call.arguments.clone()).transient(transient)
}

impl Backend for GatewayBackend {
    async fn evaluate(&mut self, call: Invocation) -> Verdict {
        // The first organisation is the client's own, whose peer is asked.
        let own = self.endorsing.first().cloned().unwrap_or_default();
        self.ask(&own, &call).await
    }

    async fn submit(&mut self, call: Invocation) -> Verdict {
        match self.endorse(call).await {
            Ok(transaction) => committed(&transaction).await,
            Err(error) => verdict(&error),
        }
    }

    async fn submit_planned(&mut self, call: Invocation) -> Option<Verdict> {
        Some(match self.endorse_by(&[], call).await {
            Ok(transaction) => committed(&transaction).await,
            Err(error) => verdict(&error),
        })
    }

    async fn submit_together(&mut self, calls: Vec<Invocation>) -> Vec<Ordered> {
        let mut endorsed = Vec::new();
        for call in calls {
            endorsed.push(self.endorse(call).await);
        }
        let mut submitted = Vec::new();
        for transaction in endorsed {
            // In order: each is the orderer's before the next one is sent.
            submitted.push(match transaction {
                Ok(transaction) => transaction.submit().await.map(|_| transaction),
                Err(error) => Err(error),
            });
        }
        let mut outcomes = Vec::new();
        for transaction in &submitted {
            outcomes.push(match transaction {
                Ok(transaction) => outcome(transaction).await,
                Err(error) => Ordered { verdict: verdict(error), block: None },
            });
        }
        outcomes
    }

    fn endorsers(&self) -> usize {
        self.endorsing.len()
    }

    fn chaincode(&self) -> String {
        self.chaincode.clone()
    }

    fn has_other_channel(&self) -> bool {
        self.other.is_some()
    }

    async fn withhold_private_data(&mut self, _: bool) -> bool {
        false
    }
}

pub(crate) async fn committed(transaction: &Transaction) -> Verdict {
    match transaction.submit().await {
        Ok(_) => outcome(transaction).await.verdict,
        Err(error) => verdict(&error),
    }
}

/// How a submitted transaction ends.
async fn outcome(transaction: &Transaction) -> Ordered {
    let status = match transaction.commit().status().await {
        Ok(status) => status,
        Err(error) => return Ordered { verdict: verdict(&error), block: None },
    };
    let verdict = match status.code() {
        Some(TxValidationCode::Valid) => match event(transaction.bytes().clone()) {
            Ok(event) => Verdict::Success { payload: transaction.result().clone(), event },
            Err(error) => Verdict::Failed(format!("the transaction cannot be read: {error}")),
        },
        Some(code) => Verdict::Invalid(code),
        None => Verdict::Failed("an unknown validation code".to_owned()),
    };
    Ordered { verdict, block: Some(status.block_number) }
}

/// The chaincode event in the payload of an endorsed transaction's envelope.
fn event(payload: Bytes) -> Result<Option<Event>, DecodeError> {
    let transaction = protos::Transaction::decode(Payload::decode(payload)?.data)?;
    let action = transaction.actions.into_iter().next().unwrap_or_default();
    let action = ChaincodeActionPayload::decode(action.payload)?.action.unwrap_or_default();
    let response = ProposalResponsePayload::decode(action.proposal_response_payload)?;
    let events = ChaincodeAction::decode(response.extension)?.events;
    if events.is_empty() {
        return Ok(None);
    }
    let ChaincodeEvent { event_name, payload, .. } = ChaincodeEvent::decode(events)?;
    Ok(Some(Event { name: event_name, payload }))
}

pub(crate) fn verdict(error: &GatewayError) -> Verdict {
    match (error.contract_error(), error) {
        (Some(refusal), _) => Verdict::Refused(refusal.to_string()),
        (None, GatewayError::Commit(commit)) => match commit.code() {
            Some(code) => Verdict::Invalid(code),
            None => Verdict::Failed(error.to_string()),
        },
        (None, _) if disagrees(error) => Verdict::Disagreement,
        (None, _) => {
            let details =
                details(error).map(|detail| format!("; {}: {}", detail.msp_id, detail.message));
            Verdict::Failed(format!("{error}{}", details.collect::<String>()))
        }
    }
}
