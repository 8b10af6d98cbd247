//! Stage A: what can be judged of a transaction by itself, against committed state.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use fabric_protos::common::{
    ChannelHeader, Envelope, Header, HeaderType, Payload, SignatureHeader,
};
use fabric_protos::protos::{
    ChaincodeAction, ChaincodeActionPayload, ChaincodeEndorsedAction, ChaincodeEvent,
    ChaincodeHeaderExtension, ProposalResponsePayload, Transaction as WireTransaction,
};
use prost::Message as _;

use crate::TxValidationCode as Code;
use crate::channel::{Channel, Definition};
use crate::identities::Identities;
use crate::metadata;
use crate::policy::{Policy, SignaturePolicy};
use crate::proposal::{endorsement_message, proposal_hash, tx_id};
use crate::rwset::{NsRwSet, TxRwSet};
use crate::space::Space;
use crate::store::{Store, StoreError};
use crate::time::Timestamp;

/// Checks transactions of one channel, each by itself: the checks may run in parallel.
///
/// All transactions of a block are checked against the state before the block.
#[derive(Clone, Copy, Debug)]
pub struct TransactionCheck<'a, S, I> {
    /// The channel as of the blocks before.
    pub channel: &'a Channel,
    /// The state as of the blocks before.
    pub store: &'a S,
    /// Who signs.
    pub identities: &'a I,
}

/// The outcome for one envelope of a block.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// Transaction id for the index: as in the channel header, or computed if that has none. Also
    /// of invalid transactions; `None` where nothing can be read.
    pub tx_id: Option<String>,
    /// What the transaction is, or why it is invalid.
    pub outcome: Result<Checked, Code>,
}

/// A transaction that is valid as far as it can be judged by itself.
#[derive(Clone, Debug, PartialEq)]
pub enum Checked {
    /// Endorsed results of a chaincode.
    Endorsed(EndorsedTransaction),
    /// Configuration of the channel, a marshalled `ConfigEnvelope`. Its content is not judged.
    Config(Bytes),
}

/// What the rest of validation and the ledger's readers need of an endorsed transaction.
#[derive(Clone, Debug, PartialEq)]
pub struct EndorsedTransaction {
    /// Transaction id.
    pub tx_id: String,
    /// The client's time.
    pub timestamp: Option<Timestamp>,
    /// The creator, a marshalled `SerializedIdentity`.
    pub creator: Bytes,
    /// The chaincode that was invoked.
    pub chaincode: String,
    /// The event it set.
    pub event: Option<ChaincodeEvent>,
    /// What it read and wants written.
    pub rwset: TxRwSet,
}

/// Ends a check early.
enum Stop {
    Invalid(Code),
    Store(StoreError),
}

impl From<Code> for Stop {
    fn from(code: Code) -> Self {
        Self::Invalid(code)
    }
}

impl From<StoreError> for Stop {
    fn from(err: StoreError) -> Self {
        Self::Store(err)
    }
}

/// The layers of an endorsed transaction up to its action.
struct Endorsed {
    endorsed: ChaincodeEndorsedAction,
    response: ProposalResponsePayload,
}

