//! Chaincode definitions as committed on the channel: policies and collections.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fabric_ledger::policy::{Policy, Principal, Role, SignaturePolicy, parse};
use fabric_ledger::{CollectionAccess, Permission};
use serde::Deserialize;

use crate::config::{Chaincode, Config, ConfigError};
use crate::msp::Member;

/// Name of the endorsement policy that the channel's configuration holds.
const CHANNEL_ENDORSEMENT: &str = "/Channel/Application/Endorsement";
/// Before the MSP id: the collection that every organisation has in every chaincode.
const IMPLICIT_PREFIX: &str = "_implicit_org_";

/// The channel's chaincodes by name.
#[derive(Debug)]
pub(crate) struct Definitions {
    chaincodes: BTreeMap<String, Definition>,
}

/// One committed definition.
#[derive(Debug)]
pub(crate) struct Definition {
    pub(crate) version: String,
    pub(crate) policy: Policy,
    collections: BTreeMap<String, Collection>,
}

/// A private data collection.
#[derive(Debug)]
pub(crate) struct Collection {
    /// Whose peers hold the plaintext.
    pub(crate) member_orgs: BTreeSet<String>,
    /// Blocks a value outlives the one that wrote it; `None` for ever.
    pub(crate) block_to_live: Option<u64>,
    /// Replaces the chaincode's policy for writes to the collection.
    pub(crate) policy: Option<Policy>,
    members: SignaturePolicy,
    member_only_read: bool,
    member_only_write: bool,
}

impl Definitions {
    pub(crate) fn new(config: &Config) -> Result<Self, ConfigError> {
        let msp_ids: Vec<&str> =
            config.organizations.iter().map(|one| one.msp_id.as_str()).collect();
        let chaincodes = (config.chaincodes.iter())
            .map(|chaincode| {
                Ok((chaincode.name.clone(), Definition::new(chaincode, &msp_ids)?))
            })
            .collect::<Result<_, ConfigError>>()?;
        Ok(Self { chaincodes })
    }

    pub(crate) fn get(&self, chaincode: &str) -> Option<&Definition> {
        self.chaincodes.get(chaincode)
    }

    pub(crate) fn collection(&self, chaincode: &str, collection: &str) -> Option<&Collection> {
        self.get(chaincode)?.collections.get(collection)
    }
}

impl Definition {
    fn new(chaincode: &Chaincode, msp_ids: &[&str]) -> Result<Self, ConfigError> {
        let policy = match &chaincode.endorsement_policy {
            None => Policy::majority_of_peers(msp_ids.iter().copied()),
            Some(text) => signature_policy(text, msp_ids).map(Policy::from).map_err(|reason| {
                ConfigError::Policy { chaincode: chaincode.name.clone(), reason }
            })?,
        };
        let refused = |reason| {
            ConfigError::Collections { chaincode: chaincode.name.clone(), reason }
        };
        let mut collections: BTreeMap<_, _> = (msp_ids.iter())
            .map(|msp_id| (format!("{IMPLICIT_PREFIX}{msp_id}"), Collection::implicit(msp_id)))
            .collect();
        if let Some(text) = &chaincode.collections {
            for (name, collection) in read_collections(text, msp_ids).map_err(refused)? {
                collections.insert(name, collection);
            }
        }
        Ok(Self { version: chaincode.version.clone(), policy, collections })
    }
}

impl Collection {
    /// The collection whose only member is one organisation.
    fn implicit(msp_id: &str) -> Self {
        Self {
            member_orgs: BTreeSet::from([msp_id.to_owned()]),
            block_to_live: None,
            policy: Some(SignaturePolicy::any_of(Role::Peer, [msp_id]).into()),
            members: SignaturePolicy::any_of(Role::Member, [msp_id]),
            member_only_read: false,
            member_only_write: false,
        }
    }

    fn has_member(&self, creator: &Arc<Member>) -> bool {
        self.members.evaluate(std::slice::from_ref(creator), &|member, principal| {
            member.satisfies(principal)
        })
    }
}

/// What the creator of a transaction may do with collections.
#[derive(Clone, Debug)]
pub(crate) struct CreatorAccess {
    definitions: Arc<Definitions>,
    creator: Arc<Member>,
}

impl CreatorAccess {
    pub(crate) fn new(definitions: Arc<Definitions>, creator: Arc<Member>) -> Self {
        Self { definitions, creator }
    }
}

