//! Collections as definitions carry them and as Fabric's command line reads them.

use std::collections::{BTreeMap, BTreeSet};

use fabric_protos::common::SignaturePolicyEnvelope;
use fabric_protos::protos::application_policy::Type as PolicyType;
use fabric_protos::protos::collection_config::Payload as CollectionPayload;
use fabric_protos::protos::collection_policy_config::Payload as MembersPayload;
use fabric_protos::protos::{
    ApplicationPolicy, CollectionConfig, CollectionPolicyConfig, StaticCollectionConfig,
};
use serde::Deserialize;

use super::{Channel, Collection, DefinitionError};
use crate::policy::{Principal, SignaturePolicy};

/// Other peers that plaintext is sent to where nothing is said, as Fabric's command line has it.
const MAX_PEER_COUNT: i32 = 1;

impl Channel {
    /// Reads collections in the JSON form that Fabric's command line takes.
    ///
    /// Unlike there, unknown fields are refused: a misspelt `memberOnlyRead` would leave a
    /// collection open. Whether peers would approve is told by
    /// [`resolve_collections`](Self::resolve_collections).
    ///
    /// ```
    /// use fabric_ledger::channel::Channel;
    ///
    /// let channel = Channel::new("mychannel", ["Org1MSP".to_owned()]);
    /// let json = r#"[{"name": "health", "policy": "OR('Org1MSP.member')", "blockToLive": 3}]"#;
    /// let configs = channel.read_collections(json)?;
    /// let collections = channel.resolve_collections(&configs)?;
    /// assert_eq!(collections["health"].block_to_live, 3);
    /// # Ok::<(), fabric_ledger::channel::DefinitionError>(())
    /// ```
    pub fn read_collections(&self, json: &str) -> Result<Vec<CollectionConfig>, DefinitionError> {
        let entries: Vec<CollectionJson> = serde_json::from_str(json)?;
        let read = |entry: CollectionJson| {
            let name = entry.name.clone();
            self.read_collection(entry)
                .map_err(|reason| DefinitionError::Collection { name, reason: Box::new(reason) })
        };
        entries.into_iter().map(read).collect()
    }

    fn read_collection(&self, entry: CollectionJson) -> Result<CollectionConfig, DefinitionError> {
        let members = self.read_policy(&entry.policy)?;
        let endorsement_policy = match entry.endorsement_policy.unwrap_or_default() {
            EndorsementJson { signature_policy: None, channel_config_policy: None } => None,
            EndorsementJson { signature_policy: Some(text), channel_config_policy: None } => {
                Some(application_policy(PolicyType::SignaturePolicy(self.read_policy(&text)?)))
            }
            EndorsementJson { signature_policy: None, channel_config_policy: Some(path) } => {
                Some(self.refer(&path)?)
            }
            EndorsementJson { .. } => return Err(DefinitionError::TwoPolicies),
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

    /// Reads an endorsement policy as the command line takes it for a definition.
    pub fn read_endorsement_policy(
        &self,
        text: &str,
    ) -> Result<ApplicationPolicy, DefinitionError> {
        Ok(application_policy(PolicyType::SignaturePolicy(self.read_policy(text)?)))
    }

    /// A reference to a policy of the channel's configuration.
    pub fn refer(&self, path: &str) -> Result<ApplicationPolicy, DefinitionError> {
        match self.policy(path) {
            None => Err(DefinitionError::NoPolicy(path.to_owned())),
            Some(_) => {
                Ok(application_policy(PolicyType::ChannelConfigPolicyReference(path.to_owned())))
            }
        }
    }

    /// Reads a policy whose organisations all have to be there: a misspelt one would never sign.
    fn read_policy(&self, text: &str) -> Result<SignaturePolicyEnvelope, DefinitionError> {
        let envelope = SignaturePolicy::parse_envelope(text)?;
        let policy = SignaturePolicy::from_wire(&envelope)?;
        match policy.principals().iter().find_map(|one| self.stranger(one)) {
            Some(msp_id) => Err(self.has_no(msp_id)),
            None => Ok(envelope),
        }
    }

    fn stranger<'p>(&self, principal: &'p Principal) -> Option<&'p str> {
        principal.msp_id().filter(|msp_id| !self.organisations.iter().any(|known| known == msp_id))
    }

