//! Faults beyond broken connections: held calls, edited replies, rules that can never match, and
//! the requests of a backend that the original punishes.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use cloudflare_calls::reqwest::{Client as Http, Method};
use cloudflare_calls::session::{Negotiation, Status};
use cloudflare_calls::tracks::{LocalTrack, RemoteTrack};
use cloudflare_calls::{Answer, Error, Mid, Offer, RetryPolicy, Session, prelude::*};
use cloudflare_calls_emulator::Emulator;
use cloudflare_calls_emulator::agent::{Agent, Change, Source};
use cloudflare_calls_emulator::faults::{BadRule, Fault, Patch, Rule};
use cloudflare_calls_emulator::rules::{Operation, ViolationKind};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::support::{client, join, publish, pull};

/// Creates a session without an agent.
async fn session(emulator: &Emulator) -> Session {
    client(emulator).join().retry(RetryPolicy::never()).send().await.unwrap()
}

/// Begins to create a session.
fn joining(emulator: &Emulator) -> JoinHandle<Result<Session, Error>> {
    let client = client(emulator);
    tokio::spawn(async move { client.join().retry(RetryPolicy::never()).send().await })
}

/// Returns the status and the JSON of a reply, without the client.
async fn ask(emulator: &Emulator, method: Method, path: &str, body: Value) -> (u16, Value) {
    let app = &emulator.apps()[0];
    let url = format!("{}/apps/{}/{path}", emulator.base_url(), app.id());
    let request = Http::new().request(method, url).bearer_auth(app.expose_secret());
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let reply = request.body(body).send().await.unwrap();
    let status = reply.status().as_u16();
    (status, serde_json::from_str(&reply.text().await.unwrap()).unwrap_or_default())
}

async fn close(emulator: &Emulator, session: &Session, mids: &[&str]) -> (u16, Value) {
    let tracks: Vec<Value> = mids.iter().map(|mid| json!({ "mid": mid })).collect();
    let path = format!("sessions/{}/tracks/close", session.id());
    ask(emulator, Method::PUT, &path, json!({ "force": true, "tracks": tracks })).await
}

fn patch(patch: Value) -> Patch {
    serde_json::from_value(patch).unwrap()
}

fn once(operation: Operation, fault: Fault) -> Rule {
    Rule::new(fault).operation(operation).times(1)
}

#[test]
fn a_rule_that_can_never_match_or_happen_is_an_error() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let emulator = runtime.block_on(Emulator::start()).unwrap();
    let rule = || Rule::new(Fault::Hold);
    let fail = || Fault::FailItems { code: "internal_error".into(), indices: vec![0] };
    let header = |name: &str| Fault::Reply {
        status: 200,
        headers: [(name.to_owned(), "x".to_owned())].into(),
        body: Value::Null,
    };
    let wrong = [
        (rule().operation(Operation::NewSession).session("s"), BadRule::NoSession),
        (rule().session(""), BadRule::EmptySession),
        (rule().nth(0), BadRule::Nth),
        (rule().probability(0.0, 1), BadRule::Probability),
        (rule().probability(1.1, 1), BadRule::Probability),
        (rule().probability(f64::NAN, 1), BadRule::Probability),
        (rule().times(0), BadRule::Times),
        (Rule::new(Fault::Html { status: 600 }), BadRule::Status),
        (Rule::new(Fault::refuse(199, "x")), BadRule::Status),
        (Rule::new(header("no header")), BadRule::Header),
        (Rule::new(Fault::Delay { ms: 60_001 }), BadRule::TooLong),
        (Rule::new(Fault::DelayReply { ms: 60_001 }), BadRule::TooLong),
        (Rule::new(fail()).operation(Operation::Renegotiate), BadRule::NoItems),
        (Rule::new(fail()).operation(Operation::GetSession), BadRule::NoItems),
        (Rule::new(Fault::OmitItems { indices: vec![] }), BadRule::NoIndices),
        (
            Rule::new(Fault::OmitItems { indices: vec![0] }).operation(Operation::NewSession),
            BadRule::NoItems,
        ),
        (Rule::new(Fault::BreakApt).operation(Operation::GetSession), BadRule::NoDescription),
        (Rule::new(Fault::edit(Patch::default())), BadRule::NoEdit),
        (Rule::new(Fault::Glare).operation(Operation::NewTracks), BadRule::NoGlare),
        (Rule::new(Fault::Disconnect).operation(Operation::NewSession), BadRule::NoSession),
    ];
    for (rule, problem) in wrong {
        assert_eq!(emulator.fault(rule.clone()), Err(problem), "{rule:?}");
    }
    emulator.fault(rule().probability(1.0, 1).nth(1).times(1).session("s")).unwrap();
}

