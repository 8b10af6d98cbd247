//! Endorsement policies: who has to sign.

mod parse;
mod plan;

use bytes::Bytes;
use fabric_protos::common::implicit_meta_policy::Rule;
use fabric_protos::common::msp_principal::Classification;
use fabric_protos::common::msp_role::MspRoleType;
use fabric_protos::common::signature_policy::{NOutOf, Type};
use fabric_protos::common::{
    MspPrincipal, MspRole, OrganizationUnit, SignaturePolicy as Rules, SignaturePolicyEnvelope,
};
use prost::Message as _;

pub use self::parse::{ParsePolicyError, parse};
pub use self::plan::{PLAN_ORGANISATIONS_MAX, PlanError, plan};

/// A policy that a set of identities satisfies or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Policy {
    /// A tree of "n out of" over signers.
    Signature(SignaturePolicy),
    /// So many of these policies, each judged by itself over all identities.
    Meta {
        /// How many have to be satisfied.
        threshold: usize,
        /// One policy an organisation, as a rule.
        policies: Vec<Policy>,
    },
}

impl Policy {
    /// `ANY`, `ALL` or `MAJORITY` of some policies; of none, anything is a majority.
    pub fn meta(rule: Rule, policies: Vec<Policy>) -> Self {
        let threshold = match rule {
            _ if policies.is_empty() => 0,
            Rule::Any => 1,
            Rule::All => policies.len(),
            Rule::Majority => policies.len() / 2 + 1,
        };
        Self::Meta { threshold, policies }
    }

    /// The channel's default for endorsements, `/Channel/Application/Endorsement` as it is usually
    /// set: one peer each of more than half of the organisations.
    pub fn majority_of_peers<'a>(msp_ids: impl IntoIterator<Item = &'a str>) -> Self {
        let policies = msp_ids
            .into_iter()
            .map(|msp_id| Self::Signature(SignaturePolicy::any_of(&[MspRoleType::Peer], [msp_id])))
            .collect();
        Self::meta(Rule::Majority, policies)
    }

    /// Whether these identities satisfy the policy. They must be verified and distinct: an
    /// identity signs once, however many signatures it gave.
    ///
    /// Within one signature policy each identity counts for one signer only, and gates are filled
    /// in the order of their rules and of the identities, without going back: that is Fabric's
    /// evaluation, which can refuse a set that another order would accept.
    pub fn evaluate<I>(
        &self,
        identities: &[I],
        satisfies: &impl Fn(&I, &Principal) -> bool,
    ) -> bool {
        match self {
            Self::Signature(policy) => policy.evaluate(identities, satisfies),
            Self::Meta { threshold, policies } => {
                let mut left = *threshold;
                for policy in policies {
                    if left == 0 {
                        break;
                    }
                    left -= usize::from(policy.evaluate(identities, satisfies));
                }
                left == 0
            }
        }
    }

    /// The principals the policy names, in order, with repetitions.
    pub fn principals(&self) -> Vec<&Principal> {
        match self {
            Self::Signature(policy) => policy.principals.iter().collect(),
            Self::Meta { policies, .. } => policies.iter().flat_map(Self::principals).collect(),
        }
    }
}

impl From<SignaturePolicy> for Policy {
    fn from(policy: SignaturePolicy) -> Self {
        Self::Signature(policy)
    }
}

/// A checked `SignaturePolicyEnvelope`.
///
/// ```
/// use fabric_ledger::policy::{Principal, Role, parse};
///
/// let policy = parse("OutOf(2, 'Org1MSP.peer', 'Org2MSP.peer', 'Org3MSP.peer')")?;
/// let peer_of = |msp: &&str, principal: &Principal| {
///     matches!(principal, Principal::Role { msp_id, role: Role::Peer } if msp_id == msp)
/// };
/// assert!(policy.evaluate(&["Org1MSP", "Org3MSP"], &peer_of));
/// assert!(!policy.evaluate(&["Org1MSP", "Org4MSP"], &peer_of));
/// # Ok::<(), fabric_ledger::policy::ParsePolicyError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignaturePolicy {
    root: Node,
    principals: Vec<Principal>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Node {
    SignedBy(usize),
    OutOf(i32, Vec<Node>),
}

