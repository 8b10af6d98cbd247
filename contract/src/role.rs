//! Roles: what a caller can be to a transaction.

use minicbor::{Decode, Encode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A role that an organisation gives to its staff.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Encode,
    Decode,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum StaffRole {
    /// Manages units and staff below its own unit.
    #[n(0)]
    OrgAdmin,
    /// Answers for privacy: reviews, suspends organisations, publishes terms.
    #[n(1)]
    PrivacyOfficer,
    /// Registers patients.
    #[n(2)]
    Registrar,
    /// Treats patients.
    #[n(3)]
    Practitioner,
    /// Does research under a project's terms.
    #[n(4)]
    Researcher,
    /// A machine of the organisation: a data gateway, an analytics job.
    #[n(5)]
    Service,
    /// Reads what was done, never health data.
    #[n(6)]
    Auditor,
}

/// What a caller can be to a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Whoever has a certificate of the channel's organisations.
    Anyone,
    /// The patient, by the key registered for it.
    Subject,
    /// Who acts for the patient with the power that the transaction needs, by the key it was named
    /// with.
    Delegate,
    /// The device, by the key registered for it.
    Device,
    /// The gateway that the device's owner named, by the key registered for it.
    Gateway,
    /// Active staff of an active organisation.
    Staff(StaffRole),
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 12] = [
        Self::Anyone,
        Self::Subject,
        Self::Delegate,
        Self::Device,
        Self::Gateway,
        Self::Staff(StaffRole::OrgAdmin),
        Self::Staff(StaffRole::PrivacyOfficer),
        Self::Staff(StaffRole::Registrar),
        Self::Staff(StaffRole::Practitioner),
        Self::Staff(StaffRole::Researcher),
        Self::Staff(StaffRole::Service),
        Self::Staff(StaffRole::Auditor),
    ];

    /// Its name in policies and metadata.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Anyone => "anyone",
            Self::Subject => "subject",
            Self::Delegate => "delegate",
            Self::Device => "device",
            Self::Gateway => "gateway",
            Self::Staff(StaffRole::OrgAdmin) => "org_admin",
            Self::Staff(StaffRole::PrivacyOfficer) => "privacy_officer",
            Self::Staff(StaffRole::Registrar) => "registrar",
            Self::Staff(StaffRole::Practitioner) => "practitioner",
            Self::Staff(StaffRole::Researcher) => "researcher",
            Self::Staff(StaffRole::Service) => "service",
            Self::Staff(StaffRole::Auditor) => "auditor",
        }
    }

    /// The role of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }

    const fn bit(self) -> u16 {
        match self {
            Self::Anyone => 1,
            Self::Subject => 1 << 1,
            Self::Device => 1 << 2,
            Self::Gateway => 1 << 3,
            Self::Staff(StaffRole::OrgAdmin) => 1 << 4,
            Self::Staff(StaffRole::PrivacyOfficer) => 1 << 5,
            Self::Staff(StaffRole::Registrar) => 1 << 6,
            Self::Staff(StaffRole::Practitioner) => 1 << 7,
            Self::Staff(StaffRole::Researcher) => 1 << 8,
            Self::Staff(StaffRole::Service) => 1 << 9,
            Self::Staff(StaffRole::Auditor) => 1 << 10,
            Self::Delegate => 1 << 11,
        }
    }
}

/// A set of roles.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct RoleSet(u16);

impl RoleSet {
    /// No role.
    pub const NONE: Self = Self(0);

    /// This set and `role`.
    #[must_use]
    pub const fn with(self, role: Role) -> Self {
        Self(self.0 | role.bit())
    }

    /// What both sets hold.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether it holds `role`.
    pub const fn contains(self, role: Role) -> bool {
        self.0 & role.bit() != 0
    }

    /// Whether it holds none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Its roles, in the order of [`Role::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Role> {
        Role::ALL.into_iter().filter(move |role| self.contains(*role))
    }
}

impl FromIterator<Role> for RoleSet {
    fn from_iter<I: IntoIterator<Item = Role>>(roles: I) -> Self {
        roles.into_iter().fold(Self::NONE, Self::with)
    }
}

impl fmt::Debug for RoleSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(Role::name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_found() {
        for role in Role::ALL {
            assert_eq!(Role::from_name(role.name()), Some(role));
        }
        assert_eq!(Role::from_name("root"), None);
    }

    #[test]
    fn staff_roles_have_the_same_name_in_documents_and_routes() {
        for role in Role::ALL {
            if let Role::Staff(staff) = role {
                assert_eq!(serde_json::to_value(staff).unwrap(), role.name());
            }
        }
    }

    #[test]
    fn sets_hold_what_was_put_in() {
        let set: RoleSet = [Role::Device, Role::Staff(StaffRole::Auditor)].into_iter().collect();
        assert!(set.contains(Role::Device) && !set.contains(Role::Gateway));
        assert!(set.and(RoleSet::NONE.with(Role::Gateway)).is_empty());
        assert_eq!(set.iter().count(), 2);
        assert_eq!(Role::ALL.into_iter().collect::<RoleSet>().iter().count(), Role::ALL.len());
    }
}
