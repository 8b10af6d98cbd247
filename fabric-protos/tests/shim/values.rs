//! Values for fields, the same for the same seed.

use prost_types::Timestamp;

/// A stream of values that begins anew, the same, for each crate.
pub(crate) struct Values(u64);

impl Values {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// SplitMix64: any seed will do, zero too.
    pub(crate) fn u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        // Zero, which is not written, one byte, the greatest, and all between.
        match mixed % 8 {
            0 => 0,
            1 => u64::MAX,
            2 | 3 => mixed >> 57,
            _ => mixed,
        }
    }

    pub(crate) fn i32(&mut self) -> i32 {
        let bytes = self.u64().to_le_bytes();
        i32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
    }

    pub(crate) fn u32(&mut self) -> u32 {
        self.i32().cast_unsigned()
    }

    pub(crate) fn bool(&mut self) -> bool {
        self.u64().is_multiple_of(2)
    }

    /// Up to three of what `make` makes.
    pub(crate) fn list<T>(&mut self, mut make: impl FnMut(&mut Self) -> T) -> Vec<T> {
        let length = self.u64() % 4;
        (0..length).map(|_| make(self)).collect()
    }

    /// Text with characters of several bytes; composite keys hold U+0000 and U+10FFFF.
    pub(crate) fn text(&mut self) -> String {
        let letter = |values: &mut Self| match values.u64() % 6 {
            0 => 'a',
            1 => 'Z',
            2 => '\u{0}',
            3 => 'ä',
            4 => '\u{20ac}',
            _ => '\u{10ffff}',
        };
        self.list(letter).into_iter().collect()
    }

    pub(crate) fn bytes<B: From<Vec<u8>>>(&mut self) -> B {
        let length = usize::try_from(self.u64() % 200).unwrap();
        vec![self.u64().to_le_bytes()[0]; length].into()
    }

    /// At most one entry: the other crate writes several in no fixed order.
    pub(crate) fn map<B: From<Vec<u8>>, M: FromIterator<(String, B)>>(&mut self) -> M {
        let entry = if self.bool() { Some((self.text(), self.bytes())) } else { None };
        entry.into_iter().collect()
    }

    pub(crate) fn time(&mut self) -> Option<Timestamp> {
        let seconds = self.u64().cast_signed();
        self.bool().then(|| Timestamp { seconds, nanos: self.i32() })
    }

    /// An absent message in half of the cases.
    pub(crate) fn maybe<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        if self.bool() { Some(make(self)) } else { None }
    }
}
