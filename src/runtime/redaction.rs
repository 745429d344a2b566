//! Text that `Debug` does not show as it is: session descriptions, and words of a server,
//! which may quote them.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! redacted {
    ($(#[$doc:meta])* $name:ident: $text:ident => $shown:expr) => {
        $(#[$doc])*
        ///
        /// In JSON it is a string, and it can be used as a `&str`.
        #[derive(Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let $text = self.0.as_str();
                fmt::Debug::fmt(&$shown, f)
            }
        }

        impl std::ops::Deref for $name {
            type Target = str;

            fn deref(&self) -> &str {
                &self.0
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }

        impl From<$name> for String {
            fn from(text: $name) -> Self {
                text.0
            }
        }
    };
}

redacted! {
    /// Text such as a session description, whose `Debug` output is the length alone.
    Hidden: text => Length(text.len())
}

redacted! {
    /// Text whose `Debug` output has at most 512 characters, is one line, and ends at the
    /// beginning of a session description.
    Scrubbed: text => scrub(text)
}

/// Number of bytes that `Debug` output does not show.
pub(crate) struct Length(pub(crate) usize);

impl fmt::Debug for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{} bytes hidden]", self.0)
    }
}

/// Longest excerpt of a reply in an error, in characters: enough for the
/// headline of an HTML page.
const MAX_EXCERPT: usize = 512;

/// Beginnings of lines of a session description. No text from the first of them
/// on is shown.
const SDP_MARKS: [&str; 6] =
    ["v=0", "\"sdp\"", "a=ice-", "a=fingerprint", "a=candidate", "a=crypto"];

/// Length of the longest mark, in bytes. With it, a mark is found that begins in the shown
/// text and ends behind it.
const LONGEST_MARK: usize = "a=fingerprint".len();

/// Returns a server's text as it may be shown: bounded, on one line, without SDP. No more
/// of the text is searched than can be shown, and the length of a mark.
pub(crate) fn scrub(text: &str) -> String {
    let at = |count| text.char_indices().nth(count).map_or(text.len(), |(at, _)| at);
    let end = at(MAX_EXCERPT);
    let looked_at = &text[..at(MAX_EXCERPT + LONGEST_MARK)];
    let cut = SDP_MARKS.iter().filter_map(|mark| looked_at.find(mark)).min();
    let shown = &text[..cut.unwrap_or(end).min(end)];
    let shown: String = shown.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    match cut {
        Some(_) => format!("{shown}[SDP removed]"),
        None if end < text.len() => format!("{shown}…"),
        None => shown,
    }
}
