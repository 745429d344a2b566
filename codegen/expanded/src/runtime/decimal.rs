//! Numbers that keep their digits.

use std::fmt;
use std::str::FromStr;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use super::error::ErrorBody;
use super::raw::Raw;

/// Number of JSON with all its digits, whatever their count.
///
/// It is read by [`value`](Self::value) as any type that can be read of its text, and made of a
/// number or by `parse`. Two numbers are equal if they are spelled alike: `0.1` and `0.10` are
/// not. The digits are those of an `f64` in a property without a field, and in a parameter that
/// has a style.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Decimal(String);

impl Decimal {
    /// Returns the number as the API spells it, in JSON.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads the number as a `T`, such as a type for money, or an `i128`.
    ///
    /// # Errors
    /// The error of `T`, if it has no such number.
    pub fn value<T: FromStr>(&self) -> Result<T, T::Err> {
        self.0.parse()
    }

    /// Returns the nearest `f64`, which is infinite if the number is larger than all of them.
    pub fn as_f64(&self) -> f64 {
        self.0.parse().unwrap_or(f64::NAN)
    }
}

/// Text that is not a number of JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NotANumber;

impl fmt::Display for NotANumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the text is not a number of JSON")
    }
}

impl std::error::Error for NotANumber {}

impl FromStr for Decimal {
    type Err = NotANumber;

    fn from_str(text: &str) -> Result<Self, NotANumber> {
        let is_number = text.starts_with(|c: char| c == '-' || c.is_ascii_digit())
            && text.ends_with(|c: char| c.is_ascii_digit())
            && serde_json::from_str::<&RawValue>(text).is_ok();
        is_number.then(|| Self(text.to_owned())).ok_or(NotANumber)
    }
}

macro_rules! from_integers {
    ($($integer:ty)*) => {
        $(impl From<$integer> for Decimal {
            fn from(number: $integer) -> Self {
                Self(number.to_string())
            }
        })*
    };
}

from_integers! { i8 u8 i16 u16 i32 u32 i64 u64 i128 u128 }

macro_rules! from_floats {
    ($($float:ty)*) => {
        /// The shortest number that is nearest to this one. JSON has no infinite number and
        /// none for NaN: they become `null`.
        $(impl From<$float> for Decimal {
            fn from(number: $float) -> Self {
                Self(if number.is_finite() { format!("{number:?}") } else { "null".to_owned() })
            }
        })*
    };
}

from_floats! { f32 f64 }

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue = serde_json::from_str(&self.0).map_err(serde::ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Raw(text) = Raw::deserialize(deserializer)?;
        text.parse().map_err(|_| D::Error::custom("invalid type, expected a number"))
    }
}

impl ErrorBody for Decimal {}
