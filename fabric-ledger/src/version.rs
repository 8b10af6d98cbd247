use std::fmt;

use bytes::Bytes;

/// Where a value was last written: the block's number and the transaction's index in it.
///
/// A key that is not in the state has *no* version; version `(0, 0)` is a version like any other.
///
/// ```
/// use fabric_ledger::Version;
///
/// assert!(Version::new(7, 9) < Version::new(8, 0));
/// assert_eq!(Version::new(7, 2).to_string(), "{BlockNum: 7, TxNum: 2}");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// Number of the block that wrote the value.
    pub block: u64,
    /// Index of the writing transaction in that block, from 0.
    pub tx: u64,
}

impl Version {
    /// The version of what transaction `tx` of block `block` writes.
    pub const fn new(block: u64, tx: u64) -> Self {
        Self { block, tx }
    }

    /// The order-preserving form that enters the commit hash: for each of the two numbers a length
    /// byte and that many big-endian bytes without leading zeros.
    pub fn to_ordered_bytes(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(18);
        push_ordered(&mut out, self.block);
        push_ordered(&mut out, self.tx);
        out
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{BlockNum: {}, TxNum: {}}}", self.block, self.tx)
    }
}

fn push_ordered(out: &mut Vec<u8>, number: u64) {
    let bytes = number.to_be_bytes();
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    out.push(u8::try_from(bytes.len() - zeros).unwrap_or(8));
    out.extend(bytes.into_iter().skip(zeros));
}

/// A committed value with what the ledger keeps beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versioned {
    /// The value: contract bytes in public and private spaces, the value's hash in hashed ones.
    pub value: Bytes,
    /// Key metadata as a marshalled `KVMetadataWrite` without a key; see [`crate::metadata`].
    pub metadata: Option<Bytes>,
    /// Who wrote value or metadata last.
    pub version: Version,
}

impl Versioned {
    /// A value without metadata.
    pub fn new(value: impl Into<Bytes>, version: Version) -> Self {
        Self { value: value.into(), metadata: None, version }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordered_bytes_drop_leading_zeros() {
        let check = |block, tx, expected: &str| {
            assert_eq!(hex::encode(Version::new(block, tx).to_ordered_bytes()), expected);
        };
        check(0, 0, "0000");
        check(1, 0, "010100");
        check(256, 255, "02010001ff");
        check(u64::MAX, 1, "08ffffffffffffffff0101");
    }

    #[test]
    fn ordered_bytes_sort_as_the_numbers_do() {
        let numbers = [0, 1, 255, 256, 65_535, 65_536, u64::MAX];
        let encoded: Vec<_> =
            numbers.iter().map(|n| Version::new(*n, 0).to_ordered_bytes()).collect();
        assert!(encoded.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
