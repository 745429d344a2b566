//! Errors of operations.

use std::fmt;

use super::id::InvalidId;
use super::page;
use super::redaction::scrub;

/// Words of the API in the body of an error.
pub trait ErrorBody: fmt::Debug {
    /// Returns the kind of the error, as the API spells it. By default there is none.
    fn code(&self) -> Option<&str> {
        None
    }
    /// Returns the description, which is not for programs. By default there is none.
    fn description(&self) -> Option<&str> {
        None
    }
    /// Returns whether the body is an error, whatever the status of its reply. By default
    /// a body with a kind is one.
    fn is_error(&self) -> bool {
        self.code().is_some_and(|code| !code.is_empty())
    }
}

/// Facts about a reply apart from its body.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Received {
    /// Status of the reply.
    pub status: reqwest::StatusCode,
    /// Time to wait before another try, where the reply says so (`Retry-After`,
    /// RFC 9110 section 10.2.3). A date is counted from the moment of reading.
    pub retry_after: Option<std::time::Duration>,
    /// Cloudflare's name of the request (`cf-ray`), to quote to its support.
    pub ray: Option<String>,
    /// Time from sending the request to the end of the reply.
    pub elapsed: std::time::Duration,
}

/// Failure of an operation. `E` is the body of the operation's documented errors.
///
/// Messages and `Debug` output never contain the secret. Session descriptions are cut out of
/// the server's words.
#[derive(Debug)]
#[non_exhaustive]
pub enum OperationError<E> {
    /// Refused before the request was sent.
    Invalid(InvalidRequest),
    /// No complete reply arrived: no connection, a time-out, a broken transfer. The
    /// operation may have taken effect, unless the connection was never made
    /// ([`reqwest::Error::is_connect`]).
    #[non_exhaustive]
    Transport {
        /// Name of the operation, as of the method.
        operation: &'static str,
        /// Time from sending the request to its failure.
        elapsed: std::time::Duration,
        /// Report of the HTTP client, without the URL.
        source: reqwest::Error,
    },
    /// The API refused the request, with its reason. The status may be one of success,
    /// because a body that carries an error is a refusal whatever the status. The
    /// operation may have taken effect then.
    #[non_exhaustive]
    Refused {
        /// Name of the operation, as of the method.
        operation: &'static str,
        /// Status and headers.
        reply: Box<Received>,
        /// Body of the reply.
        body: E,
    },
    /// Error reply that is not the API's: an edge's HTML page, an empty body, a
    /// redirection.
    #[non_exhaustive]
    Unexpected {
        /// Name of the operation, as of the method.
        operation: &'static str,
        /// Status and headers.
        reply: Box<Received>,
        /// At most 512 characters of the body. The message has only the title of an HTML page.
        excerpt: String,
    },
    /// Reply with a status of success and a body of another shape than the document's.
    /// The operation took effect.
    #[non_exhaustive]
    Undecodable {
        /// Name of the operation, as of the method.
        operation: &'static str,
        /// Status and headers.
        reply: Box<Received>,
        /// Place and kind of the difference, without the body's values.
        problem: String,
    },
    /// Reply of success of more than 16 MiB, of which no more was read.
    #[non_exhaustive]
    TooLarge {
        /// Name of the operation, as of the method.
        operation: &'static str,
        /// Status and headers.
        reply: Box<Received>,
    },
}

/// Problem with a request that was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidRequest {
    /// A path parameter could lead to another path.
    #[non_exhaustive]
    PathParameter {
        /// Name of the operation, as of the method.
        operation: &'static str,
        /// Rule that the parameter breaks.
        reason: InvalidId,
    },
    /// A header parameter has a character that a header cannot carry.
    #[non_exhaustive]
    HeaderParameter {
        /// Name of the operation, as of the method.
        operation: &'static str,
        /// Name of the header.
        name: &'static str,
    },
    /// The client lacks a secret that the operation wants together with another one.
    #[non_exhaustive]
    Secret {
        /// Name of the operation, as of the method.
        operation: &'static str,
    },
    /// The body cannot be written as JSON.
    #[non_exhaustive]
    Body {
        /// Name of the operation, as of the method.
        operation: &'static str,
    },
    /// The HTTP client refuses to build the request, for example if the URL has more
    /// than 65,534 bytes.
    #[non_exhaustive]
    Request {
        /// Name of the operation, as of the method.
        operation: &'static str,
    },
}

