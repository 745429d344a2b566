//! Tracks and data channels that a handle knows to be open on its session.

mod text;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

pub(crate) use self::text::Text;
use super::state::{Origin, SessionState};
use crate::close::End;
use crate::data_channels::delivery::Delivery;
use crate::data_channels::id::ChannelId;
use crate::generated::types::{SessionId, SessionResourceStatus};
use crate::mid::Mid;
use crate::outcome::Failed;

/// The most changes with lost replies that are listed. Of more, the oldest are
/// forgotten: there still is a doubt, which only the state can settle.
const MAX_UNCERTAIN: usize = 64;

/// The tracks and data channels that were opened and not closed yet, and the
/// changes of which it is unknown whether they opened something.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Ledger {
    held: BTreeMap<Key, Held>,
    uncertain: Vec<Uncertain>,
    /// The last of them is a change that is under way. It stays if the change's
    /// future ends without a word.
    is_under_way: bool,
    pub(crate) transport: Transport,
}

/// Names what is open: a track by its media section, or a data channel.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    Track(Mid),
    Channel(ChannelId),
}

/// The publisher and the name of what is pulled.
pub(crate) type Source = (SessionId, String);

/// An open track or data channel.
#[derive(Clone, Debug, Default, PartialEq)]
struct Held {
    source: Option<Source>,
    /// The name and the delivery policy of a data channel that the session
    /// publishes.
    policy: Option<(String, Delivery)>,
    /// The time at which it was pulled.
    since: Option<Instant>,
    /// The reply that would have said whether it is open was lost, or has not
    /// come yet.
    in_doubt: bool,
    /// A request to close it is under way.
    closing: bool,
}

/// The transport of data channels, as far as it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Transport {
    /// It was not established.
    #[default]
    Missing,
    /// It may have been established; the SFU knows.
    Unknown,
    /// It was established.
    There,
}

/// A change whose reply was lost or has not come yet: what it asked for may
/// exist on the session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Uncertain {
    /// The operation, as the generated client's method is named.
    pub operation: Cow<'static, str>,
    /// The names of the tracks or channels that it asked for.
    pub names: Vec<String>,
}

impl From<Mid> for Key {
    fn from(mid: Mid) -> Self {
        Self::Track(mid)
    }
}

impl From<ChannelId> for Key {
    fn from(id: ChannelId) -> Self {
        Self::Channel(id)
    }
}

impl Ledger {
    pub(crate) fn mids(&self) -> Vec<Mid> {
        let mid = |key: &Key| match key {
            Key::Track(mid) => Some(mid.clone()),
            Key::Channel(_) => None,
        };
        self.held.keys().filter_map(mid).collect()
    }

    pub(crate) fn channels(&self) -> Vec<ChannelId> {
        let id = |key: &Key| match key {
            Key::Channel(id) => Some(*id),
            Key::Track(_) => None,
        };
        self.held.keys().filter_map(id).collect()
    }

    /// Oldest first.
    pub(crate) fn uncertain(&self) -> Vec<Uncertain> {
        self.uncertain.clone()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.held.is_empty() && self.uncertain.is_empty()
    }

    pub(crate) fn source(&self, mid: &Mid) -> Option<&Source> {
        self.held.get(&Key::Track(mid.clone()))?.source.as_ref()
    }

    /// Takes in what is open, whatever was known of it before.
    pub(crate) fn open(&mut self, key: impl Into<Key>, source: Option<Source>) {
        let since = source.is_some().then(Instant::now);
        self.held.insert(key.into(), Held { source, since, ..Held::default() });
    }

    /// A data channel that the session publishes is open.
    pub(crate) fn publish(&mut self, id: ChannelId, name: String, delivery: Delivery) {
        self.held.insert(id.into(), Held { policy: Some((name, delivery)), ..Held::default() });
    }

    /// The data channels that the session publishes, as far as their policies are
    /// known.
    pub(crate) fn published_channels(&self) -> Vec<(ChannelId, String, Delivery)> {
        let published = |(key, held): (&Key, &Held)| match (key, &held.policy) {
            (Key::Channel(id), Some((name, delivery))) => Some((*id, name.clone(), *delivery)),
            _ => None,
        };
        self.held.iter().filter_map(published).collect()
    }

    /// The time since a track was pulled.
    pub(crate) fn age(&self, mid: &Mid) -> Option<Duration> {
        self.held.get(&Key::Track(mid.clone()))?.since.map(|since| since.elapsed())
    }

    /// A subscription has this source from now on.
    pub(crate) fn updated(&mut self, mid: &Mid, source: Source) {
        let held = self.held.entry(Key::Track(mid.clone())).or_default();
        *held = Held { source: Some(source), since: held.since, ..Held::default() };
    }

    /// Takes in what may be open. An item that is known to be open stays so.
    pub(crate) fn may_be_open(&mut self, key: impl Into<Key>) {
        self.held.entry(key.into()).or_insert(Held { in_doubt: true, ..Held::default() });
    }

