//! Identifiers. Each is parsed once, at the edge; afterwards the type is the proof.

use crate::text::{Text, json_text};
use fabric_contract_rs::KeyPart;
use minicbor::decode::Error as DecodeError;
use minicbor::encode::{Error as EncodeError, Write};
use minicbor::{Decode, Decoder, Encode, Encoder};
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

/// Why a text is not an identifier. The text itself is not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Not hexadecimal, in capitals, or of another length.
    #[error("not {digits} lower-case hexadecimal digits")]
    Hex {
        /// How many digits the identifier has.
        digits: usize,
    },
    /// Not a name.
    #[error(
        "a name is 1 to 64 letters, digits, `.`, `_` or `-`, and starts with one of the first two"
    )]
    Name,
    /// Not a LOINC code, or one whose check digit is wrong.
    #[error("not a LOINC code with its check digit")]
    Loinc,
}

macro_rules! bytes_id {
    ($(#[$doc:meta])* $name:ident, $bytes:literal, $pattern:literal, $meaning:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub struct $name([u8; $bytes]);

        impl $name {
            /// The identifier of these bytes.
            pub const fn new(bytes: [u8; $bytes]) -> Self {
                Self(bytes)
            }

            /// Its bytes.
            pub const fn as_bytes(&self) -> &[u8; $bytes] {
                &self.0
            }

            /// Its text: lower-case hexadecimal.
            pub fn to_hex(&self) -> String {
                let digits = self.0.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
                let mut text = String::with_capacity($bytes * 2);
                text.extend(digits.map(hex_digit));
                text
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                let error = IdError::Hex { digits: $bytes * 2 };
                if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
                    return Err(error);
                }
                let mut bytes = [0; $bytes];
                hex::decode_to_slice(text, &mut bytes).map_err(|_| error)?;
                Ok(Self(bytes))
            }
        }

        impl Text for $name {
            fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.to_hex())
            }
        }

        json_text!($name, $pattern, $meaning);

        impl<C> Encode<C> for $name {
            fn encode<W: Write>(
                &self,
                e: &mut Encoder<W>,
                _: &mut C,
            ) -> Result<(), EncodeError<W::Error>> {
                e.bytes(&self.0)?.ok()
            }
        }

        impl<'b, C> Decode<'b, C> for $name {
            fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, DecodeError> {
                let bytes = d.bytes()?;
                let bytes = bytes.try_into();
                bytes.map(Self).map_err(|_| DecodeError::message("wrong length"))
            }
        }
    };
}

macro_rules! shown {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.write(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }
    };
}

macro_rules! hidden {
    ($name:ident) => {
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }
    };
}

macro_rules! hex_part {
    ($name:ident) => {
        impl KeyPart for $name {
            fn to_part(&self) -> Cow<'_, str> {
                Cow::Owned(self.to_hex())
            }

            fn from_part(text: &str) -> Option<Self> {
                text.parse().ok()
            }
        }
    };
}

bytes_id! {
    /// A participant's pseudonym, `pid`: a hash of its MSP id and enrolment id. See
    /// [`Participant`](crate::Participant).
    ParticipantId, 16, "^[0-9a-f]{32}$", "a participant id: 32 lower-case hexadecimal digits"
}
shown!(ParticipantId);
hex_part!(ParticipantId);

bytes_id! {
    /// The name by which others refer to a patient, `sid`: 128 random bits. It never stands on
    /// the chain in clear, and knowing it grants nothing. Neither `Display` nor `Debug` shows it.
    SubjectId, 16, "^[0-9a-f]{32}$", "a subject id: 32 lower-case hexadecimal digits"
}
hidden!(SubjectId);
hex_part!(SubjectId);

bytes_id! {
    /// What a patient's record keys start with, `rk`: 128 random bits, known to the patient and
    /// its devices only, so that nobody else can compute the hash of a record's key.
    RecordsKey, 16, "^[0-9a-f]{32}$", "a records key: 32 lower-case hexadecimal digits"
}
hidden!(RecordsKey);
hex_part!(RecordsKey);

bytes_id! {
    /// 32 random bytes from which the salts of a patient's values are derived.
    Secret, 32, "^[0-9a-f]{64}$", "a secret: 64 lower-case hexadecimal digits"
}
hidden!(Secret);

bytes_id! {
    /// Makes a stored private value unguessable: its hash stands in the block.
    Salt, 16, "^[0-9a-f]{32}$", "a salt: 32 lower-case hexadecimal digits"
}
hidden!(Salt);

