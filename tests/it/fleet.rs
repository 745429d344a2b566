//! Sessions of a fleet: registries of several processes over one store.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cloudflare_calls::data_channels::{Delivery, LocalDataChannel, RetryLimit};
use cloudflare_calls::error::{Remedy, StoreError, Unusable};
use cloudflare_calls::session::{Exchanged, KeptOffer, Negotiation, Registry, Status, Unfinished};
use cloudflare_calls::store::{
    Cursor, Keeper, Memory, Page, Store, StoreFuture, Stored, Version, Write, Written,
};
use cloudflare_calls::tracks::{LocalTrack, RemoteTrack};
use cloudflare_calls::types::SessionId;
use cloudflare_calls::{Error, Session, prelude::*};

use super::sfu::{Fault, Operation, Sfu};
use super::{APP, answer, data_offer, join, mid, offer, pass, publish, pull};

/// Connection of one process to the store. It counts operations, and can be cut.
#[derive(Debug, Default)]
struct Link {
    store: Memory,
    is_cut: AtomicBool,
    operations: AtomicUsize,
    records: Mutex<Vec<Vec<u8>>>,
}

impl Link {
    fn to(store: &Memory) -> Arc<Self> {
        Arc::new(Self { store: store.clone(), ..Self::default() })
    }

    fn cut(&self, is_cut: bool) {
        self.is_cut.store(is_cut, Ordering::SeqCst);
    }

    /// Runs `work`. Returns the number of its operations.
    async fn count<T>(&self, work: impl Future<Output = T>) -> (T, usize) {
        let before = self.operations.load(Ordering::SeqCst);
        let value = work.await;
        (value, self.operations.load(Ordering::SeqCst) - before)
    }

    async fn through<T>(
        &self,
        operation: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        self.operations.fetch_add(1, Ordering::SeqCst);
        match self.is_cut.load(Ordering::SeqCst) {
            true => Err(StoreError::Unreachable("cut".to_owned())),
            false => operation.await,
        }
    }
}

impl Store for Link {
    fn read<'a>(&'a self, session: &'a SessionId) -> StoreFuture<'a, Option<Stored>> {
        Box::pin(self.through(self.store.read(session)))
    }

    fn write<'a>(&'a self, session: &'a SessionId, write: Write<'a>) -> StoreFuture<'a, Written> {
        let records = write.entry.iter().map(|entry| entry.record.to_vec());
        self.records.lock().unwrap().extend(records);
        Box::pin(self.through(self.store.write(session, write)))
    }

    fn woken(
        &self,
        keeper: Keeper,
        session: &SessionId,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.store.woken(keeper, session)
    }

    fn beat(&self, keeper: Keeper, ttl: Duration) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            match self.is_cut.load(Ordering::SeqCst) {
                true => Err(StoreError::Unreachable("cut".to_owned())),
                false => self.store.beat(keeper, ttl).await,
            }
        })
    }

    fn orphans(&self, from: Cursor) -> StoreFuture<'_, Page> {
        Box::pin(self.through(self.store.orphans(from)))
    }
}

/// Creates the registry of a process.
async fn process(sfu: &Sfu, link: &Arc<Link>) -> Registry {
    let store = Arc::clone(link) as Arc<dyn Store>;
    let over = Registry::over(sfu.client(), store).lease(Duration::from_secs(1));
    over.start().await.unwrap()
}

/// Creates two processes, with their connections to the store.
async fn two(sfu: &Sfu) -> ([Arc<Link>; 2], [Registry; 2]) {
    let store = Memory::new();
    let links = [Link::to(&store), Link::to(&store)];
    let registries = [process(sfu, &links[0]).await, process(sfu, &links[1]).await];
    (links, registries)
}

/// Creates a session in the store, which has published "a" and "b".
async fn publisher(sfu: &Sfu, registry: &Registry) -> Session {
    let session = join(sfu).await;
    registry.insert(session.clone()).await.unwrap();
    publish(&session, &["a", "b"]).await;
    session
}

async fn get(registry: &Registry, session: &Session) -> Session {
    registry.get(session.id()).await.unwrap().expect("it is there")
}

async fn offered(session: &Session, publisher: &Session, name: &str) -> KeptOffer {
    let track = RemoteTrack::new(publisher.id().clone(), name);
    match session.subscribe([track]).await.unwrap() {
        Negotiation::Offer(pending) => pending.keep(),
        _ => panic!("an offer"),
    }
}

