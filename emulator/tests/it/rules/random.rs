//! Random sequences of operations, and the invariants after each.

use std::collections::{BTreeMap, BTreeSet};

use cloudflare_calls_emulator::media::{Place, SessionKey};
use cloudflare_calls_emulator::rules::Operation::*;
use cloudflare_calls_emulator::rules::*;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use super::fake::sdp;
use super::world::*;

/// Number of sessions that the steps name: the newest ones that are not expired, and the first,
/// which may be.
const SESSIONS: usize = 4;
const NAMES: [&str; 3] = ["a", "b", "c"];
const SECTIONS: [&str; 6] = [
    "0 audio send",
    "1 video both h l",
    "0 audio recv",
    "2 data both",
    "1 video stop",
    "3 audio both",
];
const MIDS: [&str; 6] = ["0", "1", "3", "s0", "s1", "s2"];
/// Operations that get bodies of the wrong type.
const SOME: [Operation; 6] =
    [NewTracks, Renegotiate, CloseTracks, UpdateTracks, EstablishDataChannels, GetSession];
/// Statuses of the API, and the one of an offer that cannot be made, which
/// these sequences do not have.
const DOCUMENTED: [u16; 10] = [200, 201, 400, 404, 406, 410, 413, 425, 429, 503];

#[derive(Clone, Debug)]
enum Step {
    Open {
        offer: Option<&'static str>,
    },
    Connect(usize),
    Lose(usize),
    Cut(usize),
    Mend(usize),
    Expire(usize),
    Packets(usize),
    Say(usize, u16),
    Request(Operation, usize, Value),
    /// A request whose body names another session.
    About(Operation, usize, usize, Value),
    Answer(usize, bool),
    Adapter(Option<AdapterFailure>),
    HangUp,
    CloseAdapter,
    Pass(u64),
}

fn name() -> impl Strategy<Value = &'static str> {
    select(&NAMES[..])
}

fn mid() -> impl Strategy<Value = &'static str> {
    select(&MIDS[..])
}

fn hash_mid() -> impl Strategy<Value = Option<String>> {
    prop_oneof![3 => Just(None), 1 => name().prop_map(|name| Some(format!("#{name}")))]
}

fn offered() -> impl Strategy<Value = Value> {
    proptest::sample::subsequence(&SECTIONS[..], 1..4).prop_map(|sections| offer(&sections))
}

fn publication() -> impl Strategy<Value = Value> {
    let entry = (mid(), name());
    let entries = prop::collection::vec(entry, 1..3);
    (offered(), entries, any::<bool>()).prop_map(|(offer, entries, discovers)| {
        let tracks: Vec<Value> = entries
            .iter()
            .map(|(mid, name)| json!({ "location": "local", "mid": mid, "trackName": name }))
            .collect();
        json!({ "sessionDescription": offer, "tracks": tracks, "autoDiscover": discovers })
    })
}

fn reception() -> impl Strategy<Value = Value> {
    let kind = select(&["audio", "video"][..]);
    (name(), kind, any::<bool>(), hash_mid()).prop_map(|(name, kind, both, mid)| {
        json!({ "tracks": [present(json!({ "location": "local", "trackName": name,
            "kind": kind, "bidirectionalMediaStream": both, "mid": mid }))] })
    })
}

/// Returns an entry without the fields that are null, because a mid that is null is refused.
fn present(mut entry: Value) -> Value {
    entry.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    entry
}

/// Entries without `sessionId`, which the step adds.
fn pull() -> impl Strategy<Value = Value> {
    let entry = (name(), hash_mid(), any::<bool>());
    let offer = prop_oneof![2 => Just(Value::Null), 1 => offered()];
    (prop::collection::vec(entry, 1..3), offer).prop_map(|(entries, offer)| {
        let tracks: Vec<Value> = entries
            .iter()
            .map(|(name, mid, both)| {
                present(json!({ "location": "remote", "trackName": name, "mid": mid,
                    "bidirectionalMediaStream": both }))
            })
            .collect();
        present(json!({ "tracks": tracks, "sessionDescription": offer }))
    })
}

fn channel() -> impl Strategy<Value = Value> {
    let flags = (any::<Option<bool>>(), any::<Option<bool>>());
    (name(), flags).prop_map(|(name, (can_reply, waits))| {
        json!({ "dataChannels": [{ "location": "remote", "dataChannelName": name,
            "canReply": can_reply, "waitForAck": waits }] })
    })
}