/// Who can satisfy a leaf of a policy.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Principal {
    /// An organisation's identities in a role.
    Role {
        /// MSP id of the organisation.
        msp_id: String,
        /// The role.
        role: Role,
    },
    /// An organisation's identities whose certificates carry a unit.
    OrganizationUnit {
        /// MSP id of the organisation.
        msp_id: String,
        /// Name of the unit.
        unit: String,
        /// Digest of the chain of certificates that issues the unit; empty for any.
        certifiers: Bytes,
    },
    /// One identity, as a marshalled `SerializedIdentity`.
    Identity(Bytes),
    /// A principal of another kind, or a damaged one: nobody satisfies it.
    Nobody,
}

/// A role in an organisation.
pub type Role = MspRoleType;

impl Principal {
    /// Reads a principal of the wire form.
    pub fn from_wire(principal: &MspPrincipal) -> Self {
        let bytes = principal.principal.clone();
        let kind = Classification::try_from(principal.principal_classification);
        let Ok(kind) = kind else { return Self::Nobody };
        match kind {
            Classification::Role => {
                let Ok(role) = MspRole::decode(bytes) else { return Self::Nobody };
                let Ok(kind) = MspRoleType::try_from(role.role) else { return Self::Nobody };
                Self::Role { msp_id: role.msp_identifier, role: kind }
            }
            Classification::OrganizationUnit => match OrganizationUnit::decode(bytes) {
                Ok(unit) => Self::OrganizationUnit {
                    msp_id: unit.msp_identifier,
                    unit: unit.organizational_unit_identifier,
                    certifiers: unit.certifiers_identifier,
                },
                Err(_) => Self::Nobody,
            },
            Classification::Identity => Self::Identity(bytes),
            Classification::Anonymity | Classification::Combined => Self::Nobody,
        }
    }

    /// The organisation the principal names, when it names one.
    pub fn msp_id(&self) -> Option<&str> {
        match self {
            Self::Role { msp_id, .. } | Self::OrganizationUnit { msp_id, .. } => Some(msp_id),
            Self::Identity(_) | Self::Nobody => None,
        }
    }
}

impl SignaturePolicy {
    /// Checks and compiles a policy of the wire form.
    pub fn from_wire(envelope: &SignaturePolicyEnvelope) -> Result<Self, PolicyError> {
        if envelope.version != 0 {
            return Err(PolicyError::Version(envelope.version));
        }
        let rule = envelope.rule.as_ref().ok_or(PolicyError::EmptyRule)?;
        let root = Node::from_wire(rule, envelope.identities.len())?;
        let principals = envelope.identities.iter().map(Principal::from_wire).collect();
        Ok(Self { root, principals })
    }

    /// Reads a marshalled `SignaturePolicyEnvelope`, as metadata of keys holds it.
    pub fn from_bytes(bytes: Bytes) -> Result<Self, PolicyError> {
        Self::from_wire(&SignaturePolicyEnvelope::decode(bytes)?)
    }

    /// One signature of any of these organisations in any of these roles.
    pub fn any_of<'a>(roles: &[Role], msp_ids: impl IntoIterator<Item = &'a str>) -> Self {
        let of = |msp_id: &str| {
            let msp_id = msp_id.to_owned();
            roles.iter().map(move |role| Principal::Role { msp_id: msp_id.clone(), role: *role })
        };
        let principals: Vec<_> = msp_ids.into_iter().flat_map(of).collect();
        let leaves = (0..principals.len()).map(Node::SignedBy).collect();
        Self { root: Node::OutOf(1, leaves), principals }
    }

    /// Whether any one of the principals is enough, and somebody is needed at all.
    pub fn is_any_of(&self) -> bool {
        self.root.is_any_of()
    }

    /// The principals the policy names, in order, with repetitions.
    pub fn principals(&self) -> &[Principal] {
        &self.principals
    }

    /// As [`Policy::evaluate`].
    pub fn evaluate<I>(
        &self,
        identities: &[I],
        satisfies: &impl Fn(&I, &Principal) -> bool,
    ) -> bool {
        let satisfies = |identity: usize, principal: usize| match (
            identities.get(identity),
            self.principals.get(principal),
        ) {
            (Some(identity), Some(principal)) => satisfies(identity, principal),
            _ => false,
        };
        self.root.evaluate(&mut vec![false; identities.len()], &satisfies)
    }
}

