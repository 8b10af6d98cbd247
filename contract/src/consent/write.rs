//! Changes of a patient's directives: the immutable version and the copy in the head, together.

use super::{Directive, DirectiveStatus, Effect, Sharing};
use crate::act::Act;
use crate::error::{ConsentBound, ContractError};
use crate::head::Head;
use crate::ids::{DirectiveId, ParticipantId, RecordsKey, Salt, SubjectId};
use crate::meta::{Meta, Salts};
use crate::role::{Role, RoleSet};
use crate::state::{DIRECTIVES, HEADS};
use fabric_contract_rs::{KeyPart, Writes};
use minicbor::{Decode, Encode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Most directives of one patient in force: every decision looks at all of them.
pub const DIRECTIVES_MAX: usize = 64;
/// Most bytes of them as they are stored: every decision reads them.
pub const DIRECTIVES_BYTES_MAX: usize = 65_536;

/// One version of a directive, as it was written. It never changes.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct DirectiveVersion {
    /// Its history.
    #[n(0)]
    pub meta: Meta<1>,
    /// Makes the value's hash unguessable.
    #[n(1)]
    pub salt: Salt,
    /// The directive; what ends one is a version of it too.
    #[n(2)]
    pub directive: Directive,
    /// Why a regulator revoked it.
    #[n(3)]
    pub reason: Option<RevocationReason>,
}

/// Why a regulator ends a directive against or without the patient's will.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum RevocationReason {
    /// A court ordered it.
    #[n(0)]
    CourtOrder,
    /// It was obtained by fraud or under pressure.
    #[n(1)]
    UnlawfullyObtained,
    /// Whoever wrote it had no power to.
    #[n(2)]
    NoAuthority,
    /// What it permits has become unlawful.
    #[n(3)]
    UnlawfulUse,
}

/// A version as a key part: ten digits, so that keys sort by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyVersion(pub u32);

const VERSION_DIGITS: usize = 10;

impl KeyPart for KeyVersion {
    fn to_part(&self) -> Cow<'_, str> {
        Cow::Owned(format!("{:0VERSION_DIGITS$}", self.0))
    }

    fn from_part(text: &str) -> Option<Self> {
        let digits = text.len() == VERSION_DIGITS && text.bytes().all(|it| it.is_ascii_digit());
        if digits { text.parse().ok().map(Self) } else { None }
    }
}

/// Whether ending what `which` picks may let through what was denied: something that can deny goes,
/// and something that can permit stays.
pub(super) fn ending_widens(directives: &[Directive], which: impl Fn(&Directive) -> bool) -> bool {
    let (ended, kept): (Vec<_>, Vec<_>) = directives.iter().partition(|it| which(it));
    ended.iter().any(|it| it.can(Effect::Deny)) && kept.iter().any(|it| it.can(Effect::Permit))
}

/// The changes of one transaction.
pub(super) struct Changes<'a> {
    act: &'a Act<'a>,
    roles: RoleSet,
    pub(super) head: Head,
    /// What it was before.
    sharing: Sharing,
    rk: Option<RecordsKey>,
    author: Author,
    salts: Salts,
    written: u32,
}

/// Who writes.
struct Author {
    pid: ParticipantId,
    acting_for: Option<ParticipantId>,
}

impl<'a> Changes<'a> {
    pub(super) fn of(act: &'a Act<'a>, head: Head, roles: RoleSet) -> Self {
        // A regulator acts for itself.
        let acting_for = roles.contains(Role::Delegate).then_some(head.pid);
        let author = Author { pid: act.caller.pid, acting_for };
        let salts = Salts::of_subject(&head.secret, act.cx);
        let (rk, sharing) = (head.rk, head.sharing);
        Self { act, roles, head, sharing, rk, author, salts, written: 0 }
    }

    /// Puts a directive in force in the place of its earlier version.
    pub(super) fn put(
        &mut self,
        mut directive: Directive,
        writes: &mut Writes,
    ) -> Result<(), ContractError> {
        directive.author = Some(self.author.pid);
        directive.acting_for = self.author.acting_for;
        self.version(directive.clone(), None, writes)?;
        let directives = &mut self.head.directives;
        match directives.binary_search_by(|it| it.id.cmp(&directive.id)) {
            Ok(at) => {
                if let Some(present) = directives.get_mut(at) {
                    *present = directive;
                }
            }
            Err(at) => directives.insert(at, directive),
        }
        Ok(())
    }

    /// Ends the directives that `which` picks. One that is not in force has ended already.
    pub(super) fn end(
        &mut self,
        status: DirectiveStatus,
        reason: Option<RevocationReason>,
        which: impl Fn(&Directive) -> bool,
        writes: &mut Writes,
    ) -> Result<(), ContractError> {
        let (ended, kept) = std::mem::take(&mut self.head.directives).into_iter().partition(which);
        self.head.directives = kept;
        let ended: Vec<Directive> = ended;
        for directive in ended {
            let ended = Directive {
                version: directive.version.saturating_add(1),
                status,
                author: Some(self.author.pid),
                acting_for: self.author.acting_for,
                ..directive
            };
            self.version(ended, reason, writes)?;
        }
        Ok(())
    }

    fn version(
        &mut self,
        directive: Directive,
        reason: Option<RevocationReason>,
        writes: &mut Writes,
    ) -> Result<(), ContractError> {
        let Some(rk) = self.rk else { return self.head.readable().map(|_| ()) };
        let key: (RecordsKey, DirectiveId, KeyVersion) =
            (rk, directive.id.clone(), KeyVersion(directive.version));
        let salt = self.salts.at(self.written);
        self.written = self.written.saturating_add(1);
        let meta = Meta::created(&self.act.tx);
        let version = DirectiveVersion { meta, salt, directive, reason };
        Ok(DIRECTIVES.put(writes, &key, &version)?)
    }

    /// Refuses more than a head holds.
    pub(super) fn within_bounds(self) -> Result<Self, ContractError> {
        if self.head.directives.len() > DIRECTIVES_MAX {
            return Err(ContractError::ConsentTooLarge(ConsentBound::Directives));
        }
        if directives_bytes(&self.head.directives) > DIRECTIVES_BYTES_MAX {
            return Err(ContractError::ConsentTooLarge(ConsentBound::Bytes));
        }
        Ok(self)
    }

    /// Writes the head, and tells the patient what others did. Where nothing has changed nothing is
    /// written, so that a delegate that asks again and again stands in nobody's way.
    pub(super) fn save(mut self, sid: SubjectId, writes: &mut Writes) -> Result<(), ContractError> {
        if self.written == 0 && self.head.sharing == self.sharing {
            return Ok(());
        }
        self.head.meta.changed(&self.act.tx);
        self.act.note(&self.head, self.roles, None, writes)?;
        Ok(HEADS.put(writes, &(sid,), &self.head)?)
    }
}

/// The size of directives as they are stored.
pub(super) fn directives_bytes(directives: &[Directive]) -> usize {
    minicbor::to_vec(directives).map_or(usize::MAX, |bytes| bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_versions_have_ten_digits() {
        assert_eq!(KeyVersion(7).to_part(), "0000000007");
        assert_eq!(KeyVersion::from_part("4294967295"), Some(KeyVersion(u32::MAX)));
        for bad in ["", "7", "00000000007", "000000000x", "4294967296", "+000000007"] {
            assert_eq!(KeyVersion::from_part(bad), None, "{bad}");
        }
    }
}