bytes_id! {
    /// SHA-256 of a public key in its SubjectPublicKeyInfo DER form.
    KeyHash, 32, "^[0-9a-f]{64}$", "a SHA-256 digest: 64 lower-case hexadecimal digits"
}
shown!(KeyHash);
hex_part!(KeyHash);

bytes_id! {
    /// SHA-256 of a salted batch of raw data that stays on the device.
    RawDigest, 32, "^[0-9a-f]{64}$", "a SHA-256 digest: 64 lower-case hexadecimal digits"
}
shown!(RawDigest);

bytes_id! {
    /// SHA-256 over the documents of [`Policies`](crate::Policies).
    PolicyDigest, 32, "^[0-9a-f]{64}$", "a SHA-256 digest: 64 lower-case hexadecimal digits"
}
shown!(PolicyDigest);

bytes_id! {
    /// SHA-256 of a document kept elsewhere: the text a patient was shown, the source of a directive.
    DocumentDigest, 32, "^[0-9a-f]{64}$", "a SHA-256 digest: 64 lower-case hexadecimal digits"
}
shown!(DocumentDigest);

bytes_id! {
    /// A transaction's id: SHA-256 of the proposal's nonce and creator.
    TxId, 32, "^[0-9a-f]{64}$", "a transaction id: 64 lower-case hexadecimal digits"
}
shown!(TxId);
hex_part!(TxId);

macro_rules! name_id {
    ($(#[$doc:meta])* $name:ident, $meaning:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
        #[cbor(transparent)]
        pub struct $name(#[n(0)] String);

        impl $name {
            /// Its text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                if is_name(text) { Ok(Self(text.to_owned())) } else { Err(IdError::Name) }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Text for $name {
            fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        json_text!($name, "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", $meaning);

        impl KeyPart for $name {
            fn to_part(&self) -> Cow<'_, str> {
                Cow::Borrowed(&self.0)
            }

            fn from_part(text: &str) -> Option<Self> {
                text.parse().ok()
            }
        }
    };
}

name_id! {
    /// An organisation's MSP id, such as `Org1MSP`.
    MspId, "an MSP id"
}
name_id! {
    /// A unit of an organisation's tree, such as `cardiology`.
    UnitId, "a unit id"
}
name_id! {
    /// What kind of device it is, such as `pulse-watch`; `profiles.json` says what it can be told.
    ProfileId, "a device profile"
}

bytes_id! {
    /// A command's id: 128 random bits.
    CommandId, 16, "^[0-9a-f]{32}$", "a command's id: 32 lower-case hexadecimal digits"
}
shown!(CommandId);
hex_part!(CommandId);

name_id! {
    /// A command of a device profile, such as `report-now`.
    CommandName, "a command of a device profile"
}
name_id! {
    /// A parameter of a command, such as `seconds`.
    ParameterName, "a parameter of a command"
}
name_id! {
    /// A consent directive of a patient, unique among that patient's.
    DirectiveId, "a directive's id"
}
name_id! {
    /// A choice out of `presets.json`, such as `care-team`.
    PresetId, "a preset's id"
}
name_id! {
    /// A project that uses data under terms.
    ProjectId, "a project's id"
}
name_id! {
    /// An offer of usage terms.
    OfferId, "an offer's id"
}
name_id! {
    /// An HL7 v3 PurposeOfUse code out of `purposes.json`, such as `TREAT`.
    PurposeCode, "a purpose of use"
}
name_id! {
    /// An HL7 v3 ActCode sensitivity out of `labels.json`, such as `PSY`.
    SensitivityCode, "a sensitivity label"
}
name_id! {
    /// An HL7 v3 ObligationPolicy or RefrainPolicy code out of `labels.json`, such as `MINEC`.
    ObligationCode, "an obligation"
}
name_id! {
    /// A FHIR observation category out of `codes.json`, such as `vital-signs`.
    CategoryCode, "a category of codes"
}

impl UnitId {
    /// The unit every organisation's tree starts with.
    pub const ROOT: &'static str = "root";

    /// The root unit.
    pub fn root() -> Self {
        Self(Self::ROOT.to_owned())
    }

    /// Whether it is the root unit.
    pub fn is_root(&self) -> bool {
        self.0 == Self::ROOT
    }
}

/// A record's key is written in hexadecimal for each record of a batch: this is several times as
/// fast as the general encoder.
fn hex_digit(nibble: u8) -> char {
    let first = if nibble < 10 { b'0' } else { b'a'.saturating_sub(10) };
    char::from(first.saturating_add(nibble))
}

/// Longest name; keeps keys and documents small.
const NAME_BYTES_MAX: usize = 64;

fn is_name(text: &str) -> bool {
    text.len() <= NAME_BYTES_MAX
        && text.bytes().enumerate().all(|(at, byte)| {
            byte.is_ascii_alphanumeric() || (at > 0 && matches!(byte, b'.' | b'_' | b'-'))
        })
        && !text.is_empty()
}

/// A LOINC code, such as `8867-4` (heart rate).
///
/// ```
/// use ioht_contract::LoincCode;
///
/// let heart_rate: LoincCode = "8867-4".parse().unwrap();
/// assert_eq!(heart_rate.to_string(), "8867-4");
/// assert!("8867-5".parse::<LoincCode>().is_err(), "the last digit is a check digit");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(transparent)]
pub struct LoincCode(#[n(0)] u32);

/// Most digits before the check digit in LOINC as released.
const LOINC_DIGITS_MAX: usize = 7;

impl LoincCode {
    /// The check digit: modulus 10, every second digit from the right doubled.
    fn check_digit(self) -> u32 {
        let mut rest = self.0;
        let mut sum = 0_u32;
        let mut doubled = true;
        while rest > 0 {
            let digit = rest % 10;
            let term = if doubled { digit.saturating_mul(2) } else { digit };
            sum = sum.saturating_add(term / 10).saturating_add(term % 10);
            doubled = !doubled;
            rest /= 10;
        }
        10_u32.saturating_sub(sum % 10) % 10
    }
}

impl FromStr for LoincCode {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let (number, check) = text.split_once('-').ok_or(IdError::Loinc)?;
        let plain = |part: &str, digits_max: usize| {
            part.len() <= digits_max && !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit())
        };
        if !plain(number, LOINC_DIGITS_MAX) || number.starts_with('0') || !plain(check, 1) {
            return Err(IdError::Loinc);
        }
        let code = Self(number.parse().map_err(|_| IdError::Loinc)?);
        let check = check.parse::<u32>().map_err(|_| IdError::Loinc)?;
        if code.check_digit() == check { Ok(code) } else { Err(IdError::Loinc) }
    }
}

impl Text for LoincCode {
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.0, self.check_digit())
    }
}
shown!(LoincCode);
json_text!(LoincCode, "^[1-9][0-9]{0,6}-[0-9]$", "a LOINC code");

