//! Task that keeps the connection.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use cloudflare_calls::store::{Keeper, StoreError};
use redis::{PushInfo, PushKind};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::{Connection, Event, Live, Source, State};
use crate::failure;
use crate::keys::Keys;
use crate::wakes::Wakes;

/// The delays between attempts.
const FIRST_DELAY: Duration = Duration::from_millis(50);
const LAST_DELAY: Duration = Duration::from_secs(1);

/// The delay after a subscription that did not succeed.
const RESUBSCRIBE: Duration = Duration::from_secs(1);

/// The least time between two connections to a cluster, which repair themselves.
const REBUILD: Duration = Duration::from_secs(5);

/// Receiver of a server's own messages.
#[derive(Clone)]
pub(super) struct Handler {
    pub(super) keys: Arc<Keys>,
    pub(super) wakes: Arc<Wakes>,
    /// Sender of events, which does not keep the task alive.
    pub(super) events: mpsc::WeakUnboundedSender<Event>,
}

/// Keeps a connection until the last user is gone.
pub(super) async fn keep(
    source: Source,
    handler: Handler,
    limit: Duration,
    state: watch::Sender<State>,
    mut events: mpsc::UnboundedReceiver<Event>,
) {
    // The sender shows when the last user is gone.
    let kept = Kept { source, handler, limit, state: &state, channels: BTreeSet::new() };
    tokio::select! {
        () = state.closed() => {}
        () = kept.run(&mut events) => {}
    }
}

struct Kept<'a> {
    source: Source,
    handler: Handler,
    limit: Duration,
    state: &'a watch::Sender<State>,
    /// Channels of all connections.
    channels: BTreeSet<String>,
}

impl Kept<'_> {
    async fn run(mut self, events: &mut mpsc::UnboundedReceiver<Event>) {
        let mut delay = FIRST_DELAY;
        loop {
            match self.connect().await {
                Ok(live) => {
                    delay = FIRST_DELAY;
                    let made = Instant::now();
                    if !self.serve(live, events).await {
                        return;
                    }
                    if self.source.repairs_itself() {
                        sleep_until(made + REBUILD).await;
                    } else {
                        self.state.send_modify(|state| state.live = None);
                    }
                }
                Err(error) => {
                    let first = self.state.borrow().error.is_none();
                    if first {
                        tracing::warn!(%error, "no connection to the store of sessions");
                    }
                    self.state.send_modify(|state| {
                        state.failed += 1;
                        state.error = Some(error);
                    });
                    sleep(delay).await;
                    delay = (delay * 2).min(LAST_DELAY);
                }
            }
        }
    }

    async fn connect(&mut self) -> Result<Live, StoreError> {
        // A random number.
        let generation = Keeper::random().get();
        let repairs_itself = self.source.repairs_itself();
        let handler = self.handler.clone();
        let push = move |info: PushInfo| -> Result<(), redis::aio::SendError> {
            handler.receive(&info, (!repairs_itself).then_some(generation));
            Ok(())
        };
        let limit = self.source.limit(self.limit);
        match timeout(limit, self.source.connect(self.limit, push)).await {
            Ok(Ok(connection)) => Ok(Live { connection, generation }),
            Ok(Err(error)) => Err(failure::of(&error)),
            Err(_) => Err(failure::timed_out()),
        }
    }

    /// Serves a connection until it is broken. Returns false once the last user is gone.
    async fn serve(&mut self, live: Live, events: &mut mpsc::UnboundedReceiver<Event>) -> bool {
        let (mut connection, generation) = (live.connection.clone(), live.generation);
        // Channels that the connection has not subscribed to yet.
        let mut missing = self.channels.clone();
        subscribe(&mut connection, &mut missing).await;
        let failed_before = self.state.borrow().error.is_some();
        if failed_before {
            tracing::info!("connected to the store of sessions again");
        }
        self.state.send_modify(|state| {
            state.live = Some(live);
            state.error = None;
        });
        loop {
            tokio::select! {
                event = events.recv() => match event {
                    None => return false,
                    Some(Event::Broken(which)) if which == generation => return true,
                    Some(Event::Broken(_)) => {}
                    Some(Event::Subscribe(channel, _tried)) => {
                        if self.channels.insert(channel.clone()) {
                            missing.insert(channel);
                            subscribe(&mut connection, &mut missing).await;
                        }
                    }
                },
                () = sleep(RESUBSCRIBE), if !missing.is_empty() => {
                    subscribe(&mut connection, &mut missing).await;
                }
            }
        }
    }
}

impl Handler {
    /// Takes a message that the server sends by itself. `generation` is that of a connection that
    /// does not repair itself.
    fn receive(&self, info: &PushInfo, generation: Option<u64>) {
        if info.kind != PushKind::Disconnection {
            self.wakes.receive(info, |channel| self.keys.keeper_of(channel));
        } else if let (Some(generation), Some(events)) = (generation, self.events.upgrade()) {
            let _ = events.send(Event::Broken(generation));
        }
    }
}

/// Subscribes to channels. Those that do not succeed stay in `missing`.
async fn subscribe(connection: &mut Connection, missing: &mut BTreeSet<String>) {
    // Each channel is subscribed to separately: in a cluster each has its own slot.
    for channel in std::mem::take(missing) {
        if let Err(error) = connection.subscribe(&channel).await {
            let error = failure::of(&error);
            tracing::warn!(%error, "no subscription: waiting changes look at the store by themselves");
            missing.insert(channel);
        }
    }
}
