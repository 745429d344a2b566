//! Text of values, which has all digits of their numbers.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Unexpected, Visitor};

/// JSON of a value as it was received.
///
/// serde_json's `RawValue` alone cannot be read where serde has taken a value into its memory,
/// as it does for properties without a field. The value is written again there, with the
/// digits of an `f64`.
pub(crate) struct Raw(pub(crate) String);

/// Name by which serde_json hands out the text of a value, as its `RawValue` asks for it.
const NAME: &str = "$serde_json::private::RawValue";

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(NAME, Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    /// Takes a value of serde's memory.
    fn visit_newtype_struct<D: Deserializer<'de>>(self, value: D) -> Result<Raw, D::Error> {
        serde_json::Value::deserialize(value).map(|value| Raw(value.to_string()))
    }

    /// Takes the text of serde_json.
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw, A::Error> {
        match map.next_entry::<String, String>()? {
            Some((key, text)) if key == NAME => Ok(Raw(text)),
            _ => Err(A::Error::invalid_type(Unexpected::Map, &self)),
        }
    }
}