impl KeyPart for LoincCode {
    fn to_part(&self) -> Cow<'_, str> {
        Cow::Owned(self.to_string())
    }

    fn from_part(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loinc_codes_of_the_domain_have_their_check_digits() {
        for text in [
            "8867-4", "40443-4", "59408-5", "2708-6", "85354-9", "8480-6", "8462-4", "8310-5",
            "9279-1", "2339-0", "99504-3", "105272-9", "97510-2", "97506-0", "104638-2",
            "104637-4", "41950-7", "55423-8", "93832-4", "80404-7",
        ] {
            assert_eq!(text.parse::<LoincCode>().map(|code| code.to_string()), Ok(text.to_owned()));
        }
        for text in
            ["", "-", "8867", "8867-5", "08867-4", "8867-44", "88674-", "99999999-1", "+1-4"]
        {
            assert_eq!(text.parse::<LoincCode>(), Err(IdError::Loinc), "{text}");
        }
    }

    #[test]
    fn names_are_short_plain_and_start_well() {
        for text in ["a", "Org1MSP", "ward-3.b_2", &"x".repeat(64)] {
            assert!(text.parse::<UnitId>().is_ok(), "{text}");
        }
        for text in ["", "-a", ".a", "a b", "a/b", "ä", "a\0", &"x".repeat(65)] {
            assert_eq!(text.parse::<UnitId>(), Err(IdError::Name), "{text}");
        }
    }

    #[test]
    fn byte_ids_are_lower_case_hexadecimal_of_their_length() {
        let text = "00112233445566778899aabbccddeeff";
        let id: ParticipantId = text.parse().unwrap();
        assert_eq!(id.to_string(), text);
        assert_eq!(id.to_hex(), hex::encode(id.as_bytes()));
        assert_eq!(serde_json::to_string(&id).unwrap(), format!("\"{text}\""));
        for bad in ["", "00", &text.to_uppercase(), &format!("{text}00"), &text.replace('0', "g")] {
            assert_eq!(bad.parse::<ParticipantId>(), Err(IdError::Hex { digits: 32 }), "{bad}");
        }
    }

    #[test]
    fn what_is_secret_has_no_debug_text() {
        assert_eq!(format!("{:?}", SubjectId::new([7; 16])), "SubjectId(…)");
        assert_eq!(format!("{:?}", RecordsKey::new([7; 16])), "RecordsKey(…)");
        assert_eq!(format!("{:?}", Secret::new([7; 32])), "Secret(…)");
    }
}
