//! A handle of one session, which all its users share.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, MutexGuard, OnceLock, Weak};
use std::time::Duration;

use super::fleet::Fleet;
use super::ledger::{Ledger, Uncertain};
use super::settings::Settings;
use super::turns::{ExchangeId, Turns, View};
use crate::data_channels::types::PublishedDataChannel;
use crate::generated::Client;
use crate::generated::types::SessionId;
use crate::mid::Mid;
use crate::status::Status;
use crate::store::{StoreError, Stored};

/// A session: the SFU's end of one agent's WebRTC connection.
///
/// Its steps are methods of the extension traits; `use cloudflare_calls::prelude::*`
/// brings them in.
///
/// | step | method | request |
/// |---|---|---|
/// | client joins | [`Client::join`](crate::session::JoinExt::join), [`join_with`](crate::session::JoinExt::join_with), [`adopt`](crate::session::JoinExt::adopt) | `POST sessions/new`, `GET sessions/{id}` |
/// | | [`publish`](#method.publish), [`publish_all`](#method.publish_all), [`publish_without_offer`](#method.publish_without_offer), [`publish_negotiated`](#method.publish_negotiated) | `POST tracks/new`, local tracks |
/// | remote client joins | [`subscribe`](#method.subscribe), [`subscribe_with`](#method.subscribe_with) | `POST tracks/new`, remote tracks |
/// | | [`answer`](#method.answer) | `PUT renegotiate` |
/// | remote client leaves | [`close`](#method.close), [`close_negotiated`](#method.close_negotiated) | `PUT tracks/close` |
/// | client leaves | [`leave`](#method.leave) | `PUT tracks/close` for everything |
/// | at any time | [`update`](#method.update) | `PUT tracks/update` |
/// | | [`state`](#method.state) | `GET sessions/{id}` |
/// | data channels | [`establish_data_channels`](#method.establish_data_channels), [`establish_data_channels_with`](#method.establish_data_channels_with) | `POST datachannels/establish` |
/// | | [`publish_data_channels`](#method.publish_data_channels), [`subscribe_data_channels`](#method.subscribe_data_channels) | `POST datachannels/new` |
/// | | [`grant_reply`](#method.grant_reply), [`revoke_reply`](#method.revoke_reply) | `PUT datachannels/update` |
/// | | [`close_data_channels`](#method.close_data_channels) | `PUT datachannels/close` |
///
/// A clone costs one reference count and shares everything with the original:
/// the turn, so that changes of one session follow each other in the order in
/// which they were asked for, and the knowledge of what is open, so that `leave`
/// can close it. Make one handle for each session and clone it, or keep it in a
/// [`Registry`](crate::session::Registry): two handles made apart know nothing
/// of each other's turns. A registry over a [store](crate::store) shares all that
/// with other processes.
///
/// A change that has begun goes on to its end when its future is dropped. If
/// the SFU's reply had to go to the agent, nobody has it then, and the session
/// is [`Unfinished`](crate::session::Unfinished).
#[derive(Clone)]
pub struct Session {
    shared: Arc<Shared>,
}

struct Shared {
    client: Client,
    id: SessionId,
    turns: Arc<Turns>,
    settings: Arc<Settings>,
    span: tracing::Span,
    home: OnceLock<Weak<dyn Home>>,
}

/// The place that has a session until it ends.
pub(crate) trait Home: Send + Sync {
    /// The session has ended.
    fn forget(&self, session: &Session);
}

impl Session {
    /// The session's id. Whoever has it can name the session's tracks; it
    /// permits nothing by itself, and a backend that acts on an id without
    /// asking who sent it lets anyone close anyone's tracks.
    pub fn id(&self) -> &SessionId {
        &self.shared.id
    }

    /// The client that the session was made with.
    pub fn client(&self) -> &Client {
        &self.shared.client
    }

    /// The label that the session was [joined](crate::session::Join::correlation_id) with,
    /// if it has one.
    pub fn correlation_id(&self) -> Option<&str> {
        self.settings().label.as_deref()
    }

    /// The state of the session, as far as it is known here. In a fleet it is that of
    /// the last look at the store: [`Registry::get`](crate::session::Registry::get)
    /// and every change look at it.
    pub fn status(&self) -> Status {
        self.turns().status()
    }

