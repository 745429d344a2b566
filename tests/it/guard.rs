//! Session tokens: their holders can do what they permit, and no more.

use std::time::{Duration, SystemTime};

use cloudflare_calls::data_channels::{ChannelId, Delivery, LocalDataChannel, RemoteDataChannel};
use cloudflare_calls::error::{Problem, Stage, Step, Unusable};
use cloudflare_calls::session::{Exchanged, Negotiation, Registry, Status};
use cloudflare_calls::token::{Action, Grant, GuardedSession, MAX_TOKEN_TTL};
use cloudflare_calls::tracks::{LocalTrack, OfferedTrack, RemoteTrack, TrackUpdate};
use cloudflare_calls::types::{SessionId, Simulcast};
use cloudflare_calls::{Error, Session, prelude::*};

use super::sfu::{Fault, Operation, Sfu};
use super::token::{ALL, keys};
use super::{answer, data_offer, join, mid, mids, offer, publish, pull};

/// Creates a handle with these permissions.
async fn guarded_by(session: &Session, actions: &[Action]) -> GuardedSession {
    let sessions = Registry::new(10);
    sessions.insert(session.clone()).await.unwrap();
    let grant = Grant::new("user 42", session.id().clone(), Duration::from_secs(60 * 60))
        .actions(actions.iter().copied());
    let token = keys().issue(&grant).unwrap();
    keys().open(token.expose(), session.id(), &sessions).await.unwrap()
}

/// Tries all actions. Returns those that were not denied.
async fn allowed_actions(session: &GuardedSession, publisher: &Session) -> Vec<Action> {
    let mut goes = Vec::new();
    let mut tried = |action: Action, result: Result<(), Error>| match result {
        Err(error @ Error::Denied { .. }) => {
            assert_eq!(error.stage(), Stage::Check);
            assert!(error.to_string().ends_with(": not permitted"), "{error}");
        }
        _ => goes.push(action),
    };
    let new = LocalTrack::new(mid("7"), "new");
    tried(Action::Publish, session.publish(offer(&["7"]), [new]).await.map(drop));
    tried(Action::Publish, session.publish_all(offer(&["8"])).await.map(drop));
    let offered = session.publish_without_offer([OfferedTrack::audio("")]).await;
    tried(Action::Publish, offered.map(drop));
    let named = session.publish_negotiated([LocalTrack::new(mid("9"), "named")]).await;
    tried(Action::Publish, named.map(drop));
    let other = RemoteTrack::new(publisher.id().clone(), "mic");
    let offered = session.subscribe_with(offer(&["6"]), [other.clone()]).await;
    tried(Action::Subscribe, offered.map(drop));
    let subscribed = match session.subscribe([other]).await {
        Ok(Negotiation::Offer(pending)) => pending.answer(answer()).await.map(drop),
        other => other.map(drop),
    };
    tried(Action::Subscribe, subscribed);
    let update = TrackUpdate::layer(mid("99"), Simulcast::new());
    tried(Action::Update, session.update([update]).await.map(drop));
    tried(Action::Close, session.close(mids(&["99"])).await.map(drop));
    tried(Action::Close, session.close_negotiated(offer(&["7"]), mids(&["99"])).await.map(drop));
    tried(
        Action::Close,
        session.close_data_channels([ChannelId::new(99).unwrap()]).await.map(drop),
    );
    tried(Action::ReadState, session.state().await.map(drop));
    let channel = LocalDataChannel::new("chat");
    tried(Action::PublishData, session.publish_data_channels([channel]).await.map(drop));
    let channel = RemoteDataChannel::new(publisher.id().clone(), "chat", Delivery::default());
    let subscribed = session.subscribe_data_channels([channel.clone()]).await;
    tried(Action::SubscribeData, subscribed.map(drop));
    tried(Action::Leave, session.leave().await.map(drop));
    goes.dedup();
    goes
}

#[tokio::test]
async fn a_handle_can_do_what_its_token_says_and_nothing_else() {
    let sfu = Sfu::start().await;
    let publisher = join(&sfu).await;
    publish(&publisher, &["mic"]).await;
    let with_action = ALL.into_iter().filter(|action| *action != Action::GrantReply);
    for action in with_action {
        let session = join(&sfu).await;
        let goes = allowed_actions(&guarded_by(&session, &[action]).await, &publisher).await;
        assert_eq!(goes, [action]);
    }
    let session = join(&sfu).await;
    let calls = sfu.calls().len();
    assert_eq!(allowed_actions(&guarded_by(&session, &[]).await, &publisher).await, []);
    assert_eq!(sfu.calls().len(), calls, "what is denied is not sent");
    let goes = allowed_actions(&guarded_by(&session, &ALL).await, &publisher).await;
    assert_eq!(goes.len(), ALL.len() - 1);
}

