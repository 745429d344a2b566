//! Futures that are dropped at every possible point: the session stays usable or reports that it is
//! not, and no caller waits for ever.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use cloudflare_calls::data_channels::{LocalDataChannel, RemoteDataChannel, SubscribedDataChannel};
use cloudflare_calls::session::{Negotiation, Status, Unfinished, Unusable};
use cloudflare_calls::tracks::{LocalTrack, OfferedTrack, RemoteTrack, TrackUpdate};
use cloudflare_calls::types::SessionId;
use cloudflare_calls::{Error, Session, prelude::*};

use super::sfu::{Fault, Operation, Sfu, omit_item};
use super::{answer, join, mid, mids, offer, publish, pull};

/// Polls a future this many times and then drops it.
struct DropAfter<F> {
    future: Pin<Box<F>>,
    polls: usize,
}

impl<F: Future> Future for DropAfter<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.polls == 0 {
            return Poll::Ready(None);
        }
        self.polls -= 1;
        self.future.as_mut().poll(context).map(Some)
    }
}

type Step = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

/// Session with an item for every step.
struct Stage {
    session: Session,
    publisher: SessionId,
    pulled: cloudflare_calls::Mid,
    channel: SubscribedDataChannel,
}

async fn stage(sfu: &Sfu) -> Stage {
    let other = join(sfu).await;
    publish(&other, &["mic", "camera"]).await;
    establish(&other).await;
    other
        .publish_data_channels([LocalDataChannel::new("chat"), LocalDataChannel::new("game")])
        .await
        .unwrap()
        .into_result()
        .unwrap();
    let session = join(sfu).await;
    publish(&session, &["own"]).await;
    let pulled = pull(&session, &other, &["mic"]).await.done.remove(0).mid;
    establish(&session).await;
    let chat = RemoteDataChannel::new(other.id().clone(), "chat", Default::default());
    let channel = session.subscribe_data_channels([chat]).await.unwrap().done.remove(0);
    Stage { session, publisher: other.id().clone(), pulled, channel }
}

async fn establish(session: &Session) {
    if let Negotiation::Offer(pending) = session.establish_data_channels().await.unwrap() {
        pending.answer(answer()).await.unwrap();
    }
}

/// Steps by name. Their results are not used here.
fn step(name: &str, stage: &Stage) -> Step {
    let session = stage.session.clone();
    let (publisher, pulled) = (stage.publisher.clone(), stage.pulled.clone());
    let channel = stage.channel.clone();
    match name {
        "publish" => Box::pin(async move {
            let track = LocalTrack::new(mid("9"), "new");
            session.publish(offer(&["9"]), [track]).await?.outcome.into_result().map(drop)
        }),
        "publish_without_offer" => Box::pin(async move {
            let negotiation = session.publish_without_offer([OfferedTrack::audio("new")]).await?;
            let Negotiation::Offer(pending) = negotiation else { panic!("an offer") };
            pending.answer(answer()).await?.into_result().map(drop)
        }),
        "subscribe" => Box::pin(async move {
            let camera = RemoteTrack::new(publisher, "camera");
            let Negotiation::Offer(pending) = session.subscribe([camera]).await? else {
                panic!("an offer")
            };
            pending.answer(answer()).await?.into_result().map(drop)
        }),
        "close" => Box::pin(async move { session.close([pulled]).await?.into_result().map(drop) }),
        "close_negotiated" => Box::pin(async move {
            let negotiation = session.close_negotiated(offer(&["0", "9"]), mids(&["0"])).await?;
            let Negotiation::Answer(closed) = negotiation else { panic!("an answer") };
            closed.outcome.into_result().map(drop)
        }),
        "update" => Box::pin(async move {
            session
                .update([TrackUpdate::source(pulled, publisher, "camera")])
                .await?
                .into_result()
                .map(drop)
        }),
        "publish_data_channels" => Box::pin(async move {
            session
                .publish_data_channels([LocalDataChannel::new("mine")])
                .await?
                .into_result()
                .map(drop)
        }),
        "subscribe_data_channels" => Box::pin(async move {
            let game = RemoteDataChannel::new(publisher, "game", Default::default());
            session.subscribe_data_channels([game]).await?.into_result().map(drop)
        }),
        "grant_reply" => Box::pin(async move { session.grant_reply(&channel).await }),
        "close_data_channels" => Box::pin(async move {
            session.close_data_channels([channel.id]).await?.into_result().map(drop)
        }),
        "leave" => Box::pin(async move { session.leave().await.map(drop) }),
        "state" => Box::pin(async move { session.state().await.map(drop) }),
        other => panic!("no step {other}"),
    }
}

const STEPS: [&str; 12] = [
    "publish",
    "publish_without_offer",
    "subscribe",
    "close",
    "close_negotiated",
    "update",
    "publish_data_channels",
    "subscribe_data_channels",
    "grant_reply",
    "close_data_channels",
    "leave",
    "state",
];

/// Returns whether a step can leave an exchange without its end.
fn negotiates(name: &str) -> bool {
    matches!(name, "publish" | "publish_without_offer" | "subscribe" | "close_negotiated")
}

