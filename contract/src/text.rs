//! JSON form of values that are text outside and typed inside.

use serde::de::{Deserializer, Error, Visitor};
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

/// Reads a JSON string by the type's own parser, without a copy of the text.
pub(crate) fn deserialize<'de, D, T>(deserializer: D, expected: &'static str) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr,
    T::Err: fmt::Display,
{
    deserializer.deserialize_str(TextVisitor { expected, parsed: PhantomData })
}

struct TextVisitor<T> {
    expected: &'static str,
    parsed: PhantomData<T>,
}

impl<T> Visitor<'_> for TextVisitor<T>
where
    T: FromStr,
    T::Err: fmt::Display,
{
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }
}

/// Gives a type that has `Display` and `FromStr` its JSON form and schema.
macro_rules! json_text {
    ($type:ident, $pattern:literal, $meaning:literal) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(&$crate::text::shown(self))
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::text::deserialize(deserializer, $meaning)
            }
        }

        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "type": "string",
                    "pattern": $pattern,
                    "description": $meaning,
                })
            }
        }
    };
}
pub(crate) use json_text;

/// The full text of a value whose `Debug` may hide it.
pub(crate) trait Text {
    /// Writes the text that `FromStr` reads.
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result;
}

/// `Display` for a [`Text`], for serialisers only: identifiers that are secrets have no `Display`
/// of their own, so that they cannot slip into a message.
pub(crate) fn shown<T: Text>(value: &T) -> impl fmt::Display + '_ {
    Shown(value)
}

struct Shown<'a, T>(&'a T);

impl<T: Text> fmt::Display for Shown<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.write(f)
    }
}
