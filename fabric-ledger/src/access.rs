/// What the creator of a transaction may do with the plaintext of a collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permission {
    /// May read: a member, or `member_only_read` is off.
    pub read: bool,
    /// May write: a member, or `member_only_write` is off.
    pub write: bool,
}

impl Permission {
    /// Nothing is refused.
    pub const FULL: Self = Self { read: true, write: true };
}

/// Which collections a channel's chaincodes define and what the creator of *one* transaction may
/// do with them. Who asks decides membership; a simulation only applies the answer.
pub trait CollectionAccess {
    /// The creator's permission; `None` for a collection that is not defined.
    fn permission(&self, namespace: &str, collection: &str) -> Option<Permission>;
}

impl<F: Fn(&str, &str) -> Option<Permission>> CollectionAccess for F {
    fn permission(&self, namespace: &str, collection: &str) -> Option<Permission> {
        self(namespace, collection)
    }
}
