use fabric_protos::protos::ChaincodeInterest;

use super::Channel;
use crate::policy::{PlanError, Policy, Principal, Role, SignaturePolicy, plan as plan_policies};

impl Channel {
    /// Which organisations should endorse a transaction that touched what `interest` says, one
    /// peer each: sets of them by size, then in the order given. The first one is to be preferred.
    pub fn plan<'o, O: AsRef<str>>(
        &self,
        interest: &ChaincodeInterest,
        organisations: &'o [O],
    ) -> Result<Vec<Vec<&'o O>>, PlanRefusal> {
        let mut policies = Vec::new();
        let mut eligible: Vec<&'o O> = organisations.iter().collect();
        for call in &interest.chaincodes {
            let definition = self.definition(&call.name).ok_or_else(|| {
                let (chaincode, channel) = (call.name.clone(), self.name.clone());
                PlanRefusal::NoMetadata { chaincode, channel }
            })?;
            for policy in &call.key_policies {
                let policy = SignaturePolicy::from_wire(policy);
                policies.push(policy.map_err(|_| PlanRefusal::UnsatisfiableKey)?.into());
            }
            if call.collection_names.is_empty() && !call.disregard_namespace_policy {
                policies.push(definition.policy.clone());
            }
            for name in &call.collection_names {
                let collection =
                    self.collection(&call.name, name).ok_or(PlanRefusal::Unsatisfiable)?;
                let policy = collection.endorsement_policy.as_ref().unwrap_or(&definition.policy);
                policies.push(policy.clone());
                if !call.no_private_reads {
                    eligible.retain(|msp_id| collection.has_member(msp_id.as_ref()));
                }
            }
        }
        let policies: Vec<&Policy> = policies.iter().collect();
        let sets: Vec<Vec<&'o O>> = plan_policies(&policies, &eligible, &|msp_id, principal| {
            is_peer(msp_id.as_ref(), principal)
        })?
        .into_iter()
        .map(|set| set.into_iter().copied().collect())
        .collect();
        if sets.is_empty() { Err(PlanRefusal::Unsatisfiable) } else { Ok(sets) }
    }
}

fn is_peer(msp_id: &str, principal: &Principal) -> bool {
    matches!(
        principal,
        Principal::Role { msp_id: wanted, role: Role::Peer | Role::Member } if wanted == msp_id
    )
}

/// Why no organisations can be planned for.
#[derive(Debug, thiserror::Error)]
pub enum PlanRefusal {
    /// The channel does not have the chaincode.
    #[error("No metadata was found for chaincode {chaincode} in channel {channel}")]
    NoMetadata {
        /// Chaincode name.
        chaincode: String,
        /// Channel name.
        channel: String,
    },
    /// Whoever endorses, the policies would not hold.
    #[error("no peer combination can satisfy the endorsement policy")]
    Unsatisfiable,
    /// A written key has a policy without a rule, as its removal leaves it.
    #[error("state based endorsement policy cannot be satisfied")]
    UnsatisfiableKey,
    /// Too many organisations to try all combinations.
    #[error(transparent)]
    TooMany(#[from] PlanError),
}

#[cfg(test)]
mod tests {
    use fabric_protos::protos::ChaincodeCall;

    use super::*;
    use crate::channel::tests::channel;

    /// Calls as `cc`, `cc/collection` (plaintext not read) or `cc/collection!` (read).
    fn plan(calls: &str, organisations: &str) -> String {
        let chaincodes = calls
            .split_whitespace()
            .map(|call| {
                let (name, collection) = call.split_once('/').unwrap_or((call, ""));
                let plain = collection.strip_suffix('!');
                ChaincodeCall {
                    name: name.to_owned(),
                    collection_names: [plain.unwrap_or(collection)]
                        .iter()
                        .filter(|name| !name.is_empty())
                        .map(|name| (*name).to_owned())
                        .collect(),
                    no_private_reads: plain.is_none(),
                    ..Default::default()
                }
            })
            .collect();
        let organisations: Vec<String> =
            organisations.split_whitespace().map(str::to_owned).collect();
        match channel().plan(&ChaincodeInterest { chaincodes }, &organisations) {
            Ok(sets) => sets
                .iter()
                .map(|set| set.iter().map(|org| org.as_str()).collect())
                .collect::<Vec<String>>()
                .join(" "),
            Err(refusal) => refusal.to_string(),
        }
    }

    #[test]
    fn plans_satisfy_every_policy_and_keep_private_reads_among_members() {
        let impossible = "no peer combination can satisfy the endorsement policy";
        let check = |calls, organisations, expected: &str| {
            assert_eq!(plan(calls, organisations), expected, "{calls}");
        };
        check("cc", "B A C", "BA BC AC");
        check("cc", "A", impossible);
        check("cc/ab", "A B C", "AB AC BC");
        check("cc/ab!", "A B C", "AB");
        check("cc/own", "A B C", "BC");
        check("cc/own!", "A B C", impossible);
        check("cc/own cc", "A B C", "BC");
        check("cc/_implicit_org_C cc", "A B C", "AC BC");
        check("cc/nowhere", "A B C", impossible);
        check("other", "A B C", "No metadata was found for chaincode other in channel ch");
    }

    #[test]
    fn key_policies_are_added_or_stand_alone() {
        let mut call = ChaincodeCall { name: "cc".to_owned(), ..Default::default() };
        call.key_policies = vec![SignaturePolicy::parse_envelope("OR('C.peer')").unwrap()];
        let organisations = ["A", "B", "C"].map(str::to_owned);
        let mut plan = |disregard| {
            call.disregard_namespace_policy = disregard;
            let interest = ChaincodeInterest { chaincodes: vec![call.clone()] };
            let sets = channel().plan(&interest, &organisations).unwrap();
            sets.iter()
                .map(|set| set.iter().map(|org| org.as_str()).collect())
                .collect::<Vec<String>>()
        };
        assert_eq!(plan(false), ["AC", "BC"]);
        assert_eq!(plan(true), ["C"]);
    }

    #[test]
    fn nobody_can_be_planned_for_where_a_key_policy_is_empty() {
        let call = ChaincodeCall {
            name: "cc".to_owned(),
            key_policies: vec![Default::default()],
            ..Default::default()
        };
        let interest = ChaincodeInterest { chaincodes: vec![call] };
        let refusal = channel().plan(&interest, &["A", "B", "C"].map(str::to_owned)).unwrap_err();
        assert_eq!(refusal.to_string(), "state based endorsement policy cannot be satisfied");
    }
}