fn unfinished(why: Unfinished) -> Status {
    Status::Unusable(Unusable::Unfinished(why))
}

#[tokio::test]
async fn an_offer_of_one_process_is_answered_at_another_with_its_outcome() {
    let sfu = Sfu::start().await;
    let (_, [here, there]) = two(&sfu).await;
    let publisher = publisher(&sfu, &here).await;
    let session = join(&sfu).await;
    here.insert(session.clone()).await.unwrap();
    let kept = offered(&get(&here, &session).await, &publisher, "a").await;

    let elsewhere = get(&there, &session).await;
    assert_eq!(elsewhere.status(), Status::AwaitingAnswer, "the status is the fleet's");
    assert_eq!(elsewhere.open_exchange(), Some(kept.exchange));
    let Exchanged::Subscribed(pulled) = elsewhere.answer(kept.exchange, answer()).await.unwrap()
    else {
        panic!("it was a subscription")
    };
    assert_eq!(pulled.into_result().unwrap()[0].name, "a");
    assert_eq!(elsewhere.status(), Status::Ready);
    let again = get(&here, &session).await;
    assert_eq!((again.status(), again.mids().len()), (Status::Ready, 1));
    assert_eq!(again.open_exchange(), None);
    let twice = again.answer(kept.exchange, answer()).await.unwrap_err();
    assert!(matches!(twice, Error::Unusable { reason: Unusable::NoSuchExchange, .. }), "{twice}");
    assert_eq!(sfu.count(Operation::Renegotiate), 1);
    assert!(sfu.violations().await.is_empty());
}

#[tokio::test]
async fn of_answers_at_two_processes_at_once_one_is_brought() {
    let sfu = Sfu::start().await;
    let (_, [here, there]) = two(&sfu).await;
    let publisher = publisher(&sfu, &here).await;
    for _ in 0..20 {
        let session = join(&sfu).await;
        here.insert(session.clone()).await.unwrap();
        let kept = offered(&session, &publisher, "a").await;
        let elsewhere = get(&there, &session).await;
        let (one, other) = tokio::join!(
            session.answer(kept.exchange, answer()),
            elsewhere.answer(kept.exchange, answer())
        );
        assert!(one.is_ok() != other.is_ok(), "{one:?} {other:?}");
    }
    assert_eq!(sfu.count(Operation::Renegotiate), 20);
    assert!(sfu.violations().await.is_empty());
}

#[tokio::test]
async fn changes_of_two_processes_follow_each_other() {
    let sfu = Sfu::start().await;
    let (_, [here, there]) = two(&sfu).await;
    let publisher = publisher(&sfu, &here).await;
    let session = join(&sfu).await;
    here.insert(session.clone()).await.unwrap();
    let elsewhere = get(&there, &session).await;
    let mut changes = tokio::task::JoinSet::new();
    for number in 0..20 {
        let session = if number % 2 == 0 { session.clone() } else { elsewhere.clone() };
        let publisher = publisher.clone();
        changes.spawn(async move { pull(&session, &publisher, &["a"]).await.done.len() });
    }
    assert_eq!(changes.join_all().await, [1; 20]);
    assert!(sfu.violations().await.is_empty(), "none met another");
    assert_eq!(get(&here, &session).await.mids().len(), 20);
    assert_eq!(get(&there, &session).await.mids().len(), 20);
}

#[tokio::test]
async fn a_change_costs_two_operations_of_the_store_and_a_look_one() {
    let sfu = Sfu::start().await;
    let ([link, _], [here, _]) = two(&sfu).await;
    let publisher = publisher(&sfu, &here).await;
    let session = join(&sfu).await;
    here.insert(session.clone()).await.unwrap();
    let (_, looks) = link.count(get(&here, &session)).await;
    let (kept, asking) = link.count(offered(&session, &publisher, "a")).await;
    let (answered, answering) = link.count(session.answer(kept.exchange, answer())).await;
    answered.unwrap();
    let (closed, closing) = link.count(session.close(session.mids())).await;
    closed.unwrap().into_result().unwrap();
    let (left, leaving) = link.count(session.leave()).await;
    assert!(left.unwrap().is_complete());
    assert_eq!([looks, asking, answering, closing, leaving], [1, 2, 2, 2, 2]);
}

