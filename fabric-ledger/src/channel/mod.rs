//! A channel's organisations, chaincode definitions and named policies.

mod collections;
mod plan;

use std::collections::BTreeMap;

use fabric_protos::common::implicit_meta_policy::Rule;
use fabric_protos::protos::ApplicationPolicy;
use fabric_protos::protos::application_policy::Type as PolicyType;

pub use self::plan::PlanRefusal;
use crate::access::Permission;
use crate::policy::{ParsePolicyError, Policy, PolicyError, Principal, Role, SignaturePolicy};

/// Path of the default endorsement policy: peers of a majority of organisations.
pub const ENDORSEMENT: &str = "/Channel/Application/Endorsement";
/// Path of the policy for proposals, broadcasts and chaincode calls: a client of any organisation.
pub const WRITERS: &str = "/Channel/Application/Writers";
/// Path of the policy for queries and events: a client or peer of any organisation.
pub const READERS: &str = "/Channel/Application/Readers";

const APPLICATION: &str = "/Channel/Application/";
/// Begins the names of the collections that every organisation has in every chaincode.
const IMPLICIT: &str = "_implicit_org_";

/// Chaincodes that are part of a peer; endorsement plans leave them out.
const SYSTEM_CHAINCODES: [&str; 4] = ["_lifecycle", "cscc", "lscc", "qscc"];

/// What a channel's configuration and its committed definitions say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    name: String,
    organisations: Vec<String>,
    implicit: BTreeMap<String, Collection>,
    definitions: BTreeMap<String, Definition>,
}

/// A committed chaincode definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    /// Version name, which endorsements carry.
    pub version: String,
    /// Endorsement policy of everything that has none of its own.
    pub policy: Policy,
    /// Collections by name, without the implicit ones.
    pub collections: BTreeMap<String, Collection>,
}

/// A private data collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collection {
    /// Who may have the plaintext.
    pub members: SignaturePolicy,
    /// Replaces the chaincode's policy for writes to the collection.
    pub endorsement_policy: Option<Policy>,
    /// Blocks a value lives; 0 for ever.
    pub block_to_live: u64,
    /// Only members' identities may read through a peer.
    pub member_only_read: bool,
    /// Only members' identities may write through a peer.
    pub member_only_write: bool,
}

impl Channel {
    /// A channel of these organisations, by MSP id, without chaincodes.
    ///
    /// ```
    /// use fabric_ledger::channel::{Channel, ENDORSEMENT};
    ///
    /// let channel = Channel::new("mychannel", ["Org1MSP".to_owned(), "Org2MSP".to_owned()]);
    /// assert!(channel.policy(ENDORSEMENT).is_some());
    /// assert!(channel.collection("basic", "_implicit_org_Org2MSP").is_none(), "no chaincode yet");
    /// ```
    pub fn new(name: impl Into<String>, organisations: impl IntoIterator<Item = String>) -> Self {
        let organisations: Vec<String> = organisations.into_iter().collect();
        let implicit = organisations
            .iter()
            .map(|msp_id| {
                let peer = SignaturePolicy::any_of(&[Role::Peer], [msp_id.as_str()]);
                let collection = Collection {
                    members: SignaturePolicy::any_of(&[Role::Member], [msp_id.as_str()]),
                    endorsement_policy: Some(peer.into()),
                    block_to_live: 0,
                    member_only_read: false,
                    member_only_write: false,
                };
                (format!("{IMPLICIT}{msp_id}"), collection)
            })
            .collect();
        Self { name: name.into(), organisations, implicit, definitions: BTreeMap::new() }
    }

    /// Channel name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// MSP ids of the organisations.
    pub fn organisations(&self) -> &[String] {
        &self.organisations
    }

    /// Defines a chaincode, or replaces its definition.
    pub fn define(&mut self, chaincode: impl Into<String>, definition: Definition) {
        self.definitions.insert(chaincode.into(), definition);
    }

    /// The definition of a chaincode.
    pub fn definition(&self, chaincode: &str) -> Option<&Definition> {
        self.definitions.get(chaincode)
    }

    /// Names of the defined chaincodes.
    pub fn chaincodes(&self) -> impl Iterator<Item = &str> {
        self.definitions.keys().map(String::as_str)
    }

