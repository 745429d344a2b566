//! Invariants of the state at rest.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use cloudflare_calls::reqwest::Method;
use cloudflare_calls_emulator::Emulator;
use cloudflare_calls_emulator::rules::{SessionState, ViolationKind};
use serde_json::Value;
use tokio::time::sleep;

use crate::member::{PATIENCE, Status};
use crate::process::{ABSENCE, ROOMS, SESSIONS};
use crate::redis::Server;
use crate::view::{Key, View, text};
use crate::world::{Caller, World};

/// Longest life of a session that its process has inserted and, because it was killed, not given to
/// its member: no change for 60 s, and then the next sweep, which comes every 60 s.
const STRAY: Duration = Duration::from_secs(130);

/// Time for which a killed process counts as alive.
const SILENCE: Duration = Duration::from_secs(30);

/// Time between two checks.
const LOOK: Duration = Duration::from_millis(500);

/// Waits until a process replies.
pub(crate) async fn is_there(world: &World, port: u16) {
    let (began, url) = (Instant::now(), format!("http://127.0.0.1:{port}/sessions"));
    while world.http.get(&url).send().await.is_err() {
        assert!(began.elapsed() < Duration::from_secs(30), "a process does not start");
        sleep(Duration::from_millis(20)).await;
    }
}

/// Checks that all members are present, hear each other, and have the server's view.
pub(crate) async fn all_is_quiet(world: &Arc<World>, members: usize) {
    let began = Instant::now();
    let limit = PATIENCE + ABSENCE + SILENCE + Duration::from_secs(15);
    loop {
        sleep(LOOK).await;
        let there: Vec<Arc<Status>> = world.members.lock().unwrap().values().cloned().collect();
        let mut wrong = Vec::new();
        if there.len() != members {
            wrong.push(format!("{} members are there", there.len()));
        }
        wrong.extend(there.iter().filter_map(|status| unheard(status)));
        if wrong.is_empty() {
            wrong = views(world, &there, members).await;
        }
        if wrong.is_empty() {
            println!("   all is quiet after {} ms", began.elapsed().as_millis());
            return;
        }
        if began.elapsed() > limit {
            wrong.into_iter().for_each(|wrong| world.tally.fail("not quiet", wrong));
            return;
        }
    }
}

/// Returns the tracks that a member should hear, and does not.
fn unheard(status: &Status) -> Option<String> {
    let wanted = status.heard.borrow().view.tracks(&status.id);
    let heard = status.tracks.lock().unwrap();
    let unheard: Vec<&Key> = wanted.iter().filter(|key| !heard.contains(key)).collect();
    let Status { room, id, .. } = status;
    (!unheard.is_empty()).then(|| format!("{id} in {room} does not hear {unheard:?}"))
}

/// Returns the members whose view differs from that of `GET`, which any process answers.
async fn views(world: &Arc<World>, there: &[Arc<Status>], members: usize) -> Vec<String> {
    let mut rooms: BTreeMap<&str, Vec<&Arc<Status>>> = BTreeMap::new();
    for status in there {
        rooms.entry(&status.room).or_default().push(status);
    }
    let (mut wrong, mut number) = (Vec::new(), 0);
    for (room, members) in rooms {
        let mut caller = Caller::new(world, room, fastrand::usize(..64));
        caller.token.clone_from(&members[0].token);
        let reply = match caller.ask("the room", Method::GET, "", &Value::Null).await {
            Ok(reply) => View::of(&reply),
            Err(refusal) => {
                wrong.push(refusal.to_string());
                continue;
            }
        };
        number += reply.members.len();
        for status in members {
            let view = status.heard.borrow().view.clone();
            if view != reply {
                wrong.push(format!("{room}: {} has {view:?}, the room is {reply:?}", status.id));
            }
        }
    }
    // Vanished members stay until they expire.
    if number != members {
        wrong.push(format!("rooms have {number} members"));
    }
    wrong
}

/// Checks that all rooms are empty. The check has to join to see them.
pub(crate) async fn rooms_are_empty(world: &Arc<World>, rooms: &[String]) {
    let (began, limit) = (Instant::now(), ABSENCE + SILENCE + Duration::from_secs(15));
    for room in rooms {
        loop {
            let mut caller = Caller::new(world, room, fastrand::usize(..64));
            let joined = match caller.ask("look", Method::POST, "/members", &Value::Null).await {
                Ok(joined) => joined,
                Err(refusal) => {
                    world.tally.fail("a room cannot be entered", refusal.to_string());
                    break;
                }
            };
            caller.token = text(&joined["token"]);
            let path = format!("/members/{}", text(&joined["member"]["id"]));
            if let Err(refusal) = caller.ask("look", Method::DELETE, &path, &Value::Null).await {
                world.tally.fail("a room cannot be left", refusal.to_string());
            }
            let others = View::of(&joined["room"]).members.len() - 1;
            if others == 0 {
                break;
            }
            if began.elapsed() > limit {
                world
                    .tally
                    .fail("a room has members at the end", format!("{room}: {}", joined["room"]));
                break;
            }
            sleep(Duration::from_secs(1)).await;
        }
    }
}