impl Node {
    fn from_wire(rule: &Rules, principals: usize) -> Result<Self, PolicyError> {
        match rule.r#type.as_ref().ok_or(PolicyError::EmptyRule)? {
            Type::SignedBy(index) => {
                let known = usize::try_from(*index).ok().filter(|index| *index < principals);
                let index = known.ok_or(PolicyError::NoIdentity { index: *index, principals })?;
                Ok(Self::SignedBy(index))
            }
            Type::NOutOf(NOutOf { n, rules }) => {
                let rules = rules.iter().map(|rule| Self::from_wire(rule, principals));
                Ok(Self::OutOf(*n, rules.collect::<Result<_, _>>()?))
            }
        }
    }

    fn is_any_of(&self) -> bool {
        match self {
            Self::SignedBy(_) => true,
            Self::OutOf(n, rules) => *n == 1 && rules.iter().all(Self::is_any_of),
        }
    }

    /// `used` marks the identities that count already; what a failed rule used stays free.
    fn evaluate(&self, used: &mut [bool], satisfies: &impl Fn(usize, usize) -> bool) -> bool {
        match self {
            Self::SignedBy(principal) => {
                let free = used
                    .iter_mut()
                    .enumerate()
                    .find(|(identity, used)| !**used && satisfies(*identity, *principal));
                match free {
                    Some((_, used)) => {
                        *used = true;
                        true
                    }
                    None => false,
                }
            }
            Self::OutOf(n, rules) => {
                let mut verified = 0;
                for rule in rules {
                    let mut tried = used.to_vec();
                    if rule.evaluate(&mut tried, satisfies) {
                        verified += 1;
                        used.copy_from_slice(&tried);
                    }
                }
                verified >= *n
            }
        }
    }
}

