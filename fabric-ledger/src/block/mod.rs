//! Blocks: how they are cut, built, hashed and marked.

mod commit_hash;
mod cutter;

use bytes::Bytes;
use fabric_protos::common::{
    Block, BlockData, BlockHeader, BlockMetadata, BlockMetadataIndex, LastConfig, Metadata,
    MetadataSignature, OrdererBlockMetadata, SignatureHeader,
};
use prost::Message as _;

pub use self::commit_hash::commit_hash;
pub use self::cutter::{BatchConfig, Cutter};
use crate::TxValidationCode;
use crate::hash::{sha256, sha256_of};

/// Entries of a block's metadata.
const METADATA_SLOTS: usize = 5;

/// A block as the orderer makes it before it signs: header, data and empty metadata.
///
/// `envelopes` are marshalled, and kept as they are: the data hash is over their bytes. `previous`
/// is the hash of the block before; empty for the first one.
pub fn new_block(number: u64, previous: &[u8], envelopes: Vec<Bytes>) -> Block {
    let header = BlockHeader {
        number,
        previous_hash: Bytes::copy_from_slice(previous),
        data_hash: data_hash(&envelopes).to_vec().into(),
    };
    let metadata = BlockMetadata { metadata: vec![Bytes::new(); METADATA_SLOTS] };
    Block {
        header: Some(header),
        data: Some(BlockData { data: envelopes }),
        metadata: Some(metadata),
    }
}

/// SHA-256 of a block's envelopes, one after the other.
pub fn data_hash(envelopes: &[Bytes]) -> [u8; 32] {
    sha256_of(envelopes.iter().map(Bytes::as_ref))
}

/// The hash that the next block names as its previous one.
pub fn header_hash(header: &BlockHeader) -> [u8; 32] {
    sha256(&header_der(header))
}

/// The header as ASN.1 DER, `SEQUENCE { INTEGER number, OCTET STRING previous, OCTET STRING data }`:
/// what is hashed and what the orderer signs with its metadata.
pub fn header_der(header: &BlockHeader) -> Vec<u8> {
    const INTEGER: u8 = 0x02;
    const OCTET_STRING: u8 = 0x04;
    const SEQUENCE: u8 = 0x30;

    // As short as possible, but never with a leading bit that would make it negative.
    let number = header.number.to_be_bytes();
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let significant = number.get(zeros..).unwrap_or(&[]);
    let mut integer = Vec::with_capacity(9);
    if significant.first().is_none_or(|first| *first >= 0x80) {
        integer.push(0);
    }
    integer.extend_from_slice(significant);

    let mut content = Vec::with_capacity(96);
    push_der(&mut content, INTEGER, &integer);
    push_der(&mut content, OCTET_STRING, &header.previous_hash);
    push_der(&mut content, OCTET_STRING, &header.data_hash);
    let mut out = Vec::with_capacity(content.len() + 4);
    push_der(&mut out, SEQUENCE, &content);
    out
}

fn push_der(out: &mut Vec<u8>, tag: u8, content: &[u8]) {
    out.push(tag);
    match u8::try_from(content.len()) {
        Ok(short) if short < 0x80 => out.push(short),
        _ => {
            let length = content.len().to_be_bytes();
            let zeros = length.iter().take_while(|byte| **byte == 0).count();
            out.push(0x80 | u8::try_from(length.len() - zeros).unwrap_or(0x7f));
            out.extend(length.into_iter().skip(zeros));
        }
    }
    out.extend_from_slice(content);
}

/// What an orderer puts into a block's `SIGNATURES` entry, before it signs.
///
/// ```
/// use fabric_ledger::block::{OrdererMetadata, new_block};
///
/// let mut block = new_block(1, &[7; 32], vec!["envelope".into()]);
/// let metadata = OrdererMetadata::new(0, Default::default());
/// let signature = sign(&metadata.message(&block));
/// metadata.sign(&mut block, signature);
/// # fn sign(message: &[u8]) -> bytes::Bytes { bytes::Bytes::copy_from_slice(&message[..4]) }
/// ```
#[derive(Clone, Debug)]
pub struct OrdererMetadata {
    value: Bytes,
    signature_header: Bytes,
    last_config: u64,
}