    fn has_no(&self, msp_id: &str) -> DefinitionError {
        let (channel, msp_id) = (self.name.clone(), msp_id.to_owned());
        DefinitionError::NoOrganisation { channel, msp_id }
    }

    /// The collections of a definition by name, if peers would approve of them.
    pub fn resolve_collections(
        &self,
        configs: &[CollectionConfig],
    ) -> Result<BTreeMap<String, Collection>, DefinitionError> {
        let mut names = BTreeSet::new();
        let resolve = |config| {
            let (name, collection) = self.resolve_collection(config)?;
            if !names.insert(name.clone()) {
                return Err(DefinitionError::Twice(name));
            }
            Ok((name, collection))
        };
        configs.iter().map(resolve).collect()
    }

    /// A collection of the wire form, with its name, if peers would approve of it.
    pub fn resolve_collection(
        &self,
        config: &CollectionConfig,
    ) -> Result<(String, Collection), DefinitionError> {
        let Some(CollectionPayload::StaticCollectionConfig(config)) = &config.payload else {
            return Err(DefinitionError::NoCollection);
        };
        let name = config.name.clone();
        if !is_collection_name(&name) {
            return Err(DefinitionError::CollectionName(name));
        }
        match self.resolve_static(config) {
            Ok(collection) => Ok((name, collection)),
            Err(reason) => Err(DefinitionError::Collection { name, reason: Box::new(reason) }),
        }
    }

    fn resolve_static(
        &self,
        config: &StaticCollectionConfig,
    ) -> Result<Collection, DefinitionError> {
        let (required, maximum) = (config.required_peer_count, config.maximum_peer_count);
        if required < 0 || maximum < required {
            return Err(DefinitionError::PeerCounts { required, maximum });
        }
        let members = config.member_orgs_policy.as_ref().and_then(|policy| policy.payload.as_ref());
        let Some(MembersPayload::SignaturePolicy(members)) = members else {
            return Err(DefinitionError::NoMembers);
        };
        let members = SignaturePolicy::from_wire(members)?;
        if !members.is_any_of() {
            return Err(DefinitionError::MembersTogether);
        }
        for principal in members.principals() {
            if *principal == Principal::Nobody {
                return Err(DefinitionError::NobodyIsMember);
            }
            if let Some(msp_id) = self.stranger(principal) {
                return Err(self.has_no(msp_id));
            }
        }
        let endorsement_policy = match &config.endorsement_policy {
            Some(policy) => Some(self.resolve(Some(policy))?),
            None => None,
        };
        Ok(Collection {
            members,
            endorsement_policy,
            block_to_live: config.block_to_live,
            member_only_read: config.member_only_read,
            member_only_write: config.member_only_write,
        })
    }
}

fn application_policy(policy: PolicyType) -> ApplicationPolicy {
    ApplicationPolicy { r#type: Some(policy) }
}

/// A leading underscore is Fabric's own, for implicit collections.
fn is_collection_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    !name.is_empty() && !name.starts_with('_') && name.bytes().all(allowed)
}

