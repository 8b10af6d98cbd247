//! A channel's blocks, committed once more by this project's rules.

use std::collections::BTreeMap;

use bytes::Bytes;
use fabric_devnet::parts::Membership;
use fabric_ledger::block::{commit_hash, data_hash, filter, header_der, header_hash};
use fabric_ledger::channel::{Channel, Definition};
use fabric_ledger::lifetime::{Expiry, expired, expiries};
use fabric_ledger::validation::{Checked, TransactionCheck, Verdict, validate_block};
use fabric_ledger::{
    Identities as _, MemoryStore, PrivateTx, StoreError, TxValidationCode, UpdateBatch,
    private_updates,
};
use fabric_protos::common::{
    Block, BlockMetadataIndex, Metadata, OrdererBlockMetadata, SignatureHeader,
};
use fabric_protos::rwset::TxPvtReadWriteSet;
use prost::Message as _;

use crate::JudgeError;
use crate::plan::MSP_IDS;

/// The path of the policy for chaincode definitions.
const LIFECYCLE_ENDORSEMENT: &str = "/Channel/Application/LifecycleEndorsement";
/// The chaincode that keeps definitions.
pub const LIFECYCLE: &str = "_lifecycle";

/// A channel with its state, as far as its blocks have been committed.
#[derive(Debug)]
pub struct Replay {
    /// The channel's definitions.
    pub channel: Channel,
    /// Who signs.
    pub membership: Membership,
    /// Public and hashed state.
    pub state: MemoryStore,
    /// What each of the two peers holds in clear.
    pub private: [MemoryStore; 2],
    /// Plaintext by transaction id, for the peers that commit.
    pub plaintexts: BTreeMap<String, TxPvtReadWriteSet>,
    expiries: [Vec<Expiry>; 3],
    height: u64,
    header_hash: Bytes,
    commit_hash: Option<[u8; 32]>,
}

/// What became of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// Codes by this project's rules.
    pub codes: Vec<TxValidationCode>,
    /// What is not as the network has it, in sentences.
    pub findings: Vec<String>,
}

impl Replay {
    /// A channel before its first block. The definitions of its chaincodes are given beforehand.
    pub fn new(mut channel: Channel, membership: Membership) -> Result<Self, JudgeError> {
        let policy = channel.policy(LIFECYCLE_ENDORSEMENT).ok_or(JudgeError::NoPolicy)?;
        let version = "syscc".to_owned();
        let definition = Definition { version, policy, collections: BTreeMap::new() };
        channel.define(LIFECYCLE, definition);
        Ok(Self {
            channel,
            membership,
            state: MemoryStore::default(),
            private: [MemoryStore::default(), MemoryStore::default()],
            plaintexts: BTreeMap::new(),
            expiries: [Vec::new(), Vec::new(), Vec::new()],
            height: 0,
            header_hash: Bytes::new(),
            commit_hash: None,
        })
    }

    /// Blocks committed so far.
    pub const fn height(&self) -> u64 {
        self.height
    }

    /// Commits the next block as a peer keeps it, and compares what the peer found with what is
    /// found here.
    pub fn commit(&mut self, bytes: &Bytes) -> Result<Committed, JudgeError> {
        let block = Block::decode(bytes.clone())?;
        let mut findings = Vec::new();
        if block.encode_to_vec() != bytes[..] {
            findings.push("encoded again it has other bytes".to_owned());
        }
        self.check_chain(&block, &mut findings)?;
        let number = self.height;
        let envelopes = block.data.as_ref().map(|data| data.data.clone()).unwrap_or_default();
        // The first block is the channel's configuration, which every peer is given by hand.
        let codes = if number == 0 {
            vec![TxValidationCode::Valid]
        } else {
            self.check_signature(&block, &mut findings)?;
            self.validate(number, &envelopes, &block, &mut findings)?
        };
        let theirs = slot(&block, BlockMetadataIndex::TransactionsFilter);
        let ours = filter(&codes);
        if theirs != ours {
            let differ = theirs.iter().zip(&ours).enumerate().filter(|(_, (a, b))| a != b);
            for (tx, (theirs, ours)) in differ {
                findings.push(format!(
                    "transaction {tx} is {}, here {}",
                    name(*theirs),
                    name(*ours)
                ));
            }
            if theirs.len() != ours.len() {
                findings.push(format!("{} codes, here {}", theirs.len(), ours.len()));
            }
        }
        self.height += 1;
        self.header_hash =
            block.header.as_ref().map(header_hash).unwrap_or_default().to_vec().into();
        let findings = findings.into_iter().map(|text| format!("block {number}: {text}"));
        Ok(Committed { codes, findings: findings.collect() })
    }

    fn check_chain(&self, block: &Block, findings: &mut Vec<String>) -> Result<(), JudgeError> {
        let header = block.header.as_ref().ok_or(JudgeError::NoHeader)?;
        let data = block.data.as_ref().map(|data| data.data.as_slice()).unwrap_or_default();
        if header.number != self.height {
            findings.push(format!("its number is {}", header.number));
        }
        if header.previous_hash != self.header_hash {
            findings.push("it names another block as the one before".to_owned());
        }
        if header.data_hash[..] != data_hash(data) {
            findings.push("its data has another hash".to_owned());
        }
        Ok(())
    }

