//! Ids: text that is safe in a path.

use std::fmt;

/// Reason why a string is not an id that may become part of a path.
///
/// An id is 1 to 256 visible ASCII characters, does not begin with a dot and
/// has none of `/`, `\`, `?`, `#`, `%`. Within this rule an id is opaque.
///
/// Other text of a path is escaped. It is refused if it is empty, `.` or `..`,
/// or has a control character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidId {
    /// Empty string.
    Empty,
    /// More than 256 bytes.
    TooLong,
    /// Leading dot, as in `.` and `..`, which would lead to another path.
    LeadingDot,
    /// Control character, space, character outside of ASCII, or one of
    /// `/`, `\`, `?`, `#`, `%`.
    Character,
}

impl fmt::Display for InvalidId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "the id is empty",
            Self::TooLong => "the id is longer than 256 bytes",
            Self::LeadingDot => "the id begins with a dot",
            Self::Character => "the id has a character that no id has",
        })
    }
}

impl std::error::Error for InvalidId {}

/// Checks the rule of [`InvalidId`] for ids.
pub(crate) fn check_id(id: &str) -> Result<(), InvalidId> {
    match id.as_bytes() {
        [] => Err(InvalidId::Empty),
        [b'.', ..] => Err(InvalidId::LeadingDot),
        bytes if bytes.len() > 256 => Err(InvalidId::TooLong),
        bytes if bytes.iter().all(|byte| byte.is_ascii_graphic() && !b"/\\?#%".contains(byte)) => {
            Ok(())
        }
        _ => Err(InvalidId::Character),
    }
}

/// Checks that a text can be one segment of a path once it is escaped. URL parsers take `.` and
/// `..` for steps and leave out tabs and line breaks (WHATWG URL).
pub(crate) fn check_segment(text: &str) -> Result<(), InvalidId> {
    match text {
        "" => Err(InvalidId::Empty),
        "." | ".." => Err(InvalidId::LeadingDot),
        text if text.contains(|char: char| char.is_ascii_control()) => Err(InvalidId::Character),
        _ => Ok(()),
    }
}

/// Conversions of an id, which is a newtype of a string. The path to [`runtime`](super) is
/// resolved at the place of use.
macro_rules! id {
    ($name:ident) => {
        impl $name {
            /// Takes a string that is a safe id.
            ///
            /// # Errors
            /// The rule of [`InvalidId`](runtime::id::InvalidId) that the string breaks.
            pub fn new(id: impl Into<String>) -> Result<Self, runtime::id::InvalidId> {
                let id = id.into();
                runtime::id::check_id(&id)?;
                Ok(Self(id))
            }

            /// Returns the id as the API spells it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = runtime::id::InvalidId;

            fn from_str(id: &str) -> Result<Self, Self::Err> {
                Self::new(id)
            }
        }

        impl TryFrom<&str> for $name {
            type Error = runtime::id::InvalidId;

            fn try_from(id: &str) -> Result<Self, Self::Error> {
                Self::new(id)
            }
        }

        impl TryFrom<String> for $name {
            type Error = runtime::id::InvalidId;

            fn try_from(id: String) -> Result<Self, Self::Error> {
                Self::new(id)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let id = <String as serde::Deserialize>::deserialize(deserializer)?;
                Self::new(id).map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use id;
