//! Page and its requests: parts of the state, and single sessions.

use std::collections::BTreeSet;

use cloudflare_calls::prelude::*;
use cloudflare_calls::reqwest::{self, StatusCode};
use cloudflare_calls::tracks::RemoteTrack;
use cloudflare_calls_emulator::Emulator;
use cloudflare_calls_emulator::agent::{Agent, Source};
use serde_json::{Value, json};

use crate::support::{PATIENCE, client, join, pull};

async fn get(emulator: &Emulator, path: &str) -> reqwest::Response {
    let base = emulator.base_url().trim_end_matches("/v1");
    reqwest::get(format!("{base}{path}")).await.unwrap()
}

async fn json_of(emulator: &Emulator, path: &str) -> Value {
    let reply = get(emulator, path).await;
    assert_eq!(reply.status(), StatusCode::OK, "{path}");
    serde_json::from_str(&reply.text().await.unwrap()).unwrap()
}

/// Returns the texts between `begin` and the next `end`.
fn between<'a>(text: &'a str, begin: &str, end: &str) -> Vec<&'a str> {
    text.split(begin).skip(1).map(|rest| rest.split(end).next().unwrap()).collect()
}

#[tokio::test]
async fn the_page_and_all_that_it_names_are_served_under_a_strict_policy() {
    let emulator = Emulator::start().await.unwrap();
    let (mut known, mut open) = (BTreeSet::new(), vec!["/".to_owned()]);
    while let Some(path) = open.pop() {
        if !known.insert(path.clone()) {
            continue;
        }
        let reply = get(&emulator, &path).await;
        assert_eq!(reply.status(), StatusCode::OK, "{path}");
        let head = |name: &str| reply.headers()[name].to_str().unwrap().to_owned();
        let policy = head("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
        assert!(!policy.contains("unsafe") && policy.contains("frame-ancestors 'none'"));
        assert_eq!(head("x-content-type-options"), "nosniff");
        let kind = match path.rsplit_once('.').map_or("html", |(_, end)| end) {
            "html" => "text/html; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            "js" => "text/javascript; charset=utf-8",
            "svg" => "image/svg+xml",
            other => panic!("{path}: {other}"),
        };
        assert_eq!(head("content-type"), kind, "{path}");
        let text = reply.text().await.unwrap();
        if path == "/" {
            // Code and styles that the policy forbids would not work.
            assert!(!text.contains("<style") && !text.contains("style=") && !text.contains(" on"));
            for attribute in [" src=\"", " href=\"/"] {
                let slash = if attribute.ends_with('/') { "/" } else { "" };
                let named = between(&text, attribute, "\"").into_iter();
                open.extend(named.map(|name| format!("{slash}{name}")));
            }
        } else if path.ends_with(".js") {
            let imported = between(&text, " from \"./", "\"").into_iter();
            open.extend(imported.map(|name| format!("/page/{name}")));
        }
    }
    assert!(known.len() > 20 && known.contains("/page/main.js") && known.contains("/page/dom.js"));
    let missing = get(&emulator, "/page/another.js").await;
    assert_eq!(missing.status(), StatusCode::NOT_FOUND);
}

/// Follows `next` through all pages of the state. Returns the number of sessions of each, and their
/// ids.
async fn follow(emulator: &Emulator, limit: usize) -> (Vec<usize>, Vec<String>) {
    let (mut sizes, mut ids) = (Vec::new(), Vec::new());
    let mut path = format!("/__emulator/state?limit={limit}");
    loop {
        let page = json_of(emulator, &path).await;
        let sessions = page["sessions"].as_array().unwrap();
        sizes.push(sessions.len());
        ids.extend(sessions.iter().map(|session| session["id"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { return (sizes, ids) };
        path = format!("/__emulator/state?limit={limit}&after={next}");
    }
}

#[tokio::test]
async fn pages_have_no_more_than_their_limit_and_each_session_once_the_live_ones_first() {
    let emulator = Emulator::start().await.unwrap();
    let client = client(&emulator);
    let mut ids = Vec::new();
    for _ in 0..23 {
        ids.push(client.join().send().await.unwrap().id().to_string());
    }
    let (mut live, mut expired) = (Vec::new(), Vec::new());
    for (index, id) in ids.into_iter().enumerate() {
        if index % 3 == 0 {
            assert!(emulator.expire(&id).await);
            expired.push(id);
        } else {
            live.push(id);
        }
    }
    // The newest are first, in both kinds.
    let all: Vec<String> = live.iter().rev().chain(expired.iter().rev()).cloned().collect();
    for (limit, pages) in [(1, 23), (7, 4), (15, 2), (22, 2), (23, 1), (200, 1)] {
        let (sizes, found) = follow(&emulator, limit).await;
        assert!(sizes.iter().all(|size| *size <= limit), "{limit}: {sizes:?}");
        assert_eq!((sizes.len(), &found), (pages, &all), "{limit}");
    }
    let state = json_of(&emulator, "/__emulator/state?limit=1").await;
    assert_eq!(state["summary"], json!({ "live": 15, "expired": 8, "adapters": 0 }));
    assert!(state["requests"].is_array());
    let next = state["next"].as_str().unwrap();
    let second = json_of(&emulator, &format!("/__emulator/state?limit=1&after={next}")).await;
    assert_eq!(second["requests"], Value::Null, "the first page has the rest");
}

#[tokio::test]
async fn a_place_in_the_list_holds_while_sessions_come_and_go() {
    let emulator = Emulator::start().await.unwrap();
    let client = client(&emulator);
    let mut ids = Vec::new();
    for _ in 0..6 {
        ids.push(client.join().send().await.unwrap().id().to_string());
    }
    let first = json_of(&emulator, "/__emulator/state?limit=2").await;
    // The session at the end of the first page expires, and a new one comes.
    emulator.expire(&ids[4]).await;
    client.join().send().await.unwrap();
    let next = first["next"].as_str().unwrap();
    let second = json_of(&emulator, &format!("/__emulator/state?limit=3&after={next}")).await;
    let found: Vec<&str> =
        second["sessions"].as_array().unwrap().iter().map(|s| s["id"].as_str().unwrap()).collect();
    assert_eq!(found, [&ids[3], &ids[2], &ids[1]]);
}

#[tokio::test]
async fn a_page_that_cannot_be_is_refused() {
    let emulator = Emulator::start().await.unwrap();
    for query in [
        "limit=0",
        "limit=201",
        "limit=x",
        "limit=-1",
        "after=",
        "after=live",
        "after=gone-1",
        "after=live-x",
    ] {
        let reply = get(&emulator, &format!("/__emulator/state?{query}")).await;
        assert_eq!(reply.status(), StatusCode::BAD_REQUEST, "{query}");
    }
    let client = client(&emulator);
    for _ in 0..51 {
        client.join().send().await.unwrap();
    }
    let state = json_of(&emulator, "/__emulator/state").await;
    assert_eq!(state["sessions"].as_array().unwrap().len(), 50, "the default");
    let nobody = get(&emulator, "/__emulator/sessions/nobody").await;
    assert_eq!(nobody.status(), StatusCode::NOT_FOUND);
}

/// Returns the kinds of events, without equal neighbours.
fn kinds(details: &Value) -> Vec<String> {
    let history = details["history"].as_array().unwrap();
    let mut kinds: Vec<_> =
        history.iter().map(|happening| happening["kind"].as_str().unwrap().to_owned()).collect();
    kinds.dedup();
    kinds
}

/// Reads a session until an event of this kind has come.
async fn until(emulator: &Emulator, id: &str, kind: &str) -> Value {
    let path = format!("/__emulator/sessions/{id}");
    let look = async {
        loop {
            let details = json_of(emulator, &path).await;
            if kinds(&details).iter().any(|happened| happened == kind) {
                return details;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, look).await.unwrap_or_else(|_| panic!("no {kind}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_history_of_a_session_tells_what_happened_to_it_and_no_secret() {
    let emulator = Emulator::start().await.unwrap();
    let client = client(&emulator);
    let name = "m".repeat(100);
    let (_alice, alices) = join(&client, Source::Audio, &name).await;
    let published = until(&emulator, alices.id().as_str(), "firstPacket").await;
    assert_eq!(
        kinds(&published),
        ["created", "tookOffer", "published", "connected", "firstPacket"]
    );
    let first = published["history"].as_array().unwrap().last().unwrap();
    assert_eq!((&first["location"], first["track"].as_str()), (&json!("local"), Some(&name[..64])));
    assert_eq!(published["session"]["tracks"][0]["codec"], "opus");
    assert_eq!(published["session"]["tracks"][0]["kind"], "audio");

    let (bob, bobs) = (Agent::start().await.unwrap(), client.join().send().await.unwrap());
    pull(&bob, &bobs, RemoteTrack::new(alices.id().clone(), &*name)).await.unwrap();
    let pulled = until(&emulator, bobs.id().as_str(), "firstPacket").await;
    let wanted = ["created", "offered", "pulled", "answered", "connected", "firstPacket"];
    assert_eq!(kinds(&pulled), wanted);
    let requests = pulled["requests"].as_array().unwrap();
    let of = |field: &str| -> Vec<&Value> { requests.iter().map(|r| &r[field]).collect() };
    assert_eq!(of("operation"), ["new_session", "new_tracks", "renegotiate"]);
    assert_eq!(of("status"), [201, 200, 200]);
    let path = format!("/v1/apps/{}/sessions/{}/renegotiate", emulator.apps()[0].id(), bobs.id());
    assert_eq!(requests[2]["path"], path);

    emulator.expire(alices.id().as_str()).await;
    let expired = until(&emulator, alices.id().as_str(), "expired").await;
    assert_eq!(expired["session"]["state"], "expired");
    let left = until(&emulator, bobs.id().as_str(), "sourceEnded").await;
    for details in [published, pulled, expired, left] {
        let text = details.to_string();
        let secret = emulator.apps()[0].expose_secret();
        assert!(!text.contains(secret), "the secret");
        for part in ["v=0", "a=", "ice-pwd", "fingerprint"] {
            assert!(!text.contains(part), "{part} of a session description");
        }
        assert!(!text.contains(&name[..65]) || details["session"]["tracks"][0]["name"] == *name);
    }
}