    /// The orderer's signature over the block.
    fn check_signature(&self, block: &Block, findings: &mut Vec<String>) -> Result<(), JudgeError> {
        let entry = Metadata::decode(slot(block, BlockMetadataIndex::Signatures))?;
        let der = block.header.as_ref().map(header_der).unwrap_or_default();
        OrdererBlockMetadata::decode(entry.value.clone())?;
        for signature in &entry.signatures {
            let header = SignatureHeader::decode(signature.signature_header.clone())?;
            let message = [&entry.value[..], &signature.signature_header, &der].concat();
            let right = self.membership.parse(&header.creator).is_some_and(|orderer| {
                self.membership.is_valid(&orderer)
                    && self.membership.verify(&orderer, &message, &signature.signature)
            });
            if !right {
                findings.push("the orderer's signature is not right".to_owned());
            }
        }
        if entry.signatures.is_empty() {
            findings.push("no orderer has signed it".to_owned());
        }
        Ok(())
    }

    fn validate(
        &mut self,
        number: u64,
        envelopes: &[Bytes],
        block: &Block,
        findings: &mut Vec<String>,
    ) -> Result<Vec<TxValidationCode>, JudgeError> {
        let check = TransactionCheck {
            channel: &self.channel,
            store: &self.state,
            identities: &self.membership,
        };
        let verdicts: Vec<Verdict> = envelopes
            .iter()
            .map(|envelope| check.check(envelope.clone()))
            .collect::<Result<_, StoreError>>()?;
        let validated = validate_block(number, &verdicts, &self.state)?;
        let updates = &validated.state.updates;
        let hash = commit_hash(&filter(&validated.codes), updates, self.commit_hash.as_ref());
        let theirs = Metadata::decode(slot(block, BlockMetadataIndex::CommitHash))?.value;
        if theirs[..] != hash {
            findings.push("its commit hash is another one: public or hashed state differs".into());
        }
        self.commit_hash = Some(hash);
        self.apply_private(number, &verdicts, &validated.codes, updates, findings)?;
        for row in validated.history {
            self.state.record_history(&row.namespace, &row.key, row.row);
        }
        for (tx_id, record) in validated.transactions {
            self.state.record_transaction(tx_id, record);
        }
        let [public, ..] = &mut self.expiries;
        let due = lives(&self.channel, number, updates, public);
        let ended = expired(number, &due, &self.state, updates)?;
        self.state.apply(validated.state.updates);
        self.state.apply(ended);
        Ok(validated.codes)
    }

    /// What the block changes in the plaintext of both peers.
    fn apply_private(
        &mut self,
        number: u64,
        verdicts: &[Verdict],
        codes: &[TxValidationCode],
        updates: &UpdateBatch,
        findings: &mut Vec<String>,
    ) -> Result<(), JudgeError> {
        let [_, expiries @ ..] = &mut self.expiries;
        for ((store, msp_id), expiries) in self.private.iter_mut().zip(MSP_IDS).zip(expiries) {
            let valid =
                (0..).zip(verdicts.iter().zip(codes)).filter_map(|(tx, (verdict, code))| {
                    match &verdict.outcome {
                        Ok(Checked::Endorsed(one)) if *code == TxValidationCode::Valid => {
                            let plaintext = self.plaintexts.get(&one.tx_id);
                            Some(PrivateTx { tx, rwset: &one.rwset, plaintext })
                        }
                        _ => None,
                    }
                });
            // Definitions are private to their organisations, and nobody asks for them here.
            let is_member = |chaincode: &str, collection: &str| {
                chaincode != LIFECYCLE && self.channel.is_member(chaincode, collection, msp_id)
            };
            let private = private_updates(store, number, valid, updates, is_member)?;
            for missing in &private.missing {
                findings.push(format!("{msp_id} has no plaintext of {missing:?}"));
            }
            let due = lives(&self.channel, number, &private.updates, expiries);
            let ended = expired(number, &due, store, &private.updates)?;
            store.apply(private.updates);
            store.apply(ended);
        }
        Ok(())
    }
}

/// Notes what the block's writes live to, and takes what is due now.
fn lives(
    channel: &Channel,
    number: u64,
    updates: &UpdateBatch,
    waiting: &mut Vec<Expiry>,
) -> Vec<Expiry> {
    let (due, later) = std::mem::take(waiting).into_iter().partition(|entry| entry.at <= number);
    *waiting = later;
    waiting.extend(expiries(updates, |chaincode, collection| {
        channel.collection(chaincode, collection).map_or(0, |found| found.block_to_live)
    }));
    due
}

fn slot(block: &Block, index: BlockMetadataIndex) -> Bytes {
    let slots = block.metadata.as_ref().map(|metadata| metadata.metadata.as_slice());
    let index = usize::try_from(i32::from(index)).unwrap_or(usize::MAX);
    slots.and_then(|slots| slots.get(index)).cloned().unwrap_or_default()
}

/// The name of a validation code as it stands in a block.
pub fn name(code: u8) -> &'static str {
    TxValidationCode::try_from(i32::from(code)).map_or("unknown", |code| code.as_str_name())
}