fn request_step() -> impl Strategy<Value = Step> {
    let one = |operation: Operation, body: BoxedStrategy<Value>| {
        (0..SESSIONS, body).prop_map(move |(session, body)| Step::Request(operation, session, body))
    };
    let two = |operation: Operation, body: BoxedStrategy<Value>| {
        (0..SESSIONS, 0..SESSIONS, body)
            .prop_map(move |(session, other, body)| Step::About(operation, session, other, body))
    };
    let close = (mid(), any::<bool>(), offered()).prop_map(|(mid, force, offer)| {
        let offer = if force { Value::Null } else { offer };
        json!({ "tracks": [{ "mid": mid }], "force": force, "sessionDescription": offer })
    });
    let update = (mid(), name()).prop_map(|(mid, name)| {
        json!({ "tracks": [{ "mid": mid, "trackName": name, "simulcast": { "preferredRid": "h" } }] })
    });
    let establish = prop::option::of(offered())
        .prop_map(|offer| json!({ "dataChannel": server_events(), "sessionDescription": offer }));
    let local = name().prop_map(
        |name| json!({ "dataChannels": [{ "location": "local", "dataChannelName": name }] }),
    );
    let ids = (0..4_u16).prop_map(|id| json!({ "dataChannels": [{ "id": id }] }));
    let garbage = (select(&SOME[..]), 0..SESSIONS)
        .prop_map(|(operation, session)| Step::Request(operation, session, json!({ "tracks": 1 })));
    prop_oneof![
        6 => one(NewTracks, publication().boxed()),
        2 => one(NewTracks, reception().boxed()),
        8 => two(NewTracks, pull().boxed()),
        4 => one(CloseTracks, close.boxed()),
        3 => two(UpdateTracks, update.boxed()),
        3 => one(EstablishDataChannels, establish.boxed()),
        6 => one(NewDataChannels, local.boxed()),
        8 => two(NewDataChannels, channel().boxed()),
        5 => two(UpdateDataChannels, channel().boxed()),
        2 => one(CloseDataChannels, ids.boxed()),
        1 => one(GetSession, Just(Value::Null).boxed()),
        1 => garbage,
    ]
}