impl<S: Store, I: Identities> TransactionCheck<'_, S, I> {
    /// Judges one envelope as it stands in a block.
    pub fn check(&self, envelope: Bytes) -> Result<Verdict, StoreError> {
        let mut id = None;
        match self.envelope(envelope, &mut id) {
            Ok(checked) => Ok(Verdict { tx_id: id, outcome: Ok(checked) }),
            Err(Stop::Invalid(code)) => Ok(Verdict { tx_id: id, outcome: Err(code) }),
            Err(Stop::Store(err)) => Err(err),
        }
    }

    fn envelope(&self, envelope: Bytes, id: &mut Option<String>) -> Result<Checked, Stop> {
        let envelope = Envelope::decode(envelope).map_err(|_| Code::InvalidOtherReason)?;
        let payload = Payload::decode(envelope.payload.clone()).map_err(|_| Code::BadPayload)?;
        let header = payload.header.ok_or(Code::BadCommonHeader)?;
        let (channel, signature) = decode_headers(&header);
        *id = index_id(channel.as_ref(), signature.as_ref());
        let (Some(channel), Some(signature)) = (channel, signature) else {
            return Err(Code::BadCommonHeader.into());
        };
        let kind = header_kind(&channel, &signature)?;
        let creator = self.identities.parse(&signature.creator).ok_or(Code::BadCreatorSignature)?;
        let signed = self.identities.is_valid(&creator)
            && self.identities.verify(&creator, &envelope.payload, &envelope.signature);
        if !signed {
            return Err(Code::BadCreatorSignature.into());
        }
        let endorsed = match kind {
            HeaderType::EndorserTransaction => {
                if channel.tx_id != tx_id(&signature.nonce, &signature.creator) {
                    return Err(Code::BadProposalTxid.into());
                }
                Some(endorsed(payload.data.clone(), &header.channel_header)?)
            }
            HeaderType::Config => None,
            _ => return Err(Code::UnsupportedTxPayload.into()),
        };
        if channel.channel_id != self.channel.name() {
            return Err(Code::TargetChainNotFound.into());
        }
        match endorsed {
            None => Ok(Checked::Config(payload.data)),
            Some(endorsed) => {
                if self.store.transaction(&channel.tx_id)?.is_some() {
                    return Err(Code::DuplicateTxid.into());
                }
                self.endorsed(endorsed, channel, signature.creator).map(Checked::Endorsed)
            }
        }
    }

    fn endorsed(
        &self,
        endorsed: Endorsed,
        channel: ChannelHeader,
        creator: Bytes,
    ) -> Result<EndorsedTransaction, Stop> {
        let extension = ChaincodeHeaderExtension::decode(channel.extension)
            .map_err(|_| Code::BadHeaderExtension)?;
        let action = chaincode_action(&endorsed)?;
        let rwset = TxRwSet::decode(action.results).map_err(|_| Code::BadRwset)?;
        let chaincode = extension.chaincode_id.ok_or(Code::InvalidOtherReason)?.name;
        let endorsed_id = action.chaincode_id.ok_or(Code::InvalidOtherReason)?;
        let named = !chaincode.is_empty()
            && chaincode == endorsed_id.name
            && !endorsed_id.version.is_empty();
        if !named {
            return Err(Code::InvalidChaincode.into());
        }
        let event = event(action.events, &chaincode)?;

        let mut namespaces = BTreeMap::new();
        for ns in &rwset.namespaces {
            if namespaces.insert(ns.namespace.as_str(), ns).is_some() {
                return Err(Code::IllegalWriteset.into());
            }
        }
        let signers = self.signers(&endorsed.endorsed);
        let written = namespaces.iter().filter(|(_, ns)| ns.has_writes()).map(|(name, _)| *name);
        for name in written.chain([chaincode.as_str()]).collect::<BTreeSet<_>>() {
            let definition = self.channel.definition(name).ok_or(Code::InvalidChaincode)?;
            let endorsed = Endorsement { check: self, signers: &signers, name, definition };
            endorsed.satisfies(namespaces.get(name).copied())?;
        }
        let timestamp =
            channel.timestamp.map(|stamp| Timestamp { seconds: stamp.seconds, nanos: stamp.nanos });
        let tx_id = channel.tx_id;
        Ok(EndorsedTransaction { tx_id, timestamp, creator, chaincode, event, rwset })
    }

    /// The distinct identities whose endorsement signatures are right, in the order given.
    fn signers(&self, endorsed: &ChaincodeEndorsedAction) -> Vec<I::Identity> {
        let mut signers: Vec<I::Identity> = Vec::new();
        for endorsement in &endorsed.endorsements {
            let Some(identity) = self.identities.parse(&endorsement.endorser) else { continue };
            if signers.contains(&identity) {
                continue;
            }
            let payload = &endorsed.proposal_response_payload;
            let message = endorsement_message(payload, &endorsement.endorser);
            if self.identities.verify(&identity, &message, &endorsement.signature) {
                signers.push(identity);
            }
        }
        signers
    }
}

/// The endorsement of one chaincode's part of a transaction.
struct Endorsement<'a, S, I: Identities> {
    check: &'a TransactionCheck<'a, S, I>,
    signers: &'a [I::Identity],
    name: &'a str,
    definition: &'a Definition,
}

