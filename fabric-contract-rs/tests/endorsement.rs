//! Key-level endorsement policies against Fabric's policy language.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use fabric_contract_rs::EndorsingRole::{Member, Peer};
use fabric_contract_rs::{
    EndorsementPolicy, EndorsementPolicyError, Space, StateKey, Write, Writes,
};
use fabric_ledger::policy::{SignaturePolicy, parse};

fn key(text: &str) -> StateKey {
    StateKey::simple(text).unwrap()
}

#[test]
fn policies_say_what_they_are_named() {
    let check = |policy: Result<EndorsementPolicy, EndorsementPolicyError>, text: &str| {
        let read = SignaturePolicy::from_bytes(policy.unwrap().as_bytes().clone()).unwrap();
        assert_eq!(read, parse(text).unwrap(), "{text}");
    };
    check(EndorsementPolicy::all_of(Peer, ["Org1MSP"]), "AND('Org1MSP.peer')");
    check(
        EndorsementPolicy::all_of(Peer, ["Org1MSP", "Org2MSP"]),
        "AND('Org1MSP.peer', 'Org2MSP.peer')",
    );
    check(
        EndorsementPolicy::all_of(Member, ["Org1MSP", "Org2MSP"]),
        "AND('Org1MSP.member', 'Org2MSP.member')",
    );
    check(
        EndorsementPolicy::out_of(2, Peer, ["A", "B", "C"]),
        "OutOf(2, 'A.peer', 'B.peer', 'C.peer')",
    );
    // Beyond what one byte of length and number holds.
    let names: Vec<String> = (10..74).map(|number| format!("{number}MSP")).collect();
    let leaves: Vec<String> = names.iter().map(|name| format!("'{name}.peer'")).collect();
    check(
        EndorsementPolicy::out_of(40, Peer, names.iter().map(String::as_str)),
        &format!("OutOf(40, {})", leaves.join(", ")),
    );
    let long = "M".repeat(300);
    check(EndorsementPolicy::all_of(Peer, [&*long]), &format!("AND('{long}.peer')"));
}

#[test]
fn the_bytes_do_not_move() {
    let policy = EndorsementPolicy::all_of(Peer, ["B", "A", "B"]).unwrap();
    let expected = "120c120a08021202080012020801\
                    1a0712050a01411003\
                    1a0712050a01421003";
    assert_eq!(hex::encode(policy.as_bytes()), expected);
    assert_eq!(policy, EndorsementPolicy::all_of(Peer, ["A", "B"]).unwrap());
    assert_eq!(policy, EndorsementPolicy::from_ledger(policy.as_bytes().clone()));
}

#[test]
fn policies_nobody_or_everybody_fulfils_are_refused() {
    let refused = |outcome: Result<EndorsementPolicy, _>, error| assert_eq!(outcome, Err(error));
    refused(EndorsementPolicy::all_of(Peer, []), EndorsementPolicyError::Organisations);
    let many: Vec<String> = (0..65).map(|number| number.to_string()).collect();
    let many = many.iter().map(String::as_str);
    refused(EndorsementPolicy::all_of(Peer, many), EndorsementPolicyError::Organisations);
    refused(EndorsementPolicy::out_of(0, Peer, ["A"]), EndorsementPolicyError::Needed);
    refused(EndorsementPolicy::out_of(2, Peer, ["A", "A"]), EndorsementPolicyError::Needed);
}

#[test]
fn a_policy_follows_its_value_and_never_a_removal() {
    let policy = EndorsementPolicy::all_of(Peer, ["A"]).unwrap();
    let bytes = policy.as_bytes().clone();
    let secrets = Space::Private("secrets");
    let mut writes = Writes::new();
    writes.set_endorsement_policy(Space::Public, key("a"), &policy);
    writes.put(Space::Public, key("a"), "v".into()).unwrap();
    writes.set_endorsement_policy(Space::Public, key("b"), &policy);
    writes.delete(Space::Public, key("b"));
    writes.purge("secrets", key("c"));
    writes.set_endorsement_policy(secrets, key("c"), &policy);
    writes.set_endorsement_policy(secrets, key("d"), &policy);
    writes.remove_endorsement_policy(secrets, key("d"));
    assert_eq!(writes.len(), 4);
    let records: Vec<_> = writes.into_parts().0.collect();
    assert_eq!(
        records,
        [
            (Space::Public, key("a"), Write::Put("v".into())),
            (Space::Public, key("a"), Write::EndorsementPolicy(bytes)),
            (Space::Public, key("b"), Write::Delete),
            (secrets, key("c"), Write::Purge),
            (secrets, key("d"), Write::EndorsementPolicy("".into())),
        ]
    );
}
