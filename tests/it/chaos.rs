//! Random lifecycles of many sessions with faults: nothing is forgotten, nothing overlaps and
//! nothing private is shown.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cloudflare_calls::data_channels::LocalDataChannel;
use cloudflare_calls::error::ItemError;
use cloudflare_calls::session::{Departure, Negotiation};
use cloudflare_calls::tracks::{LocalTrack, OfferedTrack, RemoteTrack, TrackUpdate};
use cloudflare_calls::types::SessionId;
use cloudflare_calls::{Client, Error, Mid, RetryPolicy, Session, prelude::*};
use fastrand::Rng;

use super::logs::{self, assert_clean, assert_clean_error};
use super::sfu::{
    Call, Fault, ICE_PWD, Operation, Sfu, fail_items, not_ready, omit_item, reply, reply_after,
};
use super::{answer, mid, offer};

const SESSIONS: usize = 50;
/// A fault hits one call in this many.
const FAULT_ONE_IN: u32 = 12;

/// Returns the number of lifecycles: `LIFECYCLES`, or 2,000, which take seconds.
fn lifecycles() -> usize {
    std::env::var("LIFECYCLES").ok().and_then(|text| text.parse().ok()).unwrap_or(2_000)
}

/// Newest publications of all sessions, for subscribers.
type Board = Mutex<Vec<(SessionId, String)>>;

/// Counts of events, because a run without them proves nothing.
#[derive(Default)]
struct Seen {
    complete: AtomicUsize,
    incomplete: AtomicUsize,
    inspected: AtomicUsize,
    answered: AtomicUsize,
    unanswered: AtomicUsize,
    cancelled: AtomicUsize,
    failed: AtomicUsize,
    faults: AtomicUsize,
}

fn count(counter: &AtomicUsize) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// Returns a fault for some calls, by the seed and the call's number.
fn fault(seed: u64, call: &Call) -> Option<Fault> {
    let mut random = Rng::with_seed(seed ^ call.number);
    if random.u32(..FAULT_ONE_IN) != 0 {
        return None;
    }
    let echo = format!("you sent v=0\r\na=ice-pwd:{ICE_PWD}\r\n");
    let index = random.usize(..3);
    // The test judges all else by the state.
    let is_read = call.operation == Operation::GetSession;
    Some(match random.u8(..if is_read { 10 } else { 14 }) {
        0 => Fault::DropRequest,
        1 => Fault::DropReply,
        2 => reply(502, "<html><h1>Bad gateway</h1></html>"),
        3 => reply(429, ""),
        4 => not_ready(),
        5 => Fault::refuse(503, "retryable_transient_error"),
        6 => Fault::refuse(500, "internal_error"),
        7 => Fault::refuse(406, "invalid_params"),
        8 => {
            let code = if index == 0 { echo.as_str() } else { "decoding_error" };
            let body = serde_json::json!({ "errorCode": code, "errorDescription": echo });
            reply(400, body.to_string())
        }
        9 => reply_after(200, echo),
        10 => fail_items("empty_track_error", [index]),
        11 => fail_items("internal_error", [index]),
        12 => omit_item(index),
        _ => Fault::Delay { ms: 2 },
    })
}

/// Runs a step, or drops its future after a moment.
async fn maybe_cancelled<T: std::fmt::Debug>(
    random: &mut Rng,
    seen: &Seen,
    step: impl Future<Output = Result<T, Error>>,
) -> Option<T> {
    let result = if random.u8(..10) == 0 {
        let moment = Duration::from_micros(random.u64(..3_000));
        match tokio::time::timeout(moment, step).await {
            Ok(result) => result,
            Err(_) => {
                count(&seen.cancelled);
                return None;
            }
        }
    } else {
        step.await
    };
    match result {
        Ok(value) => {
            if random.u8(..50) == 0 {
                assert_clean("an outcome", &format!("{value:?} {value:#?}"));
            }
            Some(value)
        }
        Err(error) => {
            count(&seen.failed);
            assert_clean_error(&error);
            None
        }
    }
}

