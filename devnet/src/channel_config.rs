//! The channel's configuration and the first block, which holds it.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use fabric_identity::SignError;
use fabric_ledger::TxValidationCode;
use fabric_ledger::block::{OrdererMetadata, filter, new_block, set_filter};
use fabric_ledger::policy::{ParsePolicyError, SignaturePolicy};
use fabric_ledger::proposal::tx_id;
use fabric_protos::common::implicit_meta_policy::Rule;
use fabric_protos::common::policy::PolicyType;
use fabric_protos::common::{
    Block, BlockDataHashingStructure, Capabilities, Capability, ChannelHeader, Config,
    ConfigEnvelope, ConfigGroup, ConfigPolicy, ConfigValue, Envelope, HashingAlgorithm, Header,
    HeaderType, ImplicitMetaPolicy, OrdererAddresses, Payload, Policy, SignatureHeader,
};
use fabric_protos::etcdraft::{ConfigMetadata, Consenter, Options};
use fabric_protos::msp::{
    FabricCryptoConfig, FabricMspConfig, FabricNodeOUs, FabricOuIdentifier, MspConfig,
};
use fabric_protos::orderer::{BatchSize, BatchTimeout, ChannelRestrictions, ConsensusType};
use fabric_protos::protos::{AcLs, AnchorPeer, AnchorPeers, ApiResource};
use prost::Message;

use crate::acl::{CUSTODIANS, CUSTODIANS_ONLY};
use crate::ca::Role;
use crate::config::Batch;
use crate::endorser::now;
use crate::signer::nonce;

/// The block that holds the channel's configuration.
pub(crate) const CONFIG_BLOCK: u64 = 0;
/// Host under which clients on this machine reach the nodes: their certificates name it.
const HOST: &str = "localhost";
/// Who may change an element, had devnet a way to change it.
const ADMINS: &str = "Admins";
/// Fabric's default options of Raft, which nothing here uses.
const RAFT: (&str, u32, u32, u32, u32) = ("500ms", 10, 1, 5, 16 * 1024 * 1024);

/// An organisation as the configuration describes it; certificates in PEM.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OrganizationConfig<'a> {
    pub(crate) msp_id: &'a str,
    pub(crate) ca_pem: &'a str,
    pub(crate) tls_ca_pem: &'a str,
    /// Port of its node: a peer's, or the orderer's.
    pub(crate) port: u16,
    pub(crate) custodian: bool,
}

/// What the first block is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ChannelConfig<'a> {
    pub(crate) channel: &'a str,
    pub(crate) batch: Batch,
    pub(crate) organizations: &'a [OrganizationConfig<'a>],
    pub(crate) orderer: OrganizationConfig<'a>,
    /// The orderer's certificate for TLS, in PEM.
    pub(crate) orderer_tls_pem: &'a str,
}

