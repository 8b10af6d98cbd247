//! Runs a plan on a network: endorse, change, sign, order, wait, batch by batch.

use std::time::Duration;

use bytes::Bytes;
use fabric_protos::common::{Envelope, Payload};
use fabric_protos::gateway::{
    CommitStatusRequest, EndorseRequest, SignedCommitStatusRequest, SubmitRequest,
};
use fabric_protos::protos::SignedProposal;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use prost::Message as _;
use tonic::Request;

use crate::JudgeError;
use crate::envelope::{Layers, Signers, sign};
use crate::forge::CHAINCODE;
use crate::network::{CHANNEL, Call, Network, now};
use crate::plan::{Batch, Endorsers, MSP_IDS, Plan, Step};
use crate::random::Random;

/// Endorsements asked for at a time.
const AT_A_TIME: usize = 12;
/// Time a call may take before the network counts as broken.
const CALL_TIMEOUT: Duration = Duration::from_secs(60);
/// Time a commit may take: longer than a batch waits for company.
const COMMIT_TIMEOUT: Duration = Duration::from_secs(120);
/// How often an endorsement is asked for again that peers could not give for a moment.
const AGAIN_MAX: usize = 20;
/// Time between two such questions.
const AGAIN_AFTER: Duration = Duration::from_millis(500);
/// A peer's words for such moments: it knew of no other peer to hand private data to, which lasts for an
/// instant while they renew what they know; or another one answered otherwise, because it waited for
/// private data of the block before, which it fetches within seconds.
const PASSING: [&str; 2] =
    ["failed to distribute private collection", "ProposalResponsePayloads do not match"];

/// A step as the network has taken part in it.
#[derive(Clone, Debug)]
pub struct Endorsed {
    /// The proposals: a second one where the peers did not get the same.
    pub proposals: Vec<SignedProposal>,
    /// What the peers endorsed of each proposal, a marshalled `ProposalResponsePayload`.
    pub responses: Vec<Bytes>,
    /// The transaction as it was sent.
    pub envelope: Envelope,
    tx_id: String,
}

impl Endorsed {
    /// The transaction's id as it was proposed.
    pub fn tx_id(&self) -> &str {
        &self.tx_id
    }
}

/// Carries out the plan and gives every step's endorsement, in order. Each batch has to become one
/// block: where the orderer cuts it in another way, the run ends.
///
/// `salt` tells runs on one
/// ledger apart; `progress` is told of every batch.
pub async fn drive(
    network: &Network,
    plan: &Plan,
    salt: u64,
    mut progress: impl FnMut(usize),
) -> Result<Vec<Endorsed>, JudgeError> {
    let mut endorsed: Vec<Endorsed> = Vec::with_capacity(plan.steps.len());
    let mut block = None;
    for (number, batch) in plan.batches.iter().enumerate() {
        let new = batch.new.iter().map(|index| async {
            let step = plan.steps.get(*index).ok_or(JudgeError::NoStep(*index))?;
            endorse(network, step, *index, salt).await
        });
        let new: Vec<Endorsed> = stream::iter(new).buffered(AT_A_TIME).try_collect().await?;
        endorsed.extend(new);
        let last = order(network, batch, &endorsed).await?;
        let before = match (block.replace(last), endorsed.first()) {
            (Some(before), _) => before,
            // The very first transaction is ordered as it was endorsed.
            (None, Some(first)) => committed(network, 0, first).await?.saturating_sub(1),
            (None, None) => continue,
        };
        let blocks = last.saturating_sub(before);
        if blocks != 1 {
            return Err(JudgeError::Cut { batch: number, blocks });
        }
        progress(number);
    }
    Ok(endorsed)
}

