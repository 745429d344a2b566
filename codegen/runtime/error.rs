/// Why a [`Client`] could not be built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigError {
    /// The base URL is not an absolute `http` or `https` URL, or has a query,
    /// a fragment or credentials.
    BaseUrl,
    /// The secret is empty or has a character that a header cannot carry.
    Secret,
    /// The HTTP client could not be set up, for example because the system's
    /// root certificates cannot be read.
    Http,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BaseUrl => {
                "the base URL is not an absolute http(s) URL without query, fragment and credentials"
            }
            Self::Secret => "the secret is empty or cannot be sent in a header",
            Self::Http => "the HTTP client could not be set up",
        })
    }
}

impl std::error::Error for ConfigError {}

/// What the API says in the body of an error.
pub trait ErrorBody: fmt::Debug {
    /// The kind of the error, as the API spells it.
    fn code(&self) -> Option<&str>;
    /// What went wrong, in the API's words, which are not for programs.
    fn description(&self) -> Option<&str>;
}

/// Why an operation did not succeed; `E` is the body of the operation's
/// documented errors.
///
/// Messages and `Debug` output never contain the secret, and session
/// descriptions are cut out of what the server said.
#[derive(Debug)]
#[non_exhaustive]
pub enum OperationError<E> {
    /// Refused before anything was sent.
    Invalid(InvalidRequest),
    /// No complete reply arrived: no connection, a time-out, a broken
    /// transfer. Whether the operation took effect is unknown unless the
    /// connection was never made ([`reqwest::Error::is_connect`]).
    Transport {
        /// Name of the operation, as of the method.
        operation: &'static str,
        /// What the HTTP client reports, without the URL.
        source: reqwest::Error,
    },
    /// The API refused the request and said why.
    Refused {
        /// Name of the operation, as of the method.
        operation: &'static str,
        /// The reply's status.
        status: reqwest::StatusCode,
        /// Seconds to wait before another try, where the reply says so.
        retry_after: Option<std::time::Duration>,
        /// The reply's body.
        body: E,
    },
    /// An error reply that is not the API's: an edge's HTML page, an empty
    /// body, a redirection.
    Unexpected {
        /// Name of the operation, as of the method.
        operation: &'static str,
        /// The reply's status.
        status: reqwest::StatusCode,
        /// Seconds to wait before another try, where the reply says so.
        retry_after: Option<std::time::Duration>,
        /// At most 512 characters of the body.
        excerpt: String,
    },
    /// A reply with a status of success and a body that is not what the
    /// document promises. The operation took effect.
    Undecodable {
        /// Name of the operation, as of the method.
        operation: &'static str,
        /// The reply's status.
        status: reqwest::StatusCode,
        /// Where and how the body differs, without its values.
        problem: String,
    },
    /// A reply of more than 16 MiB, of which no more was read.
    TooLarge {
        /// Name of the operation, as of the method.
        operation: &'static str,
        /// The reply's status.
        status: reqwest::StatusCode,
    },
}

/// What is wrong with a request that was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidRequest {
    /// A path parameter could lead to another path.
    PathParameter {
        /// Name of the operation, as of the method.
        operation: &'static str,
        /// The rule that it breaks.
        reason: InvalidId,
    },
    /// A header parameter has a character that a header cannot carry.
    HeaderParameter {
        /// Name of the operation, as of the method.
        operation: &'static str,
        /// The header's name.
        name: &'static str,
    },
    /// The body cannot be written as JSON.
    Body {
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
            Self::Body { operation } => {
                write!(f, "{operation}: not sent: the body cannot be written as JSON")
            }
        }
    }
}

impl std::error::Error for InvalidRequest {}