#[tokio::test]
async fn the_right_to_reply_is_granted_by_who_may_grant_it() {
    let sfu = Sfu::start().await;
    let publisher = join(&sfu).await;
    let _ = publisher.establish_data_channels_with(data_offer("0")).await.unwrap();
    let chat = publisher.publish_data_channels([LocalDataChannel::new("chat")]).await.unwrap();
    chat.into_result().unwrap();
    let session = join(&sfu).await;
    let chat = RemoteDataChannel::new(publisher.id().clone(), "chat", Delivery::default());
    let subscriber = guarded_by(&session, &[Action::SubscribeData]).await;
    let established = subscriber.establish_data_channels_with(data_offer("0")).await;
    let _ = established.expect("who has data may");
    let refused = subscriber.subscribe_data_channels([chat.clone().can_reply()]).await;
    assert!(matches!(refused, Err(Error::Denied { .. })));
    let channel = subscriber.subscribe_data_channels([chat]).await.unwrap().done.remove(0);
    assert!(matches!(subscriber.grant_reply(&channel).await, Err(Error::Denied { .. })));
    assert!(matches!(subscriber.revoke_reply(&channel).await, Err(Error::Denied { .. })));
    guarded_by(&session, &[Action::GrantReply]).await.grant_reply(&channel).await.unwrap();
    assert!(sfu.can_reply(session.id(), channel.id.get()).await);
    let no_data = guarded_by(&session, &[Action::Publish]).await.establish_data_channels().await;
    assert!(matches!(no_data, Err(Error::Denied { .. })));
}

#[tokio::test]
async fn pulls_go_no_further_than_the_room() {
    let sfu = Sfu::start().await;
    let (inside, outside) = (join(&sfu).await, join(&sfu).await);
    publish(&inside, &["mic"]).await;
    publish(&outside, &["mic"]).await;
    let session = join(&sfu).await;
    let track = |of: &Session| RemoteTrack::new(of.id().clone(), "mic");
    let room = || [inside.id().clone(), session.id().clone()];
    let limited = guarded_by(&session, &ALL).await.pull_only_from(room());
    let calls = sfu.calls().len();
    for tracks in [vec![track(&outside)], vec![track(&inside), track(&outside)]] {
        let refused = limited.subscribe(tracks).await;
        assert!(matches!(refused, Err(Error::Denied { step: Step::Subscribe, .. })));
    }
    let source = TrackUpdate::source(mid("0"), outside.id().clone(), "mic");
    assert!(matches!(limited.update([source]).await, Err(Error::Denied { .. })));
    let channel = RemoteDataChannel::new(outside.id().clone(), "chat", Delivery::default());
    let refused = limited.subscribe_data_channels([channel]).await;
    assert!(matches!(refused, Err(Error::Denied { .. })));
    assert_eq!(sfu.calls().len(), calls);

    let nowhere = limited.clone().pull_only_from([outside.id().clone()]);
    assert!(nowhere.subscribe([track(&outside)]).await.is_err(), "both have to allow it");
    let Negotiation::Offer(pending) = limited.subscribe([track(&inside)]).await.unwrap() else {
        panic!("an offer");
    };
    pending.answer(answer()).await.unwrap().into_result().unwrap();
}

#[tokio::test]
async fn a_token_opens_nothing_but_its_own_live_session() {
    let sfu = Sfu::start().await;
    let (session, other) = (join(&sfu).await, join(&sfu).await);
    let sessions = Registry::new(10);
    let keys = keys();
    let grant = Grant::new("user", session.id().clone(), Duration::from_secs(60 * 60));
    let token = keys.issue(&grant.allow(Action::Leave)).unwrap();
    let open = async |id: &SessionId| keys.open(token.expose(), id, &sessions).await.map(drop);
    let is_denied = |result| matches!(result, Err(Error::Denied { step: Step::Open, .. }));
    let is_gone = |result| {
        matches!(result, Err(Error::Unusable { step: Step::Open, reason: Unusable::Gone, .. }))
    };
    assert!(is_gone(open(session.id()).await), "it is not there, and its holder may know");
    sessions.insert(session.clone()).await.unwrap();
    sessions.insert(other.clone()).await.unwrap();
    assert!(is_denied(open(other.id()).await), "it is somebody else's");
    open(session.id()).await.unwrap();
    assert!(is_denied(keys.open("", session.id(), &sessions).await.map(drop)));
    let guarded = keys.open(token.expose(), session.id(), &sessions).await.unwrap();
    assert_eq!((guarded.id(), guarded.permissions().subject()), (session.id(), "user"));
    super::logs::assert_clean("a guarded session", &format!("{guarded:?}"));
    assert!(guarded.leave().await.unwrap().is_complete());
    assert!(is_gone(open(session.id()).await), "it has ended");
    assert!(
        is_denied(keys.open("", session.id(), &sessions).await.map(drop)),
        "nobody else may know"
    );
}