/// Checks that no track is open at the SFU on a live session. Only an offer that its agent does not
/// answer any more cannot be closed.
pub(crate) async fn nothing_is_open(world: &World, emulator: &Emulator) {
    let (began, limit) = (Instant::now(), Duration::from_secs(75));
    loop {
        let snapshot = emulator.snapshot().await.unwrap();
        let (mut open, mut unanswered) = (Vec::new(), 0);
        for session in snapshot.sessions.iter().filter(|it| it.state != SessionState::Expired) {
            let tracks = session.tracks.iter().filter(|track| track.is_open && track.is_active);
            let mids: Vec<&str> = tracks.map(|track| track.mid.as_str()).collect();
            let reason = world.tally.reason(&session.id);
            if session.open_exchange.is_some() && reason.is_some() {
                unanswered += 1;
            } else if !mids.is_empty() {
                let (id, label) = (&session.id, session.correlation_id.as_deref());
                open.push(format!("{id} of {label:?}: {mids:?}; known of it: {reason:?}"));
            }
        }
        if open.is_empty() {
            println!(
                "   nothing is open after {} ms, but {unanswered} offers of which the agent is gone",
                began.elapsed().as_millis()
            );
            return;
        }
        if began.elapsed() > limit {
            open.into_iter().for_each(|open| world.tally.fail("open at the end", open));
            return;
        }
        sweep(world).await;
        sleep(LOOK).await;
    }
}

/// Checks that no process knows a session any more, once those with unanswered offers have expired.
pub(crate) async fn no_session_remains(world: &World, emulator: &Emulator, redis: Option<&Server>) {
    let before = sweep(world).await;
    for session in emulator.snapshot().await.unwrap().sessions {
        if session.open_exchange.is_some() {
            emulator.expire(&session.id).await;
        }
    }
    println!("   {} sessions with open offers remain", before.len());
    let began = Instant::now();
    loop {
        let remaining = sweep(world).await;
        if remaining.is_empty() {
            break;
        }
        if began.elapsed() > STRAY {
            for (session, status) in remaining {
                let reason = world.tally.reason(&session);
                let what = format!("{session}: {status}; known of it: {reason:?}");
                match reason {
                    Some(_) => println!("   remains: {what}"),
                    None => world.tally.fail("a session remains", what),
                }
            }
            break;
        }
        sleep(LOOK).await;
    }
    let Some(redis) = redis else { return };
    // Processes forget each other, and then the entry of an empty room stays for 30 s.
    for (prefix, limit) in [(SESSIONS, Duration::ZERO), (ROOMS, SILENCE + SILENCE + SILENCE)] {
        let began = Instant::now();
        loop {
            let keys = redis.cli(&["KEYS", &format!("{prefix}:{{*")]);
            if keys.is_empty() {
                break;
            }
            if began.elapsed() > limit {
                world.tally.fail("left in Redis", keys.replace('\n', ", "));
                break;
            }
            sleep(LOOK).await;
        }
    }
}

/// Returns the sessions that processes have after a sweep, each with its status.
async fn sweep(world: &World) -> BTreeMap<String, String> {
    let mut remaining = BTreeMap::new();
    for port in &world.ports {
        let url = format!("http://127.0.0.1:{port}/sessions");
        let reply = match world.http.get(url).send().await {
            Ok(reply) => reply.text().await.unwrap_or_default(),
            Err(error) => error.to_string(),
        };
        match serde_json::from_str::<Value>(&reply) {
            Ok(Value::Object(sessions)) => {
                remaining.extend(sessions.into_iter().map(|(id, status)| (id, status.to_string())));
            }
            _ => world.tally.fail("a process does not say what it has", reply),
        }
    }
    remaining
}

/// Checks that no request was made that the original punishes, apart from offers whose agents have
/// gone.
pub(crate) async fn no_violation(world: &World, emulator: &Emulator) {
    let explained: BTreeSet<String> = world.tally.explained();
    for violation in emulator.violations().await.unwrap() {
        let is_inevitable = violation.kind == ViolationKind::OfferExpired;
        match is_inevitable && explained.contains(&violation.session) {
            true => world.tally.count("offers whose agents were gone"),
            false => world.tally.fail("a violation", format!("{violation:?}")),
        }
    }
}
