//! Texts of failed requests, for messages of errors.

use std::error::Error as StdError;
use std::io;

use crate::generated::types::ApiError;
use crate::runtime::error::OperationError;

/// Returns the text of a failed request. A lost connection has its cause, and a description of
/// the API loses its full stop.
pub(crate) fn of(error: &OperationError<ApiError>) -> String {
    match error {
        OperationError::Transport { source, .. } => match cause(source) {
            Some(kind) => format!("{error}: {kind}"),
            None => error.to_string(),
        },
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

#[cfg(test)]
mod tests {
    use super::*;

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