/// Cuts a process off for good while the API carries out its change.
async fn cut_in_mid_change<T: Send + 'static>(
    sfu: &Sfu,
    link: &Link,
    change: impl Future<Output = T> + Send + 'static,
) -> T {
    let change = tokio::spawn(change);
    sfu.held(1).await;
    link.cut(true);
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    sfu.release();
    change.await.unwrap()
}

#[tokio::test]
async fn a_process_that_is_lost_in_mid_change_leaves_the_session_in_doubt_or_unfinished() {
    let sfu = Sfu::start().await;
    let ([link, _], [here, there]) = two(&sfu).await;
    let publisher = publisher(&sfu, &there).await;

    let pulling = join(&sfu).await;
    here.insert(pulling.clone()).await.unwrap();
    sfu.fault(Operation::NewTracks, Fault::Hold);
    let track = RemoteTrack::new(publisher.id().clone(), "a");
    let asking = pulling.clone();
    let lost = async move { asking.subscribe([track]).await.map(drop) };
    let error = cut_in_mid_change(&sfu, &link, lost).await.unwrap_err();
    assert!(matches!(error, Error::Store { source: StoreError::LeaseLost, .. }), "{error}");
    assert!(error.outcome_unknown() && error.remedy() == Remedy::Inspect, "{error}");
    let seen = get(&there, &pulling).await;
    assert_eq!(seen.status(), unfinished(Unfinished::ReplyLost));
    assert_eq!(seen.uncertain()[0].names, ["a"]);
    // The SFU has made an offer, and closes nothing before its answer.
    assert!(seen.leave().await.unwrap().was_inspected, "it can be left");
    link.cut(false);

    let closing = self::publisher(&sfu, &here).await;
    sfu.fault(Operation::CloseTracks, Fault::Hold);
    let asking = closing.clone();
    let lost = async move { asking.close([mid("0")]).await.map(drop) };
    let error = cut_in_mid_change(&sfu, &link, lost).await.unwrap_err();
    assert!(error.outcome_unknown(), "{error}");
    link.cut(false);
    let seen = get(&there, &closing).await;
    assert_eq!(seen.status(), Status::Ready, "a close negotiates nothing");
    let departure = seen.leave().await.unwrap();
    assert!(departure.was_inspected && departure.is_complete(), "it was in doubt");
    assert!(sfu.active_tracks(closing.id()).await.is_empty());
}

#[tokio::test]
async fn a_change_whose_entry_is_lost_is_no_success() {
    let sfu = Sfu::start().await;
    let ([link, _], [here, _]) = two(&sfu).await;
    for is_seen in [false, true] {
        let session = publisher(&sfu, &here).await;
        sfu.fault(Operation::CloseTracks, Fault::Hold);
        let closing = session.clone();
        let closing = tokio::spawn(async move { closing.close([mid("0")]).await });
        sfu.held(1).await;
        // The store has lost its last writes.
        let stored = link.store.read(session.id()).await.unwrap().unwrap();
        let version = Version::random();
        let removal = Write { expected: Some(stored.version), version, entry: None, wake: &[] };
        assert!(matches!(link.store.write(session.id(), removal).await, Ok(Written::Done)));
        if is_seen {
            assert!(here.get(session.id()).await.unwrap().is_none());
        }
        sfu.release();
        let error = closing.await.unwrap().unwrap_err();
        assert!(matches!(error, Error::Store { source: StoreError::LeaseLost, .. }), "{error}");
        assert!(error.outcome_unknown(), "{error}");
        assert_eq!(session.status(), Status::Unusable(Unusable::Gone));
    }
}

#[tokio::test]
async fn a_process_that_is_lost_while_it_leaves_leaves_doubts() {
    let sfu = Sfu::start().await;
    let ([link, _], [here, there]) = two(&sfu).await;
    let session = publisher(&sfu, &here).await;
    sfu.fault(Operation::CloseTracks, Fault::Hold);
    let leaving = session.clone();
    let error = cut_in_mid_change(&sfu, &link, async move { leaving.leave().await }).await;
    assert!(error.unwrap_err().outcome_unknown());
    let seen = get(&there, &session).await;
    assert_eq!(seen.status(), Status::Unusable(Unusable::Left));
    let departure = seen.leave().await.unwrap();
    assert!(departure.was_inspected && departure.is_complete());
    assert!(there.get(session.id()).await.unwrap().is_none());
}

