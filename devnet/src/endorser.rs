//! One logical peer as an endorser.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use fabric_ledger::channel::is_system_chaincode;
use fabric_ledger::proposal::{ERROR_THRESHOLD, Proposal, endorsement_message};
use fabric_ledger::{SimulationResults, Timestamp};
use fabric_protos::protos::{
    ChaincodeInterest, Endorsement, ProposalResponse, Response, SignedProposal,
};
use fabric_protos::rwset::TxPvtReadWriteSet;
use prost::Message as _;

use crate::chaincode::{Executed, Invocation, Links, Simulation};
use crate::channel::{Channels, Shared};
use crate::msp::{LocalMembership, Member, Membership};
use crate::signer::NodeSigner;
use crate::store::Held;
use crate::system::{self, Query};

/// Status of what the peer itself refuses.
const INTERNAL_ERROR: i32 = 500;
/// Version of a response that is endorsed.
const ENDORSED_VERSION: i32 = 1;

/// One organisation's peer.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) msp_id: Arc<str>,
    /// Host name and port, as error details name the peer.
    pub(crate) address: String,
    pub(crate) signer: NodeSigner,
    pub(crate) links: Arc<Links>,
    /// The channels it has joined.
    pub(crate) channels: Arc<Channels>,
    /// All organisations of the network: its own identities are known without a channel.
    pub(crate) membership: Arc<Membership>,
    pub(crate) time_window: Option<Duration>,
}

/// A proposal that passed all checks before simulation.
#[derive(Debug)]
pub(crate) struct CheckedProposal {
    pub(crate) proposal: Proposal,
    signed: Arc<SignedProposal>,
    creator: Arc<Member>,
    tx_id: Arc<str>,
    /// The proposal's channel, if it names one.
    on: Option<Arc<Shared>>,
    input: Bytes,
}

/// Whether a simulation is endorsed: an evaluation's endorsement would be thrown away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signing {
    Yes,
    No,
}

/// Why a proposal was not simulated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// By a filter in front of the endorser: the call fails without a response.
    Filter(String),
    /// By the endorser's own checks: the call fails, with a response.
    Check(String),
    /// By the endorser, in a response of status 500.
    Response(String),
}

impl Peer {
    /// Everything that is checked before a simulation.
    pub(crate) fn check(&self, signed: SignedProposal) -> Result<CheckedProposal, Refusal> {
        let proposal = Proposal::unpack(&signed).map_err(|err| Refusal::Check(err.to_string()))?;
        self.filter(&proposal).map_err(Refusal::Filter)?;
        let name = proposal.channel();
        let (on, creator) = if name.is_empty() {
            // Questions to a peer itself, which only its own organisation may ask.
            let local = LocalMembership { all: &self.membership, msp_id: &self.msp_id };
            let creator = proposal.validate(&local);
            (None, creator.map_err(|err| Refusal::Check(err.to_string()))?)
        } else {
            let on = self.channels.get(name);
            let on = on.ok_or_else(|| Refusal::Response(format!("channel '{name}' not found")))?;
            (Some(Arc::clone(on)), on.check(&proposal)?)
        };
        Ok(CheckedProposal {
            signed: Arc::new(signed),
            creator,
            tx_id: proposal.tx_id().into(),
            on,
            input: proposal.input.encode_to_vec().into(),
            proposal,
        })
    }

    /// The checks in front of a peer's endorser: against the clock.
    fn filter(&self, proposal: &Proposal) -> Result<(), String> {
        let now = now();
        // Whether the creator is anybody at all is found out later.
        if let Ok(creator) = self.membership.identity(&proposal.signature_header.creator)
            && creator.is_expired(now)
        {
            return Err("proposal client identity expired".to_owned());
        }
        let Some(window) = self.time_window else { return Ok(()) };
        if proposal.is_timely(now, window) {
            return Ok(());
        }
        Err(format!(
            "request unauthorized due to incorrect timestamp {}, peer time {}, \
             peer.authentication.timewindow {}",
            rfc3339(proposal.timestamp().unwrap_or_default()),
            rfc3339(now),
            go_duration(window)
        ))
    }
}