    /// A collection of a chaincode, explicit or implicit.
    pub fn collection(&self, chaincode: &str, collection: &str) -> Option<&Collection> {
        let definition = self.definition(chaincode)?;
        definition.collections.get(collection).or_else(|| self.implicit.get(collection))
    }

    /// Whether peers of an organisation hold the plaintext of a collection.
    pub fn is_member(&self, chaincode: &str, collection: &str, msp_id: &str) -> bool {
        self.collection(chaincode, collection).is_some_and(|found| found.has_member(msp_id))
    }

    /// `blockToLive` of a collection; 0 for data that stays.
    pub fn block_to_live(&self, chaincode: &str, collection: &str) -> u64 {
        self.collection(chaincode, collection).map_or(0, |found| found.block_to_live)
    }

    /// What a creator may do with a collection; `is_principal` is about the creator.
    pub fn permission(
        &self,
        chaincode: &str,
        collection: &str,
        is_principal: impl Fn(&Principal) -> bool,
    ) -> Option<Permission> {
        let found = self.collection(chaincode, collection)?;
        if !found.member_only_read && !found.member_only_write {
            return Some(Permission::FULL);
        }
        let member = found.members.evaluate(&[()], &|(), principal| is_principal(principal));
        Some(Permission {
            read: member || !found.member_only_read,
            write: member || !found.member_only_write,
        })
    }

    /// A policy of the channel's configuration by its path, as the test network defines them:
    /// `Endorsement`, `LifecycleEndorsement`, `Writers`, `Readers` and `Admins` of the
    /// application, and the same of each organisation.
    pub fn policy(&self, path: &str) -> Option<Policy> {
        let name = path.strip_prefix(APPLICATION)?;
        if let Some((organisation, name)) = name.split_once('/') {
            let known = self.organisations.iter().any(|known| known == organisation);
            return if known { organisation_policy(organisation, name) } else { None };
        }
        let (rule, name) = match name {
            "Endorsement" | "LifecycleEndorsement" => (Rule::Majority, "Endorsement"),
            "Admins" => (Rule::Majority, name),
            _ => (Rule::Any, name),
        };
        let policies = self.organisations.iter().map(|msp_id| organisation_policy(msp_id, name));
        Some(Policy::meta(rule, policies.collect::<Option<_>>()?))
    }

    /// An endorsement policy of a definition; without one the channel's default holds.
    pub fn resolve(&self, policy: Option<&ApplicationPolicy>) -> Result<Policy, DefinitionError> {
        let path = match policy.and_then(|policy| policy.r#type.as_ref()) {
            Some(PolicyType::SignaturePolicy(policy)) => {
                return Ok(SignaturePolicy::from_wire(policy)?.into());
            }
            Some(PolicyType::ChannelConfigPolicyReference(path)) => path.as_str(),
            None => ENDORSEMENT,
        };
        self.policy(path).ok_or_else(|| DefinitionError::NoPolicy(path.to_owned()))
    }
}

impl Collection {
    /// Whether an organisation's peers hold the plaintext.
    pub fn has_member(&self, msp_id: &str) -> bool {
        self.members.principals().iter().any(|principal| principal.msp_id() == Some(msp_id))
    }
}

/// Whether chaincodes of this name are part of the peer.
pub fn is_system_chaincode(name: &str) -> bool {
    SYSTEM_CHAINCODES.contains(&name)
}

/// The policies of an organisation as cryptogen's and the test network's configuration has them.
fn organisation_policy(msp_id: &str, name: &str) -> Option<Policy> {
    let roles: &[Role] = match name {
        "Endorsement" => &[Role::Peer],
        "Readers" => &[Role::Admin, Role::Peer, Role::Client],
        "Writers" => &[Role::Admin, Role::Client],
        "Admins" => &[Role::Admin],
        _ => return None,
    };
    Some(SignaturePolicy::any_of(roles, [msp_id]).into())
}

