//! The fake does what it says: order, faults, records.

mod rules;

use std::time::{Duration, Instant};

use cloudflare_calls::Client;
use cloudflare_calls::error::OperationError;
use cloudflare_calls::types::*;

use super::*;

type Refused = OperationError<ApiError>;

/// Publishes on this mid, with the agent's offer.
async fn publish(
    client: &Client,
    session: &SessionId,
    mid: &str,
    name: &str,
) -> Result<TracksResponse, Refused> {
    let track = cloudflare_calls::types::Track::new()
        .location(TrackLocation::Local)
        .mid(mid)
        .track_name(name);
    let offer = SessionDescription::offer(offer_sdp(&[mid]));
    let body = TracksRequest::new().session_description(offer).tracks([track]);
    client.new_tracks(session, &body).send().await
}

/// Subscribes to these tracks of one session.
async fn subscribe(
    client: &Client,
    session: &SessionId,
    publisher: &SessionId,
    names: &[&str],
) -> Result<TracksResponse, Refused> {
    let body = TracksRequest::new().tracks(names.iter().map(|name| remote(publisher, name)));
    client.new_tracks(session, &body).send().await
}

async fn answer(client: &Client, session: &SessionId) -> Result<RenegotiateResponse, Refused> {
    let answer = SessionDescription::answer(answer_sdp());
    let body = RenegotiateRequest::new().session_description(answer);
    client.renegotiate(session, &body).send().await
}

async fn close(
    client: &Client,
    session: &SessionId,
    mids: &[&str],
) -> Result<CloseTracksResponse, Refused> {
    let body = CloseTracksRequest::forced(mids.iter().copied());
    client.close_tracks(session, &body).send().await
}

fn remote(publisher: &SessionId, name: &str) -> cloudflare_calls::types::Track {
    let track = cloudflare_calls::types::Track::new().location(TrackLocation::Remote);
    track.session_id(publisher.clone()).track_name(name)
}

/// Status and code of a refusal.
fn refusal(error: &Refused) -> (u16, &str) {
    let status = error.status().expect("a reply");
    let code = error.body().expect("the API's error").error_code.as_str();
    (status.as_u16(), code)
}

fn mids(mids: &[&str]) -> BTreeSet<String> {
    mids.iter().map(|mid| (*mid).to_owned()).collect()
}

#[tokio::test]
async fn tracks_live_from_publishing_to_closing() {
    let sfu = Sfu::start().await;
    let client = sfu.client();
    let a = client.new_session().send().await.unwrap().session_id;
    let b = client.new_session().send().await.unwrap().session_id;
    let reply = publish(&client, &a, "4", "mic").await.unwrap();
    assert_eq!(reply.session_description.unwrap().type_, Some(SdpType::Answer));
    assert_eq!(reply.requires_immediate_renegotiation, Some(false));

    let reply = subscribe(&client, &b, &a, &["mic", "none"]).await.unwrap();
    assert_eq!(reply.requires_immediate_renegotiation, Some(true));
    assert_eq!(reply.session_description.unwrap().type_, Some(SdpType::Offer));
    assert_eq!(reply.tracks[0].mid.as_deref(), Some("0"));
    assert_eq!(reply.tracks[1].mid.as_deref(), Some(""));
    assert_eq!(reply.tracks[1].error_code, Some(ErrorCode::NotFoundTrackError));
    answer(&client, &b).await.unwrap();
    assert_eq!(sfu.all_open_tracks().len(), 2);

    let reply = close(&client, &b, &["0", "9"]).await.unwrap();
    assert_eq!(reply.tracks[0].error_code, None);
    assert_eq!(reply.tracks[1].error_code, Some(ErrorCode::CloseTrackError));
    let state = client.get_session(&b).send().await.unwrap();
    assert_eq!(state.tracks[0].status, Some(SessionResourceStatus::Inactive));
    assert_eq!(sfu.open_tracks(&b), mids(&[]));
    assert_eq!(sfu.open_tracks(&a), mids(&["4"]));
    assert_eq!(sfu.violations(), [""; 0]);
    assert_eq!(sfu.count(Operation::NewSession), 2);
    let calls = sfu.calls();
    let publication = &calls[2];
    assert_eq!(publication.session.as_deref(), Some(a.as_str()));
    assert_eq!(publication.body["tracks"][0]["mid"], "4");
    assert_eq!(calls.last().unwrap().position, calls.len());
    assert!(calls.iter().all(|call| call.status.is_some()));
}

