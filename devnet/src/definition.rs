//! The channel as configured: organisations, chaincode definitions, collections.

use std::collections::BTreeMap;
use std::sync::Arc;

use fabric_ledger::channel::{Channel, Collection, Definition, ENDORSEMENT};
use fabric_ledger::policy::{Policy, Principal, SignaturePolicy, parse};
use fabric_ledger::{CollectionAccess, Permission};
use serde::Deserialize;

use crate::config::{Chaincode, Config, ConfigError};
use crate::msp::Member;

/// The channel with all configured definitions committed.
pub fn channel(config: &Config) -> Result<Channel, ConfigError> {
    let msp_ids = config.organizations.iter().map(|one| one.msp_id.clone());
    let mut channel = Channel::new(&config.channel, msp_ids);
    for chaincode in &config.chaincodes {
        let definition = definition(chaincode, &channel)?;
        channel.define(&chaincode.name, definition);
    }
    Ok(channel)
}

fn definition(chaincode: &Chaincode, channel: &Channel) -> Result<Definition, ConfigError> {
    let name = &chaincode.name;
    let policy = match &chaincode.endorsement_policy {
        None => channel_policy(ENDORSEMENT, channel),
        Some(text) => signature_policy(text, channel).map(Policy::from),
    };
    let policy =
        policy.map_err(|reason| ConfigError::Policy { chaincode: name.clone(), reason })?;
    let collections = match &chaincode.collections {
        None => Ok(BTreeMap::new()),
        Some(text) => read_collections(text, channel),
    };
    let collections = collections
        .map_err(|reason| ConfigError::Collections { chaincode: name.clone(), reason })?;
    Ok(Definition { version: chaincode.version.clone(), policy, collections })
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
    // are taken and not used.
    #[serde(default, rename = "requiredPeerCount")]
    _required_peer_count: u32,
    #[serde(default, rename = "maxPeerCount")]
    _max_peer_count: Option<u32>,
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

fn read_collections(text: &str, channel: &Channel) -> Result<BTreeMap<String, Collection>, String> {
    let entries: Vec<CollectionJson> =
        serde_json::from_str(text).map_err(|err| format!("invalid JSON: {err}"))?;
    let mut collections = BTreeMap::new();
    for entry in entries {
        let name = entry.name.clone();
        let of = |reason: String| format!("`{name}`: {reason}");
        if !is_collection_name(&name) {
            return Err(of("not a valid name: use a-z, A-Z, 0-9, `_` and `-`".to_owned()));
        }
        let collection = read_collection(entry, channel).map_err(of)?;
        if collections.insert(name.clone(), collection).is_some() {
            return Err(of("defined twice".to_owned()));
        }
    }
    Ok(collections)
}

fn read_collection(entry: CollectionJson, channel: &Channel) -> Result<Collection, String> {
    let members = signature_policy(&entry.policy, channel)?;
    let policy = match entry.endorsement_policy {
        None => None,
        Some(EndorsementJson { signature_policy: Some(text), channel_config_policy: None }) => {
            Some(signature_policy(&text, channel)?.into())
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
    Ok(Collection {
        members,
        endorsement_policy: policy,
        block_to_live: entry.block_to_live,
        member_only_read: entry.member_only_read,
        member_only_write: entry.member_only_write,
    })
}

fn channel_policy(path: &str, channel: &Channel) -> Result<Policy, String> {
    channel.policy(path).ok_or_else(|| format!("the channel has no policy `{path}`"))
}

/// Reads a policy whose organisations all have to be there: a misspelt one would never sign.
fn signature_policy(text: &str, channel: &Channel) -> Result<SignaturePolicy, String> {
    let policy = parse(text).map_err(|err| err.to_string())?;
    let unknown = (policy.principals().iter())
        .filter_map(Principal::msp_id)
        .find(|msp_id| !channel.organisations().iter().any(|known| known == msp_id))
        .map(str::to_owned);
    match unknown {
        Some(msp_id) => Err(format!("the channel has no organisation `{msp_id}`")),
        None => Ok(policy),
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
        definition(&chaincode, &Channel::new("mychannel", msp_ids))
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