/// Why a chaincode definition cannot be used on a channel.
#[derive(Debug, thiserror::Error)]
pub enum DefinitionError {
    /// A policy is damaged.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// A reference to a policy that the channel does not have.
    #[error("failed to retrieve policy for reference {0}")]
    NoPolicy(String),
    /// A policy in text cannot be read.
    #[error(transparent)]
    Text(#[from] ParsePolicyError),
    /// A policy names an organisation that is none of the channel's.
    #[error("channel {channel} has no organisation `{msp_id}`")]
    NoOrganisation {
        /// Channel name.
        channel: String,
        /// The organisation's MSP id.
        msp_id: String,
    },
    /// The collections are not the JSON that Fabric's command line takes.
    #[error("invalid JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// A collection cannot be used.
    #[error("`{name}`: {reason}")]
    Collection {
        /// Collection name.
        name: String,
        /// What is wrong with it.
        reason: Box<DefinitionError>,
    },
    /// Two collections of one name.
    #[error("collection `{0}` is defined twice")]
    Twice(String),
    /// An entry of the collections is empty.
    #[error("a collection without configuration")]
    NoCollection,
    /// Collections need a name, and none that Fabric keeps for itself.
    #[error(
        "'{0}' cannot name a collection: use a-z, A-Z, 0-9, `_` and `-`, and another first \
         character than `_`"
    )]
    CollectionName(String),
    /// A collection without members.
    #[error("the collection has no policy that names its members")]
    NoMembers,
    /// A member would have to be several identities at a time.
    #[error("only OR, or one of several, can name the members of a collection")]
    MembersTogether,
    /// A member that is no role, unit or identity.
    #[error("a member of the collection can be nobody")]
    NobodyIsMember,
    /// The counts of other peers contradict each other.
    #[error(
        "requiredPeerCount must be between 0 and maxPeerCount, but they are {required} and \
         {maximum}"
    )]
    PeerCounts {
        /// `requiredPeerCount`.
        required: i32,
        /// `maxPeerCount`.
        maximum: i32,
    },
    /// A collection's endorsement policy is given in two ways.
    #[error("endorsementPolicy takes either signaturePolicy or channelConfigPolicy")]
    TwoPolicies,
}

#[cfg(test)]
mod tests {
    use fabric_protos::protos::collection_config::Payload as CollectionPayload;
    use fabric_protos::protos::collection_policy_config::Payload as MembersPayload;
    use fabric_protos::protos::{CollectionConfig, CollectionPolicyConfig, StaticCollectionConfig};

    use super::*;
    use crate::policy::parse;

    pub(in crate::channel) fn channel() -> Channel {
        let mut channel = Channel::new("ch", ["A", "B", "C"].map(str::to_owned));
        let collection = |members: &str, endorsement: Option<&str>| Collection {
            members: parse(members).unwrap(),
            endorsement_policy: endorsement.map(|text| parse(text).unwrap().into()),
            block_to_live: 0,
            member_only_read: true,
            member_only_write: false,
        };
        let members = "OR('A.member', 'B.member')";
        let collections = [
            ("ab".to_owned(), collection(members, None)),
            ("own".to_owned(), collection(members, Some("AND('B.peer', 'C.peer')"))),
        ];
        let policy = channel.resolve(None).unwrap();
        let version = "1".to_owned();
        channel.define("cc", Definition { version, policy, collections: collections.into() });
        channel
    }

    #[test]
    fn named_policies_are_those_of_the_test_network() {
        let check = |path: &str, identities: &str, expected: Option<bool>| {
            let identities: Vec<(&str, Role)> = identities
                .split_whitespace()
                .map(|text| {
                    let (org, role) = text.split_once('.').unwrap();
                    (org, Role::from_str_name(&role.to_uppercase()).unwrap())
                })
                .collect();
            let is = |(org, has): &(&str, Role), principal: &Principal| matches!(principal, Principal::Role { msp_id, role } if msp_id == org && role == has);
            let found = channel().policy(path).map(|policy| policy.evaluate(&identities, &is));
            assert_eq!(found, expected, "{path} {identities:?}");
        };
        check(ENDORSEMENT, "A.peer B.peer", Some(true));
        check(ENDORSEMENT, "A.peer", Some(false));
        check(ENDORSEMENT, "A.admin B.admin", Some(false));
        check("/Channel/Application/LifecycleEndorsement", "B.peer C.peer", Some(true));
        check(WRITERS, "C.client", Some(true));
        check(WRITERS, "C.admin", Some(true));
        check(WRITERS, "C.peer", Some(false));
        check(READERS, "C.peer", Some(true));
        check(READERS, "C.orderer", Some(false));
        check("/Channel/Application/Admins", "A.admin", Some(false));
        check("/Channel/Application/Admins", "A.admin C.admin", Some(true));
        check("/Channel/Application/B/Endorsement", "B.peer", Some(true));
        check("/Channel/Application/B/Endorsement", "A.peer", Some(false));
        check("/Channel/Application/D/Endorsement", "", None);
        check("/Channel/Application/B/Nothing", "", None);
        check("/Channel/Application/Nothing", "", None);
        check("/Channel/Orderer/Writers", "", None);
    }