#[tokio::test]
async fn the_faults_of_the_readme_can_be_ordered() {
    let emulator = Emulator::start().await.unwrap();
    let readme = include_str!("../../README.md");
    let faults: Vec<&str> =
        readme.split('`').filter(|text| text.starts_with(r#"{"kind":"#)).collect();
    for fault in &faults {
        let fault = serde_json::from_str(fault).unwrap_or_else(|error| panic!("{fault}: {error}"));
        emulator.fault(Rule::new(fault)).unwrap();
    }
    assert_eq!(faults.len(), 5);
}

#[tokio::test]
async fn a_held_call_is_not_done_before_its_release_and_a_held_reply_is_done_at_once() {
    let emulator = Emulator::start().await.unwrap();
    for (fault, before) in [(Fault::Hold, 0), (Fault::HoldReply, 1)] {
        let sessions = async || emulator.snapshot().await.unwrap().sessions.len();
        let already = sessions().await;
        emulator.fault(once(Operation::NewSession, fault)).unwrap();
        let joining = joining(&emulator);
        emulator.held(1).await;
        assert_eq!(sessions().await, already + before);
        assert!(!joining.is_finished());
        assert_eq!(emulator.release(), 1);
        joining.await.unwrap().unwrap();
        assert_eq!(sessions().await, already + 1);
    }
    assert_eq!(emulator.release(), 0, "nothing is held");
}

#[tokio::test]
async fn a_reply_of_a_fault_can_be_held_as_well() {
    let emulator = Emulator::start().await.unwrap();
    let refused = Fault::refuse(503, "retryable_transient_error");
    for fault in [Fault::HoldReply, refused] {
        emulator.fault(once(Operation::NewSession, fault)).unwrap();
    }
    let joining = joining(&emulator);
    emulator.held(1).await;
    assert!(!joining.is_finished());
    emulator.release();
    assert_eq!(joining.await.unwrap().unwrap_err().status().unwrap().as_u16(), 503);
    assert!(emulator.snapshot().await.unwrap().sessions.is_empty());
}

#[tokio::test]
async fn held_calls_go_on_when_faults_are_taken_back_or_over_http_or_at_the_end() {
    for way in ["clear", "release over http", "clear over http", "shutdown"] {
        let emulator = Emulator::start().await.unwrap();
        emulator.fault(Rule::new(Fault::Hold)).unwrap();
        let joining = joining(&emulator);
        emulator.held(1).await;
        let own = emulator.base_url().trim_end_matches("/v1").to_owned();
        match way {
            "clear" => emulator.clear_faults(),
            "release over http" => {
                let reply = Http::new().post(format!("{own}/__emulator/release")).send().await;
                assert_eq!(reply.unwrap().text().await.unwrap(), r#"{"released":1}"#);
            }
            "clear over http" => {
                Http::new().delete(format!("{own}/__emulator/faults")).send().await.unwrap();
            }
            _ => emulator.shutdown().await,
        }
        joining.await.unwrap().unwrap_or_else(|error| panic!("{way}: {error}"));
    }
}

#[tokio::test]
async fn a_held_call_is_done_even_if_its_sender_has_hung_up() {
    let emulator = Emulator::start().await.unwrap();
    emulator.fault(once(Operation::NewSession, Fault::Hold)).unwrap();
    let joining = tokio::spawn(ask_to_join(emulator.base_url().to_owned(), secret(&emulator)));
    emulator.held(1).await;
    joining.abort();
    assert!(joining.await.unwrap_err().is_cancelled());
    emulator.release();
    emulator.idle().await;
    assert_eq!(emulator.snapshot().await.unwrap().sessions.len(), 1);
}

fn secret(emulator: &Emulator) -> (String, String) {
    let app = &emulator.apps()[0];
    (app.id().to_owned(), app.expose_secret().to_owned())
}

/// Sends a request whose connection ends with its future.
async fn ask_to_join(base_url: String, (app, secret): (String, String)) {
    let url = format!("{base_url}/apps/{app}/sessions/new");
    let _ = Http::new().post(url).bearer_auth(secret).send().await;
}

#[tokio::test]
async fn a_late_reply_tells_of_what_was_done_at_once() {
    let emulator = Emulator::start().await.unwrap();
    emulator.fault(once(Operation::NewSession, Fault::DelayReply { ms: 50 })).unwrap();
    let started = Instant::now();
    session(&emulator).await;
    assert!(started.elapsed() >= Duration::from_millis(50));
    // The reply comes long after the end of this test.
    emulator.fault(once(Operation::NewSession, Fault::DelayReply { ms: 60_000 })).unwrap();
    let joining = joining(&emulator);
    while emulator.snapshot().await.unwrap().sessions.len() < 2 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(!joining.is_finished());
    emulator.shutdown().await;
    joining.await.unwrap().expect("the end of the emulator waits for no delay");
}

#[tokio::test]
async fn results_are_omitted_and_entries_fail_each_with_its_code() {
    let emulator = Emulator::start().await.unwrap();
    let session = session(&emulator).await;
    let fail = |code: &str, index| Fault::FailItems { code: code.into(), indices: vec![index] };
    emulator.fault(once(Operation::CloseTracks, fail("internal_error", 0))).unwrap();
    emulator.fault(once(Operation::CloseTracks, fail("backend_error", 2))).unwrap();
    let omitted = Fault::OmitItems { indices: vec![1, 9] };
    emulator.fault(once(Operation::CloseTracks, omitted)).unwrap();
    let (status, body) = close(&emulator, &session, &["a", "b", "c", "d"]).await;
    let codes: Vec<(&str, &str)> = body["tracks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|track| (track["mid"].as_str().unwrap(), track["errorCode"].as_str().unwrap()))
        .collect();
    let expected = [("a", "internal_error"), ("c", "backend_error"), ("d", "close_track_error")];
    assert_eq!((status, &*codes), (200, &expected[..]));
}

#[tokio::test]
async fn replies_are_edited_in_status_headers_and_json() {
    let emulator = Emulator::start().await.unwrap();
    let session = session(&emulator).await;
    // An error may have a subcode, and a 409 has been seen.
    let subcode = patch(json!([{ "op": "add", "path": "/tracks/0/errorSubcode", "value": "x" }]));
    let fault = Fault::EditReply { status: Some(409), headers: [].into(), patch: subcode };
    emulator.fault(once(Operation::CloseTracks, fault)).unwrap();
    let (status, body) = close(&emulator, &session, &["a"]).await;
    assert_eq!((status, &body["tracks"][0]["errorSubcode"]), (409, &json!("x")));
    assert_eq!(body["tracks"][0]["errorCode"], "close_track_error", "the rest is as it was");
    // An edit that does not fit changes nothing.
    let nowhere = patch(json!([{ "op": "remove", "path": "/nowhere" }]));
    let fault = Fault::EditReply { status: Some(500), headers: [].into(), patch: nowhere };
    emulator.fault(once(Operation::CloseTracks, fault)).unwrap();
    assert_eq!(close(&emulator, &session, &["a"]).await.0, 200);
    // A string in place of the whole body is no JSON.
    let page = patch(json!([{ "op": "replace", "path": "", "value": "<html>" }]));
    emulator.fault(once(Operation::CloseTracks, Fault::edit(page))).unwrap();
    assert_eq!(close(&emulator, &session, &["a"]).await, (200, Value::Null));
}

#[tokio::test]
async fn establish_names_its_channel_as_each_of_the_three_forms_that_were_seen() {
    let emulator = Emulator::start().await.unwrap();
    let body =
        json!({ "dataChannel": { "location": "remote", "dataChannelName": "server-events" } });
    let forms = [
        ("/dataChannel", json!([])),
        ("/datachannel", json!([{ "op": "move", "from": "/dataChannel", "path": "/datachannel" }])),
        (
            "/dataChannels/0",
            json!([{ "op": "add", "path": "/dataChannels", "value": [] },
                { "op": "move", "from": "/dataChannel", "path": "/dataChannels/0" }]),
        ),
    ];
    for (place, form) in forms {
        let session = session(&emulator).await;
        if form != json!([]) {
            let fault = Fault::edit(patch(form));
            emulator.fault(once(Operation::EstablishDataChannels, fault)).unwrap();
        }
        let path = format!("sessions/{}/datachannels/establish", session.id());
        let (status, reply) = ask(&emulator, Method::POST, &path, body.clone()).await;
        assert_eq!(status, 200, "{place}");
        assert_eq!(reply.pointer(place).unwrap()["id"], 0, "{place}");
        assert_eq!(reply.get("dataChannel").is_some(), place == "/dataChannel");
    }
}

#[tokio::test]
async fn a_410_about_the_publisher_does_not_end_the_subscribers_session() {
    let emulator = Emulator::start().await.unwrap();
    let client = client(&emulator);
    let (_agent, publisher) = join(&client, Source::Audio, "mic").await;
    let subscriber = session(&emulator).await;
    let gone = Fault::refuse(410, "session_error");
    emulator.fault(once(Operation::NewTracks, gone).session(subscriber.id().as_str())).unwrap();
    let wanted = [RemoteTrack::new(publisher.id().clone(), "mic")];
    let error = subscriber.subscribe(wanted).await.unwrap_err();
    assert_eq!(error.status().unwrap().as_u16(), 410);
    assert!(!error.is_session_gone(), "the client has looked at its own session");
    assert_eq!(subscriber.status(), Status::Ready);
}

#[tokio::test]
async fn an_answer_whose_apt_points_nowhere_comes_of_a_true_one() {
    let emulator = Emulator::start().await.unwrap();
    let (agent, session) = (Agent::start().await.unwrap(), session(&emulator).await);
    let (offer, mids) = agent.offer(&[Source::Video]).await.unwrap();
    emulator.fault(once(Operation::NewTracks, Fault::BreakApt)).unwrap();
    let track = LocalTrack::new(Mid::new(&*mids[0]).unwrap(), "camera");
    let published = session.publish(Offer::new(offer).unwrap(), [track]).await.unwrap();
    let sdp = published.answer.sdp();
    let section = sdp.split("\nm=video").nth(1).unwrap();
    let types: Vec<&str> = section.lines().next().unwrap().split(' ').collect();
    let apts: Vec<&str> =
        section.lines().filter_map(|line| line.split_once("apt=")).map(|(_, apt)| apt).collect();
    assert!(!apts.is_empty() && apts.iter().all(|apt| !types.contains(apt)), "{apts:?} {types:?}");
}

#[tokio::test]
async fn an_agent_rolls_back_for_an_offer_of_the_sfus_in_reply_to_a_close() {
    let emulator = Emulator::start().await.unwrap();
    let client = client(&emulator);
    let (agent, session) = join(&client, Source::Audio, "mic").await;
    let mic = session.mids().remove(0);
    publish(&agent, &session, Source::Video, "camera").await.unwrap();
    // Mids are listed in the order of their texts, which the agent makes up.
    let camera = session.mids().into_iter().find(|mid| *mid != mic).unwrap();
    emulator.fault(once(Operation::CloseTracks, Fault::Glare)).unwrap();
    let offer = async |changes: &[Change]| {
        Offer::new(agent.offer_changes(changes).await.unwrap().0).unwrap()
    };
    let stop = offer(&[Change::Stop(camera.to_string())]).await;
    let close = session.close_negotiated(stop, [camera.clone()]).await.unwrap();
    let Negotiation::Offer(pending) = close else { panic!("an offer") };
    // The agent's own offer is given up by answering.
    let answer = agent.answer(pending.offer().sdp()).await.unwrap();
    let closed = pending.answer(Answer::new(answer).unwrap()).await.unwrap();
    assert_eq!(closed.into_result().unwrap(), [camera]);
    assert_eq!(session.status(), Status::Ready);
    assert_eq!(kinds(&emulator).await, []);
    // The session takes another offer.
    let stop = offer(&[Change::Stop(mic.to_string()), Change::Add(Source::Audio)]).await;
    let close = session.close_negotiated(stop, [mic]).await.unwrap();
    assert!(matches!(close, Negotiation::Answer(_)), "once only");
}

#[tokio::test]
async fn a_watching_test_sees_each_call_and_orders_its_faults() {
    let emulator = Emulator::start().await.unwrap();
    let seen: Arc<Mutex<Vec<(u64, Operation, Value)>>> = Arc::default();
    let calls = Arc::clone(&seen);
    emulator.watch(move |call| {
        calls.lock().unwrap().push((call.number, call.operation, call.json()));
        match call.operation {
            Operation::CloseTracks => vec![Fault::Html { status: 502 }],
            _ => Vec::new(),
        }
    });
    let session = session(&emulator).await;
    assert_eq!(close(&emulator, &session, &["7"]).await.0, 502);
    let seen = seen.lock().unwrap();
    assert_eq!(seen[0], (1, Operation::NewSession, Value::Null));
    let body = json!({ "force": true, "tracks": [{ "mid": "7" }] });
    assert_eq!(seen[1], (2, Operation::CloseTracks, body));
}

#[tokio::test]
async fn a_change_during_another_one_that_is_kept_back_is_refused_and_a_violation() {
    let emulator = Emulator::start().await.unwrap();
    let session = session(&emulator).await;
    let app = secret(&emulator);
    let url =
        format!("{}/apps/{}/sessions/{}/tracks/close", emulator.base_url(), app.0, session.id());
    let first = || {
        let request = Http::new().put(url.clone()).bearer_auth(app.1.clone());
        tokio::spawn(request.body(r#"{"force":true,"tracks":[{"mid":"0"}]}"#).send())
    };
    for fault in [Fault::Hold, Fault::HoldReply] {
        // One sender waits, the other has hung up.
        for hangs_up in [false, true] {
            emulator.fault(once(Operation::CloseTracks, fault.clone())).unwrap();
            let held = first();
            emulator.held(1).await;
            if hangs_up {
                held.abort();
            }
            let (status, body) = close(&emulator, &session, &["1"]).await;
            assert_eq!((status, &body["errorCode"]), (406, &json!("invalid_session_description")));
            ask(&emulator, Method::GET, &format!("sessions/{}", session.id()), Value::Null).await;
            emulator.release();
            emulator.idle().await;
            assert_eq!(close(&emulator, &session, &["1"]).await.0, 200, "its turn has ended");
        }
    }
    use ViolationKind::{Overlap, OverlapAfterHangUp};
    let kinds = kinds(&emulator).await;
    assert_eq!(kinds, [Overlap, OverlapAfterHangUp, Overlap, OverlapAfterHangUp]);
    let own = emulator.base_url().trim_end_matches("/v1");
    let list = Http::new().get(format!("{own}/__emulator/violations")).send().await.unwrap();
    let list: Value = serde_json::from_str(&list.text().await.unwrap()).unwrap();
    assert_eq!(list[1]["kind"], "overlapAfterHangUp");
    assert_eq!(list[1]["operation"], "close_tracks");
    assert_eq!(list[1]["session"], session.id().as_str());
}

async fn kinds(emulator: &Emulator) -> Vec<ViolationKind> {
    emulator.violations().await.unwrap().into_iter().map(|violation| violation.kind).collect()
}

#[tokio::test]
async fn the_client_does_nothing_that_the_original_punishes() {
    let emulator = Emulator::start().await.unwrap();
    let client = client(&emulator);
    let (_publishing, publisher) = join(&client, Source::Audio, "mic").await;
    let (agent, subscriber) = join(&client, Source::Audio, "own").await;
    let wanted = || RemoteTrack::new(publisher.id().clone(), "mic");
    // Two at once: the client gives them turns.
    let (mid, closed) = tokio::join!(
        pull(&agent, &subscriber, wanted()),
        subscriber.close([Mid::new("99").unwrap()])
    );
    assert!(mid.is_some() && closed.is_ok());
    // This offer is never answered, and its session is left.
    let Negotiation::Offer(pending) = subscriber.subscribe([wanted()]).await.unwrap() else {
        panic!("an offer");
    };
    drop(pending);
    let refused: Result<_, Error> = subscriber.subscribe([wanted()]).await;
    assert!(refused.is_err(), "by the client, before sending");
    assert!(!subscriber.leave().await.unwrap().is_complete(), "the offer is still open");
    assert_eq!(kinds(&emulator).await, []);
}
