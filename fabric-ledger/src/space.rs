/// Which keys are meant: a chaincode's public state, or one collection's hashes or plaintext.
///
/// The hashed space is part of the public ledger and equal on every peer; its keys are SHA-256
/// hashes of keys and its values hashes of values. The private space is what one peer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Space<'a> {
    /// Public state of a chaincode.
    Public {
        /// Chaincode name.
        namespace: &'a str,
    },
    /// Hashes of a collection's keys and values.
    Hashed {
        /// Chaincode name.
        namespace: &'a str,
        /// Collection name.
        collection: &'a str,
    },
    /// Plaintext of a collection.
    Private {
        /// Chaincode name.
        namespace: &'a str,
        /// Collection name.
        collection: &'a str,
    },
}

/// Ends a name in the byte form. [`ESCAPED_ZERO`] keeps names from ever containing it.
const END: [u8; 2] = [0, 1];
/// How a NUL inside a name is written.
const ESCAPED_ZERO: [u8; 2] = [0, 0xff];

impl<'a> Space<'a> {
    /// The chaincode the space belongs to.
    pub const fn namespace(self) -> &'a str {
        match self {
            Self::Public { namespace }
            | Self::Hashed { namespace, .. }
            | Self::Private { namespace, .. } => namespace,
        }
    }

    /// The collection, when the space is one of a collection.
    pub const fn collection(self) -> Option<&'a str> {
        match self {
            Self::Public { .. } => None,
            Self::Hashed { collection, .. } | Self::Private { collection, .. } => Some(collection),
        }
    }

    /// What every key of this space begins with in a byte-ordered store.
    ///
    /// No prefix is the beginning of another one, whatever the names contain: `cc1` does not see
    /// `cc10`.
    pub fn prefix(self) -> Vec<u8> {
        self.key(&[])
    }

    /// A key of this space as a store keeps it: the prefix, then the key itself.
    ///
    /// ```
    /// use fabric_ledger::Space;
    ///
    /// let key = Space::Public { namespace: "basic" }.key(b"asset1");
    /// assert_eq!(key, b"\x00basic\x00\x01asset1");
    /// ```
    pub fn key(self, key: &[u8]) -> Vec<u8> {
        let (kind, namespace, collection) = match self {
            Self::Public { namespace } => (0, namespace, None),
            Self::Hashed { namespace, collection } => (1, namespace, Some(collection)),
            Self::Private { namespace, collection } => (2, namespace, Some(collection)),
        };
        let names = namespace.len() + collection.map_or(0, str::len);
        let mut out = Vec::with_capacity(1 + names + 2 * END.len() + key.len());
        out.push(kind);
        push_name(&mut out, namespace);
        if let Some(collection) = collection {
            push_name(&mut out, collection);
        }
        out.extend_from_slice(key);
        out
    }

    /// The byte range `from..to` that holds exactly the keys of `range` in this space.
    pub fn bounds(self, range: KeyRange<'_>) -> (Vec<u8>, Vec<u8>) {
        let from = self.key(range.from);
        let to = match range.to {
            Some(to) => self.key(to),
            None => {
                // The prefix ends in a constant that is not 0xff, so its successor is one more.
                let mut end = self.prefix();
                if let Some(last) = end.last_mut() {
                    *last = last.saturating_add(1);
                }
                end
            }
        };
        (from, to)
    }
}

fn push_name(out: &mut Vec<u8>, name: &str) {
    if name.as_bytes().contains(&0) {
        for byte in name.bytes() {
            if byte == 0 {
                out.extend(ESCAPED_ZERO);
            } else {
                out.push(byte);
            }
        }
    } else {
        out.extend_from_slice(name.as_bytes());
    }
    out.extend(END);
}

/// Keys from `from`, included, to `to`, excluded, in byte order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyRange<'a> {
    /// First key; empty means the first of the space.
    pub from: &'a [u8],
    /// The key to stop before; `None` means to the end of the space.
    pub to: Option<&'a [u8]>,
}

impl<'a> KeyRange<'a> {
    /// Every key of a space.
    pub const ALL: KeyRange<'static> = KeyRange { from: &[], to: None };

    /// A range as chaincode asks for it, where an empty end means "to the last key".
    pub fn new(start: &'a str, end: &'a str) -> Self {
        Self { from: start.as_bytes(), to: (!end.is_empty()).then_some(end.as_bytes()) }
    }

    /// Whether no key can be inside.
    pub fn is_empty(self) -> bool {
        self.to.is_some_and(|to| to <= self.from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn public(namespace: &str) -> Space<'_> {
        Space::Public { namespace }
    }

    fn hashed<'a>(namespace: &'a str, collection: &'a str) -> Space<'a> {
        Space::Hashed { namespace, collection }
    }

    fn private<'a>(namespace: &'a str, collection: &'a str) -> Space<'a> {
        Space::Private { namespace, collection }
    }

    #[test]
    fn no_prefix_begins_another() {
        let names =
            ["", "cc", "cc1", "cc10", "cc\0", "cc\0\u{1}", "cc\0\u{1}c", "c", "\0", "\u{ff}"];
        let mut prefixes = Vec::new();
        for namespace in names {
            prefixes.push(public(namespace).prefix());
            for collection in names {
                prefixes.push(hashed(namespace, collection).prefix());
                prefixes.push(private(namespace, collection).prefix());
            }
        }
        for (i, one) in prefixes.iter().enumerate() {
            for (j, other) in prefixes.iter().enumerate() {
                assert!(i == j || !other.starts_with(one), "{one:?} begins {other:?}");
            }
        }
    }

    #[test]
    fn bounds_hold_all_keys_of_the_space_and_no_other() {
        let (from, to) = public("cc1").bounds(KeyRange::ALL);
        for key in [&b""[..], b"a", b"\xff\xff\xff"] {
            let stored = public("cc1").key(key);
            assert!(from <= stored && stored < to);
        }
        for other in
            [public("cc10").key(b""), public("cc0").key(b"\xff"), hashed("cc1", "").key(b"")]
        {
            assert!(other < from || to <= other);
        }
    }

    #[test]
    fn an_empty_end_is_the_end_of_the_space() {
        assert_eq!(KeyRange::new("a", "").to, None);
        assert!(KeyRange::new("b", "a").is_empty());
        assert!(KeyRange::new("a", "a").is_empty());
        assert!(!KeyRange::new("a", "b").is_empty());
    }
}
