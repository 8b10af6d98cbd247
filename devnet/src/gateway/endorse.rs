use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use fabric_ledger::proposal::assemble;
use fabric_protos::gateway::{EndorseRequest, EndorseResponse, ErrorDetail};
use fabric_protos::protos::{ChaincodeCall, ChaincodeInterest, Endorsement, ProposalResponse};
use futures_util::future::join_all;
use tonic::{Code, Status};

use super::GatewayService;
use super::deadline::Deadline;
use super::error::{Failure, detail, judge, status};
use super::outline::Outline;
use crate::chain::Chain;
use crate::endorser::{CheckedProposal, Peer, Refusal, Signing};

/// What the peers of a plan said so far.
#[derive(Debug, Default)]
struct Collected {
    /// The results that the first endorser signed and all others have to agree with.
    payload: Option<Bytes>,
    /// Endorsements of that payload, by organisation.
    endorsements: BTreeMap<Arc<str>, Endorsement>,
    failed: Vec<Arc<str>>,
    details: Vec<ErrorDetail>,
}

/// Organisations of which one peer each has to endorse, in order of preference.
type Layout = Vec<Arc<str>>;

impl GatewayService {
    /// Collects endorsements and assembles the transaction for the client to sign.
    pub(super) async fn endorse_proposal(
        &self,
        request: EndorseRequest,
        deadline: Deadline,
    ) -> Result<EndorseResponse, Status> {
        let signed = request.proposed_transaction.unwrap_or_default();
        if signed.proposal_bytes.is_empty() {
            let text = "the proposed transaction must contain a signed proposal";
            return Err(Status::invalid_argument(text));
        }
        let outline = Outline::read(&signed).map_err(Status::invalid_argument)?;
        let explicit = &request.endorsing_organizations;
        let chain = if explicit.is_empty() {
            self.route(&outline)?
        } else {
            self.route_to(&outline, explicit)?
        };
        let checked = self.own.check(signed);
        let mut collected = Collected::default();
        let layouts = if explicit.is_empty() {
            let text = "endorsement timeout expired while collecting first endorsement";
            let first = self.first_endorsement(chain, &outline, &checked, &mut collected);
            deadline.limit(text, first).await?
        } else {
            let mut layout: Layout = explicit.iter().map(|one| one.as_str().into()).collect();
            let mut seen = BTreeSet::new();
            layout.retain(|msp_id| seen.insert(Arc::clone(msp_id)));
            vec![layout]
        };
        let text = "endorsement timeout expired while collecting endorsements";
        let rest = self.collect(chain, &layouts, &checked, &mut collected);
        let layout = deadline.limit(text, rest).await?;

        let aborted = |text: String| Status::aborted(text);
        let checked = checked.map_err(|_| aborted("the proposal was not checked".to_owned()))?;
        let Collected { payload, mut endorsements, .. } = collected;
        let payload = payload.unwrap_or_default();
        let responses: Vec<_> = layout
            .iter()
            .filter_map(|msp_id| Some((payload.clone(), endorsements.remove(msp_id)?)))
            .collect();
        let envelope = assemble(&checked.proposal, responses)
            .map_err(|err| aborted(format!("failed to assemble transaction: {err}")))?;
        Ok(EndorseResponse { prepared_transaction: Some(envelope) })
    }

    /// The channel of a proposal, if the chaincode is defined there.
    fn defined(&self, outline: &Outline) -> Option<&Arc<Chain>> {
        let chain = self.chains.get(&outline.channel)?;
        chain.shared.channel.definition(&outline.chaincode).map(|_| chain)
    }

    /// The channel, unless no peer is there, when the client leaves the choice of them to the
    /// gateway.
    fn route(&self, outline: &Outline) -> Result<&Arc<Chain>, Status> {
        let Outline { channel, chaincode, has_transient } = outline;
        if let Some(chain) = self.defined(outline) {
            return Ok(chain);
        }
        Err(Status::failed_precondition(if *has_transient {
            "no endorsers found in the gateway's organization; retry specifying endorsing \
             organization(s) to protect transient data"
                .to_owned()
        } else {
            no_combination(&format!(
                "No metadata was found for chaincode {chaincode} in channel {channel}"
            ))
        }))
    }

    /// The channel, unless one of these organisations has no peer for the chaincode.
    fn route_to(&self, outline: &Outline, targets: &[String]) -> Result<&Arc<Chain>, Status> {
        let found = self.defined(outline);
        let has = |chain: &Chain, target: &str| peer_of(chain, target).is_some();
        let missing: Vec<&str> = targets
            .iter()
            .map(String::as_str)
            .filter(|target| !found.is_some_and(|chain| has(chain, target)))
            .collect();
        if let Some(chain) = found
            && missing.is_empty()
        {
            return Ok(chain);
        }
        let text = format!("failed to find any endorsing peers for org(s): {}", missing.join(", "));
        Err(Status::unavailable(text))
    }