    /// Takes out what is not open, unless it is known to be.
    pub(crate) fn is_not_open(&mut self, key: impl Into<Key>) {
        let key = key.into();
        if self.held.get(&key).is_some_and(|held| held.in_doubt) {
            self.held.remove(&key);
        }
    }

    /// Marks an item that is about to be closed.
    pub(crate) fn closing(&mut self, key: impl Into<Key>) {
        if let Some(held) = self.held.get_mut(&key.into()) {
            held.closing = true;
        }
    }

    /// Marks all that is open: it is about to be closed.
    pub(crate) fn closing_everything(&mut self) {
        self.held.values_mut().for_each(|held| held.closing = true);
    }

    /// Takes the marks away: no close is under way any more.
    pub(crate) fn not_closing(&mut self) {
        self.held.values_mut().for_each(|held| held.closing = false);
    }

    /// Marks an item that may be closed: the reply to the close was lost.
    pub(crate) fn may_be_closed(&mut self, key: impl Into<Key>) {
        self.ended(key, End::Unknown);
    }

    /// The reply to a close has come. Says whether it was in doubt before.
    pub(crate) fn ended(&mut self, key: impl Into<Key>, end: End) -> bool {
        let key = key.into();
        let Some(held) = self.held.get_mut(&key) else { return false };
        let was_in_doubt = held.in_doubt;
        held.closing = false;
        match end {
            End::Closed => drop(self.held.remove(&key)),
            End::Open => {}
            End::Unknown => held.in_doubt = true,
        }
        was_in_doubt
    }

    /// A change begins: the items that it asks for may exist from now on.
    pub(crate) fn begin(&mut self, operation: &'static str, names: Vec<String>) {
        // An earlier change that was never ended has lost its reply.
        self.lose();
        self.uncertain.push(Uncertain { operation: operation.into(), names });
        self.is_under_way = true;
    }

    /// The change that was begun last has its reply.
    pub(crate) fn end(&mut self) {
        if std::mem::take(&mut self.is_under_way) {
            self.uncertain.pop();
        }
    }

    /// The reply to the change that was begun last is lost.
    pub(crate) fn lose(&mut self) {
        if !std::mem::take(&mut self.is_under_way) {
            return;
        }
        let Some(change) = self.uncertain.pop() else { return };
        self.uncertain.retain(|other| *other != change);
        if self.uncertain.len() == MAX_UNCERTAIN {
            self.uncertain.remove(0);
        }
        self.uncertain.push(change);
    }

    /// The reply to a change does not say whether these items exist.
    pub(crate) fn doubt_unreported<Q: fmt::Display>(
        &mut self,
        operation: &'static str,
        failed: &[Failed<Q>],
    ) {
        let doubtful = failed.iter().filter(|failed| failed.error.leaves_doubt());
        let names: Vec<String> = doubtful.map(|failed| failed.item.to_string()).collect();
        if !names.is_empty() {
            self.begin(operation, names);
            self.lose();
        }
    }

    /// Says whether only the session's state can tell what is open.
    pub(crate) fn is_in_doubt(&self) -> bool {
        !self.uncertain.is_empty() || self.held.values().any(|held| held.in_doubt || held.closing)
    }

    /// Takes over what the state says to be open, and settles all doubts.
    pub(crate) fn learn(&mut self, state: &SessionState) {
        let is_open = |status: &Option<SessionResourceStatus>| {
            *status != Some(SessionResourceStatus::Inactive)
        };
        let source = |origin: &Origin, name: &Option<String>| match (origin, name) {
            (Origin::Subscribed(publisher), Some(name)) => Some((publisher.clone(), name.clone())),
            _ => None,
        };
        let tracks =
            state.tracks.iter().filter(|track| is_open(&track.status)).filter_map(|track| {
                Some((Key::Track(track.mid.clone()?), source(&track.origin, &track.name)))
            });
        // 0 is the transport's own channel.
        let is_users = |id: &ChannelId| id.get() != 0;
        let channels = state.data_channels.iter().filter(|channel| is_open(&channel.status));
        let channels = channels.filter_map(|channel| {
            Some((
                Key::Channel(channel.id.filter(is_users)?),
                source(&channel.origin, &channel.name),
            ))
        });
        let open: Vec<(Key, Option<Source>)> = tracks.chain(channels).collect();
        let keys: BTreeSet<&Key> = open.iter().map(|(key, _)| key).collect();
        self.held.retain(|key, held| !(held.in_doubt || held.closing) || keys.contains(key));
        for (key, source) in open {
            match self.held.get_mut(&key) {
                // The state does not have the time of the pull, nor the policy.
                Some(held) if held.source == source => {
                    (held.in_doubt, held.closing) = (false, false);
                }
                _ => self.open(key, source),
            }
        }
        // A channel that is not open any more had a transport, too.
        if !state.data_channels.is_empty() {
            self.transport = Transport::There;
        }
        self.uncertain.clear();
        self.is_under_way = false;
    }

    /// The session is gone, and everything with it.
    pub(crate) fn clear(&mut self) {
        self.held.clear();
        self.uncertain.clear();
        self.is_under_way = false;
    }
}
