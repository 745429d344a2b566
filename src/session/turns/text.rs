//! The state of a session as text, for a store.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::super::ledger;
use super::super::settings::{self, Settings};
use super::ExchangeId;
use super::view::{Claim, Holder, Kept, Open, View, Waiter};
use crate::status::Unfinished;
use crate::store::{StoreError, Stored};

/// The form of the text. A reader refuses a later one.
const FORM: u8 = 1;

#[derive(Serialize, Deserialize)]
struct Text {
    #[serde(rename = "v")]
    form: u8,
    #[serde(rename = "n")]
    count: u64,
    #[serde(rename = "h", default, skip_serializing_if = "Option::is_none")]
    holder: Option<Held>,
    #[serde(rename = "q", default, skip_serializing_if = "Vec::is_empty")]
    queue: Vec<Waiter>,
    #[serde(rename = "x", default, skip_serializing_if = "std::ops::Not::not")]
    has_left: bool,
    #[serde(rename = "d", default, skip_serializing_if = "is_zero")]
    departures: u32,
    /// The time from the last change to this text, in whole seconds.
    #[serde(rename = "i", default, skip_serializing_if = "is_zero")]
    idle: u32,
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    unfinished: Option<Unfinished>,
    #[serde(rename = "l", default)]
    ledger: ledger::Text,
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    settings: Option<settings::Text>,
}

/// A holder of the turn.
#[derive(Serialize, Deserialize)]
enum Held {
    #[serde(rename = "n")]
    Next,
    #[serde(rename = "c")]
    Change(Claim, Option<Unfinished>),
    #[serde(rename = "e")]
    Exchange(ExchangeId, Option<String>),
}

/// The state as text. `settings`: those that are not the default.
pub(super) fn write(view: &View, settings: Option<&Settings>) -> Result<Vec<u8>, StoreError> {
    let holder = match &view.holder {
        Holder::Nobody => None,
        Holder::Next => Some(Held::Next),
        Holder::Change { claim, risk } => Some(Held::Change(*claim, *risk)),
        Holder::Exchange(open) => {
            let kept = match &open.kept {
                Some(Kept::Text(text)) => Some(text.as_ref().to_owned()),
                Some(Kept::Value(kept)) => serde_json::to_string(kept).ok(),
                None => None,
            };
            Some(Held::Exchange(open.id, kept))
        }
    };
    let text = Text {
        form: FORM,
        count: view.count,
        holder,
        queue: view.queue.clone(),
        has_left: view.has_left,
        departures: view.departures,
        idle: u32::try_from(view.last.elapsed().as_secs()).unwrap_or(u32::MAX),
        unfinished: view.unfinished,
        ledger: view.ledger.text(),
        settings: settings.map(Settings::text),
    };
    serde_json::to_vec(&text).map_err(|_| StoreError::Unreadable)
}

/// The state, and the settings that are not the default.
pub(super) fn read(stored: &Stored) -> Result<(View, Option<Settings>), StoreError> {
    let text: Text = serde_json::from_slice(&stored.record).map_err(|_| StoreError::Unreadable)?;
    if text.form > FORM {
        return Err(StoreError::Unreadable);
    }
    let now = Instant::now();
    let idle = stored.idle.saturating_add(Duration::from_secs(text.idle.into()));
    let holder = match text.holder {
        None => Holder::Nobody,
        Some(Held::Next) => Holder::Next,
        Some(Held::Change(claim, risk)) => Holder::Change { claim, risk },
        Some(Held::Exchange(id, kept)) => {
            let kept = kept.map(|text| Kept::Text(text.into()));
            Holder::Exchange(Box::new(Open { id, kept }))
        }
    };
    let view = View {
        is_gone: false,
        is_missing: false,
        has_left: text.has_left,
        departures: text.departures,
        unfinished: text.unfinished,
        holder,
        queue: text.queue,
        count: text.count,
        deadline: stored.left.map(|left| now + left),
        last: now.checked_sub(idle).unwrap_or(now),
        ledger: text.ledger.ledger(stored.idle),
    };
    Ok((view, text.settings.map(Settings::from)))
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}
