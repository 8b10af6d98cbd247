//! Bytes that no honest client or endorser makes, rightly signed: each gets a verdict, none a panic,
//! and nothing that its endorsers did not sign gets into the state.

use bytes::Bytes;
use fabric_ledger::validation::validate_block;
use fabric_ledger::{MemoryStore, TxValidationCode as Code};
use fabric_protos::common::Envelope;
use proptest::prelude::*;
use prost::Message;

use crate::identities::{CREATOR, Draft, signed_envelope, transaction};
use crate::validation::{check, endorsed, results};

const BOTH: [&str; 2] = ["Org1.peer.p0", "Org2.peer.p0"];
const SCRIPT: &str = "cc?r cc:k=value cc:gone cc!k=policy cc/c:p=secret cc/c!p=policy other:o=1";

/// Overwrites, inserts or cuts bytes.
fn spoil(bytes: &[u8], edits: &[(prop::sample::Index, u8, u8)]) -> Bytes {
    let mut out = bytes.to_vec();
    for (at, kind, byte) in edits {
        if out.is_empty() {
            break;
        }
        let at = at.index(out.len());
        match kind % 4 {
            0 => out[at] = *byte,
            1 => out.insert(at, *byte),
            2 => drop(out.remove(at)),
            _ => out.truncate(at),
        }
    }
    out.into()
}

fn edits() -> impl Strategy<Value = Vec<(prop::sample::Index, u8, u8)>> {
    prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), any::<u8>()), 1..6)
}

#[test]
fn unspoilt_it_is_valid() {
    let store = MemoryStore::default();
    let verdict = check(endorsed("n", SCRIPT, &BOTH), &store);
    assert_eq!(validate_block(1, &[verdict], &store).unwrap().codes, [Code::Valid]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2048, failure_persistence: None, ..Default::default() })]

    /// The creator signs whatever it likes: nothing it changed behind the endorsers' backs is valid.
    #[test]
    fn spoilt_payloads_are_invalid(edits in edits()) {
        let honest = Envelope::decode(endorsed("n", SCRIPT, &BOTH)).unwrap();
        let payload = spoil(&honest.payload, &edits);
        let store = MemoryStore::default();
        let verdict = check(
            signed_envelope(CREATOR, Envelope { payload: payload.clone(), signature: Bytes::new() }),
            &store,
        );
        let block = validate_block(1, std::slice::from_ref(&verdict), &store).unwrap();
        if block.codes == [Code::Valid] {
            let honest = check(endorsed("n", SCRIPT, &BOTH), &store);
            prop_assert_eq!(verdict.outcome, honest.outcome);
        } else {
            prop_assert!(block.state.updates.is_empty());
        }
    }

    /// Endorsers that sign results which no simulator makes.
    #[test]
    fn spoilt_results_are_judged(edits in edits()) {
        let results = spoil(&results(SCRIPT), &edits);
        let store = MemoryStore::default();
        let verdict = check(transaction(&Draft::new("n"), results, &BOTH), &store);
        validate_block(u64::MAX, &[verdict.clone(), verdict], &store).unwrap();
    }
}
