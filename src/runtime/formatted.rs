//! Text of a format, such as a time or a UUID.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::error::ErrorBody;
use super::redaction::scrub;

/// Text of a `T`, such as a time, as the API spells it.
///
/// A reply is not refused for a malformed text: the text is kept, and
/// [`value`](Self::value) reads it as a `T`. A text for a request is made of a `T`, or
/// checked by `parse`. Two texts are equal if they are spelled alike. `Debug` output shows at
/// most 512 characters, on one line.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent, bound = "")]
pub struct Formatted<T> {
    text: String,
    #[serde(skip)]
    of: PhantomData<T>,
}

impl<T: FromStr> Formatted<T> {
    /// Returns the value that the text spells.
    ///
    /// # Errors
    /// The error of `T`, if the text is not of the format.
    pub fn value(&self) -> Result<T, T::Err> {
        self.text.parse()
    }
}

impl<T> Formatted<T> {
    /// Returns the text as the API spells it.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl<T: fmt::Display> From<T> for Formatted<T> {
    fn from(value: T) -> Self {
        Self { text: value.to_string(), of: PhantomData }
    }
}

/// Takes a text as it is spelled, if it is of the format.
impl<T: FromStr> FromStr for Formatted<T> {
    type Err = T::Err;

    fn from_str(text: &str) -> Result<Self, T::Err> {
        text.parse::<T>()?;
        Ok(Self { text: text.to_owned(), of: PhantomData })
    }
}

impl<T> fmt::Display for Formatted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl<T> fmt::Debug for Formatted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&scrub(&self.text), f)
    }
}

impl<T> ErrorBody for Formatted<T> {
    fn description(&self) -> Option<&str> {
        Some(&self.text)
    }
}
