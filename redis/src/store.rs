//! Store of sessions.

use std::collections::HashSet;
use std::fmt;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cloudflare_calls::store::{
    Cursor, Keeper, Page, Store, StoreError, StoreFuture, Stored, Write, Written,
};
use cloudflare_calls::types::SessionId;
use redis::RedisResult;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::builder::{Builder, Topology};
use crate::keys::Keys;
use crate::link::{Connection, Link, Live, Source};
use crate::scripts::{self, Scripts};
use crate::wakes::Wakes;
use crate::{failure, orphans};

/// Sessions in Redis or Valkey. A clone is the same store, with the same connection.
#[derive(Clone)]
pub struct RedisStore {
    inner: Arc<Inner>,
}

struct Inner {
    topology: &'static str,
    keys: Arc<Keys>,
    scripts: Scripts,
    wakes: Arc<Wakes>,
    link: Link,
    limit: Duration,
    /// Keepers with a subscription.
    known: Mutex<HashSet<Keeper>>,
}

impl RedisStore {
    /// Returns the builder of a store in one server: `redis://user:password@host:port/database`,
    /// with TLS `rediss://…`, on a Unix socket `unix:///path`.
    pub fn standalone(url: impl AsRef<str>) -> Builder {
        Builder::new(Topology::standalone(url.as_ref()))
    }

    /// Returns the builder of a store in the master that sentinels name.
    ///
    /// `urls` are those of the sentinels. The user and the password of the first one are for all of
    /// them. `master` is the name of the master. As a URL with the name in the place of the host,
    /// as `rediss://user:password@mymaster/0`, it has the user, password, database and TLS of the
    /// servers, too.
    pub fn sentinel<U: AsRef<str>>(
        master: impl AsRef<str>,
        urls: impl IntoIterator<Item = U>,
    ) -> Builder {
        Builder::new(Topology::sentinel(master.as_ref(), urls))
    }

    /// Returns the builder of a store in a cluster, by some of its nodes. They have the same user,
    /// password and TLS.
    pub fn cluster<U: AsRef<str>>(urls: impl IntoIterator<Item = U>) -> Builder {
        Builder::new(Topology::cluster(urls))
    }

    /// Creates a store with its first connection.
    pub(crate) async fn connect(
        topology: &'static str,
        source: Source,
        keys: Keys,
        limit: Duration,
    ) -> Result<Self, StoreError> {
        let (keys, wakes) = (Arc::new(keys), Arc::new(Wakes::default()));
        let link = Link::new(source, keys.clone(), wakes.clone(), limit);
        let (scripts, known) = (Scripts::new(), Mutex::default());
        let inner = Inner { topology, keys, scripts, wakes, link, limit, known };
        inner.within(async { inner.link.live().await.map(|_| ()) }).await?;
        Ok(Self { inner: Arc::new(inner) })
    }
}

impl Inner {
    /// Limits the time of an operation: of one wait for a connection and one for the
    /// reply, each of which has its limit.
    async fn within<T>(
        &self,
        operation: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        // Pinned here: the time limit would move it.
        timeout(self.limit.saturating_mul(2), pin!(operation))
            .await
            .unwrap_or_else(|_| Err(failure::timed_out()))
    }

    /// Ends an operation. If the connection is to blame, another one is made.
    fn ended<T>(&self, live: &Live, result: RedisResult<T>) -> Result<T, StoreError> {
        result.map_err(|error| {
            if failure::needs_renewal(&error) {
                self.link.broken(live);
            }
            failure::of(&error)
        })
    }

    /// Subscribes for a new keeper. The receiver ends once that was tried.
    fn meet(&self, keeper: Keeper) -> Option<oneshot::Receiver<()>> {
        // No panic can happen in the middle of a change, so the set stays whole.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(keeper).then(|| self.link.subscribe(self.keys.channel(keeper)))
    }

    /// Wakes processes where the script of a write cannot: in a cluster each channel can be another
    /// node's. The write does not wait for that, and none of them waits for another.
    fn wake(&self, live: &Live, keepers: &[Keeper], session: &SessionId) {
        let Connection::Cluster(connection) = &live.connection else { return };
        for keeper in keepers {
            let mut connection = connection.clone();
            let mut command = redis::cmd("SPUBLISH");
            command.arg(self.keys.channel(*keeper)).arg(session.as_str());
            tokio::spawn(async move {
                if let Err(error) = command.exec_async(&mut connection).await {
                    let error = failure::of(&error);
                    tracing::debug!(%error, "a process could not be woken");
                }
            });
        }
    }
}

impl Store for RedisStore {
    fn read<'a>(&'a self, session: &'a SessionId) -> StoreFuture<'a, Option<Stored>> {
        let inner = &*self.inner;
        Box::pin(inner.within(async {
            let mut live = inner.link.live().await?;
            let reply = inner.scripts.read(&mut live.connection, &inner.keys, session).await;
            scripts::entry(inner.ended(&live, reply)?)
        }))
    }

    fn write<'a>(&'a self, session: &'a SessionId, write: Write<'a>) -> StoreFuture<'a, Written> {
        let inner = &*self.inner;
        Box::pin(inner.within(async move {
            let mut live = inner.link.live().await?;
            let reply =
                inner.scripts.write(&mut live.connection, &inner.keys, session, write).await;
            let written = scripts::written(inner.ended(&live, reply)?)?;
            if let Written::Done = written {
                inner.wake(&live, write.wake, session);
            }
            Ok(written)
        }))
    }

    fn woken(
        &self,
        keeper: Keeper,
        session: &SessionId,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.inner.meet(keeper);
        self.inner.wakes.woken(keeper, session)
    }

    fn beat(&self, keeper: Keeper, ttl: Duration) -> StoreFuture<'_, ()> {
        let inner = &*self.inner;
        Box::pin(inner.within(async move {
            let subscribed = inner.meet(keeper);
            let mut live = inner.link.live().await?;
            let mut command = redis::cmd("SET");
            command.arg(inner.keys.alive(keeper)).arg(1).arg("PX").arg(scripts::millis(ttl));
            let reply = command.exec_async(&mut live.connection).await;
            inner.ended(&live, reply)?;
            if let Some(subscribed) = subscribed {
                // After the first beat no message is missed. A process without a subscription is
                // alive all the same.
                let _ = timeout(inner.limit / 2, subscribed).await;
            }
            Ok(())
        }))
    }

    fn orphans(&self, from: Cursor) -> StoreFuture<'_, Page> {
        let inner = &*self.inner;
        Box::pin(inner.within(async move {
            let live = inner.link.live().await?;
            inner.ended(&live, orphans::page(&live, &inner.keys, &from).await)
        }))
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore")
            .field("topology", &self.inner.topology)
            .field("timeout", &self.inner.limit)
            .field("waiting", &self.inner.wakes.len())
            .finish_non_exhaustive()
    }
}
