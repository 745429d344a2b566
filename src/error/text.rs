//! Texts of failed requests, for messages of errors.

use std::error::Error as StdError;
use std::io;

use crate::generated::types::ApiError;
use crate::runtime::error::OperationError;

/// Longest title of an HTML page in a message, in characters.
const MAX_TITLE: usize = 100;

/// Returns the text of a failed request. A lost connection has its cause, an HTML page is cut to
/// its title, and a description of the API loses its full stop.
pub(crate) fn of(error: &OperationError<ApiError>) -> String {
    match error {
        OperationError::Transport { source, .. } => match cause(source) {
            Some(kind) => format!("{error}: {kind}"),
            None => error.to_string(),
        },
        OperationError::Unexpected { operation, reply, excerpt } if is_html(excerpt) => {
            let status = reply.status.as_u16();
            match title(excerpt) {
                Some(title) => {
                    format!("{operation}: unexpected reply with {status}: HTML page {title:?}")
                }
                None => format!("{operation}: unexpected reply with {status}: an HTML page"),
            }
        }
        _ => without_full_stop(&error.to_string()).to_owned(),
    }
}

/// Returns a text that can stand in the middle of a message.
pub(crate) fn without_full_stop(text: &str) -> &str {
    text.trim_end().trim_end_matches('.')
}

/// Returns the system's reason of a lost connection, if it says more than the message.
fn cause(error: &(dyn StdError + 'static)) -> Option<io::ErrorKind> {
    use io::ErrorKind::*;
    let (mut next, mut kind) = (Some(error), None);
    while let Some(error) = next {
        kind = error.downcast_ref::<io::Error>().map(io::Error::kind).or(kind);
        next = error.source();
    }
    kind.filter(|kind| {
        matches!(
            kind,
            ConnectionRefused
                | ConnectionReset
                | ConnectionAborted
                | BrokenPipe
                | UnexpectedEof
                | HostUnreachable
                | NetworkUnreachable
                | AddrNotAvailable
        )
    })
}

/// Returns whether a reply is an HTML page.
fn is_html(text: &str) -> bool {
    let text = text.trim_start();
    ["<!doctype html", "<html"]
        .iter()
        .any(|begin| text.get(..begin.len()).is_some_and(|found| found.eq_ignore_ascii_case(begin)))
}

/// Returns the title of an HTML page, cut to 100 characters. None if it has none.
fn title(page: &str) -> Option<String> {
    let lower = page.to_ascii_lowercase();
    let element = lower.find("<title")?;
    let begin = element + lower[element..].find('>')? + 1;
    let end = begin + lower[begin..].find('<')?;
    let title = page[begin..end].trim();
    (!title.is_empty()).then(|| title.chars().take(MAX_TITLE).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_html_page_is_told_by_its_beginning_and_cut_to_its_title() {
        assert!(is_html("\n<!DOCTYPE html><p>"));
        assert!(is_html("<html lang=\"en\">"));
        assert!(!is_html("<htm"));
        assert!(!is_html("{\"a\":\"<html>\"}"));
        let page = "<HTML><head><Title lang=\"en\"> 502 Bad gateway </Title></head>";
        assert_eq!(title(page).as_deref(), Some("502 Bad gateway"));
        assert_eq!(title("<html><title> </title>"), None);
        assert_eq!(title("<html><title>cut in the mid"), None);
        assert_eq!(title("<html><body>ä"), None);
        let long = format!("<html><title>{}</title>", "ä".repeat(200));
        assert_eq!(title(&long), Some("ä".repeat(100)));
    }

    #[test]
    fn only_a_telling_reason_of_the_system_is_a_cause() {
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        assert_eq!(cause(&refused), Some(io::ErrorKind::ConnectionRefused));
        assert_eq!(cause(&io::Error::other("words")), None);
    }

    #[test]
    fn a_description_loses_its_full_stop() {
        assert_eq!(without_full_stop("Track not found. "), "Track not found");
        assert_eq!(without_full_stop("wait..."), "wait");
        assert_eq!(without_full_stop("no stop"), "no stop");
    }
}
