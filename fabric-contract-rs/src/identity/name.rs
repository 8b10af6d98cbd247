//! Distinguished names as Go's `crypto/x509` reads and writes them.

use super::IdentityError;
use x509_parser::asn1_rs::{Any, Class, Tag};
use x509_parser::x509::X509Name;

/// The attributes of a name that have a place of their own, each with its values in the order of
/// the certificate. Attributes of other types have no place and are left out, as in Go.
#[derive(Debug, Default)]
pub(super) struct Name {
    country: Vec<String>,
    province: Vec<String>,
    locality: Vec<String>,
    street: Vec<String>,
    postal_code: Vec<String>,
    organization: Vec<String>,
    pub(super) organizational_unit: Vec<String>,
    pub(super) common_name: Vec<String>,
    serial_number: Vec<String>,
}

impl Name {
    pub(super) fn read(name: &X509Name<'_>) -> Result<Self, IdentityError> {
        let mut read = Self::default();
        for attribute in name.iter_attributes() {
            let value = text(attribute.attr_value())?;
            let place = match attribute.attr_type().to_id_string().as_str() {
                "2.5.4.3" => &mut read.common_name,
                "2.5.4.5" => &mut read.serial_number,
                "2.5.4.6" => &mut read.country,
                "2.5.4.7" => &mut read.locality,
                "2.5.4.8" => &mut read.province,
                "2.5.4.9" => &mut read.street,
                "2.5.4.10" => &mut read.organization,
                "2.5.4.11" => &mut read.organizational_unit,
                "2.5.4.17" => &mut read.postal_code,
                _ => continue,
            };
            place.push(value);
        }
        Ok(read)
    }

    /// The text of RFC 2253: the most specific first, the values of one type joined by `+`. Of
    /// several common names or serial numbers only the last is shown.
    pub(super) fn text(&self) -> String {
        let last = |values: &[String]| -> Vec<String> {
            values.last().filter(|value| !value.is_empty()).cloned().into_iter().collect()
        };
        let (serial_number, common_name) = (last(&self.serial_number), last(&self.common_name));
        [
            ("SERIALNUMBER", &serial_number),
            ("CN", &common_name),
            ("OU", &self.organizational_unit),
            ("O", &self.organization),
            ("POSTALCODE", &self.postal_code),
            ("STREET", &self.street),
            ("L", &self.locality),
            ("ST", &self.province),
            ("C", &self.country),
        ]
        .into_iter()
        .filter(|(_, values)| !values.is_empty())
        .map(|(name, values)| {
            let pairs: Vec<_> = values.iter().map(|value| escape(name, value)).collect();
            pairs.join("+")
        })
        .collect::<Vec<_>>()
        .join(",")
    }
}

fn escape(name: &str, value: &str) -> String {
    let mut text = format!("{name}=");
    for (at, character) in value.char_indices() {
        let first = at == 0;
        let last = at + 1 == value.len();
        let special = match character {
            ',' | '+' | '"' | '\\' | '<' | '>' | ';' => true,
            ' ' => first || last,
            '#' => first,
            _ => false,
        };
        if special {
            text.push('\\');
        }
        text.push(character);
    }
    text
}

/// The value of an attribute, in the text types that Go knows.
fn text(value: &Any<'_>) -> Result<String, IdentityError> {
    if value.class() != Class::Universal || value.header.is_constructed() {
        return Err(IdentityError::Name);
    }
    let bytes = value.data;
    let ascii = |allowed: fn(u8) -> bool| {
        let fits = bytes.iter().all(|byte| allowed(*byte));
        fits.then(|| bytes.iter().map(|byte| char::from(*byte)).collect())
    };
    let text = match value.tag() {
        Tag::Utf8String => std::str::from_utf8(bytes).ok().map(str::to_owned),
        Tag::PrintableString => ascii(is_printable),
        Tag::Ia5String => ascii(|byte| byte.is_ascii()),
        Tag::NumericString => ascii(|byte| byte.is_ascii_digit() || byte == b' '),
        // T.61 is read as Latin-1, whose code points are its bytes.
        Tag::TeletexString => ascii(|_| true),
        Tag::BmpString => basic_plane(bytes),
        _ => None,
    };
    text.ok_or(IdentityError::Name)
}

/// The characters of an ASN.1 PrintableString, and the `*` and `&` that certificates have besides.
fn is_printable(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b" '()+,-./:=?*&".contains(&byte)
}

fn basic_plane(bytes: &[u8]) -> Option<String> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    let pairs = pairs.strip_suffix(&[[0, 0]]).unwrap_or(pairs);
    let character = |pair: &[u8; 2]| {
        let point = u16::from_be_bytes(*pair);
        let reserved = point >= 0xfffe || (0xfdd0..=0xfdef).contains(&point);
        // Surrogates are no characters, which `from_u32` knows.
        char::from_u32(point.into()).filter(|_| !reserved)
    };
    pairs.iter().map(character).collect()
}