    /// Has the own organisation's peer endorse, and plans from what the simulation touched.
    async fn first_endorsement(
        &self,
        chain: &Chain,
        outline: &Outline,
        checked: &Result<CheckedProposal, Refusal>,
        collected: &mut Collected,
    ) -> Result<Vec<Layout>, Status> {
        let answer = self.ask(&self.own, checked).await;
        let answer = answer.map_err(|failure| {
            let text = "failed to endorse transaction, see attached details for more info";
            status(Code::Aborted, text, &[detail(&self.own, &failure.message)])
        })?;
        let mut interest = answer.interest.clone().unwrap_or_default();
        if interest.chaincodes.is_empty() {
            let call = ChaincodeCall { name: outline.chaincode.clone(), ..Default::default() };
            interest.chaincodes.push(call);
        }
        collected.add(&self.own, Ok(answer));
        self.plan(chain, interest, outline.has_transient)
    }

    fn plan(
        &self,
        chain: &Chain,
        interest: ChaincodeInterest,
        protect: bool,
    ) -> Result<Vec<Layout>, Status> {
        let channel = &chain.shared.channel;
        let peers = self.peers_own_first(chain).into_iter();
        let msp_ids: Layout = peers.map(|peer| Arc::clone(&peer.msp_id)).collect();
        let mut protected = Vec::new();
        let mut cautious = interest.clone();
        if protect {
            for call in cautious.chaincodes.iter_mut().filter(|call| call.no_private_reads) {
                // Only members of the collections may see transient data.
                call.no_private_reads = false;
                protected.extend(call.collection_names.iter().cloned());
            }
        }
        match channel.plan(&cautious, &msp_ids) {
            Ok(sets) => {
                let mut layouts: Vec<Layout> =
                    sets.into_iter().map(|set| set.into_iter().cloned().collect()).collect();
                // The own organisation has endorsed already.
                layouts.sort_by_key(|layout| !layout.contains(&self.own.msp_id));
                Ok(layouts)
            }
            Err(_) if !protected.is_empty() && channel.plan(&interest, &msp_ids).is_ok() => {
                Err(Status::failed_precondition(format!(
                    "requires endorsement from organisation(s) that are not in the distribution \
                     policy of the private data collection(s): [{}]; retry specifying trusted \
                     endorsing organizations to protect transient data",
                    protected.join(" ")
                )))
            }
            Err(refusal) => Err(Status::failed_precondition(no_combination(&refusal.to_string()))),
        }
    }

    /// Goes through the layouts until one is complete.
    async fn collect(
        &self,
        chain: &Chain,
        layouts: &[Layout],
        checked: &Result<CheckedProposal, Refusal>,
        collected: &mut Collected,
    ) -> Result<Layout, Status> {
        for layout in layouts {
            if layout.iter().any(|msp_id| collected.failed.contains(msp_id)) {
                continue;
            }
            let missing: Vec<&Arc<Peer>> = layout
                .iter()
                .filter(|msp_id| !collected.endorsements.contains_key(*msp_id))
                .filter_map(|msp_id| peer_of(chain, msp_id))
                .collect();
            let answers = join_all(missing.iter().map(|peer| self.ask(peer, checked))).await;
            for (peer, answer) in missing.into_iter().zip(answers) {
                collected.add(peer, answer);
            }
            if layout.iter().all(|msp_id| collected.endorsements.contains_key(msp_id)) {
                return Ok(layout.clone());
            }
        }
        let text = "failed to collect enough transaction endorsements, see attached details for \
                    more info";
        Err(status(Code::Aborted, text, &collected.details))
    }

    async fn ask(
        &self,
        peer: &Arc<Peer>,
        checked: &Result<CheckedProposal, Refusal>,
    ) -> Result<ProposalResponse, Failure> {
        let checked = checked.as_ref().map_err(|refusal| Failure::from(refusal.clone()))?;
        judge(peer.endorse(checked, Signing::Yes).await).map(|(answer, _)| answer)
    }
}

impl Collected {
    fn add(&mut self, peer: &Arc<Peer>, answer: Result<ProposalResponse, Failure>) {
        let endorsed = answer.map_err(|failure| failure.message).and_then(|answer| {
            let endorsement = answer.endorsement.ok_or("the peer did not endorse")?;
            let payload = self.payload.get_or_insert_with(|| answer.payload.clone());
            if *payload == answer.payload {
                Ok(endorsement)
            } else {
                tracing::warn!(
                    peer = %peer.msp_id,
                    "the contract's results differ from those on the first endorser: either it is \
                     not deterministic, or the peers hold different private data"
                );
                Err("ProposalResponsePayloads do not match".to_owned())
            }
        });
        match endorsed {
            Ok(endorsement) => {
                self.endorsements.insert(Arc::clone(&peer.msp_id), endorsement);
            }
            Err(message) => {
                self.failed.push(Arc::clone(&peer.msp_id));
                self.details.push(detail(peer, &message));
            }
        }
    }
}

fn peer_of<'a>(chain: &'a Chain, msp_id: &str) -> Option<&'a Arc<Peer>> {
    chain.peers.iter().find(|peer| *peer.msp_id == *msp_id)
}

fn no_combination(reason: &str) -> String {
    format!("no combination of peers can be derived which satisfy the endorsement policy: {reason}")
}
