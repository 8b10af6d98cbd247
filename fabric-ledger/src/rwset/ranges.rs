use std::mem;

use fabric_protos::kvrwset::range_query_info::ReadsInfo;
use fabric_protos::kvrwset::{KvRead, QueryReads, QueryReadsMerkleSummary};
use prost::Message as _;

use super::to_wire;
use crate::hash::{sha256, sha256_of};
use crate::version::Version;

/// Up to this many rows a range query keeps its reads as they are; beyond, hashes of them.
const MERKLE_DEGREE: usize = 50;

/// The rows a range query has seen, collected into what its `RangeQueryInfo` says of them.
///
/// More rows than the degree are hashed in groups of degree + 1; so are the hashes, level by
/// level, so that the summary stays small however long the range.
#[derive(Clone, Debug)]
pub(crate) struct RangeReads {
    degree: usize,
    pending: Vec<KvRead>,
    /// Hashes by level, the leaves first; never without a level.
    levels: Vec<Vec<[u8; 32]>>,
}

impl Default for RangeReads {
    fn default() -> Self {
        Self::with_degree(MERKLE_DEGREE)
    }
}

impl RangeReads {
    /// `None` for a degree below 2, of which no tree can be built.
    pub(crate) fn new(degree: u32) -> Option<Self> {
        let degree = usize::try_from(degree).ok().filter(|degree| *degree >= 2)?;
        Some(Self::with_degree(degree))
    }

    fn with_degree(degree: usize) -> Self {
        Self { degree, pending: Vec::new(), levels: vec![Vec::new()] }
    }

    pub(crate) fn push(&mut self, key: String, version: Version) {
        self.pending.push(KvRead { key, version: to_wire(Some(version)) });
        if self.pending.len() > self.degree {
            self.hash_pending();
        }
    }

    /// Nothing at all for no rows.
    pub(crate) fn finish(mut self) -> Option<ReadsInfo> {
        if self.levels.len() == 1 && self.levels.iter().all(Vec::is_empty) {
            let kv_reads = self.pending;
            return (!kv_reads.is_empty()).then_some(ReadsInfo::RawReads(QueryReads { kv_reads }));
        }
        if !self.pending.is_empty() {
            self.hash_pending();
        }
        let mut top: Vec<[u8; 32]> = Vec::new();
        for mut hashes in mem::take(&mut self.levels) {
            match top.as_slice() {
                [] => {}
                [lone] => hashes.push(*lone),
                several => hashes.push(combine(several)),
            }
            top = hashes;
            self.levels.push(Vec::new());
        }
        if top.len() > self.degree {
            top = vec![combine(&top)];
            self.levels.push(Vec::new());
        }
        Some(ReadsInfo::ReadsMerkleHashes(QueryReadsMerkleSummary {
            max_degree: u32::try_from(self.degree).unwrap_or(u32::MAX),
            max_level: u32::try_from(self.levels.len()).unwrap_or(u32::MAX),
            max_level_hashes: top.iter().map(|hash| hash.to_vec().into()).collect(),
        }))
    }

    fn hash_pending(&mut self) {
        let kv_reads = mem::take(&mut self.pending);
        let mut hash = sha256(&QueryReads { kv_reads }.encode_to_vec());
        for level in &mut self.levels {
            level.push(hash);
            if level.len() <= self.degree {
                return;
            }
            hash = combine(level);
            level.clear();
        }
        self.levels.push(vec![hash]);
    }
}

fn combine(hashes: &[[u8; 32]]) -> [u8; 32] {
    sha256_of(hashes.iter().map(<[u8; 32]>::as_slice))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads(range: std::ops::Range<u64>) -> QueryReads {
        let kv_reads = range
            .map(|n| KvRead { key: format!("k{n}"), version: to_wire(Some(Version::new(1, n))) })
            .collect();
        QueryReads { kv_reads }
    }

    fn summary(degree: u32, rows: u64) -> Option<ReadsInfo> {
        let mut seen = RangeReads::new(degree).unwrap();
        for n in 0..rows {
            seen.push(format!("k{n}"), Version::new(1, n));
        }
        seen.finish()
    }

    fn leaf(range: std::ops::Range<u64>) -> [u8; 32] {
        sha256(&reads(range).encode_to_vec())
    }

    fn check(degree: u32, rows: u64, level: u32, hashes: &[[u8; 32]]) {
        let expected = QueryReadsMerkleSummary {
            max_degree: degree,
            max_level: level,
            max_level_hashes: hashes.iter().map(|hash| hash.to_vec().into()).collect(),
        };
        assert_eq!(summary(degree, rows), Some(ReadsInfo::ReadsMerkleHashes(expected)), "{rows}");
    }

    #[test]
    fn few_rows_stay_as_they_are_and_none_leave_nothing() {
        assert_eq!(summary(50, 0), None);
        assert_eq!(summary(50, 1), Some(ReadsInfo::RawReads(reads(0..1))));
        assert_eq!(summary(50, 50), Some(ReadsInfo::RawReads(reads(0..50))));
    }

    #[test]
    fn one_more_row_than_the_degree_makes_a_leaf() {
        check(50, 51, 1, &[leaf(0..51)]);
        check(50, 52, 1, &[leaf(0..51), leaf(51..52)]);
    }

    #[test]
    fn more_leaves_than_the_degree_go_up_a_level() {
        // Degree 2: leaves of three rows; three leaves become one hash of the level above.
        let first = combine(&[leaf(0..3), leaf(3..6), leaf(6..9)]);
        check(2, 8, 2, &[first_of_two(8)]);
        check(2, 9, 2, &[first]);
        // A lone leaf goes up as it is, two are combined.
        check(2, 10, 2, &[first, leaf(9..10)]);
        check(2, 13, 2, &[first, combine(&[leaf(9..12), leaf(12..13)])]);
    }

    fn first_of_two(rows: u64) -> [u8; 32] {
        combine(&[leaf(0..3), leaf(3..6), leaf(6..rows)])
    }

    #[test]
    fn a_last_level_that_overflows_at_the_end_adds_one() {
        // Two hashes stand on level 2 and the rest of the leaves make a third: one more level.
        let one = combine(&[leaf(0..3), leaf(3..6), leaf(6..9)]);
        let two = combine(&[leaf(9..12), leaf(12..15), leaf(15..18)]);
        check(2, 19, 3, &[combine(&[one, two, leaf(18..19)])]);
    }

    #[test]
    fn a_degree_below_two_is_no_tree() {
        assert!(RangeReads::new(0).is_none() && RangeReads::new(1).is_none());
    }
}
