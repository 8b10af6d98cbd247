//! The attributes a Fabric certificate authority puts into a certificate.

use super::IdentityError;
use serde::Deserialize;
use serde::de::{Error, MapAccess, Visitor};
use std::collections::BTreeMap;
use std::fmt;

/// The extension's value: plain JSON, not wrapped in DER.
///
/// Stricter than Go's reading, which ignores other members, matches names whatever their case and
/// lets the last of two equal names win: what could be read in two ways is refused.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Extension {
    #[serde(default)]
    attrs: Unique,
}

#[derive(Default)]
struct Unique(BTreeMap<String, String>);

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Names;

        impl<'de> Visitor<'de> for Names {
            type Value = Unique;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of texts")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Unique, A::Error> {
                let mut names = BTreeMap::new();
                while let Some((name, value)) = map.next_entry()? {
                    if names.insert(name, value).is_some() {
                        return Err(A::Error::custom("an attribute is named twice"));
                    }
                }
                Ok(Unique(names))
            }
        }

        deserializer.deserialize_map(Names)
    }
}

pub(super) fn read(extension: &[u8]) -> Result<BTreeMap<String, String>, IdentityError> {
    // A derived struct would take an array for an object.
    if !extension.trim_ascii_start().starts_with(b"{") {
        return Err(IdentityError::Attributes);
    }
    let Extension { attrs: Unique(attributes) } =
        serde_json::from_slice(extension).map_err(|_| IdentityError::Attributes)?;
    Ok(attributes)
}