/// A simulation that ran to its end.
struct Simulated {
    response: Response,
    payload: Bytes,
    interest: ChaincodeInterest,
    private: Option<TxPvtReadWriteSet>,
    height: u64,
}

impl Peer {
    /// Simulates a proposal and endorses it if the contract succeeded. Plaintext of private writes
    /// goes to the channel's peers, each its part. What the peer refuses is a response, too.
    pub(crate) async fn endorse(
        &self,
        checked: &CheckedProposal,
        signing: Signing,
    ) -> ProposalResponse {
        let simulated = if is_system_chaincode(&checked.proposal.chaincode) {
            self.query(checked)
        } else {
            self.simulate(checked).await
        };
        let simulated = match simulated {
            Ok(simulated) => simulated,
            Err(text) => return refused(text),
        };
        // Before the contract's status is looked at: members hold what a failed transaction left.
        if let (Some(private), Some(on)) = (&simulated.private, &checked.on) {
            on.distribute(&checked.tx_id, simulated.height, private);
            // A transaction can be submitted after a restart, too; what is only evaluated cannot.
            if signing == Signing::Yes
                && let Err(text) = hold(on, on.unwritten(&checked.tx_id)).await
            {
                return refused(text);
            }
        }
        let Simulated { response, payload, interest, .. } = simulated;
        let mut answer = ProposalResponse { response: Some(response), ..Default::default() };
        match answer.response.as_ref().map(|response| response.status) {
            Some(status) if status >= INTERNAL_ERROR => {
                answer.payload = payload;
                answer.interest = Some(interest);
                answer
            }
            Some(status) if status >= ERROR_THRESHOLD => answer,
            _ if signing == Signing::No => answer,
            _ => match checked.on.as_ref().map(|on| self.sign(on, &payload)) {
                None => answer,
                Some(Ok(endorsement)) => {
                    answer.version = ENDORSED_VERSION;
                    answer.endorsement = Some(endorsement);
                    answer.payload = payload;
                    answer.interest = Some(interest);
                    answer
                }
                Some(Err(err)) => refused(format!("endorsing with plugin failed: {err}")),
            },
        }
    }

    fn sign(
        &self,
        on: &Shared,
        payload: &Bytes,
    ) -> Result<Endorsement, fabric_identity::SignError> {
        let endorser = self.signer.serialized();
        let message = endorsement_message(payload, endorser);
        let signature = self.signer.sign(&message)?;
        on.membership.made(self.signer.verifying_key(), &message, &signature);
        Ok(Endorsement { endorser: endorser.clone(), signature })
    }

    /// Asks a system chaincode. It reads and writes no state.
    fn query(&self, checked: &CheckedProposal) -> Result<Simulated, String> {
        let CheckedProposal { proposal, creator, on, .. } = checked;
        let query = Query {
            channels: &self.channels,
            local: &self.msp_id,
            creator,
            on: on.as_deref(),
            args: &proposal.input.args,
        };
        let response = query.run(&proposal.chaincode).ok_or_else(|| undefined(proposal))?;
        let payload =
            proposal.response_payload(response.clone(), Bytes::new(), None, system::VERSION);
        let interest = ChaincodeInterest::default();
        Ok(Simulated { response, payload, interest, private: None, height: 0 })
    }

