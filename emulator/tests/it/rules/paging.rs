//! Pages of the state.

use cloudflare_calls_emulator::rules::{Cursor, Operation, Page};
use serde_json::json;

use super::world::{World, codes, offer};

/// Publishes this many tracks, as many in a request as it may have.
fn publish(world: &mut World, session: &str, count: usize) {
    let mids: Vec<String> = (0..count).map(|mid| mid.to_string()).collect();
    for mids in mids.chunks(64) {
        let sections: Vec<String> = mids.iter().map(|mid| format!("{mid} audio send")).collect();
        let sections: Vec<&str> = sections.iter().map(String::as_str).collect();
        let entry = |mid: &String| json!({ "location": "local", "mid": mid, "trackName": format!("t{mid}") });
        let tracks: Vec<_> = mids.iter().map(entry).collect();
        let body = json!({ "sessionDescription": offer(&sections), "tracks": tracks });
        let reply = world.call(Operation::NewTracks, session, body);
        assert_eq!(reply.status, 200, "{}", reply.body);
        assert!(codes(&reply, "tracks").iter().all(|code| code.is_empty()));
    }
}

fn page(world: &World, after: Option<Cursor>, limit: usize) -> Page {
    world.rules.page(world.now, after, limit, &world.media)
}

fn tracks(page: &Page) -> usize {
    page.sessions.iter().map(|session| session.tracks.len()).sum()
}

#[test]
fn a_page_ends_where_it_would_have_more_than_2000_tracks() {
    let mut world = World::new();
    for _ in 0..40 {
        let session = world.session();
        publish(&mut world, &session, 64);
    }
    let first = page(&world, None, 200);
    assert_eq!((first.sessions.len(), tracks(&first)), (31, 31 * 64));
    let second = page(&world, first.next, 200);
    assert_eq!((second.sessions.len(), second.next), (9, None));
    assert!(second.sessions.iter().all(|session| session.left_out == 0));
}

#[test]
fn a_session_with_more_tracks_than_a_page_is_alone_on_it_without_the_rest() {
    let mut world = World::new();
    let (_older, large) = (world.session(), world.session());
    publish(&mut world, &large, 2_100);
    let first = page(&world, None, 200);
    assert_eq!((first.sessions.len(), tracks(&first)), (1, 2_000));
    assert_eq!((&first.sessions[0].id, first.sessions[0].left_out), (&large, 100));
    let second = page(&world, first.next, 200);
    assert_eq!((second.sessions.len(), second.next), (1, None));
    let whole = world.snapshot().sessions.into_iter().find(|session| session.id == large);
    assert_eq!(whole.map(|session| (session.tracks.len(), session.left_out)), Some((2_100, 0)));
}

#[test]
fn a_place_is_the_same_as_text() {
    let mut world = World::new();
    for _ in 0..3 {
        world.session();
    }
    let next = page(&world, None, 1).next.expect("there are more");
    assert_eq!(next.to_string().parse(), Ok(next));
    assert_eq!(Cursor::Expired(7).to_string(), "expired-7");
    assert_eq!("expired-7".parse(), Ok(Cursor::Expired(7)));
}
