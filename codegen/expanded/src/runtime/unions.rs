//! Enums of alternatives.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, RandomState};

use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use super::raw::Raw;

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
                let whole = runtime::unions::Whole::read(deserializer)?;
                let mut choice = runtime::unions::Choice::of(stringify!($name), &whole);
                $(choice.offer(stringify!($variant), &whole, Self::$variant);)*
                Ok(choice.end().unwrap_or(Self::Other(whole.value)))
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
                let whole = runtime::unions::Whole::read(deserializer)?;
                match whole.value.get($tag).and_then(serde_json::Value::as_str) {
                    $($(Some($value) => serde_json::from_str(&whole.text)
                        .map(Self::$variant)
                        .map_err(serde::de::Error::custom),)*)*
                    _ => Ok(Self::Other(whole.value)),
                }
            }
        }
    };
}

/// Value of an enum of alternatives. An alternative is read of the text, which has all digits.
pub(crate) struct Whole {
    pub(crate) text: String,
    pub(crate) value: serde_json::Value,
}

impl Whole {
    pub(crate) fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Raw(text) = Raw::deserialize(deserializer)?;
        // The depth of the value is checked here, so that no part of it is too deep.
        let value = serde_json::from_str(&text).map_err(D::Error::custom)?;
        Ok(Self { text, value })
    }
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
    /// Rank of the best alternative, its name, and the value as such. The rank is the number of
    /// parts that it keeps, and whether it adds none.
    best: ((usize, bool), Option<(&'static str, U)>),
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
    pub(crate) fn of(name: &'static str, whole: &Whole) -> Self {
        MADE.with_borrow_mut(|made| {
            made.open += 1;
            let key = (name, made.hashes.hash_one(&whole.text));
            Self { key, before: made.by_key.get(&key).copied(), best: ((0, false), None) }
        })
    }

    /// Takes the value for a `T` if that keeps more of it than the best alternative so far.
    pub(crate) fn offer<T: DeserializeOwned + Serialize>(
        &mut self,
        name: &'static str,
        whole: &Whole,
        wrap: impl FnOnce(T) -> U,
    ) {
        if self.before.is_some_and(|before| before != Some(name)) {
            return;
        }
        let Ok(decoded) = serde_json::from_str::<T>(&whole.text) else { return };
        let again = serde_json::to_value(&decoded).ok();
        let kept = again.as_ref().map_or(0, |again| kept(&whole.value, again)) + 1;
        let rank = (kept, again.as_ref() == Some(&whole.value));
        if rank > self.best.0 {
            self.best = (rank, Some((name, wrap(decoded))));
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
) -> serde_json::Result<Box<RawValue>> {
    let text = serde_json::to_string(value)?;
    let map = serde_json::from_str::<BTreeMap<String, Box<RawValue>>>(&text);
    let (Ok(mut map), Some(first)) = (map, values.first()) else {
        return RawValue::from_string(text);
    };
    let said = map.get(tag).and_then(|said| serde_json::from_str::<String>(said.get()).ok());
    if !said.is_some_and(|said| values.contains(&said.as_str())) {
        map.insert(tag.to_owned(), serde_json::value::to_raw_value(first)?);
    }
    serde_json::value::to_raw_value(&map)
}

pub(crate) use {alternatives, tagged};
