//! A process of a fleet: its store, its leases, and its end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

use super::settings::Settings;
use crate::store::{Keeper, Store, StoreError};

/// One process, as its sessions know it.
pub(crate) struct Fleet {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) keeper: Keeper,
    /// The time for which a turn is had, before it is renewed.
    pub(crate) lease: Duration,
    /// The time after which an entry ends that nobody has written.
    pub(crate) ttl: Duration,
    /// The settings of sessions that say nothing else.
    pub(crate) defaults: Arc<Settings>,
    is_draining: AtomicBool,
    under_way: AtomicUsize,
    ended: Notify,
}

impl Fleet {
    pub(crate) fn new(
        store: Arc<dyn Store>,
        lease: Duration,
        ttl: Duration,
        defaults: Arc<Settings>,
    ) -> Arc<Self> {
        Arc::new(Self {
            store,
            keeper: Keeper::random(),
            lease,
            ttl,
            defaults,
            is_draining: AtomicBool::new(false),
            under_way: AtomicUsize::new(0),
            ended: Notify::new(),
        })
    }

    /// Says that this process is alive.
    pub(crate) async fn beat(&self) -> Result<(), StoreError> {
        self.enter()?;
        self.store.beat(self.keeper, self.lease).await
    }

    /// Refuses a turn once the process drains.
    pub(crate) fn enter(&self) -> Result<(), StoreError> {
        match self.is_draining.load(Ordering::Acquire) {
            true => Err(StoreError::Draining),
            false => Ok(()),
        }
    }

    /// Lets no turn begin any more, and waits for those that are under way.
    pub(crate) async fn drain(&self) {
        self.is_draining.store(true, Ordering::Release);
        loop {
            let ended = self.ended.notified();
            if self.under_way.load(Ordering::Acquire) == 0 {
                break;
            }
            ended.await;
        }
        // The others find its sessions at once, or when the last beat has ended.
        let _ = self.store.beat(self.keeper, Duration::from_millis(1)).await;
    }

    pub(crate) fn busy(self: &Arc<Self>) -> Busy {
        self.under_way.fetch_add(1, Ordering::AcqRel);
        Busy(Arc::clone(self))
    }
}

/// A turn that is under way.
pub(crate) struct Busy(Arc<Fleet>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::AcqRel);
        self.0.ended.notify_waiters();
    }
}