/// Why a policy cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// Not a marshalled policy.
    #[error("error unmarshalling signature policy: {0}")]
    Malformed(#[from] prost::DecodeError),
    /// Only version 0 exists.
    #[error("signature policies have version 0, but this one has version {0}")]
    Version(i32),
    /// A rule that is neither a signer nor a gate.
    #[error("empty policy element")]
    EmptyRule,
    /// A leaf points past the identities.
    #[error(
        "identity index out of range, requested {index}, but there are {principals} identities"
    )]
    NoIdentity {
        /// The index asked for.
        index: i32,
        /// How many there are.
        principals: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `Org1MSP.peer` as an identity.
    fn is(identity: &&str, principal: &Principal) -> bool {
        let Some((org, role)) = identity.split_once('.') else { return false };
        let Principal::Role { msp_id, role: wanted } = principal else { return false };
        msp_id == org
            && (*wanted == Role::Member || wanted.as_str_name().eq_ignore_ascii_case(role))
    }

    fn check(policy: &str, identities: &[&str], expected: bool) {
        let policy =
            SignaturePolicy::from_wire(&super::parse::parse_wire(policy).unwrap()).unwrap();
        assert_eq!(policy.evaluate(identities, &is), expected, "{policy:?} {identities:?}");
    }

    #[test]
    fn gates_count_and_roles_match() {
        check("AND('A.peer', 'B.peer')", &["A.peer", "B.peer"], true);
        check("AND('A.peer', 'B.peer')", &["B.peer", "A.peer"], true);
        check("AND('A.peer', 'B.peer')", &["A.peer"], false);
        check("AND('A.peer', 'B.peer')", &["A.peer", "B.client"], false);
        check("OR('A.peer', 'B.peer')", &["B.peer"], true);
        check("OR('A.peer', 'B.peer')", &[], false);
        check("OR('A.member')", &["A.client"], true);
        check("OR('A.admin')", &["A.client"], false);
        check("OutOf(2, 'A.peer', 'B.peer', 'C.peer')", &["C.peer", "A.peer"], true);
        check("OutOf(2, 'A.peer', 'B.peer', 'C.peer')", &["C.peer"], false);
        check("OutOf(0, 'A.peer')", &[], true);
        check("AND('A.peer', OR('B.peer', 'C.peer'))", &["C.peer", "A.peer"], true);
        check("AND('A.peer', OR('B.peer', 'C.peer'))", &["C.peer", "B.peer"], false);
    }

    #[test]
    fn an_identity_signs_once() {
        check("AND('A.peer', 'A.peer')", &["A.peer"], false);
        check("AND('A.peer', 'A.peer')", &["A.peer", "A.peer"], true);
        check("AND('A.member', 'A.peer')", &["A.client", "A.peer"], true);
    }

    #[test]
    fn gates_are_filled_in_order_without_going_back() {
        // The member leaf takes the peer; nobody is left for the peer leaf.
        check("AND('A.member', 'A.peer')", &["A.peer", "A.client"], false);
        // A gate goes on after it has enough and takes identities that a later one needs.
        check("AND(OR('A.peer', 'B.peer'), 'B.peer')", &["A.peer", "B.peer"], false);
        // What a failed gate tried stays free.
        check("OutOf(1, AND('A.peer', 'B.peer'), 'A.peer')", &["A.peer"], true);
    }

    #[test]
    fn meta_policies_judge_each_part_by_itself() {
        let orgs = ["A", "B", "C"];
        let check = |policy: &Policy, identities: &[&str], expected| {
            assert_eq!(policy.evaluate(identities, &is), expected, "{policy:?} {identities:?}");
        };
        let majority = Policy::majority_of_peers(orgs);
        check(&majority, &["A.peer"], false);
        check(&majority, &["A.peer", "A.peer"], false);
        check(&majority, &["A.peer", "C.peer"], true);
        check(&Policy::majority_of_peers(["A", "B"]), &["A.peer"], false);
        check(&Policy::majority_of_peers(["A"]), &["A.peer"], true);

        let parts =
            || orgs.map(|org| SignaturePolicy::any_of(&[Role::Peer], [org]).into()).to_vec();
        check(&Policy::meta(Rule::Any, parts()), &["B.peer"], true);
        check(&Policy::meta(Rule::Any, parts()), &["D.peer"], false);
        check(&Policy::meta(Rule::All, parts()), &["A.peer", "B.peer"], false);
        check(&Policy::meta(Rule::All, parts()), &["C.peer", "A.peer", "B.peer"], true);
        check(&Policy::meta(Rule::Majority, Vec::new()), &[], true);
    }

    #[test]
    fn damaged_policies_are_refused() {
        let leaf = |index| Rules { r#type: Some(Type::SignedBy(index)) };
        let gate = |rules| Rules { r#type: Some(Type::NOutOf(NOutOf { n: 1, rules })) };
        let check = |version, rule, text: &str| {
            let identities = vec![MspPrincipal::default()];
            let envelope = SignaturePolicyEnvelope { version, rule, identities };
            assert_eq!(SignaturePolicy::from_wire(&envelope).unwrap_err().to_string(), text);
        };
        check(1, Some(leaf(0)), "signature policies have version 0, but this one has version 1");
        check(0, None, "empty policy element");
        check(0, Some(gate(vec![Rules { r#type: None }])), "empty policy element");
        let range = "identity index out of range, requested";
        check(0, Some(leaf(1)), &format!("{range} 1, but there are 1 identities"));
        check(
            0,
            Some(gate(vec![leaf(0), leaf(-1)])),
            &format!("{range} -1, but there are 1 identities"),
        );
        assert!(SignaturePolicy::from_bytes(Bytes::from_static(b"\x0a")).is_err());
    }

    #[test]
    fn principals_are_read_or_satisfied_by_nobody() {
        let check = |kind: Classification, principal: Vec<u8>, expected| {
            let wire =
                MspPrincipal { principal_classification: kind.into(), principal: principal.into() };
            assert_eq!(Principal::from_wire(&wire), expected);
        };
        let role = MspRole { msp_identifier: "A".to_owned(), role: Role::Client.into() };
        let expected = Principal::Role { msp_id: "A".to_owned(), role: Role::Client };
        check(Classification::Role, role.encode_to_vec(), expected);
        let unknown = MspRole { msp_identifier: "A".to_owned(), role: 99 };
        check(Classification::Role, unknown.encode_to_vec(), Principal::Nobody);
        check(Classification::Role, vec![0x0a], Principal::Nobody);
        let unit = OrganizationUnit {
            msp_identifier: "A".to_owned(),
            organizational_unit_identifier: "ward".to_owned(),
            certifiers_identifier: Bytes::new(),
        };
        let expected = Principal::OrganizationUnit {
            msp_id: "A".to_owned(),
            unit: "ward".to_owned(),
            certifiers: Bytes::new(),
        };
        check(Classification::OrganizationUnit, unit.encode_to_vec(), expected);
        check(Classification::OrganizationUnit, vec![0x0a], Principal::Nobody);
        check(Classification::Identity, vec![1], Principal::Identity(Bytes::from_static(&[1])));
        check(Classification::Combined, vec![], Principal::Nobody);
        let role = role.encode_to_vec().into();
        let unknown = MspPrincipal { principal_classification: 9, principal: role };
        assert_eq!(Principal::from_wire(&unknown), Principal::Nobody);
        check(Classification::Anonymity, vec![], Principal::Nobody);
    }
}
