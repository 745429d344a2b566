//! Futures of this process that wait for a message about a session.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cloudflare_calls::store::Keeper;
use cloudflare_calls::types::SessionId;
use redis::{PushInfo, PushKind, Value};
use tokio::sync::Notify;

/// Waiting futures, by session. A session is listed only while a future waits for it.
#[derive(Default)]
pub(crate) struct Wakes {
    waiting: Mutex<HashMap<Place, Waiting>>,
}

type Place = (Keeper, SessionId);

#[derive(Default)]
struct Waiting {
    notify: Arc<Notify>,
    count: usize,
}

/// Place of a future, removed when this is dropped.
struct Guard<'a> {
    wakes: &'a Wakes,
    place: Place,
}

impl Wakes {
    /// Returns a future that ends with the next message from now on.
    pub(crate) fn woken(
        &self,
        keeper: Keeper,
        session: &SessionId,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        let place = (keeper, session.clone());
        // A `notified` future receives notifications from its creation on, even before it is
        // polled.
        let notified = {
            let mut waiting = self.waiting();
            let here = waiting.entry(place.clone()).or_default();
            here.count += 1;
            here.notify.clone().notified_owned()
        };
        let guard = Guard { wakes: self, place };
        Box::pin(async move {
            let _guard = guard;
            notified.await;
        })
    }

    /// Wakes the futures of a message's session. A new subscription wakes all of its keeper,
    /// because messages may have been lost before it.
    pub(crate) fn receive(&self, info: &PushInfo, keeper_of: impl Fn(&[u8]) -> Option<Keeper>) {
        let Some(keeper) = info.data.first().and_then(bytes).and_then(keeper_of) else { return };
        match info.kind {
            PushKind::Message | PushKind::SMessage => {
                let session = info.data.get(1).and_then(bytes).map(String::from_utf8_lossy);
                let Some(Ok(session)) = session.map(SessionId::new) else { return };
                if let Some(here) = self.waiting().get(&(keeper, session)) {
                    here.notify.notify_waiters();
                }
            }
            PushKind::Subscribe | PushKind::SSubscribe => {
                for (_, here) in self.waiting().iter().filter(|((of, _), _)| *of == keeper) {
                    here.notify.notify_waiters();
                }
            }
            _ => {}
        }
    }

    /// Returns the number of sessions that futures wait for.
    pub(crate) fn len(&self) -> usize {
        self.waiting().len()
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<Place, Waiting>> {
        // No panic can happen in the middle of a change, so the map stays whole.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        let mut waiting = self.wakes.waiting();
        if let Some(here) = waiting.get_mut(&self.place) {
            here.count -= 1;
            if here.count == 0 {
                waiting.remove(&self.place);
            }
        }
    }
}

fn bytes(value: &Value) -> Option<&[u8]> {
    match value {
        Value::BulkString(bytes) => Some(bytes),
        Value::SimpleString(text) => Some(text.as_bytes()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: PushKind, payload: &str) -> PushInfo {
        let data = ["channel", payload].map(|text| Value::BulkString(text.into()));
        PushInfo { kind, data: data.into() }
    }

    #[tokio::test]
    async fn counts_from_the_call_and_leaves_nothing_behind() {
        let (wakes, keeper) = (Wakes::default(), Keeper::random());
        let session = SessionId::new("a").unwrap();
        let (first, second) = (wakes.woken(keeper, &session), wakes.woken(keeper, &session));
        assert_eq!(wakes.len(), 1);
        let is_ours = |channel: &[u8]| (channel == b"channel").then_some(keeper);
        wakes.receive(&message(PushKind::Message, "a"), is_ours);
        first.await;
        assert_eq!(wakes.len(), 1);
        second.await;
        assert_eq!(wakes.len(), 0);
        drop(wakes.woken(keeper, &session));
        assert_eq!(wakes.len(), 0);
    }

    #[tokio::test]
    async fn messages_of_others_wake_nobody() {
        let (wakes, keeper) = (Wakes::default(), Keeper::random());
        let session = SessionId::new("a").unwrap();
        let mut woken = wakes.woken(keeper, &session);
        wakes.receive(&message(PushKind::Message, "b"), |_| Some(keeper));
        wakes.receive(&message(PushKind::Message, "a"), |_| Some(Keeper::random()));
        wakes.receive(&message(PushKind::Message, "a"), |_| None);
        wakes.receive(&message(PushKind::Message, "\u{fffd} \n"), |_| Some(keeper));
        let now = std::task::Context::from_waker(std::task::Waker::noop()).waker().clone();
        let mut context = std::task::Context::from_waker(&now);
        assert!(woken.as_mut().poll(&mut context).is_pending());
        wakes.receive(&message(PushKind::SSubscribe, ""), |_| Some(keeper));
        assert!(woken.as_mut().poll(&mut context).is_ready());
    }
}
