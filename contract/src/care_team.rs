//! The care team: whom a patient means when it shares with those who treat it.

/// Members of a care team: a person or a whole unit each.
pub const CARE_TEAM_MAX: usize = 32;
