//! Counters through the `metrics` facade; without the feature they are nothing.
//! Their table is in the README.

use std::borrow::Cow;
use std::time::Duration;

use crate::types::ErrorCode;
use crate::{Error, ItemError, Unfinished};

pub(crate) fn session(event: &'static str) {
    count("calls_sessions_total", [("event", event.into())]);
}

pub(crate) fn step(operation: &'static str) {
    count("calls_steps_total", [("operation", operation.into())]);
}

pub(crate) fn failed(error: &Error) {
    let stage = match error.stage() {
        crate::Stage::Check => "check",
        crate::Stage::Turn => "turn",
        crate::Stage::Request => "request",
        crate::Stage::Reply => "reply",
        crate::Stage::Items => "items",
    };
    let labels = [
        ("operation", error.operation().into()),
        ("stage", stage.into()),
        ("code", label(error.code())),
    ];
    count("calls_failures_total", labels);
}

pub(crate) fn repeated(operation: &'static str) {
    count("calls_repeats_total", [("operation", operation.into())]);
}

pub(crate) fn item_failed(operation: &'static str, error: &ItemError) {
    count(
        "calls_failed_items_total",
        [("operation", operation.into()), ("code", label(error.code()))],
    );
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
    count("calls_unfinished_total", [("reason", reason.into())]);
}

pub(crate) fn waited(time: Duration) {
    #[cfg(feature = "metrics")]
    metrics::histogram!("calls_turn_wait_seconds").record(time);
    #[cfg(not(feature = "metrics"))]
    let _ = time;
}

/// A label that has few values, whatever the API sends.
fn label(code: Option<&ErrorCode>) -> Cow<'static, str> {
    match code {
        None => "none".into(),
        Some(ErrorCode::Other(_)) => "other".into(),
        Some(known) => known.as_str().to_owned().into(),
    }
}

fn count<const N: usize>(name: &'static str, labels: [(&'static str, Cow<'static, str>); N]) {
    #[cfg(feature = "metrics")]
    {
        let labels = labels.map(|(key, value)| metrics::Label::new(key, value));
        metrics::counter!(name, labels.to_vec()).increment(1);
    }
    #[cfg(not(feature = "metrics"))]
    let _ = (name, labels);
}
