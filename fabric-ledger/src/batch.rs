use std::collections::BTreeMap;
use std::ops::Bound;

use bytes::Bytes;

use crate::space::{KeyRange, Space};
use crate::version::{Version, Versioned};

/// What a commit does to one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Update {
    /// The key has this value, metadata and version from now on.
    Put(Versioned),
    /// The key is absent from now on; the version says who deleted it.
    Delete(Version),
}

impl Update {
    /// Block and index of the transaction that caused the update.
    pub const fn version(&self) -> Version {
        match self {
            Self::Put(versioned) => versioned.version,
            Self::Delete(version) => *version,
        }
    }

    /// The new value, unless the key is deleted.
    pub const fn versioned(&self) -> Option<&Versioned> {
        match self {
            Self::Put(versioned) => Some(versioned),
            Self::Delete(_) => None,
        }
    }
}

type Keys = BTreeMap<Bytes, Update>;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct NamespaceUpdates {
    public: Keys,
    hashed: BTreeMap<String, Keys>,
    private: BTreeMap<String, Keys>,
}

/// The last update of each key that a block changes, in the order of Fabric's commit hash: by
/// namespace; in it the public keys, then collection by collection the hashed ones; then the
/// private ones. Keys are in byte order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UpdateBatch {
    namespaces: BTreeMap<String, NamespaceUpdates>,
}

impl UpdateBatch {
    /// The update of a key, if this batch has one.
    pub fn get(&self, space: Space<'_>, key: &[u8]) -> Option<&Update> {
        self.keys(space)?.get(key)
    }

    /// Sets the update of a key; a later one replaces an earlier one.
    pub fn insert(&mut self, space: Space<'_>, key: Bytes, update: Update) {
        let updates = entry(&mut self.namespaces, space.namespace());
        let keys = match space {
            Space::Public { .. } => &mut updates.public,
            Space::Hashed { collection, .. } => entry(&mut updates.hashed, collection),
            Space::Private { collection, .. } => entry(&mut updates.private, collection),
        };
        keys.insert(key, update);
    }

    /// Adds other updates; theirs replace those of the same keys.
    pub fn extend(&mut self, later: Self) {
        for (namespace, updates) in later.namespaces {
            let own = self.namespaces.entry(namespace).or_default();
            own.public.extend(updates.public);
            for (collection, keys) in updates.hashed {
                own.hashed.entry(collection).or_default().extend(keys);
            }
            for (collection, keys) in updates.private {
                own.private.entry(collection).or_default().extend(keys);
            }
        }
    }

    /// All updates, in the batch's order.
    pub fn iter(&self) -> impl Iterator<Item = (Space<'_>, &Bytes, &Update)> {
        self.namespaces.iter().flat_map(|(namespace, updates)| {
            let namespace = namespace.as_str();
            let public = updates
                .public
                .iter()
                .map(move |(key, update)| (Space::Public { namespace }, key, update));
            let hashed = updates.hashed.iter().flat_map(move |(collection, keys)| {
                let space = Space::Hashed { namespace, collection };
                keys.iter().map(move |(key, update)| (space, key, update))
            });
            let private = updates.private.iter().flat_map(move |(collection, keys)| {
                let space = Space::Private { namespace, collection };
                keys.iter().map(move |(key, update)| (space, key, update))
            });
            public.chain(hashed).chain(private)
        })
    }

    /// The updates of a range of keys of one space, in key order.
    pub fn range<'a>(
        &'a self,
        space: Space<'_>,
        range: KeyRange<'_>,
    ) -> impl Iterator<Item = (&'a Bytes, &'a Update)> + use<'a> {
        let keys = (!range.is_empty()).then(|| self.keys(space)).flatten();
        let to = range.to.map_or(Bound::Unbounded, Bound::Excluded);
        keys.map(|keys| keys.range::<[u8], _>((Bound::Included(range.from), to)))
            .into_iter()
            .flatten()
    }

    /// How many keys are updated.
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Whether nothing is updated.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    fn keys(&self, space: Space<'_>) -> Option<&Keys> {
        let updates = self.namespaces.get(space.namespace())?;
        match space {
            Space::Public { .. } => Some(&updates.public),
            Space::Hashed { collection, .. } => updates.hashed.get(collection),
            Space::Private { collection, .. } => updates.private.get(collection),
        }
    }
}

/// The entry of a name, without allocating the name when the entry is there.
pub(crate) fn entry<'a, T: Default>(map: &'a mut BTreeMap<String, T>, name: &str) -> &'a mut T {
    if !map.contains_key(name) {
        map.insert(name.to_owned(), T::default());
    }
    #[expect(clippy::expect_used, reason = "the entry was made just above")]
    map.get_mut(name).expect("an entry for the name")
}