fn adapter_step() -> impl Strategy<Value = Step> {
    let ingest = name().prop_map(|name| {
        json!({ "tracks": [{ "location": "local", "trackName": name, "endpoint": "ws://e",
            "inputCodec": "pcm" }] })
    });
    let egress = name().prop_map(|name| {
        json!({ "tracks": [{ "location": "remote", "trackName": name, "endpoint": "ws://e",
            "outputCodec": "pcm" }] })
    });
    let failure = select(&[AdapterFailure::Handshake, AdapterFailure::Localhost][..]);
    prop_oneof![
        ingest.prop_map(|body| Step::Request(NewWebsocketAdapters, 0, body)),
        (0..SESSIONS, egress).prop_map(|(other, body)| Step::About(
            NewWebsocketAdapters,
            0,
            other,
            body
        )),
        prop::option::of(failure).prop_map(Step::Adapter),
        Just(Step::HangUp),
        Just(Step::CloseAdapter),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let session = 0..SESSIONS;
    prop_oneof![
        1 => prop::option::of(select(&SECTIONS[..])).prop_map(|offer| Step::Open { offer }),
        8 => session.clone().prop_map(Step::Connect),
        1 => session.clone().prop_map(Step::Lose),
        1 => session.clone().prop_map(Step::Cut),
        1 => session.clone().prop_map(Step::Mend),
        1 => session.clone().prop_map(Step::Expire),
        8 => session.clone().prop_map(Step::Packets),
        4 => (session.clone(), 0..4_u16).prop_map(|(session, id)| Step::Say(session, id)),
        30 => request_step(),
        4 => adapter_step(),
        10 => (session, prop::bool::weighted(0.9)).prop_map(|(s, is_good)| Step::Answer(s, is_good)),
        8 => select(&[1, 1, 50, 50, 500, 500, 5000, 9000, 31_000][..]).prop_map(Step::Pass),
    ]
}

/// World of a sequence, and its statistics.
struct Run {
    world: World,
    sessions: Vec<String>,
    tickets: BTreeSet<Ticket>,
    /// Ids of adapters that were asked for and have not ended.
    adapters: Vec<String>,
    /// Numbers of immediate replies, by status.
    statuses: BTreeMap<u16, usize>,
}

impl Run {
    fn new() -> Self {
        let mut world = World::new();
        let a = world.data_session();
        world.publish(&a, "0 audio both", "a");
        let b = world.data_session();
        world.publish(&b, "1 video both h l", "b");
        let sessions = vec![a, b, world.data_session()];
        Self {
            world,
            sessions,
            tickets: BTreeSet::new(),
            adapters: Vec::new(),
            statuses: BTreeMap::new(),
        }
    }

    fn id(&self, index: usize) -> String {
        let is_live = |id: &&String| self.world.rules.key(id).is_some();
        let mut live = self.sessions.iter().rev().filter(is_live).take(SESSIONS - 1);
        live.nth(index).unwrap_or(&self.sessions[0]).clone()
    }

    fn key(&self, index: usize) -> Option<SessionKey> {
        self.world.rules.key(&self.id(index))
    }

    fn step(&mut self, step: Step) {
        let now = self.world.now;
        match step {
            Step::Open { offer: section } => {
                let body = section.map_or(
                    Value::Null,
                    |section| json!({ "sessionDescription": offer(&[section]) }),
                );
                let reply = self.world.call(NewSession, "", body);
                assert_eq!(reply.status, 201);
                self.sessions.push(reply.body["sessionId"].as_str().unwrap().to_owned());
            }
            Step::Connect(index) if self.key(index).is_some() => {
                self.world.connect(&self.id(index));
            }
            Step::Lose(index) if self.key(index).is_some() => {
                self.world.disconnect(&self.id(index));
            }
            Step::Cut(index) => {
                let id = self.id(index);
                self.world.rules.disconnect(now, &id, &mut self.world.media);
            }
            Step::Mend(index) => {
                let id = self.id(index);
                self.world.rules.reconnect(now, &id, &mut self.world.media);
            }
            Step::Expire(index) => {
                let id = self.id(index);
                self.world.rules.expire(&id, &mut self.world.media);
            }
            Step::Packets(index) if self.key(index).is_some() => {
                for mid in MIDS {
                    self.world.packet(&self.id(index), mid);
                }
            }
            Step::Say(index, id) if self.key(index).is_some() => {
                self.world.say(&self.id(index), id, "text");
            }
            Step::Request(operation, index, body) => self.request(operation, index, body),
            Step::About(operation, index, other, mut body) => {
                for list in ["tracks", "dataChannels"] {
                    for item in body[list].as_array_mut().into_iter().flatten() {
                        item["sessionId"] = self.id(other).into();
                    }
                }
                body.as_object_mut().unwrap().retain(|_, value| !value.is_null());
                self.request(operation, index, body);
            }
            Step::Answer(index, is_good) => {
                let sdp = if is_good { sdp(&[]) } else { "v=0 bad\n".to_owned() };
                let body = json!({ "sessionDescription": { "type": "answer", "sdp": sdp } });
                self.request(Renegotiate, index, body);
            }
            Step::Adapter(failure) => {
                for command in std::mem::take(&mut self.world.commands) {
                    if let AdapterCommand::Open { id, .. } = command {
                        let result = failure.map_or(Ok(()), Err);
                        self.world.rules.adapter_opened(&id, result, &mut self.world.media);
                        self.adapters.push(id);
                    }
                }
            }
            Step::HangUp => {
                if let Some(id) = self.adapters.pop() {
                    self.world.rules.adapter_closed(&id, &mut self.world.media);
                }
            }
            Step::CloseAdapter => {
                if let Some(id) = self.adapters.last() {
                    let body = json!({ "tracks": [{ "adapterId": id }] });
                    self.request(CloseWebsocketAdapters, 0, body);
                }
            }
            Step::Pass(milliseconds) => self.world.pass(milliseconds),
            _ => {}
        }
        self.world.drain();
        self.check();
        // Without this, the first second has too many requests.
        self.world.pass(20);
        self.check();
    }

    fn request(&mut self, operation: Operation, index: usize, body: Value) {
        let id = self.id(index);
        let is_adapter = matches!(operation, NewWebsocketAdapters | CloseWebsocketAdapters);
        self.world.rules.timeout(self.world.now, &mut self.world.media);
        let before = self.world.snapshot();
        let before = before.sessions.into_iter().find(|session| session.id == id);
        let response = self.world.start(operation, &id, body);
        let status = match &response {
            Response::Now(reply) => Some(reply.status),
            Response::Later(ticket) => {
                assert!(self.tickets.insert(*ticket), "a ticket given twice");
                None
            }
        };
        assert!(status.is_none_or(|status| DOCUMENTED.contains(&status)), "{status:?}");
        *self.statuses.entry(status.unwrap_or_default()).or_default() += 1;
        let before = before.filter(|_| !is_adapter && operation != GetSession);
        if let Some(before) = before.filter(|before| before.state != SessionState::Expired) {
            let is_open = before.open_exchange.is_some() && operation != Renegotiate;
            if is_open || before.is_waiting {
                assert!(matches!(status, Some(406 | 429)), "{operation:?} got {status:?}");
            }
        } else if !is_adapter && operation != GetSession {
            assert_eq!(status, Some(410));
        }
    }

    fn check(&self) {
        let snapshot = self.world.snapshot();
        let mut tracks = BTreeMap::new();
        let mut repliers: BTreeMap<(String, String), usize> = BTreeMap::new();
        let mut offered = BTreeSet::new();
        for session in &snapshot.sessions {
            let key = self.world.rules.key(&session.id);
            assert_eq!(key.is_none(), session.state == SessionState::Expired);
            let Some(key) = key else { continue };
            for track in session.tracks.iter().filter(|track| track.is_open) {
                let place = (key, track.mid.clone(), track.location);
                assert!(tracks.insert(place, track.is_active).is_none(), "a mid used twice");
            }
            if session.open_exchange == Some(NewTracks) {
                offered.insert(key);
            }
            for channel in session.channels.iter().filter(|channel| channel.can_reply) {
                assert_ne!(channel.status, "inactive", "a closed channel may reply");
                let publication = (channel.publisher.clone().unwrap(), channel.name.clone());
                *repliers.entry(publication).or_default() += 1;
            }
        }
        assert!(repliers.values().all(|count| *count <= 1), "two may reply");
        for (to, (from, _)) in &self.world.media.forwards {
            let from = (from.session, from.mid.clone(), Location::Local);
            let to = (to.session, to.mid.clone(), Location::Remote);
            assert_eq!(tracks.get(&from), Some(&true), "from a closed track");
            assert_eq!(tracks.get(&to), Some(&true), "to a closed track");
        }
        for ((key, mid, location), is_active) in tracks {
            let place = Place { session: key, mid };
            if location == Location::Remote && is_active && !offered.contains(&key) {
                assert!(self.world.media.forwards.contains_key(&place), "nothing flows");
            }
        }
    }

    fn end(mut self) {
        for id in self.sessions.clone() {
            if self.world.rules.key(&id).is_some() {
                self.world.disconnect(&id);
            }
        }
        self.world.pass(200_000);
        // An ingest session has no end of its own.
        for session in self.world.snapshot().sessions {
            let is_ingest = session.state == SessionState::Ingest;
            assert!(is_ingest || session.state == SessionState::Expired);
            self.world.rules.expire(&session.id, &mut self.world.media);
        }
        self.world.pass(0);
        assert!(self.world.media.is_empty(), "something is left");
        assert_eq!(self.world.media.problems, [""; 0]);
        assert_eq!(self.world.rules.poll_timeout(), None);
        let answered: BTreeSet<Ticket> = self.world.replies.keys().copied().collect();
        assert_eq!(answered, self.tickets, "not answered");
        for reply in self.world.replies.values() {
            assert!(DOCUMENTED.contains(&reply.status), "{}", reply.status);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn the_invariants_hold_after_random_operations(steps in prop::collection::vec(step(), 1..100)) {
        let mut run = Run::new();
        for step in steps {
            run.step(step);
        }
        run.end();
    }
}

/// Checks that the random sequences reach the interesting states. It tests the test, not the rules.
#[test]
fn random_sequences_meet_what_they_are_for() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let (mut flows, mut repliers, mut waits, mut statuses) = (0, 0, 0, BTreeMap::new());
    for _ in 0..200 {
        let steps = prop::collection::vec(step(), 80).new_tree(&mut runner).unwrap().current();
        let mut run = Run::new();
        for step in steps {
            run.step(step);
            let snapshot = run.world.snapshot();
            flows += usize::from(!run.world.media.forwards.is_empty());
            let mut channels = snapshot.sessions.iter().flat_map(|session| &session.channels);
            repliers += usize::from(channels.any(|channel| channel.can_reply));
        }
        waits += run.tickets.len();
        for (status, count) in run.statuses {
            *statuses.entry(status).or_default() += count;
        }
    }
    let counts = [flows, repliers, waits, statuses[&200]];
    assert!(counts.iter().all(|count| *count > 200), "{counts:?} {statuses:?}");
    assert!([406, 410].iter().all(|status| statuses[status] > 100), "{statuses:?}");
}
