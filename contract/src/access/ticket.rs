//! What accesses and disclosures are called.

use crate::meta::{Tx, halves};
use crate::text::{Text, json_text};
use crate::time::{TIME_MS_MAX, is_time};
use fabric_contract_rs::{KeyPart, TimestampMs};
use minicbor::{Decode, Encode};
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

/// Separates ticket ids from other hashes.
const TICKET_DOMAIN: &[u8] = b"ticket/1\0";

/// Digits of the complement of a time in the text.
const TIME_DIGITS: usize = 13;

/// The name of an access or of a disclosure, unique on the channel.
///
/// Its text is the complement of its transaction's time in 13 digits, so that a scan begins with the
/// newest, a dot, and 32 hexadecimal digits of a hash over the transaction's id and the position in
/// the batch. It tells nothing that the transaction itself does not.
///
/// ```
/// use ioht_contract::access::TicketId;
///
/// let text = "8295932799999.00112233445566778899aabbccddeeff";
/// let id: TicketId = text.parse().unwrap();
/// assert_eq!(id.at(), 1_704_067_200_000);
/// assert_eq!(id.to_string(), text);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct TicketId {
    #[n(0)]
    at: TimestampMs,
    #[cbor(n(1), with = "minicbor::bytes")]
    digest: [u8; 16],
}

/// A text that names no access or disclosure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "an access or disclosure is named by 13 digits, a dot and 32 lower-case hexadecimal digits"
)]
pub struct TicketIdError;

impl TicketId {
    /// What the transaction's `position`th one is called.
    pub(crate) fn of(tx: &Tx, position: u32) -> Self {
        let hash = Sha256::new_with_prefix(TICKET_DOMAIN)
            .chain_update(tx.id.as_bytes())
            .chain_update(position.to_be_bytes());
        let [digest, _] = halves(hash.finalize().into());
        Self { at: tx.at, digest }
    }

    /// When it was made.
    pub fn at(&self) -> TimestampMs {
        self.at
    }

    /// What sorts the newest first: as the text does.
    pub(crate) fn newest_first(&self) -> impl Ord + use<> {
        (complement(self.at), self.digest)
    }
}

/// What sorts times the newest first.
pub(crate) fn complement(at: TimestampMs) -> TimestampMs {
    TIME_MS_MAX.saturating_sub(at)
}

impl FromStr for TicketId {
    type Err = TicketIdError;

    fn from_str(text: &str) -> Result<Self, TicketIdError> {
        let (time, digest) = text.split_once('.').ok_or(TicketIdError)?;
        let digits = time.len() == TIME_DIGITS && time.bytes().all(|byte| byte.is_ascii_digit());
        let capitals = digest.bytes().any(|byte| byte.is_ascii_uppercase());
        if !digits || capitals {
            return Err(TicketIdError);
        }
        let at = complement(time.parse().map_err(|_| TicketIdError)?);
        let mut bytes = [0; 16];
        hex::decode_to_slice(digest, &mut bytes).map_err(|_| TicketIdError)?;
        if is_time(at) { Ok(Self { at, digest: bytes }) } else { Err(TicketIdError) }
    }
}

impl fmt::Display for TicketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:0TIME_DIGITS$}.{}", complement(self.at), hex::encode(self.digest))
    }
}

impl Text for TicketId {
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

json_text!(TicketId, "^[0-9]{13}\\.[0-9a-f]{32}$", "the name of an access or a disclosure");

impl KeyPart for TicketId {
    fn to_part(&self) -> Cow<'_, str> {
        Cow::Owned(self.to_string())
    }

    fn from_part(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

/// A bound of a range over [`TicketId`]s: sorts just before those of this time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TicketTime(pub(crate) TimestampMs);

impl KeyPart for TicketTime {
    fn to_part(&self) -> Cow<'_, str> {
        Cow::Owned(format!("{:0TIME_DIGITS$}", complement(self.0)))
    }

    fn from_part(_: &str) -> Option<Self> {
        // A bound stands in no key.
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::TxId;

    fn ticket(tx: u8, at: TimestampMs, position: u32) -> TicketId {
        TicketId::of(&Tx { id: TxId::new([tx; 32]), at }, position)
    }

    #[test]
    fn names_are_as_long_as_each_other_and_read_back() {
        for id in [ticket(1, 0, 0), ticket(2, 5, 49), ticket(3, TIME_MS_MAX, 7)] {
            let text = id.to_string();
            assert_eq!(text.len(), 46);
            assert_eq!(text.parse(), Ok(id));
            assert_eq!(TicketId::from_part(&id.to_part()), Some(id));
            let bytes = minicbor::to_vec(id).unwrap();
            assert_eq!(minicbor::decode::<TicketId>(&bytes).unwrap(), id);
        }
        let text = ticket(1, 5, 0).to_string();
        let (shorter, longer) = (text.replacen('.', "", 1), format!("{text}0"));
        let (no_time, no_digest) = text.split_once('.').unwrap();
        for bad in ["", ".", &text.to_uppercase(), &shorter, &longer, no_time, no_digest] {
            assert_eq!(bad.parse::<TicketId>(), Err(TicketIdError), "{bad}");
        }
    }

    #[test]
    fn the_newest_sorts_first_and_positions_differ() {
        let (old, new) = (ticket(1, 5, 0), ticket(1, 6, 0));
        assert!(new.to_string() < old.to_string());
        assert!(new.newest_first() < old.newest_first());
        assert_ne!(ticket(1, 5, 0), ticket(1, 5, 1));
        assert_ne!(ticket(1, 5, 0), ticket(2, 5, 0));
        let bound = TicketTime(5).to_part().into_owned();
        assert!(bound < old.to_string() && new.to_string() < bound);
    }
}