#[tokio::test]
async fn a_store_that_does_not_reply_refuses_before_anything_is_sent() {
    let sfu = Sfu::start().await;
    let ([link, _], [here, there]) = two(&sfu).await;
    let session = publisher(&sfu, &here).await;
    let before = sfu.calls().len();
    link.cut(true);
    // Nobody is asked meanwhile, so the tries of the store need no real time.
    tokio::time::pause();
    let error = session.close([mid("0")]).await.unwrap_err();
    assert!(matches!(error, Error::Store { source: StoreError::Unreachable(_), .. }), "{error}");
    assert!(error.is_retryable() && !error.outcome_unknown(), "{error}");
    assert_eq!((error.remedy(), error.http_status().as_u16()), (Remedy::Wait, 503));
    assert!(here.get(session.id()).await.is_err());
    assert_eq!(sfu.calls().len(), before);
    tokio::time::resume();
    link.cut(false);
    session.close([mid("0")]).await.unwrap().into_result().unwrap();
    assert_eq!(get(&there, &session).await.mids(), [mid("1")]);
}

#[tokio::test]
async fn a_store_that_comes_back_within_the_lease_loses_no_change() {
    let sfu = Sfu::start().await;
    let ([link, _], [here, there]) = two(&sfu).await;
    let session = publisher(&sfu, &here).await;
    sfu.fault(Operation::CloseTracks, Fault::Hold);
    let asking = session.clone();
    let closing = tokio::spawn(async move { asking.close([mid("0")]).await });
    sfu.held(1).await;
    link.cut(true);
    sfu.release();
    tokio::time::sleep(Duration::from_millis(200)).await;
    link.cut(false);
    closing.await.unwrap().unwrap().into_result().unwrap();
    assert_eq!(get(&there, &session).await.mids(), [mid("1")]);
}

#[tokio::test]
async fn a_change_that_takes_longer_than_the_lease_keeps_its_turn() {
    let sfu = Sfu::start().await;
    let (_, [here, there]) = two(&sfu).await;
    let session = publisher(&sfu, &here).await;
    sfu.fault(Operation::CloseTracks, Fault::Delay { ms: 2_500 });
    let elsewhere = get(&there, &session).await;
    let (first, second) = tokio::join!(session.close([mid("0")]), async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        elsewhere.close([mid("1")]).await
    });
    first.unwrap().into_result().unwrap();
    second.unwrap().into_result().unwrap();
    assert!(sfu.violations().await.is_empty());
    assert!(get(&here, &session).await.is_empty());
}