impl fmt::Display for InvalidRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PathParameter { operation, reason } => {
                write!(f, "{operation}: not sent: invalid path parameter: {reason}")
            }
            Self::HeaderParameter { operation, name } => {
                write!(f, "{operation}: not sent: invalid value for the header {name}")
            }
            Self::Secret { operation } => {
                write!(f, "{operation}: not sent: it wants a secret that the client does not have")
            }
            Self::Body { operation } => {
                write!(f, "{operation}: not sent: the body cannot be written as JSON")
            }
            Self::Request { operation } => {
                write!(f, "{operation}: not sent: it is too long for a request")
            }
        }
    }
}

impl std::error::Error for InvalidRequest {}

impl<E> OperationError<E> {
    /// Returns the name of the operation that failed.
    pub fn operation(&self) -> &'static str {
        match self {
            Self::Invalid(
                InvalidRequest::PathParameter { operation, .. }
                | InvalidRequest::HeaderParameter { operation, .. }
                | InvalidRequest::Secret { operation }
                | InvalidRequest::Body { operation }
                | InvalidRequest::Request { operation },
            )
            | Self::Transport { operation, .. }
            | Self::Refused { operation, .. }
            | Self::Unexpected { operation, .. }
            | Self::Undecodable { operation, .. }
            | Self::TooLarge { operation, .. } => operation,
        }
    }

    /// Returns the reply's status and headers, if there was a reply.
    pub fn reply(&self) -> Option<&Received> {
        match self {
            Self::Invalid(_) | Self::Transport { .. } => None,
            Self::Refused { reply, .. }
            | Self::Unexpected { reply, .. }
            | Self::Undecodable { reply, .. }
            | Self::TooLarge { reply, .. } => Some(reply),
        }
    }

    /// Returns the status of the reply, if there was one.
    pub fn status(&self) -> Option<reqwest::StatusCode> {
        self.reply().map(|reply| reply.status)
    }

    /// Returns the time to wait before another try, where the reply says so.
    pub fn retry_after(&self) -> Option<std::time::Duration> {
        self.reply()?.retry_after
    }

    /// Returns the time from sending the request to its end. None if nothing was sent.
    pub fn elapsed(&self) -> Option<std::time::Duration> {
        match self {
            Self::Transport { elapsed, .. } => Some(*elapsed),
            _ => self.reply().map(|reply| reply.elapsed),
        }
    }

    /// Returns the API's error, if the reply carried one.
    pub fn body(&self) -> Option<&E> {
        match self {
            Self::Refused { body, .. } => Some(body),
            _ => None,
        }
    }

    /// Returns the same error with another type of body.
    pub fn map_body<F>(self, map: impl FnOnce(E) -> F) -> OperationError<F> {
        match self {
            Self::Invalid(invalid) => OperationError::Invalid(invalid),
            Self::Transport { operation, elapsed, source } => {
                OperationError::Transport { operation, elapsed, source }
            }
            Self::Refused { operation, reply, body } => {
                OperationError::Refused { operation, reply, body: map(body) }
            }
            Self::Unexpected { operation, reply, excerpt } => {
                OperationError::Unexpected { operation, reply, excerpt }
            }
            Self::Undecodable { operation, reply, problem } => {
                OperationError::Undecodable { operation, reply, problem }
            }
            Self::TooLarge { operation, reply } => OperationError::TooLarge { operation, reply },
        }
    }
}

impl<E: ErrorBody> fmt::Display for OperationError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(invalid) => invalid.fmt(f),
            Self::Transport { operation, source, .. } => {
                let what = match source {
                    source if source.is_connect() => "no connection",
                    source if source.is_timeout() => "no complete reply in time",
                    _ => "the exchange broke off",
                };
                write!(f, "{operation}: {what}")
            }
            Self::Refused { operation, reply, body } => {
                write!(f, "{operation}: refused with {}", reply.status.as_u16())?;
                if let Some(code) = body.code() {
                    write!(f, ": {}", scrub(code))?;
                }
                match body.description() {
                    Some(description) => write!(f, ": {}", scrub(description)),
                    None => Ok(()),
                }
            }
            Self::Unexpected { operation, reply, excerpt } => {
                let status = reply.status.as_u16();
                let words = page::in_words(excerpt);
                write!(f, "{operation}: unexpected reply with {status}: {words}")
            }
            Self::Undecodable { operation, reply, problem } => {
                let status = reply.status.as_u16();
                write!(f, "{operation}: undecodable reply with {status}: {problem}")
            }
            Self::TooLarge { operation, reply } => {
                let status = reply.status.as_u16();
                write!(f, "{operation}: reply with {status} is larger than 16 MiB")
            }
        }
    }
}

impl<E: ErrorBody> std::error::Error for OperationError<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Transport { source, .. } => Some(source),
            _ => None,
        }
    }
}

impl<E> From<InvalidRequest> for OperationError<E> {
    fn from(invalid: InvalidRequest) -> Self {
        Self::Invalid(invalid)
    }
}
