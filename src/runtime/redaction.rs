//! Text that must not be shown as it is: session descriptions, and what a server
//! says of them.

use std::fmt;

/// The longest excerpt of a reply in an error, in characters: enough for the
/// headline of an HTML page.
const MAX_EXCERPT: usize = 512;

/// Beginnings of lines of a session description. Nothing from the first of them
/// on is shown.
const SDP_MARKS: [&str; 6] =
    ["v=0", "\"sdp\"", "a=ice-", "a=fingerprint", "a=candidate", "a=crypto"];

/// The length of the longest of them. One that begins in what is shown is
/// found although it ends behind that.
const LONGEST_MARK: usize = "a=fingerprint".len();

/// Server text as it may be shown: bounded, on one line, without SDP. It looks
/// at no more of the text than it may show.
pub(crate) fn scrub(text: &str) -> String {
    let end = text.char_indices().nth(MAX_EXCERPT).map_or(text.len(), |(end, _)| end);
    let looked_at = &text[..text.floor_char_boundary(end + LONGEST_MARK)];
    let cut = SDP_MARKS.iter().filter_map(|mark| looked_at.find(mark)).min();
    let shown = &text[..cut.unwrap_or(end).min(end)];
    let shown: String = shown.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    match cut {
        Some(_) => format!("{shown}[SDP removed]"),
        None if end < text.len() => format!("{shown}…"),
        None => shown,
    }
}

/// [`scrub`] for `Debug` output.
pub(crate) fn scrub_some(text: &Option<String>) -> Option<String> {
    text.as_deref().map(scrub)
}

/// `Debug` output for what is not shown.
pub(crate) struct Hidden(pub(crate) usize);

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{} bytes hidden]", self.0)
    }
}
