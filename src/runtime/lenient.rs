//! Leniency towards values that services are known to send.

use std::fmt;

use serde::{Deserialize, Deserializer};

use super::id::InvalidId;

/// Largest number of entries of a list that are read. A session has a few thousand at most,
/// closed ones included.
const MAX_ENTRIES: usize = 100_000;

/// Reads an optional map, where `null` means that there is none.
#[allow(dead_code)] // No property of Calls is a map.
pub(crate) fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// Reads a property that may be null. `None` is null, and a property that is missing is not read.
#[allow(dead_code)] // No property of a request of Calls may be null.
pub(crate) fn null_as_value<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

/// Reads a list of at most [`MAX_ENTRIES`], where `null` means that there is none.
pub(crate) fn list<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    use serde::de::{Error, SeqAccess, Visitor};

    struct Entries<T>(std::marker::PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for Entries<T> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "a list of at most {MAX_ENTRIES} entries")
        }

        fn visit_unit<E: Error>(self) -> Result<Vec<T>, E> {
            Ok(Vec::new())
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Vec<T>, A::Error> {
            let mut all = Vec::new();
            while let Some(entry) = entries.next_element()? {
                if all.len() == MAX_ENTRIES {
                    return Err(A::Error::invalid_length(MAX_ENTRIES + 1, &self));
                }
                all.push(entry);
            }
            Ok(all)
        }
    }

    deserializer.deserialize_any(Entries(std::marker::PhantomData))
}

/// Reads an optional id, where the empty string means that there is none: failed items have
/// such ids.
pub(crate) fn empty_as_none<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: TryFrom<String, Error = InvalidId>,
{
    let text = Option::<String>::deserialize(deserializer)?.filter(|text| !text.is_empty());
    text.map(|text| T::try_from(text).map_err(serde::de::Error::custom)).transpose()
}