    /// The exchange whose offer waits for the agent's answer, if there is one and it is
    /// not too late; in a fleet as of the last look at the store.
    ///
    /// [`answer`](crate::session::AnswerExt::answer) takes its answer once the offer was
    /// [kept](crate::session::PendingAnswer::keep).
    pub fn open_exchange(&self) -> Option<ExchangeId> {
        self.turns().open_exchange()
    }

    /// The mids that are known to be in use, published and subscribed ones.
    pub fn mids(&self) -> Vec<Mid> {
        self.ledger().mids()
    }

    /// The changes whose replies were lost or have not come yet, oldest first:
    /// 64 at most, besides one that is under way. Reading the [state](crate::session::StateExt::state) settles
    /// those that are not under way.
    pub fn uncertain(&self) -> Vec<Uncertain> {
        self.ledger().uncertain()
    }

    /// The data channels that the session publishes, with their delivery policies,
    /// as subscribers need them. Those that were published before the session was
    /// [adopted](crate::session::JoinExt::adopt) are not among them: the API does not
    /// tell their policies.
    pub fn published_data_channels(&self) -> Vec<PublishedDataChannel> {
        let channels = self.ledger().published_channels().into_iter();
        let channel = |(id, name, delivery)| {
            let session = self.id().clone();
            PublishedDataChannel { session, name, id, delivery }
        };
        channels.map(channel).collect()
    }

    /// Says whether nothing is known to be open, or to be possibly open.
    pub fn is_empty(&self) -> bool {
        self.ledger().is_empty()
    }

    /// The time since the last change of the session was asked for, or led to an
    /// offer of the SFU.
    pub fn idle(&self) -> Duration {
        self.turns().idle()
    }

    /// Says whether this is a handle of the same turn.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// A session that only this process has.
    pub(crate) fn new(client: Client, id: SessionId, settings: Arc<Settings>) -> Self {
        Self::of(client, id, Turns::new(), settings)
    }

    /// A session that a store has.
    pub(crate) fn stored(
        client: Client,
        id: SessionId,
        fleet: &Arc<Fleet>,
        stored: &Stored,
    ) -> Result<Self, StoreError> {
        let (turns, settings) = Turns::stored(fleet, &id, stored)?;
        Ok(Self::of(client, id, turns, settings))
    }

    /// Puts the session into the store of a fleet. False: the store has it already.
    pub(crate) async fn share(&self, fleet: &Arc<Fleet>) -> Result<bool, StoreError> {
        self.turns().share(fleet, self.id(), &self.shared.settings).await
    }

    fn of(client: Client, id: SessionId, turns: Arc<Turns>, settings: Arc<Settings>) -> Self {
        // Ids are locators and not for logs; a number tells sessions apart.
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let session = NUMBER.fetch_add(1, Ordering::Relaxed);
        let label = settings.label.as_deref().unwrap_or_default();
        let span = tracing::info_span!(parent: None, "calls_session", session, label);
        let home = OnceLock::new();
        Self { shared: Arc::new(Shared { client, id, turns, settings, span, home }) }
    }

    /// The ledger, under its lock: nothing is logged or counted while it is held.
    pub(crate) fn ledger(&self) -> impl DerefMut<Target = Ledger> {
        LedgerGuard(self.turns().view())
    }

    pub(crate) fn turns(&self) -> &Arc<Turns> {
        &self.shared.turns
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.shared.settings
    }

    pub(crate) fn span(&self) -> &tracing::Span {
        &self.shared.span
    }

    /// The first home stays.
    pub(crate) fn settle_in(&self, home: Weak<dyn Home>) {
        let _ = self.shared.home.set(home);
    }

    /// The API said that the session is gone, and everything with it.
    pub(crate) async fn vanish(&self) {
        self.turns().gone().await;
        self.ended();
    }

    /// Lets the session's home forget it: nothing is left to be done with it.
    pub(crate) fn ended(&self) {
        if let Some(home) = self.shared.home.get().and_then(Weak::upgrade) {
            home.forget(self);
        }
    }
}

/// The ledger of a session, under the lock of its state.
struct LedgerGuard<'a>(MutexGuard<'a, View>);

impl Deref for LedgerGuard<'_> {
    type Target = Ledger;

    fn deref(&self) -> &Ledger {
        &self.0.ledger
    }
}

impl DerefMut for LedgerGuard<'_> {
    fn deref_mut(&mut self) -> &mut Ledger {
        &mut self.0.ledger
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("id", self.id())
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}