async fn negotiate<T: Send + std::fmt::Debug + 'static>(
    random: &mut Rng,
    seen: &Seen,
    negotiation: Option<Negotiation<T>>,
) -> Option<T> {
    match negotiation? {
        Negotiation::Done(outcome) => Some(outcome),
        Negotiation::Answer(answered) => Some(answered.outcome),
        Negotiation::Offer(pending) => match random.u8(..12) {
            0 => {
                count(&seen.unanswered);
                drop(pending);
                None
            }
            1 => {
                // The answer comes after the deadline.
                tokio::time::sleep(Duration::from_millis(25)).await;
                count(&seen.unanswered);
                maybe_cancelled(random, seen, pending.answer(answer())).await
            }
            _ => {
                count(&seen.answered);
                maybe_cancelled(random, seen, pending.answer(answer())).await
            }
        },
    }
}

async fn publish(random: &mut Rng, seen: &Seen, session: &Session, board: &Board, next: usize) {
    let names: Vec<String> = (0..random.usize(1..4)).map(|i| format!("{next}_{i}")).collect();
    let tracks = match random.u8(..3) {
        0 => {
            let tracks = names.iter().map(|name| OfferedTrack::audio(name).bidirectional());
            let negotiation = session.publish_without_offer(tracks);
            let negotiation = maybe_cancelled(random, seen, negotiation).await;
            negotiate(random, seen, negotiation).await.map(|published| published.done)
        }
        _ => {
            let mids: Vec<&str> = names.iter().map(String::as_str).collect();
            let tracks = names.iter().map(|name| LocalTrack::new(mid(name), name));
            let published = session.publish(offer(&mids), tracks);
            maybe_cancelled(random, seen, published).await.map(|published| published.outcome.done)
        }
    };
    let mut board = board.lock().unwrap();
    for track in tracks.unwrap_or_default() {
        board.push((track.session, track.name));
    }
    let too_many = board.len().saturating_sub(100);
    board.drain(..too_many);
}

async fn subscribe(
    random: &mut Rng,
    seen: &Seen,
    session: &Session,
    board: &Board,
    pulled: &mut Vec<Mid>,
) {
    let wanted: Vec<RemoteTrack> = {
        let board = board.lock().unwrap();
        let some = random.choose_multiple(board.iter(), 3);
        some.into_iter().map(|(id, name)| RemoteTrack::new(id.clone(), name)).collect()
    };
    let negotiation = maybe_cancelled(random, seen, session.subscribe(wanted)).await;
    if let Some(subscribed) = negotiate(random, seen, negotiation).await {
        pulled.extend(subscribed.done.into_iter().map(|track| track.mid));
    }
}

/// Runs one agent, from joining to leaving.
async fn lifecycle(number: usize, sfu: &Sfu, client: &Client, board: &Board, seen: &Seen) {
    let mut random = Rng::with_seed(number as u64);
    let policy = RetryPolicy::default()
        .attempts(3)
        .delays(Duration::from_micros(100), Duration::from_millis(1));
    let join = client.join().retry(policy).answer_deadline(Duration::from_millis(20));
    let session = match join.send().await {
        Ok(session) => session,
        Err(error) => return assert_clean_error(&error),
    };
    let mut pulled = Vec::new();
    for step in 0..random.usize(2..7) {
        let random = &mut random;
        match random.u8(..12) {
            0..4 => publish(random, seen, &session, board, 100 * number + step).await,
            4..8 => subscribe(random, seen, &session, board, &mut pulled).await,
            8 => {
                let close = session.close(pulled.drain(..));
                maybe_cancelled(random, seen, close).await;
            }
            9 => {
                let update =
                    pulled.first().map(|mid| TrackUpdate::layer(mid.clone(), Default::default()));
                maybe_cancelled(random, seen, session.update(update)).await;
            }
            10 => {
                let negotiation = maybe_cancelled(random, seen, session.establish_data_channels());
                let negotiation = negotiation.await;
                negotiate(random, seen, negotiation).await;
                let channel = LocalDataChannel::new(format!("c{step}"));
                let channels = session.publish_data_channels([channel]);
                maybe_cancelled(random, seen, channels).await;
            }
            _ => {
                maybe_cancelled(random, seen, session.state()).await;
            }
        }
    }
    if random.bool() {
        // A request is still under way.
        let session = session.clone();
        let late = offer(&["late"]);
        tokio::spawn(async move { session.publish_all(late).await.map(drop) });
    }
    let departure = session.leave().await.expect("leaving is always permitted");
    assert_departure(number, sfu, &session, &departure).await;
    if departure.was_inspected {
        count(&seen.inspected);
    }
    match departure.is_complete() {
        true => count(&seen.complete),
        false => {
            count(&seen.incomplete);
            let again = session.leave().await.expect("leaving is always permitted");
            assert_departure(number, sfu, &session, &again).await;
        }
    }
    assert!(tokio::time::timeout(Duration::from_secs(60), session.close([mid("0")])).await.is_ok());
    sfu.expire(session.id()).await;
}

