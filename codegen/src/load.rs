//! Reading of bytes as a JSON value: JSON or YAML, told by the content.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::map::Entry;
use serde_json::{Map, Number, Value};

use crate::{Error, Result, stack};

/// Largest document that is read, in bytes: 32 MiB. The published one has 60 KB.
pub const MAX_DOCUMENT_BYTES: usize = 32 * 1024 * 1024;

/// Deepest nesting that is read. serde_json's own limit is the same.
#[cfg(feature = "yaml")]
const MAX_DEPTH: usize = 127;

/// Parses `bytes`, the content of the file called `file`.
pub(crate) fn parse(file: &str, bytes: &[u8]) -> Result<Value> {
    if bytes.len() > MAX_DOCUMENT_BYTES {
        return Err(Error::TooLarge { file: file.to_owned(), limit: MAX_DOCUMENT_BYTES });
    }
    let syntax = |format, reason: String| Error::Syntax { file: file.to_owned(), format, reason };
    let text = std::str::from_utf8(bytes)
        .map_err(|error| syntax("UTF-8", error.to_string()))?
        .trim_start_matches('\u{feff}');
    if text.trim_start().starts_with(['{', '[']) {
        serde_json::from_str::<Unique>(text)
            .map(|unique| unique.0)
            .map_err(|error| syntax("JSON", error.to_string()))
    } else {
        let parsed = stack::with_large_stack(|| parse_yaml(text));
        match parsed {
            Some(Ok(unique)) => Ok(unique.0),
            Some(Err(reason)) => Err(syntax("YAML", reason)),
            None => Err(syntax("YAML", "the parser failed".to_owned())),
        }
    }
}

#[cfg(not(feature = "yaml"))]
fn parse_yaml(_: &str) -> Result<Unique, String> {
    Err("it is no JSON, and YAML needs the feature `yaml`".to_owned())
}

#[cfg(feature = "yaml")]
fn parse_yaml(text: &str) -> Result<Unique, String> {
    let options = serde_saphyr::options! {
        // Scalars that YAML 1.1 read as booleans (`on`, `no`) stay strings.
        strict_booleans: true,
        // Nodes and events of the largest documents. Replays of aliases have a limit of their
        // own, and many may stand for one anchor.
        budget: serde_saphyr::budget! {
            max_depth: MAX_DEPTH,
            max_nodes: 4_000_000,
            max_events: 8_000_000,
            enforce_alias_anchor_ratio: false,
        },
    };
    serde_saphyr::from_str_with_options(text, options)
        .map_err(|error| first_line(&error.to_string()))
}

/// Returns the parser's message without the excerpt of the document that follows it.
#[cfg(feature = "yaml")]
fn first_line(message: &str) -> String {
    message.lines().next().unwrap_or_default().to_owned()
}

/// JSON value in which no object has a key twice, so that no part of a document is lost
/// silently.
struct Unique(Value);

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UniqueVisitor)
    }
}

struct UniqueVisitor;

impl<'de> Visitor<'de> for UniqueVisitor {
    type Value = Unique;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value that JSON can express")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Unique, E> {
        Ok(Unique(Value::Bool(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Unique, E> {
        Ok(Unique(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Unique, E> {
        Ok(Unique(value.into()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Unique, E> {
        Number::from_f64(value)
            .map(|number| Unique(Value::Number(number)))
            .ok_or_else(|| E::custom("a number that JSON cannot express"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Unique, E> {
        Ok(Unique(value.into()))
    }

    fn visit_unit<E>(self) -> Result<Unique, E> {
        Ok(Unique(Value::Null))
    }

    fn visit_none<E>(self) -> Result<Unique, E> {
        Ok(Unique(Value::Null))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Unique, D::Error> {
        Unique::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Unique, A::Error> {
        let mut items = Vec::new();
        while let Some(Unique(item)) = access.next_element()? {
            items.push(item);
        }
        Ok(Unique(Value::Array(items)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Unique, A::Error> {
        let mut map = Map::new();
        while let Some(key) = access.next_key::<String>()? {
            let Unique(value) = access.next_value()?;
            match map.entry(key) {
                Entry::Vacant(entry) => drop(entry.insert(value)),
                Entry::Occupied(entry) => {
                    let reason = format!("key `{}` stands twice in one object", entry.key());
                    return Err(de::Error::custom(reason));
                }
            }
        }
        Ok(Unique(Value::Object(map)))
    }
}
