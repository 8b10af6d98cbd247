//! What every stored object carries, and the salts that make private ones unguessable.

use crate::error::ContractError;
use crate::ids::{Salt, Secret, TxId};
use crate::time::is_time;
use fabric_contract_rs::{TimestampMs, TxContext};
use minicbor::decode::Error as DecodeError;
use minicbor::encode::{Error as EncodeError, Write};
use minicbor::{Decode, Decoder, Encode, Encoder};
use sha2::{Digest, Sha256};

/// The transaction at work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tx {
    /// Its id.
    pub id: TxId,
    /// Its timestamp.
    pub at: TimestampMs,
}

impl Tx {
    /// Id and time of the proposal.
    ///
    /// # Errors
    /// [`ContractError::ProposalUnusable`] for an id that is not a SHA-256 digest or a time that
    /// keys cannot hold; no peer lets either through.
    pub fn of(cx: &TxContext) -> Result<Self, ContractError> {
        let id = cx.tx_id().parse().map_err(|_| ContractError::ProposalUnusable)?;
        let at = cx.timestamp_ms();
        if is_time(at) { Ok(Self { id, at }) } else { Err(ContractError::ProposalUnusable) }
    }
}

/// History of a stored object: which form it has, how often it was written, when, and by which
/// transaction. `SCHEMA` is the form this release writes.
///
/// A release that adds a field to an object raises its `SCHEMA`. An older one then refuses to read
/// the object, where it would otherwise drop the field by writing it back.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Meta<const SCHEMA: u16> {
    #[n(0)]
    schema: Schema<SCHEMA>,
    /// 1 when created, one more for each change.
    #[n(1)]
    pub version: u32,
    /// The latest transaction time that changed it: the larger of old and new, so that it never goes
    /// back.
    #[n(2)]
    pub updated_at: TimestampMs,
    /// The transaction that changed it last.
    #[n(3)]
    pub last_tx: TxId,
}

impl<const SCHEMA: u16> Meta<SCHEMA> {
    /// The history of an object that `tx` creates.
    pub fn created(tx: &Tx) -> Self {
        Self { schema: Schema, version: 1, updated_at: tx.at, last_tx: tx.id }
    }

    /// Notes a change by `tx`.
    pub fn changed(&mut self, tx: &Tx) {
        self.counted(tx);
        self.updated_at = self.updated_at.max(tx.at);
    }

    /// Notes a change that no decision rests on, but not its time: the clock of whoever is neither the
    /// patient nor acts for it does not hold up what is dated before.
    pub fn counted(&mut self, tx: &Tx) {
        self.version = self.version.saturating_add(1);
        self.last_tx = tx.id;
    }

    /// Refuses a transaction dated before what it builds on.
    ///
    /// For acts that widen access, so that an authority which has ended cannot be used by
    /// back-dating. Withdrawing, pausing, suspending and revoking never call this: a clock that runs
    /// fast must not stand in their way.
    ///
    /// # Errors
    /// [`ContractError::BackDated`].
    pub fn not_before(&self, tx: &Tx) -> Result<(), ContractError> {
        if tx.at < self.updated_at { Err(ContractError::BackDated) } else { Ok(()) }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Schema<const SCHEMA: u16>;

impl<C, const SCHEMA: u16> Encode<C> for Schema<SCHEMA> {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), EncodeError<W::Error>> {
        e.u16(SCHEMA)?.ok()
    }
}

impl<'b, C, const SCHEMA: u16> Decode<'b, C> for Schema<SCHEMA> {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, DecodeError> {
        if (1..=SCHEMA).contains(&d.u16()?) {
            Ok(Self)
        } else {
            Err(DecodeError::message("written by a newer release"))
        }
    }
}

/// Derives the salts of one transaction's values.
///
/// Salt = the first 16 bytes of SHA-256(secret ‖ transaction id in hexadecimal ‖ position as four
/// big-endian bytes).
#[derive(Clone)]
pub(crate) struct Salts {
    prefix: Sha256,
}

impl Salts {
    pub(crate) fn of_subject(secret: &Secret, cx: &TxContext) -> Self {
        Self { prefix: Sha256::new().chain_update(secret.as_bytes()).chain_update(cx.tx_id()) }
    }

    /// The salt of the value at `position` among those the transaction writes.
    pub(crate) fn at(&self, position: u32) -> Salt {
        let digest = self.prefix.clone().chain_update(position.to_be_bytes()).finalize();
        let [first, _] = halves(digest.into());
        Salt::new(first)
    }
}

/// The two halves of a SHA-256 digest.
pub(crate) fn halves(digest: [u8; 32]) -> [[u8; 16]; 2] {
    let mut halves = [[0; 16]; 2];
    for (half, bytes) in halves.iter_mut().zip(digest.chunks_exact(16)) {
        half.copy_from_slice(bytes);
    }
    halves
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tx(at: TimestampMs) -> Tx {
        Tx { id: TxId::new([at.to_be_bytes()[7]; 32]), at }
    }

    #[test]
    fn time_of_an_object_never_goes_back() {
        let mut meta = Meta::<1>::created(&tx(100));
        meta.changed(&tx(90));
        assert_eq!((meta.version, meta.updated_at, meta.last_tx), (2, 100, tx(90).id));
        meta.changed(&tx(110));
        assert_eq!((meta.version, meta.updated_at), (3, 110));
        assert_eq!(meta.not_before(&tx(110)), Ok(()));
        assert_eq!(meta.not_before(&tx(109)), Err(ContractError::BackDated));
    }

    #[test]
    fn a_newer_form_is_not_read_and_an_older_one_is_migrated_on_write() {
        let bytes = |schema: u16| {
            let mut bytes = minicbor::to_vec(Meta::<9>::created(&tx(100))).unwrap();
            assert_eq!(bytes[2], 9);
            bytes[2] = u8::try_from(schema).unwrap();
            bytes
        };
        assert!(minicbor::decode::<Meta<2>>(&bytes(3)).is_err());
        assert!(minicbor::decode::<Meta<2>>(&bytes(0)).is_err());
        let old: Meta<2> = minicbor::decode(&bytes(1)).unwrap();
        assert_eq!(minicbor::to_vec(old).unwrap(), bytes(2));
    }
}