#[tokio::test]
async fn a_handle_that_is_kept_ends_with_its_token() {
    let sfu = Sfu::start().await;
    let session = join(&sfu).await;
    let sessions = Registry::new(1);
    sessions.insert(session.clone()).await.unwrap();
    // Long enough for one request on a machine that has other things to do.
    let grant = Grant::new("user", session.id().clone(), Duration::from_secs(4));
    let token = keys().issue(&grant.allow(Action::ReadState)).unwrap();
    let guarded = keys().open(token.expose(), session.id(), &sessions).await.unwrap();
    assert!(guarded.state().await.is_ok());
    while std::time::SystemTime::now() < guarded.permissions().expires_at() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(matches!(guarded.state().await, Err(Error::Denied { .. })));
}

/// Creates a handle whose token expires soon, and waits until it has.
async fn expiring(session: &Session, actions: &[Action]) -> GuardedSession {
    let sessions = Registry::new(1);
    sessions.insert(session.clone()).await.unwrap();
    let grant = Grant::new("user", session.id().clone(), Duration::from_secs(1))
        .actions(actions.iter().copied());
    let token = keys().issue(&grant).unwrap();
    keys().open(token.expose(), session.id(), &sessions).await.unwrap()
}

async fn expired(guarded: &GuardedSession) {
    while std::time::SystemTime::now() < guarded.permissions().expires_at() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_token_that_expires_while_the_turn_is_waited_for_permits_nothing_more() {
    let sfu = Sfu::start().await;
    let session = join(&sfu).await;
    let guarded = expiring(&session, &[Action::Publish]).await;
    sfu.fault(Operation::NewTracks, Fault::Hold);
    let first = tokio::spawn({
        let session = session.clone();
        async move { session.publish_all(offer(&["0"])).await.map(drop) }
    });
    sfu.held(1).await;
    let waiting = tokio::spawn({
        let guarded = guarded.clone();
        async move { guarded.publish_all(offer(&["0", "1"])).await.map(drop) }
    });
    expired(&guarded).await;
    assert!(!waiting.is_finished(), "it was permitted when it was asked for");
    sfu.release();
    first.await.unwrap().unwrap();
    assert!(matches!(waiting.await.unwrap(), Err(Error::Denied { .. })));
    assert_eq!(sfu.count(Operation::NewTracks), 1, "nothing was sent");
    assert_eq!(session.status(), Status::Ready);
}

#[tokio::test]
async fn an_answer_needs_a_token_that_has_not_expired() {
    let sfu = Sfu::start().await;
    let publisher = join(&sfu).await;
    publish(&publisher, &["mic"]).await;
    let session = join(&sfu).await;
    let guarded = expiring(&session, &[Action::Subscribe]).await;
    let track = || [RemoteTrack::new(publisher.id().clone(), "mic")];
    let Negotiation::Offer(pending) = guarded.subscribe(track()).await.unwrap() else {
        panic!("an offer");
    };
    let exchange = pending.keep().exchange;
    expired(&guarded).await;
    let refused = guarded.answer(exchange, answer()).await;
    assert!(matches!(refused, Err(Error::Denied { .. })));
    assert_eq!(session.status(), Status::AwaitingAnswer, "the exchange is as it was");
    // A token with other permissions does not help either.
    let other = guarded_by(&session, &[Action::Publish, Action::Leave]).await;
    let refused = other.answer(exchange, answer()).await;
    assert!(matches!(refused, Err(Error::Denied { .. })));
    assert_eq!(sfu.count(Operation::Renegotiate), 0);
    let renewed = guarded_by(&session, &[Action::Subscribe]).await;
    let Exchanged::Subscribed(subscribed) = renewed.answer(exchange, answer()).await.unwrap()
    else {
        panic!("a subscription");
    };
    assert_eq!(subscribed.into_result().unwrap().len(), 1);

    // The owned value has the same limits.
    let guarded = expiring(&session, &[Action::Subscribe]).await;
    let Negotiation::Offer(pending) = guarded.subscribe(track()).await.unwrap() else {
        panic!("an offer");
    };
    expired(&guarded).await;
    assert!(matches!(pending.answer(answer()).await, Err(Error::Denied { .. })));
    assert_eq!(sfu.count(Operation::Renegotiate), 1);
}

#[tokio::test]
async fn layers_and_replies_go_no_further_than_the_room() {
    let sfu = Sfu::start().await;
    let outside = join(&sfu).await;
    publish(&outside, &["camera"]).await;
    let _ = outside.establish_data_channels_with(data_offer("8")).await.unwrap();
    let chat = outside.publish_data_channels([LocalDataChannel::new("chat")]).await.unwrap();
    let chat = RemoteDataChannel::from(&chat.into_result().unwrap()[0]);
    let session = join(&sfu).await;
    let camera = pull(&session, &outside, &["camera"]).await.into_result().unwrap().remove(0);
    let _ = session.establish_data_channels_with(data_offer("8")).await.unwrap();
    let chat = session.subscribe_data_channels([chat]).await.unwrap().into_result().unwrap();
    // The publisher is no longer in the agent's room.
    let limited = guarded_by(&session, &ALL).await.pull_only_from([session.id().clone()]);
    let calls = sfu.calls().len();
    let layer = TrackUpdate::layer(camera.mid, Simulcast::new().preferred_rid("h"));
    assert!(matches!(limited.update([layer]).await, Err(Error::Denied { .. })));
    assert!(matches!(limited.grant_reply(&chat[0]).await, Err(Error::Denied { .. })));
    assert!(matches!(limited.revoke_reply(&chat[0]).await, Err(Error::Denied { .. })));
    assert_eq!(sfu.calls().len(), calls, "nothing was sent");
}

#[tokio::test]
async fn a_grant_alone_permits_what_it_says_and_nothing_else() {
    let sfu = Sfu::start().await;
    let publisher = join(&sfu).await;
    publish(&publisher, &["mic"]).await;
    for actions in [&[][..], &[Action::Subscribe], &[Action::Publish, Action::Leave]] {
        let session = join(&sfu).await;
        let grant = Grant::new("user 42", session.id().clone(), Duration::from_secs(60 * 60))
            .actions(actions.iter().copied());
        let guarded = session.granted(&grant).unwrap();
        assert_eq!((guarded.id(), guarded.permissions().subject()), (session.id(), "user 42"));
        super::logs::assert_clean("a granted session", &format!("{guarded:?}"));
        assert_eq!(allowed_actions(&guarded, &publisher).await, actions);
    }
    let session = join(&sfu).await;
    let calls = sfu.calls().len();
    let grant =
        Grant::new("user", publisher.id().clone(), Duration::from_secs(60 * 60)).actions(ALL);
    let other = session.granted(&grant).map(drop);
    assert!(matches!(other, Err(Error::Denied { step: Step::Open, .. })), "{other:?}");
    let room = publisher.granted(&grant).unwrap().pull_only_from([session.id().clone()]);
    let refused = room.subscribe([RemoteTrack::new(publisher.id().clone(), "mic")]).await;
    assert!(matches!(refused, Err(Error::Denied { step: Step::Subscribe, .. })));
    assert_eq!(sfu.calls().len(), calls, "nothing was sent");
}

#[tokio::test]
async fn a_grant_alone_lasts_as_long_as_a_token_of_it() {
    let sfu = Sfu::start().await;
    let session = join(&sfu).await;
    let granted = |ttl| {
        let grant = Grant::new("", session.id().clone(), ttl).allow(Action::ReadState);
        session.granted(&grant)
    };
    let second = Duration::from_secs(1);
    for ttl in [Duration::ZERO, Duration::from_millis(999), MAX_TOKEN_TTL + second, Duration::MAX] {
        let error = granted(ttl).unwrap_err();
        let Error::Invalid { step: Step::Open, source, .. } = &error else { panic!("{error:?}") };
        let problem = Problem::OutOfRange { min: 1, max: MAX_TOKEN_TTL.as_secs() };
        assert_eq!((&*source.field, source.problem), ("ttl", problem));
    }
    granted(MAX_TOKEN_TTL).unwrap();
    let before = SystemTime::now();
    let guarded = granted(second).unwrap();
    let end = guarded.permissions().expires_at();
    assert!((before + second..=SystemTime::now() + second).contains(&end), "from now on");
    assert!(guarded.state().await.is_ok());
    expired(&guarded).await;
    assert!(matches!(guarded.state().await, Err(Error::Denied { step: Step::State, .. })));
}