    async fn simulate(&self, checked: &CheckedProposal) -> Result<Simulated, String> {
        let proposal = &checked.proposal;
        let name = proposal.chaincode.as_str();
        // Without a channel no chaincode is defined.
        let on = checked.on.as_ref().ok_or_else(|| undefined(proposal))?;
        let (Some(definition), Some(link)) = (on.channel.definition(name), self.links.get(name))
        else {
            return Err(undefined(proposal));
        };
        let failed = |text: String| format!("error in simulation: {text}");
        let creator = Arc::clone(&checked.creator);
        let mut simulator = on.simulator(&self.msp_id, creator, &checked.tx_id);
        let height = simulator.state().height();
        let not_executed = |err: &dyn std::fmt::Display| {
            failed(format!("failed to execute transaction {}: {err}", checked.tx_id))
        };
        let kind = link
            .begin(&mut simulator, proposal.input.is_init)
            .map_err(|err| not_executed(&format!("invalid invocation: {err}")))?;
        let Executed { outcome, simulation } = link
            .execute(Invocation {
                kind,
                channel: on.channel.name().into(),
                tx_id: Arc::clone(&checked.tx_id),
                input: checked.input.clone(),
                creator: proposal.signature_header.creator.clone(),
                proposal: Arc::clone(&checked.signed),
                simulation: Simulation::new(simulator),
                timeout: self.links.execute_timeout(),
            })
            .await;
        let terminal = outcome.map_err(|err| not_executed(&err))?;
        let (response, event) = terminal.into_response(&checked.tx_id).map_err(failed)?;
        let simulation = simulation.ok_or_else(|| {
            not_executed(&"it ended while a chaincode that it had called was still at work")
        })?;
        let event = event.filter(|_| response.status < ERROR_THRESHOLD);
        let interest = simulation.simulator.interest().map_err(|err| failed(err.to_string()))?;
        let results: SimulationResults = simulation.simulator.finish();
        let rwset = results.rwset.encode();
        let payload =
            proposal.response_payload(response.clone(), rwset, event, &definition.version);
        Ok(Simulated { response, payload, interest, private: results.private, height })
    }
}

/// Has plaintext written, also what others are about to write. It is waited for elsewhere: a disk
/// would hold up the runtime.
async fn hold(on: &Arc<Shared>, held: Vec<Held>) -> Result<(), String> {
    let on = Arc::clone(on);
    let written = tokio::task::spawn_blocking(move || on.database.hold(held)).await;
    let failed = |err: &dyn std::fmt::Display| {
        format!("the plaintext of private writes could not be kept: {err}")
    };
    match written {
        Ok(written) => written.map_err(|err| failed(&err)),
        Err(err) => Err(failed(&err)),
    }
}

fn undefined(proposal: &Proposal) -> String {
    let (name, channel) = (&proposal.chaincode, proposal.channel());
    format!(
        "make sure the chaincode {name} has been successfully defined on channel {channel} and try \
         again: chaincode {name} not found"
    )
}

pub(crate) fn refused(message: String) -> ProposalResponse {
    let response = Response { status: INTERNAL_ERROR, message, payload: Bytes::new() };
    ProposalResponse { response: Some(response), ..Default::default() }
}

/// The clock, as proposals carry it.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp {
        seconds: i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(since.subsec_nanos()).unwrap_or_default(),
    }
}

fn rfc3339(at: Timestamp) -> String {
    use time::format_description::well_known::Rfc3339;
    time::OffsetDateTime::from_unix_timestamp(at.seconds)
        .ok()
        .and_then(|at| at.format(&Rfc3339).ok())
        .unwrap_or_else(|| format!("{} s since 1970", at.seconds))
}

/// A duration as Go prints it, for whole seconds.
fn go_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{seconds}s"),
        (0, _) => format!("{minutes}m{seconds}s"),
        _ => format!("{hours}h{minutes}m{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_written_as_go_writes_them() {
        assert_eq!(rfc3339(Timestamp::default()), "1970-01-01T00:00:00Z");
        assert_eq!(go_duration(Duration::from_mins(15)), "15m0s");
        assert_eq!(go_duration(Duration::from_secs(3661)), "1h1m1s");
        assert_eq!(go_duration(Duration::from_secs(7)), "7s");
    }
}
