//! Bytes as text.

use std::fmt;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use serde::{Deserialize, Serialize};

use super::error::ErrorBody;
use super::redaction::Length;

/// Base64 with `+` and `/` (RFC 4648 section 4). Text without `=` at its end is read as well.
const ENGINE: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Bytes as text in base64.
///
/// A reply is not refused for a malformed text: the text is kept, and
/// [`decode`](Self::decode) reads it. `Debug` output shows the length alone.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Base64(String);

impl Base64 {
    /// Returns the bytes that the text stands for.
    ///
    /// # Errors
    /// [`base64::DecodeError`] if the text is not base64.
    pub fn decode(&self) -> Result<Vec<u8>, base64::DecodeError> {
        ENGINE.decode(&self.0)
    }

    /// Returns the text as the API spells it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

macro_rules! from_bytes {
    ($([$($generic:tt)*] $bytes:ty,)*) => {
        $(impl<$($generic)*> From<$bytes> for Base64 {
            fn from(bytes: $bytes) -> Self {
                Self(ENGINE.encode(bytes))
            }
        })*
    };
}

from_bytes! {
    [] Vec<u8>,
    [] &[u8],
    [const N: usize] [u8; N],
    [const N: usize] &[u8; N],
}

impl fmt::Display for Base64 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Base64 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Length(self.0.len()).fmt(f)
    }
}

impl ErrorBody for Base64 {}