#[tokio::test]
async fn orphans_are_found_by_the_others_and_left_by_them() {
    let sfu = Sfu::start().await;
    let (_, [here, there]) = two(&sfu).await;
    let session = publisher(&sfu, &here).await;
    assert!(there.orphans(10).await.unwrap().is_empty(), "its keeper is alive");
    // The process dies.
    drop((here, session.clone()));
    let id = session.id().clone();
    drop(session);
    pass(100).await;
    // The other process tells the store that it is still alive.
    tokio::time::sleep(Duration::from_millis(50)).await;
    let found = loop {
        let mut found = there.orphans(10).await.unwrap();
        if let Some(found) = found.pop() {
            break found;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!(found.id(), &id);
    assert!(there.orphans(10).await.unwrap().is_empty(), "it has a keeper again");
    let idle = get(&there, &found).await.idle();
    assert!(idle >= Duration::from_secs(100), "it is idle since its last change: {idle:?}");
    let departures = there.sweep(|_| true).await;
    assert_eq!(departures.len(), 1);
    assert!(departures[0].1.is_complete());
    assert!(sfu.active_tracks(&id).await.is_empty());
    assert_eq!(there.get(&id).await.unwrap().map(drop), None, "nothing is left of it");
}

#[tokio::test]
async fn a_process_that_drains_ends_its_changes_and_gives_its_sessions_away() {
    let sfu = Sfu::start().await;
    let (_, [here, there]) = two(&sfu).await;
    let publisher = publisher(&sfu, &there).await;
    let (session, other) = (join(&sfu).await, join(&sfu).await);
    here.insert(session.clone()).await.unwrap();
    here.insert(other.clone()).await.unwrap();
    let kept = offered(&other, &publisher, "a").await;
    sfu.fault(Operation::NewTracks, Fault::Delay { ms: 300 });
    let tracks = [LocalTrack::new(mid("0"), "mic")];
    let publishing = session.publish(offer(&["0"]), tracks);
    let (published, ()) = tokio::join!(publishing, async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        here.drain().await;
        assert_eq!(get(&there, &session).await.mids(), [mid("0")], "the change has ended");
    });
    assert!(published.is_ok());
    let refused = session.close([mid("0")]).await.unwrap_err();
    assert!(matches!(refused, Error::Store { source: StoreError::Draining, .. }), "{refused}");
    assert!(refused.is_retryable());
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert_eq!(there.orphans(10).await.unwrap().len(), 2);
    let elsewhere = get(&there, &other).await;
    elsewhere.answer(kept.exchange, answer()).await.unwrap();
    assert!(sfu.violations().await.is_empty());
}

#[tokio::test]
async fn leaving_is_finished_by_another_process() {
    let sfu = Sfu::start().await;
    let (_, [here, there]) = two(&sfu).await;
    let session = publisher(&sfu, &here).await;
    sfu.fault(Operation::CloseTracks, Fault::refuse(400, "bad_request"));
    assert!(!session.leave().await.unwrap().is_complete());
    let elsewhere = get(&there, &session).await;
    assert_eq!(elsewhere.status(), Status::Unusable(Unusable::Left));
    assert_eq!(elsewhere.mids().len(), 2);
    assert!(elsewhere.leave().await.unwrap().is_complete());
    assert!(here.get(session.id()).await.unwrap().is_none(), "it has ended everywhere");
}

#[tokio::test]
async fn a_session_that_is_gone_is_gone_for_all() {
    let sfu = Sfu::start().await;
    let (_, [here, there]) = two(&sfu).await;
    let session = publisher(&sfu, &here).await;
    let elsewhere = get(&there, &session).await;
    sfu.expire(session.id()).await;
    assert!(session.state().await.unwrap_err().is_session_gone());
    let error = elsewhere.close([mid("0")]).await.unwrap_err();
    assert!(error.is_session_gone(), "{error}");
    assert!(there.get(session.id()).await.unwrap().is_none());
    for handle in [&session, &elsewhere] {
        assert!(handle.leave().await.unwrap().is_complete(), "nothing is left to close");
    }
}

#[tokio::test]
async fn settings_transport_and_policies_come_along() {
    let sfu = Sfu::start().await;
    let (_, [here, there]) = two(&sfu).await;
    let client = sfu.client();
    let join = client.join().answer_deadline(Duration::from_millis(300));
    let session = join.retry(super::quick()).correlation_id("room 7").send().await.unwrap();
    here.insert(session.clone()).await.unwrap();
    let established = session.establish_data_channels_with(data_offer("9")).await.unwrap();
    assert!(matches!(established, Negotiation::Answer(_)));
    let policy = Delivery::default().unordered().limit(RetryLimit::Retransmits(0));
    let game = LocalDataChannel::new("game").delivery(policy);
    session.publish_data_channels([game]).await.unwrap().into_result().unwrap();

    let publisher = publisher(&sfu, &here).await;
    let elsewhere = get(&there, &session).await;
    let published = elsewhere.published_data_channels();
    assert_eq!((published[0].name.as_str(), published[0].delivery), ("game", policy));
    let chat = elsewhere.publish_data_channels([LocalDataChannel::new("chat")]).await;
    chat.unwrap().into_result().unwrap();
    let kept = offered(&elsewhere, &publisher, "a").await;
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert_eq!(get(&here, &session).await.status(), unfinished(Unfinished::AnswerLate));
    assert!(get(&here, &session).await.answer(kept.exchange, answer()).await.is_err());
}

#[tokio::test]
async fn doubts_are_settled_for_all() {
    let sfu = Sfu::start().await;
    let (_, [here, there]) = two(&sfu).await;
    let session = publisher(&sfu, &here).await;
    sfu.fault(Operation::UpdateTracks, Fault::refuse(500, "internal_error"));
    let update = cloudflare_calls::tracks::TrackUpdate::source(mid("5"), session.id().clone(), "a");
    assert!(session.update([update]).await.unwrap_err().outcome_unknown());
    let elsewhere = get(&there, &session).await;
    assert_eq!(elsewhere.uncertain().len(), 1);
    elsewhere.state().await.unwrap();
    assert!(get(&here, &session).await.uncertain().is_empty());
}

#[tokio::test]
async fn the_store_has_no_secret_and_no_session_description() {
    let sfu = Sfu::start().await;
    let ([link, _], [here, _]) = two(&sfu).await;
    let publisher = publisher(&sfu, &here).await;
    let session = join(&sfu).await;
    here.insert(session.clone()).await.unwrap();
    let kept = offered(&session, &publisher, "a").await;
    session.answer(kept.exchange, answer()).await.unwrap();
    assert!(session.leave().await.unwrap().is_complete());
    let records = link.records.lock().unwrap();
    assert!(records.len() > 5);
    for record in records.iter() {
        super::logs::assert_clean("a record of the store", std::str::from_utf8(record).unwrap());
    }
}

#[cfg(feature = "token")]
#[tokio::test]
async fn a_token_is_good_at_every_process() {
    use cloudflare_calls::token::{Action, Grant, TokenKeys};
    use cloudflare_calls::types::AppId;
    let sfu = Sfu::start().await;
    let (_, [here, there]) = two(&sfu).await;
    let session = publisher(&sfu, &here).await;
    let keys = super::token::keys();
    let grant = Grant::new("user", session.id().clone(), Duration::from_secs(60 * 60));
    let token = keys.issue(&grant.allow(Action::Leave)).unwrap();
    let guarded = keys.open(token.expose(), session.id(), &there).await.unwrap();
    assert!(matches!(guarded.close([mid("0")]).await, Err(Error::Denied { .. })));
    assert!(guarded.leave().await.unwrap().is_complete());
    // The first process signs with a new key, which the second accepts already.
    let (app, new) = (AppId::new(APP).unwrap(), "f".repeat(40));
    let rotated = TokenKeys::new(app, "2027-01", new.clone().into()).unwrap();
    let other = publisher(&sfu, &here).await;
    let grant = Grant::new("user", other.id().clone(), Duration::from_secs(60 * 60));
    let renewed = rotated.issue(&grant.allow(Action::Leave)).unwrap();
    let accepting = keys.clone().and_accept("2027-01", new.into()).unwrap();
    assert!(accepting.open(renewed.expose(), other.id(), &there).await.is_ok());
    let gone = keys.open(token.expose(), session.id(), &here).await.unwrap_err();
    assert!(matches!(gone, Error::Unusable { reason: Unusable::Gone, .. }), "{gone}");
}

#[tokio::test]
async fn a_future_that_is_dropped_while_it_waits_gives_its_place_up() {
    let sfu = Sfu::start().await;
    let (_, [here, there]) = two(&sfu).await;
    let session = publisher(&sfu, &here).await;
    let elsewhere = get(&there, &session).await;
    sfu.fault(Operation::CloseTracks, Fault::Hold);
    let closing = tokio::spawn(async move { session.close([mid("0")]).await });
    sfu.held(1).await;
    let impatient = elsewhere.close([mid("1")]);
    assert!(tokio::time::timeout(Duration::from_millis(50), impatient).await.is_err());
    sfu.release();
    closing.await.unwrap().unwrap().into_result().unwrap();
    elsewhere.close([mid("1")]).await.unwrap().into_result().unwrap();
    assert_eq!(sfu.count(Operation::CloseTracks), 2);
}

#[tokio::test]
async fn a_session_is_in_a_store_once() {
    let sfu = Sfu::start().await;
    let (links, [here, there]) = two(&sfu).await;
    let session = publisher(&sfu, &here).await;
    let again = sfu.client().adopt(session.id().clone()).send().await.unwrap();
    let refused = there.insert(again).await.unwrap_err();
    assert!(refused.capacity.is_none() && refused.error.is_none(), "{refused}");
    links[0].cut(true);
    let joined = join(&sfu).await;
    tokio::time::pause();
    let refused = here.insert(joined).await.unwrap_err();
    assert!(matches!(refused.error, Some(StoreError::Unreachable(_))), "{refused}");
    assert_eq!(here.len(), 1);
}
