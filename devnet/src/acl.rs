//! Who may use which of a peer's resources.

use std::sync::Arc;

use fabric_ledger::channel::{Channel, READERS, WRITERS};
use fabric_ledger::policy::{Policy, Role, SignaturePolicy};
use fabric_protos::common::implicit_meta_policy::Rule as Meta;

use crate::msp::Member;

/// Path of the policy for whole blocks: peers and administrators of custodians. Its other clients are
/// doctors, patients and devices, to whom only the chaincode gives private data.
pub(crate) const CUSTODIANS: &str = "/Channel/Application/Custodians";
/// Who of a custodian.
pub(crate) const CUSTODIAN_ROLES: [Role; 2] = [Role::Admin, Role::Peer];
/// What the channel's configuration reserves for custodians: blocks with all that transactions say,
/// and with private data. Everything else is guarded by Fabric's defaults.
pub(crate) const CUSTODIANS_ONLY: [&str; 5] = [
    "event/Block",
    "qscc/GetBlockByHash",
    "qscc/GetBlockByNumber",
    "qscc/GetBlockByTxID",
    "qscc/GetTransactionByID",
];

/// Resources for whoever may write.
const FOR_WRITERS: [&str; 4] = [
    "_lifecycle/QueryChaincodeDefinition",
    "_lifecycle/QueryChaincodeDefinitions",
    "peer/ChaincodeToChaincode",
    "peer/Propose",
];
/// Resources for whoever may read.
const FOR_READERS: [&str; 6] = [
    "cscc/GetChannelConfig",
    "cscc/GetConfigBlock",
    "event/FilteredBlock",
    "gateway/ChaincodeEvents",
    "gateway/CommitStatus",
    "qscc/GetChainInfo",
];

/// The policies in use.
#[derive(Debug)]
pub(crate) struct Acl {
    writers: Rule,
    readers: Rule,
    custodians: Rule,
    /// Who may broadcast: writers of the application or of the orderer.
    pub(crate) channel_writers: Rule,
    /// Whom the orderer delivers blocks to.
    pub(crate) channel_readers: Rule,
}

/// A policy with its path.
#[derive(Debug)]
pub(crate) struct Rule {
    path: &'static str,
    policy: Policy,
}

impl Acl {
    /// `custodians` are MSP ids of organisations of the channel.
    pub(crate) fn new<'a>(
        channel: &Channel,
        custodians: impl IntoIterator<Item = &'a str>,
        orderer_msp_id: &str,
    ) -> Self {
        let rule = |path| Rule { path, policy: application(channel, path) };
        let with_orderer = |path, application_path| {
            let orderer = SignaturePolicy::any_of(&[Role::Member], [orderer_msp_id]).into();
            let policies = vec![application(channel, application_path), orderer];
            Rule { path, policy: Policy::meta(Meta::Any, policies) }
        };
        let custodians = SignaturePolicy::any_of(&CUSTODIAN_ROLES, custodians);
        Self {
            writers: rule(WRITERS),
            readers: rule(READERS),
            custodians: Rule { path: CUSTODIANS, policy: custodians.into() },
            channel_writers: with_orderer("/Channel/Writers", WRITERS),
            channel_readers: with_orderer("/Channel/Readers", READERS),
        }
    }

    /// Whether an identity may use a resource of the channel. What nobody named is for nobody.
    pub(crate) fn check(&self, resource: &str, identity: &Arc<Member>) -> Result<(), String> {
        let rule = if CUSTODIANS_ONLY.contains(&resource) {
            &self.custodians
        } else if FOR_WRITERS.contains(&resource) {
            &self.writers
        } else if FOR_READERS.contains(&resource) {
            &self.readers
        } else {
            return Err(format!("Unmapped policy for {resource}"));
        };
        rule.check(identity)
    }

    /// Fabric's text about somebody whom the channel does not know and who would have to be a writer.
    pub(crate) fn refused_writer(&self) -> String {
        self.writers.refused()
    }
}

impl Rule {
    /// Whether an identity satisfies the policy, or Fabric's text.
    pub(crate) fn check(&self, identity: &Arc<Member>) -> Result<(), String> {
        let satisfied =
            self.policy.evaluate(std::slice::from_ref(identity), &|member, principal| {
                member.satisfies(principal)
            });
        if satisfied {
            return Ok(());
        }
        Err(self.refused())
    }

    fn refused(&self) -> String {
        let Self { path, policy } = self;
        let reason = match policy {
            Policy::Signature(_) => "signature set did not satisfy policy".to_owned(),
            Policy::Meta { .. } => unsatisfied(path.rsplit('/').next().unwrap_or(path)),
        };
        format!("failed evaluating policy on signed data during check policy [{path}]: [{reason}]")
    }
}

/// Fabric's text about an identity that belongs to none of a policy's organisations in the role
/// asked for.
pub(crate) fn unsatisfied(policy: &str) -> String {
    format!(
        "implicit policy evaluation failed - 0 sub-policies were satisfied, but this policy \
         requires 1 of the '{policy}' sub-policies to be satisfied"
    )
}

/// A policy of the application; one that is not there is satisfied by nobody.
fn application(channel: &Channel, path: &str) -> Policy {
    let nobody = || Policy::Meta { threshold: 1, policies: Vec::new() };
    channel.policy(path).unwrap_or_else(nobody)
}