#[tokio::test]
async fn changes_of_one_session_must_not_overlap() {
    let sfu = Sfu::start().await;
    sfu.set_sleeps(1);
    let client = sfu.client();
    let (a, b) = (sfu.new_session(), sfu.new_session());
    let (first, second) =
        tokio::join!(publish(&client, &a, "0", "mic"), publish(&client, &b, "0", "mic"));
    assert!(first.is_ok() && second.is_ok(), "sessions are independent");
    assert_eq!(sfu.violations(), [""; 0]);
    sfu.fault(Operation::NewTracks, Fault::Hold);
    let overlap = async {
        sfu.held(1).await;
        let outcome = close(&client, &a, &["0"]).await;
        sfu.release();
        outcome
    };
    let (first, second) = tokio::join!(publish(&client, &a, "1", "cam"), overlap);
    let (_, error) = (first.unwrap(), second.unwrap_err());
    assert_eq!(refusal(&error), (406, "invalid_session_description"));
    assert_eq!(sfu.violations().len(), 1, "{:?}", sfu.violations());
    assert_eq!(sfu.open_tracks(&a), mids(&["0", "1"]));
}

#[tokio::test]
async fn an_open_exchange_lets_only_its_answer_through() {
    let sfu = Sfu::start().await;
    let client = sfu.client();
    let (a, b) = (sfu.new_session(), sfu.new_session());
    sfu.publish(&a, "mic");
    assert_eq!(refusal(&answer(&client, &b).await.unwrap_err()).0, 406);
    assert_eq!(sfu.violations().len(), 1, "no offer was open");
    subscribe(&client, &b, &a, &["mic"]).await.unwrap();
    assert_eq!(refusal(&publish(&client, &b, "7", "x").await.unwrap_err()).0, 406);
    assert_eq!(sfu.violations().len(), 2);
    assert_eq!(refusal(&close(&client, &b, &["0"]).await.unwrap_err()).0, 406);
    assert_eq!(sfu.violations().len(), 2, "whoever leaves may try");
    client.get_session(&b).send().await.unwrap();
    let body = RenegotiateRequest::new().session_description(SessionDescription::offer("v=0\r\n"));
    let error = client.renegotiate(&b, &body).send().await.unwrap_err();
    assert_eq!(refusal(&error), (406, "invalid_session_description"));
    answer(&client, &b).await.unwrap();
    close(&client, &b, &["0"]).await.unwrap();
}

#[tokio::test]
async fn a_connection_breaks_before_or_after_the_action() {
    let sfu = Sfu::start().await;
    let client = sfu.client();
    let a = sfu.new_session();
    for (fault, mid, count) in [(Fault::DropBefore, "0", 0), (Fault::DropAfter, "1", 1)] {
        sfu.fault(Operation::NewTracks, fault);
        let error = publish(&client, &a, mid, "mic").await.unwrap_err();
        assert!(matches!(error, OperationError::Transport { .. }), "{error:?}");
        assert_eq!(sfu.open_tracks(&a).len(), count);
    }
    let statuses: Vec<_> = sfu.calls().iter().map(|call| call.status).collect();
    assert_eq!(statuses, [None, None], "the HTTP client repeats nothing by itself");
    publish(&client, &a, "2", "cam").await.unwrap();
}

#[tokio::test]
async fn a_held_call_goes_on_after_its_client_hung_up() {
    let sfu = Sfu::start().await;
    let client = sfu.client();
    let a = sfu.new_session();
    for hold in [Fault::Hold, Fault::HoldReply] {
        let mid = sfu.count(Operation::NewTracks).to_string();
        let is_early = matches!(hold, Fault::Hold);
        sfu.fault(Operation::NewTracks, hold);
        tokio::select! {
            reply = publish(&client, &a, &mid, &mid) => panic!("not held: {reply:?}"),
            () = sfu.held(1) => {}
        }
        assert_eq!(!sfu.open_tracks(&a).contains(&mid), is_early);
        assert_eq!(refusal(&close(&client, &a, &["9"]).await.unwrap_err()).0, 406);
        sfu.release();
        sfu.idle().await;
        assert!(sfu.open_tracks(&a).contains(&mid));
    }
    assert_eq!(sfu.violations(), [""; 0]);
    assert_eq!(sfu.abandoned_overlaps().len(), 2);
    assert!(sfu.calls()[0].is_abandoned);
    close(&client, &a, &["0"]).await.unwrap();
}

