//! Errors of the protocol as errors of a store.

use cloudflare_calls::store::StoreError;
use redis::{ErrorKind, RedisError, ServerErrorKind};

/// Message if no reply has come in time.
const TIMED_OUT: &str = "timed out";

/// Codes of temporary errors: the operation has not happened, and will succeed later or on another
/// node.
const PASSING: [&str; 11] = [
    "ASK",
    "BUSY",
    "CLUSTERDOWN",
    "LOADING",
    "MASTERDOWN",
    "MOVED",
    "NOREPLICAS",
    "NOGOODSLAVE",
    "READONLY",
    "TRYAGAIN",
    "UNBLOCKED",
];

/// Returns the error of an operation that took too long.
pub(crate) fn timed_out() -> StoreError {
    StoreError::Unreachable(TIMED_OUT.into())
}

/// Returns the store's error for one of the protocol. Its message is made of fixed words and of the
/// code of a reply, because the other parts of an error can have names and addresses.
pub(crate) fn of(error: &RedisError) -> StoreError {
    let unreachable = |why: &str| StoreError::Unreachable(why.into());
    let refused = |why: &str| StoreError::Refused(why.into());
    match error.kind() {
        ErrorKind::AuthenticationFailed => refused("authentication failed"),
        ErrorKind::RESP3NotSupported => refused("the server does not know RESP3"),
        ErrorKind::InvalidClientConfig => refused("the settings do not fit the server"),
        ErrorKind::UnexpectedReturnType | ErrorKind::Parse => {
            unreachable("a reply that is not understood")
        }
        ErrorKind::MasterNameNotFoundBySentinel => unreachable("the sentinels know no master"),
        ErrorKind::ClusterConnectionNotFound => unreachable("no node of the cluster is reachable"),
        ErrorKind::Io => unreachable(kind_of_io(error)),
        _ => match error.code() {
            Some(code) if PASSING.contains(&code) => unreachable(code),
            // The detail names the command, never a secret.
            Some("NOPERM") => refused(&match error.detail() {
                Some(detail) => format!("NOPERM {detail}"),
                None => "NOPERM".into(),
            }),
            Some(code) => refused(code),
            None => unreachable("the connection cannot be used"),
        },
    }
}

/// Returns whether the connection has to be made again: it is broken, slow, or leads to a server
/// that is not the right one any more.
pub(crate) fn needs_renewal(error: &RedisError) -> bool {
    match error.kind() {
        ErrorKind::Io | ErrorKind::Parse | ErrorKind::AuthenticationFailed => true,
        ErrorKind::Server(kind) => {
            matches!(kind, ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown)
        }
        _ => {
            error.is_unrecoverable_error() || matches!(error.code(), Some("NOREPLICAS" | "NOAUTH"))
        }
    }
}

fn kind_of_io(error: &RedisError) -> &'static str {
    if error.is_timeout() {
        TIMED_OUT
    } else if error.is_connection_refusal() {
        "connection refused"
    } else if error.is_connection_dropped() {
        "connection lost"
    } else {
        "connection failed"
    }
}
