//! `collections.json` and `endorsement-policy.txt`: what the channel is asked to approve together
//! with the contract.
//!
//! The peer enforces them; the contract only refuses to start with documents that would leave
//! health data less protected than its own rules assume.

use super::PolicyError;
use crate::state::HEALTH;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeSet;

pub(super) const FILE: &str = "collections.json";
pub(super) const ENDORSEMENT_FILE: &str = "endorsement-policy.txt";

/// Custodians whose endorsements must agree.
const ENDORSEMENTS_MIN: usize = 2;

/// One private data collection, in the format of the peer command's `--collections-config`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Collection {
    /// `health`.
    name: String,
    /// The organisations whose peers keep the data: every custodian, nobody else.
    policy: String,
    /// Peers that must have the data before an endorsement is given; at least 1.
    required_peer_count: u32,
    /// Peers that the data is sent to at endorsement.
    max_peer_count: u32,
    /// 0: health data stays until it is erased.
    block_to_live: u64,
    /// False: providers and devices are not members and act through the contract, which checks
    /// every caller.
    member_only_read: bool,
    /// False, for the same reason.
    member_only_write: bool,
    /// Who must endorse a change of the collection.
    endorsement_policy: CollectionEndorsement,
}

/// The collection's own endorsement policy.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CollectionEndorsement {
    /// The same as the chaincode's.
    signature_policy: String,
}

/// The private data collections.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct CollectionsDocument(Vec<Collection>);

pub(super) fn check<'a>(
    document: &CollectionsDocument,
    chaincode_policy: &str,
    custodians: impl Iterator<Item = &'a str>,
) -> Result<(), PolicyError> {
    let custodians: BTreeSet<&str> = custodians.collect();
    let fail = |reason: String| Err(PolicyError::new(FILE, reason));
    let [collection] = document.0.as_slice() else {
        return fail(format!("give exactly one collection, `{HEALTH}`"));
    };
    if collection.name != HEALTH {
        return fail(format!("the collection is named `{HEALTH}`"));
    }
    if collection.member_only_read || collection.member_only_write {
        let reason = "`memberOnlyRead` and `memberOnlyWrite` are false: patients, devices and \
                      providers are no members, and the contract checks every caller";
        return fail(format!("{HEALTH}: {reason}"));
    }
    if collection.block_to_live != 0 {
        return fail(format!("{HEALTH}: `blockToLive` is 0, or records vanish unasked"));
    }
    if collection.required_peer_count == 0
        || collection.max_peer_count < collection.required_peer_count
    {
        let reason = "`requiredPeerCount` is at least 1 and not above `maxPeerCount`, or data can \
                      be lost with one peer";
        return fail(format!("{HEALTH}: {reason}"));
    }
    match principals(&collection.policy, "OR(", "member") {
        Some(members) if members == custodians => {}
        _ => {
            let reason = "`policy` is OR('<MSP>.member', ...) over the custodians of \
                          organizations.json, all of them and nobody else";
            return fail(format!("{HEALTH}: {reason}"));
        }
    }
    check_endorsement(chaincode_policy, &custodians)?;
    if collection.endorsement_policy.signature_policy.trim() != chaincode_policy.trim() {
        let reason = format!("{HEALTH}: `signaturePolicy` is what {ENDORSEMENT_FILE} says");
        return fail(reason);
    }
    Ok(())
}

fn check_endorsement(policy: &str, custodians: &BTreeSet<&str>) -> Result<(), PolicyError> {
    let policy = policy.trim();
    let needed = policy
        .strip_prefix("OutOf(")
        .and_then(|rest| rest.split_once(','))
        .and_then(|(count, _)| count.trim().parse::<usize>().ok());
    let peers = needed.and_then(|count| principals(policy, &format!("OutOf({count},"), "peer"));
    let enough = needed.is_some_and(|count| count >= ENDORSEMENTS_MIN);
    match peers {
        Some(peers) if enough && &peers == custodians => Ok(()),
        _ => {
            let reason = format!(
                "the policy is OutOf(n, '<MSP>.peer', ...) over the custodians of \
                 organizations.json, each of them once and nobody else, with n at least {ENDORSEMENTS_MIN}"
            );
            Err(PolicyError::new(ENDORSEMENT_FILE, reason))
        }
    }
}

/// The MSPs of a flat policy `{open}'A.{role}', 'B.{role}')`; `None` for any other shape, also when
/// one is named twice: two peers of that organisation would count as two organisations.
fn principals<'a>(policy: &'a str, open: &str, role: &str) -> Option<BTreeSet<&'a str>> {
    let list = policy.trim().strip_prefix(open)?.strip_suffix(')')?;
    let mut principals = BTreeSet::new();
    for principal in list.split(',') {
        let principal = principal.trim().strip_prefix('\'')?.strip_suffix('\'')?;
        if !principals.insert(principal.strip_suffix(role)?.strip_suffix('.')?) {
            return None;
        }
    }
    Some(principals)
}
