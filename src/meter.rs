//! Counters through the `metrics` facade. Without the feature they do nothing. Their table is in
//! the README. No counter is called under a lock, because a recorder may look at the session.

use std::borrow::Cow;
use std::time::Duration;

use crate::error::{Error, ItemError, Stage};
use crate::generated::types::ErrorCode;
use crate::status::Unfinished;
use crate::step::Step;

pub(crate) fn session(event: &'static str) {
    count("calls_sessions_total", [("event", event.into())]);
}

pub(crate) fn step(step: Step) {
    count("calls_steps_total", [("step", step.as_str().into())]);
}

pub(crate) fn failed(error: &Error) {
    let stage = match error.stage() {
        Stage::Check => "check",
        Stage::Turn => "turn",
        Stage::Request => "request",
        Stage::Reply => "reply",
        Stage::Items => "items",
    };
    let labels = [
        ("step", error.step().as_str().into()),
        ("operation", error.operation().unwrap_or("none").into()),
        ("stage", stage.into()),
        ("code", label(error.code())),
    ];
    count("calls_failures_total", labels);
}

/// Counts a step's error, if it has one.
pub(crate) fn ended<T>(result: &Result<T, Error>) {
    if let Err(error) = result {
        failed(error);
    }
}

pub(crate) fn repeated(step: Step) {
    count("calls_repeats_total", [("step", step.as_str().into())]);
}

pub(crate) fn item_failed(step: Step, error: &ItemError) {
    let labels = [("step", step.as_str().into()), ("code", label(error.code()))];
    count("calls_failed_items_total", labels);
}

pub(crate) fn answered() {
    count("calls_answers_total", []);
}

pub(crate) fn unfinished(why: Unfinished) {
    count("calls_unfinished_total", [("reason", why.as_str().into())]);
}

pub(crate) fn waited(time: Duration) {
    #[cfg(feature = "metrics")]
    metrics::histogram!("calls_turn_wait_seconds").record(time);
    #[cfg(not(feature = "metrics"))]
    let _ = time;
}

/// Returns a label from a small set, whatever the API sends.
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