impl<S: Store, I: Identities> Endorsement<'_, S, I> {
    /// Each written key needs its own policy, else its collection's, else the chaincode's; a part
    /// that writes nothing needs the chaincode's.
    fn satisfies(&self, ns: Option<&NsRwSet>) -> Result<(), Stop> {
        let mut needed: BTreeSet<Option<&str>> = BTreeSet::new();
        let mut by_key = false;
        if let Some(ns) = ns {
            let space = Space::Public { namespace: self.name };
            let keys = (ns.public.writes.iter().map(|write| &write.key))
                .chain(ns.public.metadata_writes.iter().map(|write| &write.key));
            for key in keys {
                if self.has_key_policy(space, key.as_bytes())? {
                    by_key = true;
                } else {
                    needed.insert(None);
                }
            }
            for collection in &ns.collections {
                let name = collection.name.as_str();
                let space = Space::Hashed { namespace: self.name, collection: name };
                let keys = (collection.hashed.hashed_writes.iter().map(|write| &write.key_hash))
                    .chain(collection.hashed.metadata_writes.iter().map(|write| &write.key_hash));
                for key in keys {
                    if self.has_key_policy(space, key)? {
                        by_key = true;
                    } else {
                        needed.insert(Some(name));
                    }
                }
            }
        }
        if needed.is_empty() && !by_key {
            needed.insert(None);
        }
        for collection in needed {
            let policy = match collection {
                None => &self.definition.policy,
                Some(name) => self
                    .check
                    .channel
                    .collection(self.name, name)
                    .ok_or(Code::EndorsementPolicyFailure)?
                    .endorsement_policy
                    .as_ref()
                    .unwrap_or(&self.definition.policy),
            };
            self.evaluate(policy)?;
        }
        Ok(())
    }

    /// Whether a key has a committed policy of its own, which then has to hold.
    fn has_key_policy(&self, space: Space<'_>, key: &[u8]) -> Result<bool, Stop> {
        let stored = self.check.store.metadata(space, key)?;
        let Some(policy) = metadata::validation_parameter(stored)?.filter(|one| !one.is_empty())
        else {
            return Ok(false);
        };
        // A real peer stops the channel at a policy that it cannot read. Nobody satisfies it here.
        let policy =
            SignaturePolicy::from_bytes(policy).map_err(|_| Code::EndorsementPolicyFailure)?;
        self.evaluate(&policy.into())?;
        Ok(true)
    }

    fn evaluate(&self, policy: &Policy) -> Result<(), Stop> {
        let identities = self.check.identities;
        let satisfied = policy.evaluate(self.signers, &|identity, principal| {
            identities.satisfies(identity, principal)
        });
        if satisfied { Ok(()) } else { Err(Code::EndorsementPolicyFailure.into()) }
    }
}

fn decode_headers(header: &Header) -> (Option<ChannelHeader>, Option<SignatureHeader>) {
    let channel = ChannelHeader::decode(header.channel_header.clone()).ok();
    let signature = SignatureHeader::decode(header.signature_header.clone()).ok();
    (channel, signature)
}

/// The id under which a transaction is indexed, valid or not.
fn index_id(
    channel: Option<&ChannelHeader>,
    signature: Option<&SignatureHeader>,
) -> Option<String> {
    let channel = channel?;
    if !channel.tx_id.is_empty() {
        return Some(channel.tx_id.clone());
    }
    signature.map(|header| tx_id(&header.nonce, &header.creator))
}

fn header_kind(channel: &ChannelHeader, signature: &SignatureHeader) -> Result<HeaderType, Code> {
    let kind = match HeaderType::try_from(channel.r#type) {
        Ok(kind) => kind,
        Err(_) => return Err(Code::BadCommonHeader),
    };
    let known = matches!(
        kind,
        HeaderType::EndorserTransaction | HeaderType::Config | HeaderType::ConfigUpdate
    );
    let complete =
        channel.epoch == 0 && !signature.nonce.is_empty() && !signature.creator.is_empty();
    if known && complete { Ok(kind) } else { Err(Code::BadCommonHeader) }
}

/// Exactly one action, with a header of its own and the hash of its proposal.
fn endorsed(data: Bytes, channel_header: &[u8]) -> Result<Endorsed, Code> {
    let invalid = Code::InvalidEndorserTransaction;
    let transaction = WireTransaction::decode(data).map_err(|_| invalid)?;
    let [action] = <[_; 1]>::try_from(transaction.actions).map_err(|_| invalid)?;
    let header = SignatureHeader::decode(action.header.clone()).map_err(|_| invalid)?;
    if header.nonce.is_empty() || header.creator.is_empty() {
        return Err(invalid);
    }
    let payload = ChaincodeActionPayload::decode(action.payload).map_err(|_| invalid)?;
    let endorsed = payload.action.ok_or(invalid)?;
    let response = ProposalResponsePayload::decode(endorsed.proposal_response_payload.clone())
        .map_err(|_| invalid)?;
    let hash = proposal_hash(channel_header, &action.header, &payload.chaincode_proposal_payload);
    if response.proposal_hash[..] != hash {
        return Err(invalid);
    }
    Ok(Endorsed { endorsed, response })
}

fn chaincode_action(endorsed: &Endorsed) -> Result<ChaincodeAction, Code> {
    let extension = endorsed.response.extension.clone();
    if extension.is_empty() {
        return Err(Code::BadResponsePayload);
    }
    ChaincodeAction::decode(extension).map_err(|_| Code::BadResponsePayload)
}

fn event(bytes: Bytes, chaincode: &str) -> Result<Option<ChaincodeEvent>, Code> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let event = ChaincodeEvent::decode(bytes).map_err(|_| Code::InvalidOtherReason)?;
    if event.chaincode_id == chaincode { Ok(Some(event)) } else { Err(Code::InvalidOtherReason) }
}
