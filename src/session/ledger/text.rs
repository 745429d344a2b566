//! A ledger as text, for a store. It is short, because a fleet has many.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::{Held, Key, Ledger, Transport, Uncertain};
use crate::data_channels::delivery::Delivery;
use crate::data_channels::id::ChannelId;
use crate::generated::types::SessionId;
use crate::mid::Mid;

/// Ages above this are of no use to anybody, and left out.
const OLDEST: Duration = Duration::from_secs(60);

/// A ledger as text.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Text {
    /// Subscriptions, by their publishers.
    #[serde(rename = "p", skip_serializing_if = "Vec::is_empty")]
    pulled: Vec<(SessionId, Vec<Item>)>,
    /// The tracks and channels that have no publisher but the session.
    #[serde(rename = "o", skip_serializing_if = "Vec::is_empty")]
    own: Vec<Item>,
    #[serde(rename = "d", skip_serializing_if = "Vec::is_empty")]
    uncertain: Vec<Uncertain>,
    #[serde(rename = "w", skip_serializing_if = "std::ops::Not::not")]
    is_under_way: bool,
    #[serde(rename = "t")]
    transport: Transport,
}

/// An open track or data channel.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Item {
    Bare(Name),
    Named(Name, String),
    Full(Name, Option<String>, More),
}

/// Tracks are text, channels are numbers.
#[derive(Clone, Serialize, Deserialize)]
#[serde(untagged)]
enum Name {
    Channel(ChannelId),
    Track(Mid),
}

#[derive(Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct More {
    #[serde(rename = "d", skip_serializing_if = "std::ops::Not::not")]
    in_doubt: bool,
    #[serde(rename = "c", skip_serializing_if = "std::ops::Not::not")]
    closing: bool,
    /// In milliseconds.
    #[serde(rename = "a", skip_serializing_if = "Option::is_none")]
    age: Option<u64>,
    #[serde(rename = "y", skip_serializing_if = "Option::is_none")]
    delivery: Option<Delivery>,
}

impl Ledger {
    /// The ledger as text.
    pub(crate) fn text(&self) -> Text {
        let mut text = Text {
            uncertain: self.uncertain.clone(),
            is_under_way: self.is_under_way,
            transport: self.transport,
            ..Text::default()
        };
        for (key, held) in &self.held {
            let item = Item::new(key, held);
            let Some((publisher, _)) = &held.source else {
                text.own.push(item);
                continue;
            };
            match text.pulled.iter_mut().find(|(session, _)| session == publisher) {
                Some((_, items)) => items.push(item),
                None => text.pulled.push((publisher.clone(), vec![item])),
            }
        }
        text
    }
}

impl Text {
    /// The ledger that was written so long ago.
    pub(crate) fn ledger(self, since: Duration) -> Ledger {
        let mut ledger = Ledger {
            uncertain: self.uncertain,
            is_under_way: self.is_under_way,
            transport: self.transport,
            ..Ledger::default()
        };
        for item in self.own {
            let (key, name, held) = item.held(since);
            let delivery = held.policy.map(|(_, delivery)| delivery);
            let policy = name.zip(delivery);
            ledger.held.insert(key, Held { policy, ..held });
        }
        for (publisher, items) in self.pulled {
            for item in items {
                let (key, name, held) = item.held(since);
                let source = name.map(|name| (publisher.clone(), name));
                ledger.held.insert(key, Held { source, policy: None, ..held });
            }
        }
        ledger
    }
}

impl Item {
    fn new(key: &Key, held: &Held) -> Self {
        let name = match key {
            Key::Track(mid) => Name::Track(mid.clone()),
            Key::Channel(id) => Name::Channel(*id),
        };
        let age = held.since.map(|since| since.elapsed()).filter(|age| *age < OLDEST);
        let more = More {
            in_doubt: held.in_doubt,
            closing: held.closing,
            age: age.map(|age| age.as_millis() as u64),
            delivery: held.policy.as_ref().map(|(_, delivery)| *delivery),
        };
        let source = held.source.as_ref().map(|(_, name)| name.clone());
        let text = source.or_else(|| held.policy.as_ref().map(|(name, _)| name.clone()));
        match text {
            text if more != More::default() => Self::Full(name, text, more),
            Some(text) => Self::Named(name, text),
            None => Self::Bare(name),
        }
    }

    /// The name stands beside the rest: it may be one of a source or one of the
    /// session's own.
    fn held(self, since: Duration) -> (Key, Option<String>, Held) {
        let (name, text, more) = match self {
            Self::Bare(name) => (name, None, More::default()),
            Self::Named(name, text) => (name, Some(text), More::default()),
            Self::Full(name, text, more) => (name, text, more),
        };
        let key = match name {
            Name::Track(mid) => Key::Track(mid),
            Name::Channel(id) => Key::Channel(id),
        };
        let age = more.age.map(|age| Duration::from_millis(age).saturating_add(since));
        let held = Held {
            source: None,
            policy: more.delivery.map(|delivery| (String::new(), delivery)),
            since: age.and_then(|age| Instant::now().checked_sub(age)),
            in_doubt: more.in_doubt,
            closing: more.closing,
        };
        (key, text, held)
    }
}