/// One entry of the JSON.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CollectionJson {
    name: String,
    policy: String,
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

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct EndorsementJson {
    signature_policy: Option<String>,
    channel_config_policy: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Vec<(String, Collection)>, DefinitionError> {
        let channel = Channel::new("ch", ["A", "B", "C"].map(str::to_owned));
        let configs = channel.read_collections(json)?;
        Ok(channel.resolve_collections(&configs)?.into_iter().collect())
    }

    /// A collection `c` with these other fields.
    fn one(fields: &str) -> Result<Collection, DefinitionError> {
        let json = format!(r#"[{{"name": "c", {fields}}}]"#);
        read(&json).map(|mut found| found.remove(0).1)
    }

    #[test]
    fn collections_are_read_as_fabrics_command_line_does() {
        let read = one(r#""policy": "OR('A.member', OR('B.member'))",
            "requiredPeerCount": 0, "maxPeerCount": 2, "blockToLive": 3, "memberOnlyRead": true,
            "memberOnlyWrite": false,
            "endorsementPolicy": {"signaturePolicy": "AND('A.peer', 'B.peer')"}"#);
        let read = read.unwrap();
        assert!(read.has_member("A") && read.has_member("B") && !read.has_member("C"));
        assert_eq!(read.block_to_live, 3);
        assert!(read.member_only_read && !read.member_only_write);
        assert!(read.endorsement_policy.is_some());
        let members = r#""policy": "OR('A.member')""#;
        for fields in [
            members.to_owned(),
            format!(r#"{members}, "endorsementPolicy": {{}}"#),
            // One is all that an AND of one asks for.
            r#""policy": "AND('A.member')""#.to_owned(),
            format!(r#"{members}, "requiredPeerCount": 1"#),
        ] {
            let read = one(&fields).unwrap();
            assert!(read.has_member("A") && read.endorsement_policy.is_none());
        }
        for name in ["-c", "c-_", "9", "C"] {
            let json = format!(r#"[{{"name": "{name}", {members}}}]"#);
            assert_eq!(self::read(&json).unwrap()[0].0, name);
        }
    }

    #[test]
    fn what_peers_would_not_approve_is_refused() {
        let check = |fields: &str, text: &str| {
            let refusal = one(fields).unwrap_err().to_string();
            assert!(refusal.contains(text), "{refusal}");
        };
        let members = r#""policy": "OR('A.member')""#;
        let all_fields = |fields: &str| format!("{members}, {fields}");
        check(r#""policy": "AND('A.member', 'B.member')""#, "`c`: only OR");
        check(r#""policy": "OutOf(2, 'A.member', 'B.member')""#, "`c`: only OR");
        check(r#""policy": "OR('A.member', AND('B.member', 'C.member'))""#, "`c`: only OR");
        check(r#""policy": "OutOf(0, 'A.member')""#, "`c`: only OR");
        check(r#""policy": "OR('D.member')""#, "`c`: channel ch has no organisation `D`");
        check(r#""policy": "OR('A.member'""#, "`c`: at char");
        let counts = "`c`: requiredPeerCount must be between 0 and maxPeerCount, but they are";
        check(&all_fields(r#""requiredPeerCount": -1"#), &format!("{counts} -1 and 1"));
        check(&all_fields(r#""requiredPeerCount": 2"#), &format!("{counts} 2 and 1"));
        check(&all_fields(r#""maxPeerCount": -1"#), &format!("{counts} 0 and -1"));
        check(
            &all_fields(r#""endorsementPolicy": {"channelConfigPolicy": "/Channel/X"}"#),
            "`c`: failed to retrieve policy for reference /Channel/X",
        );
        check(
            &all_fields(
                r#""endorsementPolicy": {"channelConfigPolicy": "/Channel/Application/Writers",
                    "signaturePolicy": "OR('A.peer')"}"#,
            ),
            "`c`: endorsementPolicy takes either",
        );
        check(&all_fields(r#""memberOnlyReed": true"#), "unknown field `memberOnlyReed`");
        check(r#""blockToLive": 1"#, "missing field `policy`");
    }

    #[test]
    fn names_are_checked_and_unique() {
        let check = |json: &str, text: &str| {
            let refusal = read(json).unwrap_err().to_string();
            assert!(refusal.contains(text), "{refusal}");
        };
        let named = |name: &str| format!(r#"{{"name": "{name}", "policy": "OR('A.member')"}}"#);
        let c = named("c");
        check(&format!("[{c},{c}]"), "collection `c` is defined twice");
        for name in ["", "_c", "_implicit_org_A", "c.d", "é"] {
            let json = format!("[{}]", named(name));
            check(&json, &format!("'{name}' cannot name a collection"));
        }
        check("{}", "invalid JSON");
    }
}
