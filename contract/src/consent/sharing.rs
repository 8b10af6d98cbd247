//! Whether a patient shares at all.

use minicbor::{Decode, Encode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whether a patient shares at all: above every directive. The order is that of what is shared.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
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
pub enum Sharing {
    /// With no staff, except by breaking the glass.
    #[n(0)]
    Paused,
    /// In emergencies only: as paused, and said so.
    #[n(1)]
    EmergencyOnly,
    /// As the directives say.
    #[default]
    #[n(2)]
    On,
}
