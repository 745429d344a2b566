//! Agents that hang up before the reply: their changes are completed.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use cloudflare_calls::reqwest::{Method, RequestBuilder};
use cloudflare_calls::store::{
    Cursor, Keeper, Memory, Page, Store, StoreFuture, Stored, Write, Written,
};
use cloudflare_calls::types::SessionId;

use crate::support::{ROOM, World, admit, canned, limits};

/// Time between a write and its reply.
const SLOW: Duration = Duration::from_millis(300);

/// Store whose replies to writes are slow.
#[derive(Debug)]
struct Slow(Memory);

impl Store for Slow {
    fn read<'a>(&'a self, session: &'a SessionId) -> StoreFuture<'a, Option<Stored>> {
        self.0.read(session)
    }

    fn write<'a>(&'a self, session: &'a SessionId, write: Write<'a>) -> StoreFuture<'a, Written> {
        Box::pin(async move {
            let written = self.0.write(session, write).await;
            tokio::time::sleep(SLOW).await;
            written
        })
    }

    fn woken(
        &self,
        keeper: Keeper,
        session: &SessionId,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.0.woken(keeper, session)
    }

    fn beat(&self, keeper: Keeper, ttl: Duration) -> StoreFuture<'_, ()> {
        self.0.beat(keeper, ttl)
    }

    fn orphans(&self, from: Cursor) -> StoreFuture<'_, Page> {
        self.0.orphans(from)
    }
}

async fn world() -> World {
    let store = Arc::new(Slow(Memory::new()));
    World::with(canned(), admit, |server| server.limits(limits()).rooms(store)).await
}

/// Hangs up after the store has written and before it has replied.
async fn hang_up(request: RequestBuilder) {
    let sent = tokio::time::timeout(SLOW / 2, request.send()).await;
    assert!(sent.is_err(), "the reply was there before: {sent:?}");
}

/// Waits until a session has no open track at the API.
async fn until_closed(world: &World, session: &str) {
    let is_open = async || {
        let there = world.emulator.session(session).await;
        there.is_some_and(|there| there.tracks.iter().any(|track| track.is_open))
    };
    assert!(is_open().await, "nothing was published");
    for _ in 0..100 {
        if !is_open().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("a track stays open");
}

#[tokio::test]
async fn a_member_that_leaves_and_hangs_up_leaves_nothing_open() {
    let world = world().await;
    let member = world.join(ROOM, "").await;
    let session = member.session().await;
    member.publish(&session, "microphone").await;
    hang_up(member.request(Method::DELETE, &format!("members/{}", member.id))).await;
    until_closed(&world, &session).await;
}

#[tokio::test]
async fn a_session_is_replaced_though_its_agent_hangs_up() {
    let world = world().await;
    let member = world.join(ROOM, "").await;
    let session = member.session().await;
    member.publish(&session, "microphone").await;
    hang_up(member.request(Method::POST, &format!("sessions/new?replaces={session}"))).await;
    until_closed(&world, &session).await;
}
