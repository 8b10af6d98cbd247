//! The channel as configured: organisations, chaincode definitions, collections.

use std::collections::BTreeMap;
use std::sync::Arc;

use fabric_ledger::channel::{Channel, Definition, ENDORSEMENT};
use fabric_ledger::policy::{Principal, SignaturePolicy};
use fabric_ledger::{CollectionAccess, Permission};
use fabric_protos::common::SignaturePolicyEnvelope;
use fabric_protos::lifecycle::QueryChaincodeDefinitionResult;
use fabric_protos::protos::application_policy::Type as PolicyType;
use fabric_protos::protos::collection_config::Payload as CollectionPayload;
use fabric_protos::protos::collection_policy_config::Payload as MembersPayload;
use fabric_protos::protos::{
    ApplicationPolicy, CollectionConfig, CollectionConfigPackage, CollectionPolicyConfig,
    StaticCollectionConfig,
};
use prost::Message as _;
use serde::Deserialize;

use crate::config::{Chaincode, Config, ConfigError};
use crate::msp::Member;

/// How often a chaincode was defined. A changed configuration replaces the definition.
const SEQUENCE: i64 = 1;
/// Other peers that plaintext is sent to where nothing is said, as Fabric's command line has it.
const MAX_PEER_COUNT: i32 = 1;

/// The channel with all configured definitions committed.
pub fn channel(config: &Config) -> Result<Channel, ConfigError> {
    committed(config).map(|(channel, _)| channel)
}

/// The channel with all configured definitions committed, and the definitions as `_lifecycle` tells
/// them, by name.
pub(crate) fn committed(config: &Config) -> Result<(Channel, Definitions), ConfigError> {
    let msp_ids = config.organizations.iter().map(|one| one.msp_id.clone());
    let mut channel = Channel::new(&config.channel, msp_ids);
    let mut definitions = Definitions::new();
    for chaincode in &config.chaincodes {
        let (definition, committed) = definition(chaincode, &channel)?;
        channel.define(&chaincode.name, definition);
        definitions.insert(chaincode.name.clone(), committed);
    }
    Ok((channel, definitions))
}

/// Committed definitions by the chaincode's name.
pub(crate) type Definitions = BTreeMap<String, QueryChaincodeDefinitionResult>;

fn definition(
    chaincode: &Chaincode,
    channel: &Channel,
) -> Result<(Definition, QueryChaincodeDefinitionResult), ConfigError> {
    let Chaincode { name, version, .. } = chaincode;
    let of_policy = |reason| ConfigError::Policy { chaincode: name.clone(), reason };
    let of_collections = |reason| ConfigError::Collections { chaincode: name.clone(), reason };
    let parameter = match &chaincode.endorsement_policy {
        None => channel_policy(ENDORSEMENT, channel),
        Some(text) => application_policy(text, channel),
    };
    let parameter = parameter.map_err(of_policy)?;
    let policy = channel.resolve(Some(&parameter)).map_err(|err| of_policy(err.to_string()))?;
    let configs = match &chaincode.collections {
        None => Ok(Vec::new()),
        Some(text) => read_collections(text, channel),
    };
    let configs = configs.map_err(of_collections)?;
    let mut collections = BTreeMap::new();
    for config in &configs {
        let resolved = channel.resolve_collection(config);
        let (name, collection) = resolved.map_err(|err| of_collections(err.to_string()))?;
        if collections.insert(name.clone(), collection).is_some() {
            return Err(of_collections(format!("`{name}`: defined twice")));
        }
    }
    let committed = QueryChaincodeDefinitionResult {
        sequence: SEQUENCE,
        version: version.clone(),
        endorsement_plugin: "escc".to_owned(),
        validation_plugin: "vscc".to_owned(),
        validation_parameter: parameter.encode_to_vec().into(),
        collections: Some(CollectionConfigPackage { config: configs }),
        init_required: chaincode.init_required,
        approvals: channel.organisations().iter().map(|msp_id| (msp_id.clone(), true)).collect(),
    };
    Ok((Definition { version: version.clone(), policy, collections }, committed))
}

