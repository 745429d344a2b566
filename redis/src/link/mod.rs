//! The connection to the servers, made again when it breaks.

mod connection;
mod keep;
mod source;

use std::sync::Arc;
use std::time::Duration;

use cloudflare_calls::store::StoreError;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

pub(crate) use self::connection::Connection;
pub(crate) use self::source::Source;
use crate::failure;
use crate::keys::Keys;
use crate::wakes::Wakes;

/// Connection of a store. A task makes it, makes it again when it breaks, and subscribes. The task
/// ends when this is dropped.
pub(crate) struct Link {
    state: watch::Receiver<State>,
    events: mpsc::UnboundedSender<Event>,
    limit: Duration,
}

/// Connection that was made.
#[derive(Clone)]
pub(crate) struct Live {
    pub(crate) connection: Connection,
    /// Random name of the connection, which differs from that of a later one.
    pub(crate) generation: u64,
}

#[derive(Default)]
struct State {
    live: Option<Live>,
    /// Number of attempts that have failed, and the error of the last one.
    failed: u64,
    error: Option<StoreError>,
}

enum Event {
    /// A connection has to be made again.
    Broken(u64),
    /// A channel is needed. The sender is dropped once that was tried.
    Subscribe(String, oneshot::Sender<()>),
}

impl Link {
    /// Creates a link that makes its first connection in the background.
    pub(crate) fn new(source: Source, keys: Arc<Keys>, wakes: Arc<Wakes>, limit: Duration) -> Self {
        let (events, queue) = mpsc::unbounded_channel();
        let (sender, state) = watch::channel(State::default());
        let handler = keep::Handler { keys, wakes, events: events.downgrade() };
        tokio::spawn(keep::keep(source, handler, limit, sender, queue));
        Self { state, events, limit }
    }

    /// Returns the connection. Without one, it waits for the next attempt.
    pub(crate) async fn live(&self) -> Result<Live, StoreError> {
        let failed = {
            let now = self.state.borrow();
            match &now.live {
                Some(live) => return Ok(live.clone()),
                None => now.failed,
            }
        };
        let mut state = self.state.clone();
        let next = state.wait_for(|now| now.live.is_some() || now.failed > failed);
        let waited = timeout(self.limit, next).await.map(|ended| ended.map(|now| now.live.clone()));
        match waited {
            Ok(Ok(Some(live))) => Ok(live),
            Ok(Err(_)) => {
                Err(StoreError::Unreachable("the runtime of its connection ended".into()))
            }
            // The attempt has failed, or it takes too long and the one before it has
            // failed.
            _ => Err(self.state.borrow().error.clone().unwrap_or_else(failure::timed_out)),
        }
    }

    /// Reports that a connection has to be made again.
    pub(crate) fn broken(&self, live: &Live) {
        // Without a task the store has ended.
        let _ = self.events.send(Event::Broken(live.generation));
    }

    /// Subscribes to a channel, now and on each later connection. The receiver ends once that was
    /// tried.
    pub(crate) fn subscribe(&self, channel: String) -> oneshot::Receiver<()> {
        let (tried, receiver) = oneshot::channel();
        let _ = self.events.send(Event::Subscribe(channel, tried));
        receiver
    }
}