    #[test]
    fn collections_are_found_with_the_implicit_ones() {
        let channel = channel();
        assert!(channel.is_member("cc", "ab", "A") && !channel.is_member("cc", "ab", "C"));
        assert!(channel.is_member("cc", "_implicit_org_C", "C"));
        assert!(!channel.is_member("cc", "_implicit_org_C", "A"));
        assert!(channel.collection("cc", "_implicit_org_D").is_none());
        assert!(channel.collection("cc", "nowhere").is_none());
        assert!(channel.collection("other", "ab").is_none());
        assert!(!channel.is_member("cc", "nowhere", "A"));
    }

    #[test]
    fn member_only_flags_ask_for_membership() {
        let permission = |collection, msp: &str| {
            channel().permission("cc", collection, |principal| principal.msp_id() == Some(msp))
        };
        assert_eq!(permission("ab", "A"), Some(Permission::FULL));
        assert_eq!(permission("ab", "C"), Some(Permission { read: false, write: true }));
        assert_eq!(permission("_implicit_org_A", "C"), Some(Permission::FULL));
        assert_eq!(permission("nowhere", "A"), None);
    }

    #[test]
    fn definitions_are_resolved_or_refused() {
        let channel = channel();
        let envelope = |text| SignaturePolicy::parse_envelope(text).unwrap();
        let reference = |path: &str| ApplicationPolicy {
            r#type: Some(PolicyType::ChannelConfigPolicyReference(path.to_owned())),
        };
        let text = "OR('A.peer')";
        let signature =
            ApplicationPolicy { r#type: Some(PolicyType::SignaturePolicy(envelope(text))) };
        assert_eq!(channel.resolve(Some(&signature)).unwrap(), parse(text).unwrap().into());
        assert_eq!(
            channel.resolve(Some(&reference(WRITERS))).unwrap(),
            channel.policy(WRITERS).unwrap()
        );
        let err = channel.resolve(Some(&reference("/nowhere"))).unwrap_err();
        assert_eq!(err.to_string(), "failed to retrieve policy for reference /nowhere");

        let members = CollectionPolicyConfig {
            payload: Some(MembersPayload::SignaturePolicy(envelope("OR('A.member')"))),
        };
        let config = |name: &str, members, endorsement_policy| CollectionConfig {
            payload: Some(CollectionPayload::StaticCollectionConfig(StaticCollectionConfig {
                name: name.to_owned(),
                member_orgs_policy: members,
                endorsement_policy,
                block_to_live: 3,
                ..Default::default()
            })),
        };
        let (name, collection) = channel
            .resolve_collection(&config("c", Some(members.clone()), Some(signature)))
            .unwrap();
        assert_eq!((name.as_str(), collection.block_to_live), ("c", 3));
        assert!(collection.has_member("A") && collection.endorsement_policy.is_some());

        let refused = |config: &CollectionConfig, text: &str| {
            assert_eq!(channel.resolve_collection(config).unwrap_err().to_string(), text);
        };
        refused(&CollectionConfig { payload: None }, "a collection without configuration");
        refused(
            &config("c", None, None),
            "`c`: the collection has no policy that names its members",
        );
        let mut nobody = envelope("OR('A.member')");
        nobody.identities[0].principal_classification = 9;
        let nobody =
            CollectionPolicyConfig { payload: Some(MembersPayload::SignaturePolicy(nobody)) };
        refused(&config("c", Some(nobody), None), "`c`: a member of the collection can be nobody");
        refused(
            &config("c", Some(members), Some(reference("/nowhere"))),
            "`c`: failed to retrieve policy for reference /nowhere",
        );
    }
}