#[tokio::test]
async fn entries_fail_or_are_left_out_by_order() {
    let sfu = Sfu::start().await;
    let client = sfu.client();
    let (a, b) = (sfu.new_session(), sfu.new_session());
    for name in ["x", "y", "z"] {
        sfu.publish(&a, name);
    }
    let both = vec![Fault::fail_items("empty_track_error", [1]), Fault::OmitItems(vec![2])];
    sfu.fault(Matcher::from(Operation::NewTracks).session(&b), Fault::All(both));
    let reply = subscribe(&client, &b, &a, &["x", "y", "z"]).await.unwrap();
    assert_eq!(reply.tracks.len(), 2);
    assert_eq!(reply.tracks[1].mid.as_deref(), Some(""));
    assert_eq!(reply.tracks[1].error_code, Some(ErrorCode::EmptyTrackError));
    assert_eq!(sfu.open_tracks(&b), mids(&["0", "1"]), "x and z");
    answer(&client, &b).await.unwrap();
    sfu.fault(Operation::CloseTracks, Fault::fail_items("internal_error", [0]));
    let reply = close(&client, &b, &["0", "1"]).await.unwrap();
    assert_eq!(reply.tracks[0].mid, "0", "a close names the mid even if it fails");
    assert_eq!(sfu.open_tracks(&b), mids(&["0"]));
}

#[tokio::test]
async fn replies_are_scripted_for_the_calls_that_fit() {
    let sfu = Sfu::start().await;
    let client = sfu.client();
    let a = sfu.new_session();
    let page = |status| (status, vec![("retry-after".into(), "3".into())], "<html>".into());
    sfu.fault(Matcher::from(Operation::NewTracks).times(2), Fault::not_ready());
    let (status, headers, body) = page(502);
    sfu.fault(Operation::CloseTracks, Fault::ReplyAfter { status, headers, body });
    sfu.faults(move |call| {
        let (status, headers, body) = page(429);
        let is_meant = call.operation == Operation::NewTracks && call.nth == 5;
        is_meant.then_some(Fault::Reply { status, headers, body })
    });
    let mut statuses = Vec::new();
    for mid in ["0", "1", "2", "3", "4"] {
        let outcome = publish(&client, &a, mid, mid).await;
        statuses.push(outcome.map_or_else(|error| error.status().unwrap().as_u16(), |_| 200));
    }
    assert_eq!(statuses, [425, 425, 200, 200, 429]);
    let error = close(&client, &a, &["2"]).await.unwrap_err();
    assert!(matches!(error, OperationError::Unexpected { .. }), "{error:?}");
    assert_eq!(error.retry_after(), Some(Duration::from_secs(3)));
    assert_eq!(sfu.open_tracks(&a), mids(&["3"]));
}

#[tokio::test]
async fn a_dropped_fake_answers_no_more() {
    let sfu = Sfu::start().await;
    let client = sfu.client();
    client.new_session().send().await.unwrap();
    drop(sfu);
    let error = client.new_session().send().await.unwrap_err();
    assert!(matches!(error, OperationError::Transport { .. }), "{error:?}");
}

#[tokio::test]
async fn a_rule_sees_the_call_and_delays_it() {
    let sfu = Sfu::start().await;
    let client = sfu.client();
    let a = sfu.new_session();
    let delay = Duration::from_millis(30);
    sfu.faults(move |call| {
        let is_meant = call.body["tracks"][0]["trackName"] == "cam" && call.total == 2;
        is_meant.then_some(Fault::Delay(delay))
    });
    publish(&client, &a, "0", "mic").await.unwrap();
    let started = Instant::now();
    publish(&client, &a, "1", "cam").await.unwrap();
    assert!(started.elapsed() >= delay);
}
