//! Codes of which one is part of another.

use super::PolicyError;
use std::collections::BTreeMap;
use std::fmt::Display;

/// Most steps from a code up to its root. HL7's trees have three; the bound keeps the work of one
/// decision small.
pub const HIERARCHY_LEVELS_MAX: usize = 8;

/// Most codes of one document: more than HL7 has.
const CODES_MAX: usize = 256;

/// Codes with their parents: a forest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hierarchy<C> {
    parents: BTreeMap<C, Option<C>>,
}

impl<C: Ord + Clone + Display> Hierarchy<C> {
    pub(super) fn parse(
        file: &str,
        entries: impl Iterator<Item = (C, Option<C>)>,
    ) -> Result<Self, PolicyError> {
        let mut parents = BTreeMap::new();
        for (code, parent) in entries {
            if parents.insert(code.clone(), parent).is_some() {
                return Err(PolicyError::new(file, format!("`{code}` is listed twice")));
            }
        }
        if parents.is_empty() || parents.len() > CODES_MAX {
            return Err(PolicyError::new(file, format!("list 1 to {CODES_MAX} codes")));
        }
        let hierarchy = Self { parents };
        for (code, parent) in &hierarchy.parents {
            if let Some(parent) = parent.as_ref().filter(|parent| !hierarchy.contains(parent)) {
                let reason = format!("`{code}` has the parent `{parent}`, which is not listed");
                return Err(PolicyError::new(file, reason));
            }
            let steps = hierarchy.above(code).take(HIERARCHY_LEVELS_MAX.saturating_add(1)).count();
            if steps > HIERARCHY_LEVELS_MAX {
                let reason = format!("`{code}` has more than {HIERARCHY_LEVELS_MAX} levels above");
                return Err(PolicyError::new(file, reason));
            }
        }
        Ok(hierarchy)
    }

    pub(super) fn codes(&self) -> impl Iterator<Item = &C> {
        self.parents.keys()
    }

    pub(super) fn contains(&self, code: &C) -> bool {
        self.parents.contains_key(code)
    }

    /// The code, its parent, and so on up to the root; nothing for an unknown code.
    pub(super) fn above<'a>(&'a self, code: &C) -> impl Iterator<Item = &'a C> {
        let start = self.parents.get_key_value(code);
        let entries = std::iter::successors(start, |(_, parent)| {
            parent.as_ref().and_then(|parent| self.parents.get_key_value(parent))
        });
        entries.map(|(code, _)| code)
    }
}