/// Checks that each open item is reported, and that each item that is surely open is open.
async fn assert_departure(number: usize, sfu: &Sfu, session: &Session, departure: &Departure) {
    assert_clean("a report", &format!("{departure:?}"));
    if let Some(error) = departure.error() {
        assert_clean_error(error);
    }
    let (open, active) =
        (sfu.open_tracks(session.id()).await, sfu.active_tracks(session.id()).await);
    let channels = sfu.open_channels(session.id()).await;
    if departure.is_complete() {
        assert!(active.is_empty() && channels.is_empty(), "{number}: {departure:?} {active:?}");
        return;
    }
    let reported: BTreeSet<String> =
        departure.tracks.failed.iter().map(|open| open.item.to_string()).collect();
    let reported_channels: BTreeSet<u16> =
        departure.channels.failed.iter().map(|open| open.item.get()).collect();
    let is_known = departure.uncertain.is_empty() || departure.was_inspected;
    if is_known {
        assert!(active.is_subset(&reported), "{number}: forgotten: {departure:?} {active:?}");
        assert!(channels.is_subset(&reported_channels), "{number}: forgotten: {departure:?}");
    }
    // The content of a lost reply is unknown. All else is exact.
    let is_lost = departure.error().is_some_and(Error::outcome_unknown);
    let is_exact = |error: &ItemError| match error {
        ItemError::Refused { .. } => true,
        ItemError::RequestFailed => !is_lost,
        _ => false,
    };
    let exact = departure.tracks.failed.iter().filter(|open| is_exact(&open.error));
    let exact: BTreeSet<String> = exact.map(|open| open.item.to_string()).collect();
    let are_all_exact = exact.len() == reported.len();
    assert!(exact.is_subset(&open), "{number}: not open: {departure:?} {open:?}");
    if is_known && are_all_exact {
        assert!(reported.is_subset(&open), "{number}: {departure:?} {open:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_forgotten_in_random_lifecycles_of_50_sessions() {
    let lifecycles = lifecycles();
    logs::capture();
    let sfu = Arc::new(Sfu::seeded(1).await);
    sfu.set_sleeps(50);
    let (board, seen) = (Arc::new(Board::default()), Arc::new(Seen::default()));
    sfu.faults({
        let seen = Arc::clone(&seen);
        move |call| {
            let fault = fault(1, call);
            fault.inspect(|_| count(&seen.faults))
        }
    });
    let (next, client) = (Arc::new(AtomicUsize::new(0)), sfu.client());
    let agents = (0..SESSIONS).map(|_| {
        let (sfu, board, seen) = (Arc::clone(&sfu), Arc::clone(&board), Arc::clone(&seen));
        let (next, client) = (Arc::clone(&next), client.clone());
        tokio::spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= lifecycles {
                    return;
                }
                lifecycle(number, &sfu, &client, &board, &seen).await;
            }
        })
    });
    for agent in futures_util::future::join_all(agents).await {
        agent.expect("a lifecycle that holds");
    }
    sfu.idle().await;
    assert_eq!(sfu.violations().await, []);
    let all = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
    let counts = [
        ("complete", all(&seen.complete)),
        ("incomplete", all(&seen.incomplete)),
        ("inspected", all(&seen.inspected)),
        ("answered", all(&seen.answered)),
        ("unanswered", all(&seen.unanswered)),
        ("cancelled", all(&seen.cancelled)),
        ("failed", all(&seen.failed)),
        ("faults", all(&seen.faults)),
        ("answers", sfu.count(Operation::Renegotiate)),
    ];
    println!("{counts:?}");
    for (what, times) in counts {
        assert!(times >= lifecycles / 50, "{what} only {times} times: {counts:?}");
    }
    let log = logs::checked();
    for event in ["the SFU offers", "the SFU took the answer", "has to be replaced", "trying again"]
    {
        assert!(log.contains(event), "{event} is not logged");
    }
    assert!(log.contains("calls_session{session="), "each session has its span");
}
