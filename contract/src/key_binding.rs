//! One key, one participant: so that nobody evades a suspension with the same key under a second
//! enrolment id.

use crate::error::ContractError;
use crate::ids::{KeyHash, ParticipantId, Salt};
use crate::meta::{Meta, Tx};
use crate::participant::Participant;
use crate::state::KEYS;
use fabric_contract_rs::Writes;
use minicbor::{Decode, Encode};

/// Keeps a key to the participant that first proved to hold it, for ever.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct KeyBinding {
    /// Its history.
    #[n(0)]
    pub meta: Meta<1>,
    /// Whose it is.
    #[n(1)]
    pub pid: ParticipantId,
    /// Makes the value's hash unguessable.
    #[n(2)]
    pub salt: Salt,
}

/// Binds a key to `pid`, or refuses one that is somebody else's.
pub(crate) fn bind_key(
    (key_hash, pid): (KeyHash, ParticipantId),
    bound: Option<&KeyBinding>,
    salt: Salt,
    tx: &Tx,
    writes: &mut Writes,
) -> Result<(), ContractError> {
    match bound {
        Some(bound) if bound.pid != pid => Err(ContractError::KeyTaken),
        Some(_) => Ok(()),
        None => {
            let binding = KeyBinding { meta: Meta::created(tx), pid, salt };
            Ok(KEYS.put(writes, &(key_hash,), &binding)?)
        }
    }
}

/// Binds the key that the caller signs with to the caller.
pub(crate) fn bind(
    caller: &Participant,
    bound: Option<&KeyBinding>,
    salt: Salt,
    tx: &Tx,
    writes: &mut Writes,
) -> Result<(), ContractError> {
    bind_key((caller.key_hash, caller.pid), bound, salt, tx, writes)
}