async fn endorse(
    network: &Network,
    step: &Step,
    index: usize,
    salt: u64,
) -> Result<Endorsed, JudgeError> {
    let client = network.client(step.creator)?;
    let mut random = Random::new(salt ^ u64::try_from(index).unwrap_or_default());
    let nonce: Vec<u8> = (0..3).flat_map(|_| random.next().to_be_bytes()).collect();
    let script = serde_json::to_vec(&step.script).map_err(JudgeError::Script)?;
    let (nonce, at) = (Bytes::from(nonce), now());
    let propose = |peer: usize| {
        let transient = step.transient.get(peer).cloned().unwrap_or_default();
        let args = vec!["run".into(), script.clone().into()];
        let call = Call { chaincode: CHAINCODE, args, transient, nonce: nonce.clone(), at };
        call.sign(client)
    };
    let msp_ids = |peers: &[usize]| -> Vec<String> {
        peers.iter().filter_map(|peer| MSP_IDS.get(*peer)).map(|it| (*it).to_owned()).collect()
    };
    let (proposal, tx_id) = propose(0)?;
    let first: &[usize] = match step.endorsers {
        Endorsers::Both => &[0, 1],
        Endorsers::Only(1) => &[1],
        Endorsers::Only(_) | Endorsers::Apart => &[0],
    };
    let mut payload = ask(network, index, &proposal, &tx_id, msp_ids(first)).await?;
    let mut proposals = vec![proposal];
    let mut responses = vec![Layers::open(&payload)?.response()];
    if step.endorsers == Endorsers::Apart {
        let (proposal, tx_id) = propose(1)?;
        let other = ask(network, index, &proposal, &tx_id, msp_ids(&[1])).await?;
        let other = Layers::open(&other)?;
        let mut layers = Layers::open(&payload)?;
        layers.endorsements.extend(other.endorsements.clone());
        payload = layers.close();
        proposals.push(proposal);
        responses.push(other.response());
    }
    if let Some(change) = step.change {
        let signers = Signers { client, peers: &network.peers };
        payload = change.apply(&payload, signers)?;
    }
    Ok(Endorsed { proposals, responses, envelope: sign(payload, client)?, tx_id })
}

/// The payload of the envelope that the first peer's gateway prepares.
async fn ask(
    network: &Network,
    index: usize,
    proposal: &SignedProposal,
    tx_id: &str,
    endorsing_organizations: Vec<String>,
) -> Result<Bytes, JudgeError> {
    let request = EndorseRequest {
        transaction_id: tx_id.to_owned(),
        channel_id: CHANNEL.to_owned(),
        proposed_transaction: Some(proposal.clone()),
        endorsing_organizations,
    };
    let mut again = 0..AGAIN_MAX;
    let answer = loop {
        let asked = network.gateway(0)?.endorse(within(request.clone(), CALL_TIMEOUT)).await;
        let error = match asked {
            Ok(answer) => break answer.into_inner(),
            Err(status) => JudgeError::call(&format!("step {index}"), &status),
        };
        // Nothing was ordered since: whoever knew all answers the same.
        let told = error.to_string();
        if !PASSING.iter().any(|words| told.contains(words)) || again.next().is_none() {
            return Err(error);
        }
        tokio::time::sleep(AGAIN_AFTER).await;
    };
    let envelope = answer.prepared_transaction.unwrap_or_default();
    // What is prepared is signed as it is: it has to be what this side would make of its parts.
    let closed = Layers::open(&envelope.payload)?.close();
    if closed == envelope.payload {
        return Ok(closed);
    }
    let payload = Payload::decode(envelope.payload)?;
    Err(JudgeError::Network(format!("step {index}: prepared in another way: {payload:?}")))
}

/// Sends a batch in its order and waits until both peers have committed its last transaction. Gives
/// its block.
async fn order(network: &Network, batch: &Batch, steps: &[Endorsed]) -> Result<u64, JudgeError> {
    let step = |index: &usize| steps.get(*index).ok_or(JudgeError::NoStep(*index));
    let mut gateway = network.gateway(0)?;
    for index in &batch.order {
        let Endorsed { tx_id, envelope, .. } = step(index)?;
        let request = SubmitRequest {
            transaction_id: tx_id.clone(),
            channel_id: CHANNEL.to_owned(),
            prepared_transaction: Some(envelope.clone()),
        };
        let sent = gateway.submit(within(request, CALL_TIMEOUT)).await;
        sent.map_err(|status| JudgeError::call(&format!("ordering step {index}"), &status))?;
    }
    let last = step(batch.order.last().unwrap_or(&usize::MAX))?;
    let mut block = 0;
    for peer in 0..MSP_IDS.len() {
        block = committed(network, peer, last).await?;
    }
    Ok(block)
}

/// Waits until a peer has committed a transaction, and gives its block.
async fn committed(network: &Network, peer: usize, of: &Endorsed) -> Result<u64, JudgeError> {
    let client = network.client(0)?;
    let request = CommitStatusRequest {
        transaction_id: of.tx_id.clone(),
        channel_id: CHANNEL.to_owned(),
        identity: client.serialized.clone(),
    };
    let request = Bytes::from(request.encode_to_vec());
    let signature = client.sign(&request)?;
    let request = within(SignedCommitStatusRequest { request, signature }, COMMIT_TIMEOUT);
    let status = network.gateway(peer)?.commit_status(request).await;
    let status =
        status.map_err(|status| JudgeError::call(&format!("waiting for {}", of.tx_id), &status))?;
    Ok(status.into_inner().block_number)
}

fn within<M>(message: M, limit: Duration) -> Request<M> {
    let mut request = Request::new(message);
    request.set_timeout(limit);
    request
}
