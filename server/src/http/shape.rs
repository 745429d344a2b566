//! Replies in the API's own shape.

use cloudflare_calls::Outcome;
use cloudflare_calls::error::ItemError;
use cloudflare_calls::session::{Exchanged, ForAgent, Negotiation};
use cloudflare_calls::types::{SessionDescription, Simulcast};
use serde::Serialize;

/// Reply about tracks or data channels.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reply {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) requires_immediate_renegotiation: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) session_description: Option<SessionDescription>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tracks: Option<Vec<Item>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) data_channel: Option<Item>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) data_channels: Option<Vec<Item>>,
}

/// Entry of a reply. A failed one has an error and an empty mid.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Item {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) location: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) session_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) track_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) data_channel_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) can_reply: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) simulcast: Option<Simulcast>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error_description: Option<String>,
}

impl Item {
    /// Returns the entry of an item that failed.
    pub(super) fn failed(mut self, error: &ItemError) -> Self {
        self.error_code =
            Some(error.code().map_or("internal_error", |code| code.as_str()).to_owned());
        self.error_description = Some(match error {
            ItemError::Refused { description: Some(description), .. } => description.clone().into(),
            error => error.to_string(),
        });
        self
    }
}

impl Reply {
    /// Returns the reply of a step that may negotiate. An offer is kept with its session.
    pub(super) fn of<T: Into<Exchanged>>(end: Negotiation<T>) -> Self {
        match end.keep() {
            ForAgent::Offer(kept) => {
                Self { requires_immediate_renegotiation: Some(true), ..Self::described(kept.offer) }
            }
            ForAgent::Answer(answered) => Self::described(answered.answer),
            ForAgent::Done(_) => Self::undescribed(),
        }
    }

    /// Creates a reply with a session description.
    pub(super) fn described(description: impl Into<SessionDescription>) -> Self {
        Self { session_description: Some(description.into()), ..Self::undescribed() }
    }

    /// Creates a reply that needs no answer.
    pub(super) fn undescribed() -> Self {
        Self { requires_immediate_renegotiation: Some(false), ..Self::default() }
    }

    pub(super) fn tracks(self, tracks: Vec<Item>) -> Self {
        Self { tracks: Some(tracks), ..self }
    }

    pub(super) fn data_channels(self, channels: Vec<Item>) -> Self {
        Self { data_channels: Some(channels), ..self }
    }
}

/// Returns the entries of an outcome, in the order of the request.
pub(super) fn entries<D, Q, K: PartialEq>(
    asked: &[K],
    outcome: &Outcome<D, Q>,
    done: impl Fn(&D) -> (K, Item),
    failed: impl Fn(&Q) -> (K, Item),
) -> Vec<Item> {
    let done = outcome.done.iter().map(done);
    let failed = outcome.failed.iter().map(|one| {
        let (key, item) = failed(&one.item);
        (key, item.failed(&one.error))
    });
    let place = |key: &K| asked.iter().position(|asked| asked == key).unwrap_or(asked.len());
    let mut entries: Vec<(usize, Item)> =
        done.chain(failed).map(|(key, item)| (place(&key), item)).collect();
    entries.sort_by_key(|(place, _)| *place);
    entries.into_iter().map(|(_, item)| item).collect()
}
