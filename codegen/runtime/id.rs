/// Why a string is not an id that may become part of a path.
///
/// An id is 1 to 256 visible ASCII characters, does not begin with a dot and
/// has none of `/`, `\`, `?`, `#`, `%`. Within this rule an id is opaque.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidId {
    /// The empty string.
    Empty,
    /// More than 256 bytes.
    TooLong,
    /// A leading dot, as in `.` and `..`, which would lead to another path.
    LeadingDot,
    /// A control character, a space, a character outside of ASCII, or one of
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

/// The rule of [`InvalidId`], for everything that becomes part of a path.
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
