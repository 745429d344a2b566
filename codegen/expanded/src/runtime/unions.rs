//! Enums of alternatives.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Conversions of an enum of alternatives. A value becomes the alternative that keeps most of it.
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
                let mut choice = runtime::unions::Choice::of(stringify!($name), &value);
                $(choice.offer(stringify!($variant), &value, Self::$variant);)*
                Ok(choice.end().unwrap_or(Self::Other(value)))
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

/// Choice between the alternatives of a value.
///
/// Each alternative around a value asks for the choice again, which would double the time with
/// each level. So a choice is made once for each value, and kept until the outermost choice is
/// made.
pub(crate) struct Choice<U> {
    /// Name of the enum, and a hash of the value.
    key: (&'static str, u64),
    /// Result of the same choice before, if it was made. The inner `None` is none of the
    /// alternatives.
    before: Option<Option<&'static str>>,
    /// Number of parts that the best alternative keeps, its name, and the value as such.
    best: (usize, Option<(&'static str, U)>),
}

/// Choices that have been made.
#[derive(Default)]
struct Made {
    /// Number of choices that are not made yet.
    open: usize,
    by_key: HashMap<(&'static str, u64), Option<&'static str>>,
    /// Hash with random keys, so that nobody can write values of one hash.
    hashes: RandomState,
}

thread_local! {
    static MADE: RefCell<Made> = RefCell::default();
}

impl<U> Choice<U> {
    pub(crate) fn of(name: &'static str, value: &serde_json::Value) -> Self {
        MADE.with_borrow_mut(|made| {
            made.open += 1;
            let key = (name, made.hashes.hash_one(value));
            Self { key, before: made.by_key.get(&key).copied(), best: (0, None) }
        })
    }

    /// Takes `value` for a `T` if that keeps more of it than the best alternative so far.
    pub(crate) fn offer<T: DeserializeOwned + Serialize>(
        &mut self,
        name: &'static str,
        value: &serde_json::Value,
        wrap: impl FnOnce(T) -> U,
    ) {
        if self.before.is_some_and(|before| before != Some(name)) {
            return;
        }
        let Ok(decoded) = T::deserialize(value) else { return };
        let kept = serde_json::to_value(&decoded).map_or(0, |again| kept(value, &again)) + 1;
        if kept > self.best.0 {
            self.best = (kept, Some((name, wrap(decoded))));
        }
    }

    /// Returns the best of the alternatives that were offered.
    pub(crate) fn end(mut self) -> Option<U> {
        let (name, best) = self.best.1.take().unzip();
        MADE.with_borrow_mut(|made| made.by_key.insert(self.key, name));
        best
    }
}

impl<U> Drop for Choice<U> {
    fn drop(&mut self) {
        MADE.with_borrow_mut(|made| {
            made.open -= 1;
            if made.open == 0 {
                made.by_key.clear();
            }
        });
    }
}

/// Counts the parts of `value` that are in `again` as well.
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

/// Adds the deciding property to `value`, with a value that selects the alternative.
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