/// What the creator of a transaction may do with collections.
#[derive(Clone, Debug)]
pub(crate) struct CreatorAccess {
    channel: Arc<Channel>,
    creator: Arc<Member>,
}

impl CreatorAccess {
    pub(crate) fn new(channel: Arc<Channel>, creator: Arc<Member>) -> Self {
        Self { channel, creator }
    }
}

impl CollectionAccess for CreatorAccess {
    fn permission(&self, namespace: &str, collection: &str) -> Option<Permission> {
        self.channel
            .permission(namespace, collection, |principal| self.creator.satisfies(principal))
    }
}

/// One entry of the JSON that Fabric's command line takes.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CollectionJson {
    name: String,
    policy: String,
    // Peers pass plaintext on as they endorse, without a gossip that could fail: the two counts
    // are only told to whoever asks for the definition.
    #[serde(default)]
    required_peer_count: i32,
    #[serde(default)]
    max_peer_count: Option<i32>,
    #[serde(default)]
    block_to_live: u64,
    #[serde(default)]
    member_only_read: bool,
    #[serde(default)]
    member_only_write: bool,
    #[serde(default)]
    endorsement_policy: Option<EndorsementJson>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct EndorsementJson {
    signature_policy: Option<String>,
    channel_config_policy: Option<String>,
}

fn read_collections(text: &str, channel: &Channel) -> Result<Vec<CollectionConfig>, String> {
    let entries: Vec<CollectionJson> =
        serde_json::from_str(text).map_err(|err| format!("invalid JSON: {err}"))?;
    let read = |entry: CollectionJson| {
        let name = entry.name.clone();
        read_collection(entry, channel).map_err(|reason| format!("`{name}`: {reason}"))
    };
    entries.into_iter().map(read).collect()
}

fn read_collection(entry: CollectionJson, channel: &Channel) -> Result<CollectionConfig, String> {
    if !is_collection_name(&entry.name) {
        return Err("not a valid name: use a-z, A-Z, 0-9, `_` and `-`".to_owned());
    }
    let members = signature_policy(&entry.policy, channel)?;
    let endorsement_policy = match entry.endorsement_policy {
        None => None,
        Some(EndorsementJson { signature_policy: Some(text), channel_config_policy: None }) => {
            Some(application_policy(&text, channel)?)
        }
        Some(EndorsementJson { signature_policy: None, channel_config_policy: Some(path) }) => {
            Some(channel_policy(&path, channel)?)
        }
        Some(_) => {
            return Err(
                "endorsementPolicy takes either signaturePolicy or channelConfigPolicy".to_owned()
            );
        }
    };
    let members =
        CollectionPolicyConfig { payload: Some(MembersPayload::SignaturePolicy(members)) };
    let config = StaticCollectionConfig {
        name: entry.name,
        member_orgs_policy: Some(members),
        required_peer_count: entry.required_peer_count,
        maximum_peer_count: entry.max_peer_count.unwrap_or(MAX_PEER_COUNT),
        block_to_live: entry.block_to_live,
        member_only_read: entry.member_only_read,
        member_only_write: entry.member_only_write,
        endorsement_policy,
    };
    Ok(CollectionConfig { payload: Some(CollectionPayload::StaticCollectionConfig(config)) })
}

