//! Key-level endorsement: who must endorse the next change of one key.

use bytes::Bytes;
use std::collections::BTreeSet;

/// The most organisations one policy names: channels are smaller, and a policy is evaluated with
/// every write of its key.
const ORGANISATIONS_MAX: usize = 64;

/// Whose signature of an organisation counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndorsingRole {
    /// Any member's, its peers' among them.
    Member,
    /// A peer's, by its certificate's unit.
    Peer,
}

/// Why there can be no such policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EndorsementPolicyError {
    /// No organisation, or more than a channel has.
    #[error("an endorsement policy names 1 to 64 organisations")]
    Organisations,
    /// A policy that nobody needs to fulfil, or nobody can.
    #[error("an endorsement policy needs at least one of its organisations and at most all")]
    Needed,
}

/// Who must endorse a change of a key, instead of what the chaincode or collection demands.
///
/// Fabric calls it state-based endorsement. The policy in force before a transaction governs it,
/// also when it changes the policy; and a later writer of the key in the same block as a change of
/// its policy is invalid.
///
/// ```
/// use fabric_contract_rs::{EndorsementPolicy, EndorsingRole, Space, StateKey, Writes};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let both = EndorsementPolicy::all_of(EndorsingRole::Peer, ["Org1MSP", "Org2MSP"])?;
/// let mut writes = Writes::new();
/// let key = StateKey::simple("asset")?;
/// writes.put(Space::Public, key.clone(), "red".into())?;
/// writes.set_endorsement_policy(Space::Public, key, &both);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndorsementPolicy {
    bytes: Bytes,
}

impl EndorsementPolicy {
    /// Every one of these organisations.
    ///
    /// # Errors
    /// [`EndorsementPolicyError::Organisations`].
    pub fn all_of<'a>(
        role: EndorsingRole,
        msp_ids: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, EndorsementPolicyError> {
        let msp_ids: BTreeSet<_> = msp_ids.into_iter().collect();
        Self::encode(msp_ids.len(), role, &msp_ids)
    }

    /// Any `needed` of these organisations.
    ///
    /// # Errors
    /// [`EndorsementPolicyError`].
    pub fn out_of<'a>(
        needed: usize,
        role: EndorsingRole,
        msp_ids: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, EndorsementPolicyError> {
        Self::encode(needed, role, &msp_ids.into_iter().collect())
    }

    /// A policy that a ledger has answered with, whatever it says.
    ///
    /// Nothing else belongs here: a peer that meets a policy it cannot read stops its channel.
    pub fn from_ledger(bytes: Bytes) -> Self {
        Self { bytes }
    }

    /// The `SignaturePolicyEnvelope` the peer stores. The same organisations always give the same
    /// bytes, in whatever order they are named.
    pub fn as_bytes(&self) -> &Bytes {
        &self.bytes
    }

    fn encode(
        needed: usize,
        role: EndorsingRole,
        msp_ids: &BTreeSet<&str>,
    ) -> Result<Self, EndorsementPolicyError> {
        if msp_ids.is_empty() || msp_ids.len() > ORGANISATIONS_MAX {
            return Err(EndorsementPolicyError::Organisations);
        }
        if needed == 0 || needed > msp_ids.len() {
            return Err(EndorsementPolicyError::Needed);
        }
        let mut gate = Vec::new();
        varint_field(&mut gate, 1, needed);
        for index in 0..msp_ids.len() {
            let mut signed_by = Vec::new();
            varint_field(&mut signed_by, 1, index);
            bytes_field(&mut gate, 2, &signed_by);
        }
        let mut rule = Vec::new();
        bytes_field(&mut rule, 2, &gate);
        let mut envelope = Vec::new();
        bytes_field(&mut envelope, 2, &rule);
        for msp_id in msp_ids {
            let mut role_of = Vec::new();
            bytes_field(&mut role_of, 1, msp_id.as_bytes());
            match role {
                EndorsingRole::Member => {} // the default, which is not written
                EndorsingRole::Peer => varint_field(&mut role_of, 2, 3),
            }
            let mut principal = Vec::new();
            bytes_field(&mut principal, 2, &role_of);
            bytes_field(&mut envelope, 3, &principal);
        }
        Ok(Self { bytes: envelope.into() })
    }
}

fn bytes_field(message: &mut Vec<u8>, tag: u8, content: &[u8]) {
    message.push(tag << 3 | 2);
    varint(message, content.len());
    message.extend_from_slice(content);
}

fn varint_field(message: &mut Vec<u8>, tag: u8, number: usize) {
    message.push(tag << 3);
    varint(message, number);
}

fn varint(message: &mut Vec<u8>, mut number: usize) {
    loop {
        let low = u8::try_from(number & 0x7f).unwrap_or_default();
        number >>= 7;
        if number == 0 {
            message.push(low);
            return;
        }
        message.push(low | 0x80);
    }
}
