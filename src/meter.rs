//! Counters through the `metrics` facade; without the feature they are nothing.
//! Their table is in the README.

use std::time::Duration;

use crate::types::ErrorCode;
use crate::{Error, ItemError, Unfinished};

pub(crate) fn session(event: &'static str) {
    count("calls_sessions_total", [("event", event)]);
}

pub(crate) fn step(operation: &'static str) {
    count("calls_steps_total", [("operation", operation)]);
}

pub(crate) fn failed(error: &Error) {
    let stage = match error.stage() {
        crate::Stage::Check => "check",
        crate::Stage::Turn => "turn",
        crate::Stage::Request => "request",
        crate::Stage::Reply => "reply",
        crate::Stage::Items => "items",
    };
    let labels =
        [("operation", error.operation()), ("stage", stage), ("code", label(error.code()))];
    count("calls_failures_total", labels);
}

pub(crate) fn repeated(operation: &'static str) {
    count("calls_repeats_total", [("operation", operation)]);
}

pub(crate) fn item_failed(operation: &'static str, error: &ItemError) {
    count("calls_failed_items_total", [("operation", operation), ("code", label(error.code()))]);
}

pub(crate) fn answered() {
    count("calls_answers_total", []);
}

pub(crate) fn unfinished(why: Unfinished) {
    let reason = match why {
        Unfinished::AnswerDropped => "answer_dropped",
        Unfinished::AnswerLate => "answer_late",
        Unfinished::AnswerRefused => "answer_refused",
        Unfinished::ReplyLost => "reply_lost",
        Unfinished::ReplyContradictory => "reply_contradictory",
        Unfinished::ReplyDropped => "reply_dropped",
        Unfinished::Abandoned => "abandoned",
    };
    count("calls_unfinished_total", [("reason", reason)]);
}

pub(crate) fn waited(time: Duration) {
    #[cfg(feature = "metrics")]
    metrics::histogram!("calls_turn_wait_seconds").record(time);
    #[cfg(not(feature = "metrics"))]
    let _ = time;
}

/// A label that has few values, whatever the API sends.
fn label(code: Option<&ErrorCode>) -> &'static str {
    /// The documented codes, whose texts are static.
    const KNOWN: [&str; 21] = [
        "unauthorized",
        "not_found",
        "decoding_error",
        "invalid_params",
        "payload_too_large",
        "session_error",
        "invalid_session_description",
        "not_found_track_error",
        "empty_track_error",
        "repeated_local_track_error",
        "update_track_error",
        "close_track_error",
        "websocket_localhost_not_allowed",
        "websocket_handshake_failed",
        "websocket_connection_timeout",
        "adapter_not_found",
        "retryable_transient_error",
        "temporarily_unavailable_error",
        "transport_unavailable_error",
        "backend_error",
        "internal_error",
    ];
    let Some(code) = code else { return "none" };
    KNOWN.into_iter().find(|known| *known == code.as_str()).unwrap_or("other")
}

fn count<const N: usize>(name: &'static str, labels: [(&'static str, &'static str); N]) {
    #[cfg(feature = "metrics")]
    metrics::counter!(name, &labels[..]).increment(1);
    #[cfg(not(feature = "metrics"))]
    let _ = (name, labels);
}