fn application_policy(text: &str, channel: &Channel) -> Result<ApplicationPolicy, String> {
    let policy = PolicyType::SignaturePolicy(signature_policy(text, channel)?);
    Ok(ApplicationPolicy { r#type: Some(policy) })
}

fn channel_policy(path: &str, channel: &Channel) -> Result<ApplicationPolicy, String> {
    match channel.policy(path) {
        None => Err(format!("the channel has no policy `{path}`")),
        Some(_) => {
            let policy = PolicyType::ChannelConfigPolicyReference(path.to_owned());
            Ok(ApplicationPolicy { r#type: Some(policy) })
        }
    }
}

/// Reads a policy whose organisations all have to be there: a misspelt one would never sign.
fn signature_policy(text: &str, channel: &Channel) -> Result<SignaturePolicyEnvelope, String> {
    let envelope = SignaturePolicy::parse_envelope(text).map_err(|err| err.to_string())?;
    let policy = SignaturePolicy::from_wire(&envelope).map_err(|err| err.to_string())?;
    let unknown = (policy.principals().iter())
        .filter_map(Principal::msp_id)
        .find(|msp_id| !channel.organisations().iter().any(|known| known == msp_id))
        .map(str::to_owned);
    match unknown {
        Some(msp_id) => Err(format!("the channel has no organisation `{msp_id}`")),
        None => Ok(envelope),
    }
}

fn is_collection_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    !name.is_empty() && !name.starts_with(['_', '-']) && name.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn define(policy: Option<&str>, collections: Option<&str>) -> Result<Definition, ConfigError> {
        let mut chaincode = Chaincode::new("cc", "localhost:1");
        chaincode.endorsement_policy = policy.map(str::to_owned);
        chaincode.collections = collections.map(str::to_owned);
        let msp_ids = ["Org1MSP", "Org2MSP", "Org3MSP"].map(str::to_owned);
        definition(&chaincode, &Channel::new("mychannel", msp_ids)).map(|(defined, _)| defined)
    }

    #[test]
    fn collections_are_read_as_fabrics_command_line_does() {
        let json = r#"[{"name": "health", "policy": "OR('Org1MSP.member','Org2MSP.member')",
            "requiredPeerCount": 0, "maxPeerCount": 2, "blockToLive": 3, "memberOnlyRead": true,
            "memberOnlyWrite": false,
            "endorsementPolicy": {"signaturePolicy": "AND('Org1MSP.peer','Org2MSP.peer')"}}]"#;
        let definition = define(None, Some(json)).unwrap();
        let health = &definition.collections["health"];
        assert!(health.has_member("Org1MSP") && health.has_member("Org2MSP"));
        assert!(!health.has_member("Org3MSP"));
        assert_eq!(health.block_to_live, 3);
        assert!(health.member_only_read && !health.member_only_write);
        assert!(health.endorsement_policy.is_some());
    }

    #[test]
    fn what_fabric_would_refuse_is_refused() {
        let check = |policy: Option<&str>, collections: Option<&str>, text: &str| {
            let refusal = define(policy, collections).unwrap_err().to_string();
            assert!(refusal.contains(text), "{refusal}");
        };
        check(Some("AND('Org1MSP.peer'"), None, "endorsement policy of chaincode `cc`: at char");
        check(Some("OR('Org9MSP.peer')"), None, "the channel has no organisation `Org9MSP`");
        check(None, Some("{}"), "collections of chaincode `cc`: invalid JSON");
        check(None, Some(r#"[{"name": "c"}]"#), "missing field `policy`");
        check(
            None,
            Some(r#"[{"name": "c", "policy": "OR('Org1MSP.member')", "memberOnlyReed": true}]"#),
            "unknown field `memberOnlyReed`",
        );
        let one = r#"{"name": "c", "policy": "OR('Org1MSP.member')"}"#;
        check(None, Some(&format!("[{one},{one}]")), "`c`: defined twice");
        check(
            None,
            Some(r#"[{"name": "_c", "policy": "OR('Org1MSP.member')"}]"#),
            "`_c`: not a valid name",
        );
        check(
            None,
            Some(
                r#"[{"name": "c", "policy": "OR('Org1MSP.member')",
                     "endorsementPolicy": {"channelConfigPolicy": "/Channel/X"}}]"#,
            ),
            "the channel has no policy `/Channel/X`",
        );
        check(
            None,
            Some(r#"[{"name": "c", "policy": "OR('Org1MSP.member')", "endorsementPolicy": {}}]"#),
            "endorsementPolicy takes either",
        );
    }
}