impl OrdererMetadata {
    /// Names the newest configuration block and who is going to sign.
    pub fn new(last_config: u64, signer: SignatureHeader) -> Self {
        let last = LastConfig { index: last_config };
        let value =
            OrdererBlockMetadata { last_config: Some(last), consenter_metadata: Bytes::new() };
        Self {
            value: value.encode_to_vec().into(),
            signature_header: signer.encode_to_vec().into(),
            last_config,
        }
    }

    /// What the signature covers: value, signature header and the block's header.
    pub fn message(&self, block: &Block) -> Vec<u8> {
        let mut message = [&self.value[..], &self.signature_header[..]].concat();
        if let Some(header) = &block.header {
            message.extend_from_slice(&header_der(header));
        }
        message
    }

    /// Fills the block's `SIGNATURES` entry with a signature.
    pub fn sign(self, block: &mut Block, signature: Bytes) {
        let signature = MetadataSignature {
            signature_header: self.signature_header.clone(),
            signature,
            identifier_header: Bytes::new(),
        };
        self.fill(block, vec![signature]);
    }

    /// Fills the entry without a signature, as in a first block.
    pub fn unsigned(self, block: &mut Block) {
        self.fill(block, Vec::new());
    }

    fn fill(self, block: &mut Block, signatures: Vec<MetadataSignature>) {
        let entry = Metadata { value: self.value, signatures };
        set_slot(block, BlockMetadataIndex::Signatures, entry.encode_to_vec().into());
        let last = LastConfig { index: self.last_config }.encode_to_vec();
        let entry = Metadata { value: last.into(), signatures: Vec::new() };
        set_slot(block, BlockMetadataIndex::LastConfig, entry.encode_to_vec().into());
    }
}

/// One byte a transaction, as the `TRANSACTIONS_FILTER` entry has it.
pub fn filter(codes: &[TxValidationCode]) -> Bytes {
    codes.iter().map(|code| code_byte(*code)).collect::<Vec<u8>>().into()
}

/// A validation code as the filter and the transaction index keep it.
pub fn code_byte(code: TxValidationCode) -> u8 {
    // All codes of the enumeration fit; were one not to, it would be "some other reason".
    u8::try_from(i32::from(code)).unwrap_or(u8::MAX)
}

/// Marks a block with the verdicts of a peer.
pub fn set_filter(block: &mut Block, filter: Bytes) {
    set_slot(block, BlockMetadataIndex::TransactionsFilter, filter);
}

/// Marks a block with a peer's commit hash.
pub fn set_commit_hash(block: &mut Block, hash: &[u8; 32]) {
    let entry = Metadata { value: Bytes::copy_from_slice(hash), signatures: Vec::new() };
    set_slot(block, BlockMetadataIndex::CommitHash, entry.encode_to_vec().into());
}

