//! Logs of all tests, searched for secrets.

use std::io::Write;
use std::sync::{Mutex, Once, PoisonError};

use cloudflare_calls::SecretString;
use cloudflare_calls::ice::{TurnClient, TurnKeyId};
use cloudflare_calls::reqwest::Method;
use cloudflare_calls_emulator::App;
use cloudflare_calls_emulator::media::canned::{ICE_PWD, ICE_UFRAG};
use serde_json::json;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::format::FmtSpan;

use super::scene::{Scene, answer};
use super::support::{OFFER, ROOM, SDP, SECRET, STREAM_KEY, World, admit, canned, pull, sent};

/// Private texts of all tests: secrets, and parts of session descriptions.
const PRIVATE: [&str; 8] =
    [SECRET, TURN_TOKEN, STREAM_KEY, "v=0", ICE_PWD, ICE_UFRAG, "ag3ntP4ssw0rdOfTheAgent", "a=mid"];

/// Token of the TURN key.
const TURN_TOKEN: &str = "turn-t0ken-0f-the-key";

/// Crates of the tests themselves: agents and clients log their own secrets.
const OTHERS: [&str; 6] =
    ["str0m", "tungstenite", "tokio_tungstenite", "sctp_proto", "dimpl", "is::"];

/// Digits of a member's id, and characters of the secret after its dot.
const ID: usize = 16;
const TOKEN: usize = 43;

#[derive(Default)]
struct Log {
    lines: usize,
    /// Number of the server's own lines.
    own: usize,
    leaks: Vec<String>,
}

static LOG: Mutex<Log> = Mutex::new(Log { lines: 0, own: 0, leaks: Vec::new() });

struct Writer;

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let line = String::from_utf8_lossy(bytes);
        if !OTHERS.iter().any(|other| line.contains(&format!(" {other}"))) {
            let mut log = LOG.lock().unwrap_or_else(PoisonError::into_inner);
            log.lines += 1;
            log.own += usize::from(line.contains(" cloudflare_calls_server"));
            if is_leak(&line) {
                log.leaks.push(line.into_owned());
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn is_leak(line: &str) -> bool {
    PRIVATE.iter().any(|private| line.contains(private)) || has_token(line.as_bytes())
}

/// Returns whether a text has the form of a token: an id, a dot and a secret.
fn has_token(text: &[u8]) -> bool {
    let dots = text.iter().enumerate().filter(|(_, byte)| **byte == b'.');
    dots.into_iter().any(|(dot, _)| {
        let before = text[..dot].iter().rev().take_while(|byte| byte.is_ascii_hexdigit());
        let is_secret = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let after = text[dot + 1..].iter().take_while(is_secret);
        before.count() >= ID && after.count() >= TOKEN
    })
}

/// Captures all logs of all tests of this process from now on.
fn capture() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(LevelFilter::TRACE)
            .with_span_events(FmtSpan::NEW | FmtSpan::CLOSE)
            .with_ansi(false)
            .with_writer(|| Writer)
            .finish();
        tracing::subscriber::set_global_default(subscriber).expect("no other test sets one");
    });
}

#[test]
fn a_token_in_a_line_is_found() {
    let token = format!("0123456789abcdef.{}", "-_aZ9".repeat(9));
    assert!(is_leak(&format!("DEBUG request bearer {token}")));
    assert!(!is_leak("DEBUG member=0123456789abcdef room=lobby"));
    assert!(!is_leak("DEBUG 0123456789abcdef. And so on."));
    assert!(is_leak(&format!("DEBUG {SECRET}")));
}

#[tokio::test]
async fn nothing_private_is_logged_in_a_whole_call() {
    capture();
    let key = App::new("turn-key", TURN_TOKEN);
    let emulator = canned().turn_key(key).start().await.unwrap();
    let turn =
        TurnClient::builder(TurnKeyId::new("turn-key").unwrap(), SecretString::from(TURN_TOKEN));
    let turn = turn.base_url(emulator.base_url()).build().unwrap();
    let world = World::with(canned(), admit, |server| server.turn(turn)).await;
    let moderator = world.join(ROOM, "role=moderator").await;
    assert!(has_token(moderator.token.as_bytes()), "the search knows what a token is");
    let scene = Scene::new(&world).await;
    let (alice, session) = (&scene.alice, format!("sessions/{}", scene.alices));
    let events = alice.request(Method::GET, "events").send().await.unwrap();
    let by_cookie = alice.bare(Method::POST, "sessions/new");
    let by_cookie = by_cookie.header("cookie", format!("calls={}", alice.token));
    sent(by_cookie.header("origin", format!("http://{}", world.host))).await.is(201);
    alice.post(&format!("{session}/tracks/new"), &pull(&scene.bobs, "bob")).await.is(200);
    answer(alice, &scene.alices).await;
    for (endpoint, offer) in [("whip", OFFER.to_owned()), ("whep", OFFER.replace("send", "recv"))] {
        for token in [STREAM_KEY, &alice.token] {
            let post = alice.bare(Method::POST, endpoint).bearer_auth(token);
            let reply = sent(post.header("content-type", SDP).body(offer.clone())).await;
            assert_eq!(reply.status, 201, "{}", reply.text);
            let end = format!("http://{}{}", world.host, reply.header("location"));
            sent(alice.http().delete(end).bearer_auth(token)).await.is(200);
        }
    }
    // Refusals log no more than successes.
    let guess = format!("{}x", alice.token);
    sent(alice.bare(Method::GET, "").bearer_auth(&guess)).await.refused(401, "unauthorized");
    let post = alice.bare(Method::POST, "whip").bearer_auth(&guess);
    let post = post.header("content-type", SDP).body(OFFER);
    sent(post).await.refused(403, "forbidden");
    alice.get(&format!("sessions/{}", scene.bobs)).await.refused(403, "forbidden");
    let nonsense = json!({ "sessionDescription": { "type": "offer", "sdp": "v=0\r\nm=\r\n" },
        "tracks": [{ "location": "local", "mid": "0", "trackName": "alice" }] });
    alice.post(&format!("{session}/tracks/new"), &nonsense).await.is_refusal();
    let text = alice.request(Method::POST, &format!("{session}/tracks/new")).body(OFFER);
    sent(text).await.refused(400, "decoding_error");
    let mute = moderator.request(Method::PATCH, &format!("members/{}", alice.id));
    sent(mute.body(json!({ "muted": { "alice": true } }).to_string())).await.is(200);
    drop(events);
    alice.delete(&format!("members/{}", alice.id)).await.is(204);
    moderator.delete("").await.is(204);
    world.server.drain().await;

    let log = LOG.lock().unwrap_or_else(PoisonError::into_inner);
    assert!(log.own > 0 && log.lines > log.own, "{} of {} lines", log.own, log.lines);
    assert_eq!(log.leaks, [""; 0], "lines with something private");
}

#[tokio::test]
async fn debug_output_of_the_server_has_nothing_private() {
    let world = World::canned().await;
    let member = world.join(ROOM, "").await;
    member.session().await;
    let shown = format!("{:?} {:#?}", world.server, world.server.sessions());
    assert!(!is_leak(&shown), "{shown}");
}
