//! Tests of the turn: single cases, and schedulers that choose at random, by seed,
//! what happens next.

mod fleet;
mod here;

use std::collections::BTreeMap;

use super::*;
use crate::data_channels::types::DataTransport;
use crate::status::Unfinished;

const DEADLINE: Duration = Duration::from_secs(15);

/// A change with an exchange of session descriptions.
fn negotiating() -> Arc<Effect> {
    Arc::new(Effect::exchange("new_tracks"))
}

fn change() -> Arc<Effect> {
    Arc::new(Effect::change("update_tracks"))
}

/// Ends a change with an offer of the SFU.
async fn offered(mut turn: Turn, deadline: Duration) -> Exchange {
    turn.sent();
    let exchange =
        turn.offered(deadline, || crate::session::exchanged::OfExchange::text(&DataTransport));
    turn.end().await.unwrap();
    exchange
}

async fn offer(turns: &Arc<Turns>) -> Exchange {
    offered(turns.take(negotiating()).await.unwrap(), DEADLINE).await
}

async fn refusal(turns: &Arc<Turns>) -> Option<Unusable> {
    unusable(turns.take(change()).await.err())
}

fn unusable(refusal: Option<Refusal>) -> Option<Unusable> {
    refusal.map(|refusal| match refusal {
        Refusal::Unusable(reason) => reason,
        Refusal::Store(error) => panic!("{error}"),
    })
}

async fn resume(turns: &Arc<Turns>, id: ExchangeId) -> Result<Turn, Refusal> {
    match turns.resume(id, |_| Ok::<(), std::convert::Infallible>(())).await {
        Ok((turn, _)) => Ok(turn),
        Err(Resume::Refused(reason)) => Err(reason),
    }
}

/// Runs a scheduler once for each seed, and counts what was seen in all of them.
fn interleavings<F>(seeds: u64, run: impl Fn(fastrand::Rng) -> F) -> BTreeMap<&'static str, usize>
where
    F: Future<Output = BTreeMap<&'static str, usize>>,
{
    let mut seen = BTreeMap::new();
    for seed in 0..seeds {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            runtime.block_on(run(fastrand::Rng::with_seed(seed)))
        }));
        let result = result.unwrap_or_else(|_| panic!("seed {seed} fails"));
        for (what, times) in result {
            *seen.entry(what).or_default() += times;
        }
    }
    seen
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_when_an_answer_is_late_is_told_why() {
    let turns = Turns::new();
    let exchange = offer(&turns).await;
    assert_eq!(turns.status(), Status::AwaitingAnswer);
    let late = Unusable::Unfinished(Unfinished::AnswerLate);
    let started = Instant::now();
    assert_eq!(refusal(&turns).await, Some(late));
    assert_eq!(started.elapsed(), DEADLINE);
    assert_eq!(unusable(exchange.resume().await.err()), Some(late));
    assert_eq!(turns.status(), Status::Unusable(late));
}

#[tokio::test(start_paused = true)]
async fn an_answer_in_time_stops_the_deadline() {
    let turns = Turns::new();
    let exchange = offer(&turns).await;
    tokio::time::sleep(DEADLINE - Duration::from_millis(1)).await;
    let mut turn = exchange.resume().await.unwrap();
    turn.safe();
    tokio::time::sleep(2 * DEADLINE).await;
    assert_eq!(turns.status(), Status::Ready);
    drop(turn);
    assert!(turns.take(change()).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_kept_exchange_is_found_by_its_id_and_by_no_other() {
    let turns = Turns::new();
    let first = offer(&turns).await.keep(DataTransport);
    let none = Some(Unusable::NoSuchExchange);
    let unknown = "0123456789abcdef".parse().unwrap();
    assert_eq!(unusable(resume(&turns, unknown).await.err()), none);
    let refused = turns.resume(first, |_| Err("not permitted")).await;
    assert!(matches!(refused, Err(Resume::Denied("not permitted"))));
    assert_eq!(turns.status(), Status::AwaitingAnswer, "it is as it was");
    let mut turn = resume(&turns, first).await.unwrap();
    turn.safe();
    drop(turn);
    assert_eq!(unusable(resume(&turns, first).await.err()), none, "it was answered already");
    let second = offer(&turns).await.keep(DataTransport);
    let earlier = unusable(resume(&turns, first).await.err());
    assert_eq!(earlier, none, "the answer is to an earlier offer");
    assert!(resume(&turns, second).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_gone_can_be_left_at_once() {
    let turns = Turns::new();
    let mut turn = turns.take(change()).await.unwrap();
    turns.gone().await;
    let left = tokio::time::timeout(DEADLINE, turns.leave()).await.unwrap();
    left.unwrap().0.end().await.unwrap();
    turn.end().await.unwrap();
    assert_eq!(refusal(&turns).await, Some(Unusable::Gone));
    let left = tokio::time::timeout(DEADLINE, turns.leave()).await.unwrap();
    assert!(left.is_ok());
}

#[test]
fn a_deadline_needs_no_runtime_that_lives() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let turns = Turns::new();
    let exchange = runtime().block_on(async {
        offered(turns.take(negotiating()).await.unwrap(), Duration::ZERO).await
    });
    let late = Unusable::Unfinished(Unfinished::AnswerLate);
    assert_eq!(turns.status(), Status::Unusable(late));
    let resumed = runtime().block_on(exchange.resume());
    assert_eq!(unusable(resumed.err()), Some(late));
    assert_eq!(runtime().block_on(refusal(&turns)), Some(late));
}

#[test]
fn the_first_reason_stays() {
    let turns = Turns::new();
    let mut view = turns.view();
    let (mut first, mut second) = (Act::new(), Act::new());
    view.give_up(Unfinished::ReplyLost, &mut first);
    view.give_up(Unfinished::Abandoned, &mut second);
    assert_eq!((first.newly, second.newly), (Some(Unfinished::ReplyLost), None));
    assert_eq!(view.unusable(), Some(Unusable::Unfinished(Unfinished::ReplyLost)));
}
