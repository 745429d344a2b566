//! Enums of alternatives.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Conversions of an enum of alternatives: a value becomes the alternative
/// that keeps most of it.
macro_rules! alternatives {
    ($name:ident $($variant:ident)*) => {
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self {
                    $(Self::$variant(value) => serde::Serialize::serialize(value, serializer),)*
                    Self::Other(value) => serde::Serialize::serialize(value, serializer),
                }
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let value = <serde_json::Value as serde::Deserialize>::deserialize(deserializer)?;
                let mut best = (0, None);
                $(runtime::unions::keep_better(&value, Self::$variant, &mut best);)*
                Ok(best.1.unwrap_or(Self::Other(value)))
            }
        }
    };
}

/// Conversions of an enum of alternatives between which a property decides.
macro_rules! tagged {
    ($name:ident $tag:literal $($variant:ident [$($value:literal)*])*) => {
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self {
                    $(Self::$variant(value) => {
                        let value = runtime::unions::with_tag(value, $tag, &[$($value),*]);
                        let value = value.map_err(serde::ser::Error::custom)?;
                        serde::Serialize::serialize(&value, serializer)
                    })*
                    Self::Other(value) => serde::Serialize::serialize(value, serializer),
                }
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let value = <serde_json::Value as serde::Deserialize>::deserialize(deserializer)?;
                let tag = value.get($tag).and_then(serde_json::Value::as_str).map(str::to_owned);
                match tag.as_deref() {
                    $($(Some($value) => serde_json::from_value(value)
                        .map(Self::$variant)
                        .map_err(serde::de::Error::custom),)*)*
                    _ => Ok(Self::Other(value)),
                }
            }
        }
    };
}

/// Takes `value` for a `T` if that keeps more of it than the best so far.
pub(crate) fn keep_better<T: DeserializeOwned + Serialize, U>(
    value: &serde_json::Value,
    wrap: impl FnOnce(T) -> U,
    best: &mut (usize, Option<U>),
) {
    let Ok(decoded) = T::deserialize(value) else { return };
    let kept = serde_json::to_value(&decoded).map_or(0, |again| kept(value, &again)) + 1;
    if kept > best.0 {
        *best = (kept, Some(wrap(decoded)));
    }
}

/// Number of parts of `value` that are in `again` as well.
fn kept(value: &serde_json::Value, again: &serde_json::Value) -> usize {
    use serde_json::Value;
    match (value, again) {
        (Value::Object(value), Value::Object(again)) => {
            let both = value.iter().filter_map(|(key, part)| Some((part, again.get(key)?)));
            1 + both.map(|(part, again)| 1 + kept(part, again)).sum::<usize>()
        }
        (Value::Array(value), Value::Array(again)) => {
            1 + value.iter().zip(again).map(|(part, again)| kept(part, again)).sum::<usize>()
        }
        _ => usize::from(value == again),
    }
}

/// `value` with a deciding property that says what it is.
pub(crate) fn with_tag(
    value: &impl Serialize,
    tag: &str,
    values: &[&str],
) -> serde_json::Result<serde_json::Value> {
    let mut value = serde_json::to_value(value)?;
    if let (serde_json::Value::Object(map), Some(first)) = (&mut value, values.first()) {
        let said = map.get(tag).and_then(serde_json::Value::as_str);
        if !said.is_some_and(|said| values.contains(&said)) {
            map.insert(tag.to_owned(), (*first).into());
        }
    }
    Ok(value)
}

pub(crate) use {alternatives, tagged};