#[tokio::test]
async fn dropping_a_future_at_any_await_is_safe_the_session_is_usable_or_says_that_it_is_not() {
    for name in STEPS {
        let (mut polls, mut unusable, mut usable) = (0, 0, 0);
        loop {
            let sfu = Sfu::seeded(polls as u64).await;
            let stage = stage(&sfu).await;
            let session = stage.session.clone();
            let step = Box::pin(step(name, &stage));
            let done = DropAfter { future: step, polls }.await;
            if let Some(result) = done {
                result.unwrap_or_else(|error| panic!("{name}: {error}"));
                break;
            }
            // The next change gets its turn, or learns the reason why not.
            let next = session.close([mid("0")]);
            let next = tokio::time::timeout(Duration::from_secs(5), next).await;
            match next.unwrap_or_else(|_| panic!("{name}: stuck after {polls} polls")) {
                Ok(closed) => {
                    closed.into_result().unwrap();
                    usable += 1;
                }
                Err(Error::Unusable { reason: Unusable::Unfinished(why), .. }) => {
                    let expected = [Unfinished::ReplyDropped, Unfinished::AnswerDropped];
                    assert!(negotiates(name) && expected.contains(&why), "{name}: {why:?}");
                    unusable += 1;
                }
                Err(Error::Unusable { reason: Unusable::Left, .. }) => {
                    assert_eq!(name, "leave");
                    unusable += 1;
                }
                Err(error) => panic!("{name}: {error}"),
            }
            // Leaving works in every state, and forgets nothing.
            let departure = session.leave().await.unwrap();
            let reported: Vec<String> =
                departure.tracks.failed.iter().map(|open| open.item.to_string()).collect();
            let open: Vec<String> = sfu.open_tracks(session.id()).await.into_iter().collect();
            assert_eq!(open, reported, "{name} after {polls} polls");
            if departure.is_complete() {
                assert!(
                    sfu.open_channels(session.id()).await.is_empty(),
                    "{name} after {polls} polls"
                );
            }
            assert_eq!(sfu.violations().await, [], "{name} after {polls} polls");
            polls += 1;
            assert!(polls < 1_000, "{name} never ends");
        }
        assert!(polls > 1, "{name} was dropped at no await");
        assert!(usable > 0 || name == "leave", "{name}: before the request it has changed nothing");
        assert_eq!(unusable > 0, negotiates(name) || name == "leave", "{name}");
    }
}

#[tokio::test]
async fn a_change_whose_future_is_dropped_goes_on_and_keeps_its_turn() {
    let sfu = Sfu::start().await;
    let session = join(&sfu).await;
    publish(&session, &["mic", "camera"]).await;
    sfu.fault(Operation::CloseTracks, Fault::Hold);
    tokio::select! {
        biased;
        _ = session.close(mids(&["0"])) => panic!("it is held"),
        () = sfu.held(1) => {}
    }
    // The next change waits for the dropped one.
    let next = tokio::spawn({
        let session = session.clone();
        async move { session.close(mids(&["1"])).await }
    });
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(sfu.count(Operation::CloseTracks), 1);
    sfu.release();
    assert_eq!(next.await.unwrap().unwrap().done, mids(&["1"]));
    assert!(session.mids().is_empty(), "what nobody waited for is known to be closed");
    assert_eq!(session.status(), Status::Ready);
}

#[tokio::test]
async fn a_channel_that_nobody_waited_for_and_the_reply_leaves_out_is_found_by_leaving() {
    let sfu = Sfu::start().await;
    let session = join(&sfu).await;
    establish(&session).await;
    let fault = vec![Fault::HoldReply, omit_item(0)];
    sfu.fault(Operation::NewDataChannels, fault);
    tokio::select! {
        biased;
        _ = session.publish_data_channels([LocalDataChannel::new("chat")]) => panic!("it is held"),
        () = sfu.held(1) => {}
    }
    sfu.release();
    let departure = session.leave().await.unwrap();
    assert!(departure.was_inspected && departure.is_complete(), "{departure:?}");
    assert_eq!(departure.channels.done.len(), 1);
    assert!(sfu.open_channels(session.id()).await.is_empty());
}

#[tokio::test]
async fn an_item_in_doubt_is_not_reported_as_open_when_a_close_is_refused() {
    let sfu = Sfu::start().await;
    let session = join(&sfu).await;
    publish(&session, &["a", "b"]).await;
    sfu.fault(Operation::CloseTracks, omit_item(0));
    session.close(mids(&["0"])).await.unwrap().into_result().unwrap_err();
    // The track is closed, but nobody can know: the state cannot be read, and another close does
    // not come through.
    sfu.fault(Operation::GetSession, Fault::refuse(406, "invalid_params"));
    sfu.fault(Operation::CloseTracks, Fault::refuse(406, "invalid_params"));
    let departure = session.leave().await.unwrap();
    let errors: Vec<&cloudflare_calls::error::ItemError> =
        departure.tracks.failed.iter().map(|open| &open.error).collect();
    use cloudflare_calls::error::ItemError::{RequestFailed, Unreported};
    assert_eq!(errors, [&Unreported, &RequestFailed]);
    assert!(session.leave().await.unwrap().is_complete());
}
