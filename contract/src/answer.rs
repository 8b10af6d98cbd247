//! What transactions leave in clear: answers and events.

use crate::ids::{PolicyDigest, TxId};
use crate::meta::Tx;
use crate::policies::Policies;
use fabric_contract_rs::{Submit, Writes};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The answer of a submitted transaction. It stands on the chain in clear and tells nothing but the
/// policies it ran under: custodians with other policies cannot endorse it too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// Digest of the policies.
    pub policy: PolicyDigest,
}

impl Receipt {
    pub(crate) fn new(policies: &Policies) -> Self {
        Self { policy: policies.digest() }
    }
}

/// The payload of every event: its transaction, and nothing else, because events stand in the block
/// in clear. The event's name is the transaction's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Announcement {
    /// The transaction's id.
    pub id: TxId,
}

pub(crate) fn announce<T: Submit>(writes: &mut Writes, tx: &Tx) {
    writes.set_event(T::NAME, format!("{{\"id\":\"{}\"}}", tx.id));
}