/// The first block could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ChannelConfigError {
    /// A policy cannot be written with these MSP ids.
    #[error("a policy of the channel cannot be written: {0}")]
    Policy(#[from] ParsePolicyError),
    /// No random number.
    #[error(transparent)]
    Random(#[from] SignError),
}

/// The first block of a channel with the id of its only transaction: an unsigned configuration
/// envelope.
pub(crate) fn first_block(
    config: &ChannelConfig<'_>,
) -> Result<(Block, String), ChannelConfigError> {
    let signature = SignatureHeader { creator: Bytes::new(), nonce: nonce()? };
    let tx_id = tx_id(&signature.nonce, &signature.creator);
    let now = now();
    let header = ChannelHeader {
        r#type: HeaderType::Config.into(),
        version: 1,
        timestamp: Some(prost_types::Timestamp { seconds: now.seconds, nanos: now.nanos }),
        channel_id: config.channel.to_owned(),
        tx_id: tx_id.clone(),
        ..Default::default()
    };
    let content = Config { sequence: 0, channel_group: Some(channel_group(config)?) };
    let content = ConfigEnvelope { config: Some(content), last_update: None };
    let payload = Payload {
        header: Some(Header {
            channel_header: header.encode_to_vec().into(),
            signature_header: signature.encode_to_vec().into(),
        }),
        data: content.encode_to_vec().into(),
    };
    let envelope = Envelope { payload: payload.encode_to_vec().into(), signature: Bytes::new() };
    let mut block = new_block(CONFIG_BLOCK, &[], vec![envelope.encode_to_vec().into()]);
    OrdererMetadata::new(CONFIG_BLOCK, SignatureHeader::default()).unsigned(&mut block);
    set_filter(&mut block, filter(&[TxValidationCode::Valid]));
    Ok((block, tx_id))
}

fn channel_group(config: &ChannelConfig<'_>) -> Result<ConfigGroup, ParsePolicyError> {
    let algorithm = HashingAlgorithm { name: "SHA256".to_owned() };
    // A flat hash over all data: the only structure there is.
    let structure = BlockDataHashingStructure { width: u32::MAX };
    Ok(ConfigGroup {
        groups: BTreeMap::from([
            ("Application".to_owned(), application_group(config)?),
            ("Orderer".to_owned(), orderer_group(config)?),
        ]),
        values: values([
            ("HashingAlgorithm", value(&algorithm)),
            ("BlockDataHashingStructure", value(&structure)),
            ("Capabilities", capability("V2_0")),
        ]),
        policies: policies(any_of_below()),
        ..group()
    })
}

fn application_group(config: &ChannelConfig<'_>) -> Result<ConfigGroup, ParsePolicyError> {
    let acls = CUSTODIANS_ONLY
        .into_iter()
        .map(|resource| (resource.to_owned(), ApiResource { policy_ref: CUSTODIANS.to_owned() }))
        .collect();
    let members: Vec<String> = (config.organizations.iter())
        .filter(|one| one.custodian)
        .flat_map(|one| ["admin", "peer"].map(|role| format!("'{}.{role}'", one.msp_id)))
        .collect();
    let own = [
        ("LifecycleEndorsement", meta(Rule::Majority, "Endorsement")),
        ("Endorsement", meta(Rule::Majority, "Endorsement")),
        ("Custodians", signature(&format!("OR({})", members.join(",")))?),
    ];
    let organizations = (config.organizations.iter())
        .map(|one| Ok((one.msp_id.to_owned(), application_organization(one)?)))
        .collect::<Result<_, ParsePolicyError>>()?;
    Ok(ConfigGroup {
        groups: organizations,
        values: values([("ACLs", value(&AcLs { acls })), ("Capabilities", capability("V2_5"))]),
        policies: policies(any_of_below().into_iter().chain(own)),
        ..group()
    })
}

fn application_organization(
    organization: &OrganizationConfig<'_>,
) -> Result<ConfigGroup, ParsePolicyError> {
    let msp_id = organization.msp_id;
    let anchor = AnchorPeer { host: HOST.to_owned(), port: i32::from(organization.port) };
    let anchors = AnchorPeers { anchor_peers: vec![anchor] };
    Ok(ConfigGroup {
        values: values([("MSP", msp(organization)), ("AnchorPeers", value(&anchors))]),
        policies: policies([
            (
                "Readers",
                signature(&format!("OR('{msp_id}.admin','{msp_id}.peer','{msp_id}.client')"))?,
            ),
            ("Writers", signature(&format!("OR('{msp_id}.admin','{msp_id}.client')"))?),
            ("Admins", signature(&format!("OR('{msp_id}.admin')"))?),
            ("Endorsement", signature(&format!("OR('{msp_id}.peer')"))?),
        ]),
        ..group()
    })
}

fn orderer_group(config: &ChannelConfig<'_>) -> Result<ConfigGroup, ParsePolicyError> {
    let Batch { timeout, max_message_count, absolute_max_bytes, preferred_max_bytes } =
        config.batch;
    let size = BatchSize { max_message_count, absolute_max_bytes, preferred_max_bytes };
    let msp_id = config.orderer.msp_id;
    let endpoint = OrdererAddresses { addresses: vec![format!("{HOST}:{}", config.orderer.port)] };
    let organization = ConfigGroup {
        values: values([("MSP", msp(&config.orderer)), ("Endpoints", value(&endpoint))]),
        policies: policies([
            ("Readers", signature(&format!("OR('{msp_id}.member')"))?),
            ("Writers", signature(&format!("OR('{msp_id}.member')"))?),
            ("Admins", signature(&format!("OR('{msp_id}.admin')"))?),
        ]),
        ..group()
    };
    let block_validation = [("BlockValidation", meta(Rule::Any, "Writers"))];
    Ok(ConfigGroup {
        groups: BTreeMap::from([(msp_id.to_owned(), organization)]),
        values: values([
            ("ConsensusType", value(&consensus(config))),
            ("BatchSize", value(&size)),
            ("BatchTimeout", value(&BatchTimeout { timeout: go_duration(timeout) })),
            ("ChannelRestrictions", value(&ChannelRestrictions::default())),
            ("Capabilities", capability("V2_0")),
        ]),
        policies: policies(any_of_below().into_iter().chain(block_validation)),
        ..group()
    })
}

/// One consenter of Raft: what a network with one orderer has. Fabric knows no kind of ordering
/// that would describe devnet's own.
fn consensus(config: &ChannelConfig<'_>) -> ConsensusType {
    let certificate = Bytes::copy_from_slice(config.orderer_tls_pem.as_bytes());
    let consenter = Consenter {
        host: HOST.to_owned(),
        port: u32::from(config.orderer.port),
        client_tls_cert: certificate.clone(),
        server_tls_cert: certificate,
    };
    let (tick, election_tick, heartbeat_tick, max_inflight_blocks, snapshot_interval_size) = RAFT;
    let options = Options {
        tick_interval: tick.to_owned(),
        election_tick,
        heartbeat_tick,
        max_inflight_blocks,
        snapshot_interval_size,
    };
    let metadata = ConfigMetadata { consenters: vec![consenter], options: Some(options) };
    ConsensusType {
        r#type: "etcdraft".to_owned(),
        metadata: metadata.encode_to_vec().into(),
        ..Default::default()
    }
}

fn msp(organization: &OrganizationConfig<'_>) -> ConfigValue {
    let pem = |text: &str| Bytes::copy_from_slice(text.as_bytes());
    let unit = |role: Role| {
        Some(FabricOuIdentifier {
            certificate: pem(organization.ca_pem),
            organizational_unit_identifier: role.unit().to_owned(),
        })
    };
    let config = FabricMspConfig {
        name: organization.msp_id.to_owned(),
        root_certs: vec![pem(organization.ca_pem)],
        crypto_config: Some(FabricCryptoConfig {
            signature_hash_family: "SHA2".to_owned(),
            identity_identifier_hash_function: "SHA256".to_owned(),
        }),
        tls_root_certs: vec![pem(organization.tls_ca_pem)],
        fabric_node_ous: Some(FabricNodeOUs {
            enable: true,
            client_ou_identifier: unit(Role::Client),
            peer_ou_identifier: unit(Role::Peer),
            admin_ou_identifier: unit(Role::Admin),
            orderer_ou_identifier: unit(Role::Orderer),
        }),
        ..Default::default()
    };
    value(&MspConfig { r#type: 0, config: config.encode_to_vec().into() })
}

fn group() -> ConfigGroup {
    ConfigGroup { mod_policy: ADMINS.to_owned(), ..Default::default() }
}

fn value(message: &impl Message) -> ConfigValue {
    let value = message.encode_to_vec().into();
    ConfigValue { version: 0, value, mod_policy: ADMINS.to_owned() }
}

fn capability(name: &str) -> ConfigValue {
    value(&Capabilities { capabilities: BTreeMap::from([(name.to_owned(), Capability {})]) })
}

fn values<const N: usize>(entries: [(&str, ConfigValue); N]) -> BTreeMap<String, ConfigValue> {
    entries.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn policies<'a>(
    entries: impl IntoIterator<Item = (&'a str, Policy)>,
) -> BTreeMap<String, ConfigPolicy> {
    let entry = |(name, policy): (&str, Policy)| {
        let policy =
            ConfigPolicy { version: 0, policy: Some(policy), mod_policy: ADMINS.to_owned() };
        (name.to_owned(), policy)
    };
    entries.into_iter().map(entry).collect()
}

/// The three policies that every group above organisations has.
fn any_of_below() -> [(&'static str, Policy); 3] {
    [
        ("Readers", meta(Rule::Any, "Readers")),
        ("Writers", meta(Rule::Any, "Writers")),
        ("Admins", meta(Rule::Majority, "Admins")),
    ]
}

fn meta(rule: Rule, below: &str) -> Policy {
    let policy = ImplicitMetaPolicy { sub_policy: below.to_owned(), rule: rule.into() };
    Policy { r#type: PolicyType::ImplicitMeta.into(), value: policy.encode_to_vec().into() }
}

fn signature(text: &str) -> Result<Policy, ParsePolicyError> {
    let policy = SignaturePolicy::parse_envelope(text)?;
    Ok(Policy { r#type: PolicyType::Signature.into(), value: policy.encode_to_vec().into() })
}

/// A duration as Go reads it. Fabric takes none of zero.
fn go_duration(duration: Duration) -> String {
    let micros = duration.as_micros().max(1);
    match (micros % 1_000_000, micros % 1000) {
        (0, _) => format!("{}s", micros / 1_000_000),
        (_, 0) => format!("{}ms", micros / 1000),
        _ => format!("{micros}us"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_as_go_reads_them() {
        let check = |micros, expected| {
            assert_eq!(go_duration(Duration::from_micros(micros)), expected);
        };
        check(2_000_000, "2s");
        check(10_000, "10ms");
        check(1_500_000, "1500ms");
        check(1_001, "1001us");
        check(0, "1us");
    }
}
