//! A channel as the peers that have joined it know it.

use std::collections::BTreeMap;
use std::sync::Arc;

use fabric_ledger::channel::{Channel, is_system_chaincode};
use fabric_ledger::proposal::Proposal;
use fabric_ledger::{Simulation, Simulator};
use fabric_protos::rwset::TxPvtReadWriteSet;

use crate::acl::Acl;
use crate::definition::{CreatorAccess, Definitions};
use crate::endorser::Refusal;
use crate::msp::{Member, Membership};
use crate::store::{Database, Held, PeerSnapshot, Snapshot};
use crate::transient::TransientStore;

/// What logical peers share of a channel: its configuration, who its members are, its ledger.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) channel: Arc<Channel>,
    /// What `_lifecycle` tells of the chaincodes, by name.
    pub(crate) definitions: Definitions,
    pub(crate) acl: Acl,
    pub(crate) membership: Membership,
    pub(crate) database: Database,
    pub(crate) joined: Vec<Joined>,
}

/// What an organisation's peer that has joined a channel has of it alone.
#[derive(Debug)]
pub(crate) struct Joined {
    pub(crate) msp_id: Arc<str>,
    pub(crate) transient: TransientStore,
}

/// The channels that a peer has joined, by name.
pub(crate) type Channels = BTreeMap<String, Arc<Shared>>;

/// A transaction's simulation on one channel, as the logical peers run it.
pub(crate) type ChannelSimulator = Simulator<Arc<Snapshot>, PeerSnapshot, CreatorAccess>;

impl Shared {
    pub(crate) fn has_joined(&self, msp_id: &str) -> bool {
        self.joined.iter().any(|joined| *joined.msp_id == *msp_id)
    }

    /// What the channel's peers check of a proposal. Answers who made it.
    pub(crate) fn check(&self, proposal: &Proposal) -> Result<Arc<Member>, Refusal> {
        let creator =
            proposal.validate(&self.membership).map_err(|err| Refusal::Check(err.to_string()))?;
        let snapshot = self.database.snapshot();
        match proposal.duplicate(&*snapshot) {
            Ok(None) => {}
            Ok(Some(duplicate)) => return Err(Refusal::Check(duplicate.to_string())),
            Err(err) => return Err(Refusal::Response(err.to_string())),
        }
        // System chaincodes check by themselves who may call them.
        if !is_system_chaincode(&proposal.chaincode) {
            self.acl.check("peer/Propose", &creator).map_err(Refusal::Check)?;
        }
        Ok(creator)
    }

    /// Who a transaction's creator is here, where a chaincode of another channel asks one of this
    /// channel. Whether the signature is the creator's was settled on the other channel.
    pub(crate) fn caller(&self, creator: &[u8]) -> Result<Arc<Member>, String> {
        let caller = self.membership.identity(creator);
        // Who is unknown here counts for nobody.
        let caller = caller.map_err(|_| self.acl.refused_writer())?;
        self.acl.check("peer/ChaincodeToChaincode", &caller)?;
        Ok(caller)
    }

    /// A simulation that has done nothing yet, on the newest state that a peer has.
    pub(crate) fn simulator(
        &self,
        peer: &Arc<str>,
        creator: Arc<Member>,
        tx_id: &str,
    ) -> ChannelSimulator {
        let snapshot = self.database.snapshot();
        let private = PeerSnapshot::new(Arc::clone(&snapshot), Arc::clone(peer));
        let access = CreatorAccess::new(Arc::clone(&self.channel), creator);
        Simulator::new(Simulation::new(self.channel.name(), tx_id), snapshot, private, access)
    }

    /// Hands the plaintext of private writes to the members' peers, each its part.
    pub(crate) fn distribute(&self, tx_id: &str, height: u64, private: &TxPvtReadWriteSet) {
        for Joined { msp_id, transient } in &self.joined {
            transient.put(tx_id, height, private, |chaincode, collection| {
                self.channel.is_member(chaincode, collection, msp_id)
            });
        }
    }

    /// What the members' peers hold of a transaction and is not on its way to the disk yet.
    pub(crate) fn unwritten(&self, tx_id: &str) -> Vec<Held> {
        let all = self.joined.iter();
        all.flat_map(|one| one.transient.unwritten(&one.msp_id, tx_id)).collect()
    }
}