impl<E> OperationError<E> {
    /// The name of the operation that failed.
    pub fn operation(&self) -> &'static str {
        match self {
            Self::Invalid(
                InvalidRequest::PathParameter { operation, .. }
                | InvalidRequest::HeaderParameter { operation, .. }
                | InvalidRequest::Body { operation },
            )
            | Self::Transport { operation, .. }
            | Self::Refused { operation, .. }
            | Self::Unexpected { operation, .. }
            | Self::Undecodable { operation, .. }
            | Self::TooLarge { operation, .. } => operation,
        }
    }

    /// The status of the reply, if there was one.
    pub fn status(&self) -> Option<reqwest::StatusCode> {
        match self {
            Self::Invalid(_) | Self::Transport { .. } => None,
            Self::Refused { status, .. }
            | Self::Unexpected { status, .. }
            | Self::Undecodable { status, .. }
            | Self::TooLarge { status, .. } => Some(*status),
        }
    }

    /// How long the server asks to wait before another try (`Retry-After` in
    /// seconds, RFC 9110 section 10.2.3), if it does.
    pub fn retry_after(&self) -> Option<std::time::Duration> {
        match self {
            Self::Refused { retry_after, .. } | Self::Unexpected { retry_after, .. } => {
                *retry_after
            }
            _ => None,
        }
    }

    /// The API's error, where the reply was one.
    pub fn body(&self) -> Option<&E> {
        match self {
            Self::Refused { body, .. } => Some(body),
            _ => None,
        }
    }

    /// The same error with another type of body.
    pub fn map_body<F>(self, map: impl FnOnce(E) -> F) -> OperationError<F> {
        match self {
            Self::Invalid(invalid) => OperationError::Invalid(invalid),
            Self::Transport { operation, source } => {
                OperationError::Transport { operation, source }
            }
            Self::Refused { operation, status, retry_after, body } => {
                OperationError::Refused { operation, status, retry_after, body: map(body) }
            }
            Self::Unexpected { operation, status, retry_after, excerpt } => {
                OperationError::Unexpected { operation, status, retry_after, excerpt }
            }
            Self::Undecodable { operation, status, problem } => {
                OperationError::Undecodable { operation, status, problem }
            }
            Self::TooLarge { operation, status } => OperationError::TooLarge { operation, status },
        }
    }
}

impl<E: ErrorBody> fmt::Display for OperationError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(invalid) => invalid.fmt(f),
            Self::Transport { operation, source } => {
                let what = match source {
                    source if source.is_connect() => "no connection",
                    source if source.is_timeout() => "no complete reply in time",
                    _ => "the exchange broke off",
                };
                write!(f, "{operation}: {what}")
            }
            Self::Refused { operation, status, body, .. } => {
                write!(f, "{operation}: refused with {}", status.as_u16())?;
                if let Some(code) = body.code() {
                    write!(f, ": {}", scrub(code))?;
                }
                match body.description() {
                    Some(description) => write!(f, ": {}", scrub(description)),
                    None => Ok(()),
                }
            }
            Self::Unexpected { operation, status, excerpt, .. } => {
                write!(f, "{operation}: unexpected reply with {}: {excerpt:?}", status.as_u16())
            }
            Self::Undecodable { operation, status, problem } => {
                write!(f, "{operation}: undecodable reply with {}: {problem}", status.as_u16())
            }
            Self::TooLarge { operation, status } => {
                write!(f, "{operation}: reply with {} is larger than 16 MiB", status.as_u16())
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

/// The longest excerpt of a reply in an error, in characters: enough for the
/// headline of an HTML page.
const MAX_EXCERPT: usize = 512;

/// What a line of a session description begins with; nothing behind the first
/// of them is shown.
const SDP_MARKS: [&str; 6] =
    ["v=0", "\"sdp\"", "a=ice-", "a=fingerprint", "a=candidate", "a=crypto"];

/// Server text as it may be shown: bounded, on one line, without SDP.
pub(crate) fn scrub(text: &str) -> String {
    let cut = SDP_MARKS.iter().filter_map(|mark| text.find(mark)).min();
    let shown: String = text[..cut.unwrap_or(text.len())]
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(MAX_EXCERPT)
        .collect();
    match cut {
        Some(_) => format!("{shown}[SDP removed]"),
        None if shown.len() < text.len() => format!("{shown}…"),
        None => shown,
    }
}

/// [`scrub`] for `Debug` output.
#[allow(dead_code)] // Not every document has such a field.
pub(crate) fn scrub_some(text: &Option<String>) -> Option<String> {
    text.as_deref().map(scrub)
}

/// `Debug` output for what is not shown.
#[allow(dead_code)] // Not every document has such a field.
pub(crate) struct Hidden(pub(crate) usize);

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{} bytes hidden]", self.0)
    }
}