impl CollectionAccess for CreatorAccess {
    fn permission(&self, namespace: &str, collection: &str) -> Option<Permission> {
        let collection = self.definitions.collection(namespace, collection)?;
        if !collection.member_only_read && !collection.member_only_write {
            return Some(Permission::FULL);
        }
        let member = collection.has_member(&self.creator);
        Some(Permission {
            read: member || !collection.member_only_read,
            write: member || !collection.member_only_write,
        })
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

fn read_collections(
    text: &str,
    msp_ids: &[&str],
) -> Result<BTreeMap<String, Collection>, String> {
    let entries: Vec<CollectionJson> =
        serde_json::from_str(text).map_err(|err| format!("invalid JSON: {err}"))?;
    let mut collections = BTreeMap::new();
    for entry in entries {
        let name = entry.name.clone();
        let of = |reason: String| format!("`{name}`: {reason}");
        if !is_collection_name(&name) {
            return Err(of("not a valid name: use a-z, A-Z, 0-9, `_` and `-`".to_owned()));
        }
        let collection = read_collection(entry, msp_ids).map_err(of)?;
        if collections.insert(name.clone(), collection).is_some() {
            return Err(of("defined twice".to_owned()));
        }
    }
    Ok(collections)
}

fn read_collection(entry: CollectionJson, msp_ids: &[&str]) -> Result<Collection, String> {
    let members = signature_policy(&entry.policy, msp_ids)?;
    let policy = match entry.endorsement_policy {
        None => None,
        Some(EndorsementJson { signature_policy: Some(text), channel_config_policy: None }) => {
            Some(signature_policy(&text, msp_ids)?.into())
        }
        Some(EndorsementJson { signature_policy: None, channel_config_policy: Some(name) }) => {
            if name != CHANNEL_ENDORSEMENT {
                return Err(format!("the channel has no policy `{name}` but {CHANNEL_ENDORSEMENT}"));
            }
            Some(Policy::majority_of_peers(msp_ids.iter().copied()))
        }
        Some(_) => {
            return Err(
                "endorsementPolicy takes either signaturePolicy or channelConfigPolicy".to_owned()
            );
        }
    };
    let members_policy = Policy::from(members.clone());
    let member_orgs = members_policy
        .principals()
        .into_iter()
        .filter_map(Principal::msp_id)
        .map(str::to_owned)
        .collect();
    Ok(Collection {
        member_orgs,
        block_to_live: (entry.block_to_live > 0).then_some(entry.block_to_live),
        policy,
        members,
        member_only_read: entry.member_only_read,
        member_only_write: entry.member_only_write,
    })
}

/// Reads a policy whose organisations all have to be there: a misspelt one would never sign.
fn signature_policy(text: &str, msp_ids: &[&str]) -> Result<SignaturePolicy, String> {
    let policy = parse(text).map_err(|err| err.to_string())?;
    let unknown = Policy::from(policy.clone())
        .principals()
        .into_iter()
        .filter_map(Principal::msp_id)
        .find(|msp_id| !msp_ids.contains(msp_id))
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

    const MSP_IDS: [&str; 3] = ["Org1MSP", "Org2MSP", "Org3MSP"];

    fn define(policy: Option<&str>, collections: Option<&str>) -> Result<Definition, ConfigError> {
        let mut chaincode = Chaincode::new("cc", "localhost:1");
        chaincode.endorsement_policy = policy.map(str::to_owned);
        chaincode.collections = collections.map(str::to_owned);
        Definition::new(&chaincode, &MSP_IDS)
    }

    #[test]
    fn collections_are_read_as_fabrics_command_line_does() {
        let json = r#"[{"name": "health", "policy": "OR('Org1MSP.member','Org2MSP.member')",
            "requiredPeerCount": 0, "maxPeerCount": 2, "blockToLive": 3, "memberOnlyRead": true,
            "memberOnlyWrite": false,
            "endorsementPolicy": {"signaturePolicy": "AND('Org1MSP.peer','Org2MSP.peer')"}}]"#;
        let definition = define(None, Some(json)).unwrap();
        let health = &definition.collections["health"];
        let members: Vec<_> = health.member_orgs.iter().collect();
        assert_eq!(members, ["Org1MSP", "Org2MSP"]);
        assert_eq!(health.block_to_live, Some(3));
        assert!(health.member_only_read && !health.member_only_write);
        assert!(health.policy.is_some());
        assert!(definition.collections.contains_key("_implicit_org_Org3MSP"));
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