fn set_slot(block: &mut Block, index: BlockMetadataIndex, value: Bytes) {
    let metadata = &mut block.metadata.get_or_insert_default().metadata;
    if metadata.len() < METADATA_SLOTS {
        metadata.resize(METADATA_SLOTS, Bytes::new());
    }
    let slot = usize::try_from(i32::from(index)).ok().and_then(|index| metadata.get_mut(index));
    if let Some(slot) = slot {
        *slot = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(number: u64, previous: &[u8]) -> BlockHeader {
        BlockHeader {
            number,
            previous_hash: Bytes::copy_from_slice(previous),
            data_hash: data_hash(&["one".into(), "two".into()]).to_vec().into(),
        }
    }

    /// Expected values computed with another DER encoder (Python, checked with `openssl asn1parse`).
    #[test]
    fn header_hashes_are_those_of_the_der_form() {
        let check = |number, previous: &[u8], hash: &str| {
            assert_eq!(hex::encode(header_hash(&header(number, previous))), hash, "{number}");
        };
        check(0, &[], VECTORS[0]);
        check(1, &[7; 32], VECTORS[1]);
        check(127, &[7; 32], VECTORS[2]);
        check(128, &[7; 32], VECTORS[3]);
        check(256, &[7; 32], VECTORS[4]);
        check(u64::MAX, &[7; 32], VECTORS[5]);
        // Long forms of lengths, which no real block needs.
        check(1, &[7; 200], VECTORS[6]);
        check(1, &[7; 300], VECTORS[7]);
    }

    const VECTORS: [&str; 8] = [
        "b573e66cb1fd3baead10be9006a490e04e59c40bcf06698741105603decd3bf9",
        "ebca8126351d1adbc5631704a2177e99bf98f986e5c8e758c2747af336958bcf",
        "06eee8dd5c917550fdf2e563c86ffe79b9609f828e17b2483533848dbb4929c6",
        "a581137852baf6f43b79676c4e440224b4d67c4bf1f8b372dc2345d124a93c58",
        "adaf994413f284eb46aa8dbd57365ef7d605c35ad6289af10d83ebbf4ffd9998",
        "f7f39546be648d2c2240e632a2f277ffbb9a4af80603e12b81662ce7389c0caf",
        "ed939e28668f0d6ad2531774796f4639cbe590e73b214f1b39c0d13479fe2bd0",
        "36764b80ec635d508323293095c725be9ec82fe70074609fb188d0f386665037",
    ];

    #[test]
    fn the_data_hash_ignores_where_envelopes_end() {
        assert_eq!(data_hash(&["ab".into(), "c".into()]), data_hash(&["a".into(), "bc".into()]));
        assert_eq!(data_hash(&[]), sha256(b""));
    }

    #[test]
    fn a_first_block_has_the_known_signature_entry() {
        let mut block = new_block(0, &[], vec!["config".into()]);
        OrdererMetadata::new(0, SignatureHeader::default()).unsigned(&mut block);
        let metadata = block.metadata.unwrap().metadata;
        assert_eq!(hex::encode(&metadata[0]), "0a020a00");
        assert!(metadata.iter().skip(1).all(Bytes::is_empty) && metadata.len() == 5);
    }

    #[test]
    fn signatures_cover_value_signer_and_header() {
        let mut block = new_block(3, &[7; 32], vec!["envelope".into()]);
        let signer = SignatureHeader { creator: "orderer".into(), nonce: "nonce".into() };
        let metadata = OrdererMetadata::new(2, signer.clone());
        let value = [0x0a, 0x02, 0x08, 0x02];
        let der = header_der(block.header.as_ref().unwrap());
        assert_eq!(metadata.message(&block), [&value[..], &signer.encode_to_vec(), &der].concat());

        metadata.sign(&mut block, "signature".into());
        let slots = block.metadata.unwrap().metadata;
        let entry = Metadata::decode(slots[0].clone()).unwrap();
        assert_eq!(entry.value[..], value);
        assert_eq!(entry.signatures[0].signature, "signature");
        assert_eq!(entry.signatures[0].signature_header, signer.encode_to_vec());
        let last = Metadata::decode(slots[1].clone()).unwrap();
        assert_eq!(LastConfig::decode(last.value).unwrap().index, 2);
    }

    #[test]
    fn peers_mark_blocks_even_without_metadata() {
        let mut block = Block::default();
        let codes = [TxValidationCode::Valid, TxValidationCode::MvccReadConflict];
        set_filter(&mut block, filter(&codes));
        set_commit_hash(&mut block, &[9; 32]);
        let slots = block.metadata.unwrap().metadata;
        assert_eq!(slots[2][..], [0, 11]);
        assert_eq!(Metadata::decode(slots[4].clone()).unwrap().value[..], [9; 32]);
        assert_eq!(code_byte(TxValidationCode::InvalidOtherReason), 255);
    }
}
