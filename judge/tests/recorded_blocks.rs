//! Blocks of real peers, recorded: decoded, encoded again, verified and committed once more.

#![expect(clippy::unwrap_used, reason = "a recording that cannot be used has failed its tests")]

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use fabric_judge::network::membership;
use fabric_judge::recording::{Kind, read};
use fabric_judge::replay::Replay;
use fabric_judge::verdict::definitions;
use fabric_ledger::TxValidationCode;
use fabric_ledger::rwset::TxRwSet;
use fabric_ledger::validation::inspect;
use fabric_protos::common::{Block, Envelope, Payload};
use fabric_protos::protos::{
    ChaincodeAction, ChaincodeActionPayload, ProposalResponsePayload, Transaction,
};
use prost::Message;

const FABRIC_3_1: &[u8] = include_bytes!("../recorded/fabric-3.1.blocks");
const FABRIC_2_5: &[u8] = include_bytes!("../recorded/fabric-2.5.blocks");

struct Recorded {
    roots: BTreeMap<String, String>,
    blocks: Vec<Bytes>,
}

fn recorded(file: &[u8]) -> Recorded {
    let (mut roots, mut blocks) = (BTreeMap::new(), Vec::new());
    for record in read(file).unwrap() {
        if record.kind == Kind::Root {
            let text = String::from_utf8(record.bytes.to_vec()).unwrap();
            let (msp_id, pem) = text.split_once('\n').unwrap();
            roots.insert(msp_id.to_owned(), pem.to_owned());
        } else {
            blocks.push(record.bytes);
        }
    }
    Recorded { roots, blocks }
}

/// Commits all blocks; what became of the transactions, and what differs. The plaintext of private
/// writes is in no block, so that peers miss it here.
fn commit(Recorded { roots, blocks }: &Recorded) -> (BTreeSet<&'static str>, Vec<String>) {
    let mut replay = Replay::new(definitions().unwrap(), membership(roots).unwrap()).unwrap();
    let (mut codes, mut findings) = (BTreeSet::new(), Vec::new());
    for block in blocks {
        let committed = replay.commit(block).unwrap();
        codes.extend(committed.codes.iter().map(TxValidationCode::as_str_name));
        let differs = |found: &String| !found.contains("has no plaintext of");
        findings.extend(committed.findings.into_iter().filter(differs));
    }
    assert_eq!(replay.height(), u64::try_from(blocks.len()).unwrap());
    (codes, findings)
}

fn check(file: &[u8]) {
    let recorded = recorded(file);
    assert!(recorded.blocks.len() >= 7, "definition and workload");
    let (codes, findings) = commit(&recorded);
    assert_eq!(findings, Vec::<String>::new());
    for code in ["VALID", "MVCC_READ_CONFLICT", "ENDORSEMENT_POLICY_FAILURE", "DUPLICATE_TXID"] {
        assert!(codes.contains(code), "{codes:?}");
    }
}

#[test]
fn blocks_of_fabric_3_1_are_what_its_peers_said() {
    check(FABRIC_3_1);
}

#[test]
fn blocks_of_fabric_2_5_are_what_its_peers_said() {
    check(FABRIC_2_5);
}

fn same<M: Message + Default>(bytes: &Bytes) -> M {
    let message = M::decode(bytes.clone()).unwrap();
    assert_eq!(message.encode_to_vec(), bytes[..]);
    message
}

/// Layer by layer: what is decoded and encoded again is what Fabric's own libraries wrote.
#[test]
fn every_layer_comes_out_as_it_went_in() {
    let mut results = 0;
    for file in [FABRIC_3_1, FABRIC_2_5] {
        for block in recorded(file).blocks.iter().skip(1) {
            let block: Block = same(block);
            let filter = block.metadata.unwrap().metadata[2].clone();
            let data = block.data.unwrap().data;
            for (envelope, _) in data.iter().zip(&filter).filter(|(_, code)| **code == 0) {
                assert_eq!(inspect(envelope.clone()).unwrap().tx_id.len(), 64);
                let payload: Payload = same(&same::<Envelope>(envelope).payload);
                let transaction: Transaction = same(&payload.data);
                let action: ChaincodeActionPayload = same(&transaction.actions[0].payload);
                let response = action.action.unwrap().proposal_response_payload;
                let response: ProposalResponsePayload = same(&response);
                let action: ChaincodeAction = same(&response.extension);
                assert_eq!(
                    TxRwSet::decode(action.results.clone()).unwrap().encode(),
                    action.results
                );
                results += 1;
            }
        }
    }
    assert!(results > 60, "{results}");
}

/// A bit anywhere in a block is noticed: by a hash, a signature, a code or the commit hash.
#[test]
fn a_changed_bit_is_noticed() {
    let recorded = recorded(FABRIC_3_1);
    let last = recorded.blocks.len() - 1;
    let bytes = &recorded.blocks[last];
    for at in (10..bytes.len()).step_by(bytes.len() / 12) {
        let mut changed = bytes.to_vec();
        changed[at] ^= 4;
        // What cannot be read any more is noticed, too.
        if Block::decode(&changed[..]).is_err() {
            continue;
        }
        let mut blocks = recorded.blocks.clone();
        blocks[last] = changed.into();
        let membership = membership(&recorded.roots).unwrap();
        let mut replay = Replay::new(definitions().unwrap(), membership).unwrap();
        let noticed = blocks.iter().any(|block| match replay.commit(block) {
            Ok(committed) => {
                committed.findings.iter().any(|found| !found.contains("has no plaintext of"))
            }
            Err(_) => true,
        });
        assert!(noticed, "byte {at}");
    }
}
