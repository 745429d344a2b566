//! The SFU's rules: a state machine without HTTP, clock or media.

mod adapters;
mod channels;
mod tracks;

use std::collections::{BTreeMap, BTreeSet};

pub(crate) use cloudflare_calls_emulator::rules::{Location, Operation};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::sdp;

/// A track of a session. A local and a remote one can share a mid.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Track {
    pub(crate) mid: String,
    pub(crate) location: Location,
    pub(crate) name: String,
    /// The publishing session of a remote track.
    pub(crate) publisher: Option<String>,
    pub(crate) simulcast: Option<Value>,
    pub(crate) is_open: bool,
    /// Published on a mid that was closed before, so that it never sends.
    pub(crate) is_silent: bool,
}

/// A data channel of a session, the transport's own one not among them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Channel {
    pub(crate) location: Location,
    pub(crate) name: String,
    /// The publishing session of a remote channel.
    pub(crate) publisher: Option<String>,
    pub(crate) can_reply: bool,
    pub(crate) is_open: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Session {
    pub(crate) tracks: Vec<Track>,
    pub(crate) channels: BTreeMap<u16, Channel>,
    /// The SFU offered in this operation and awaits the answer.
    pub(crate) exchange: Option<Operation>,
    has_transport: bool,
    /// Every mid that an offer of either side had.
    mids: BTreeSet<String>,
    next_mid: usize,
    next_name: usize,
    last_channel: u16,
}

impl Session {
    pub(crate) fn open_mids(&self) -> BTreeSet<String> {
        self.tracks.iter().filter(|track| track.is_open).map(|track| track.mid.clone()).collect()
    }

    pub(crate) fn open_channels(&self) -> BTreeSet<u16> {
        self.channels.iter().filter(|(_, channel)| channel.is_open).map(|(id, _)| *id).collect()
    }

    fn new_mid(&mut self) -> String {
        loop {
            let mid = self.next_mid.to_string();
            self.next_mid += 1;
            if self.mids.insert(mid.clone()) {
                return mid;
            }
        }
    }

    /// The SFU's offer; the session takes nothing else until it is answered.
    fn offer(&mut self, operation: Operation) -> Value {
        self.exchange = Some(operation);
        sdp::offer(&self.mids.iter().collect::<Vec<_>>())
    }
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) sessions: BTreeMap<String, Session>,
    /// Whether each adapter is open, and the session and mid that it feeds.
    adapters: BTreeMap<String, (bool, Option<(String, String)>)>,
    pub(super) violations: Vec<String>,
}

/// What is sent back.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) body: Value,
}

/// Entries of a request that fail by order, and the code of each.
pub(super) type Failing = BTreeMap<usize, String>;

type Outcome = Result<Reply, Reply>;

/// The body of every operation on a session. Unknown fields are ignored.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    session_description: Option<Description>,
    tracks: Option<Vec<tracks::Entry>>,
    auto_discover: Option<bool>,
    force: Option<bool>,
    data_channel: Option<channels::Entry>,
    data_channels: Option<Vec<channels::Entry>>,
}

#[derive(Deserialize)]
struct Description {
    #[serde(rename = "type")]
    kind: Option<String>,
    sdp: Option<String>,
}

impl State {
    /// Carries out one operation.
    pub(super) fn act(
        &mut self,
        operation: Operation,
        session: Option<&str>,
        body: &[u8],
        failing: &Failing,
    ) -> Reply {
        let outcome = match session {
            Some(id) => self.act_on(id, operation, body, failing),
            None => match operation {
                Operation::NewSession => self.create(body),
                Operation::NewWebsocketAdapters => self.new_adapters(body, failing),
                _ => self.close_adapters(body, failing),
            },
        };
        outcome.unwrap_or_else(|refusal| refusal)
    }

    /// A session without anything in it.
    pub(super) fn new_session(&mut self) -> String {
        let count = self.sessions.len() as u64 + 1;
        // Spread over all digits, as ids of the API are.
        let id = format!("{:016x}{count:016x}", count.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        self.sessions.insert(id.clone(), Session::default());
        id
    }

    /// An open local track, without an exchange.
    pub(super) fn publish(&mut self, id: &str, name: &str) -> String {
        let mid = self.at(id).new_mid();
        self.add_track(id, Location::Local, &mid, name, None, None);
        mid
    }

    fn act_on(
        &mut self,
        id: &str,
        operation: Operation,
        body: &[u8],
        failing: &Failing,
    ) -> Outcome {
        let decoded = match operation {
            Operation::GetSession => Ok(Body::default()),
            _ => decode::<Body>(body),
        };
        self.check_turn(id, operation, decoded.as_ref().ok())?;
        let body = decoded?;
        match operation {
            Operation::NewTracks => self.new_tracks(id, body, failing),
            Operation::Renegotiate => self.renegotiate(id, body),
            Operation::CloseTracks => self.close_tracks(id, body, failing),
            Operation::UpdateTracks => self.update_tracks(id, body, failing),
            Operation::EstablishDataChannels => self.establish(id, body),
            Operation::NewDataChannels => self.new_channels(id, body, failing),
            Operation::UpdateDataChannels => self.update_channels(id, body, failing),
            Operation::CloseDataChannels => self.close_channels(id, body, failing),
            _ => Ok(self.show(id)),
        }
    }

    /// Whether the session is there and it is this operation's turn.
    fn check_turn(
        &mut self,
        id: &str,
        operation: Operation,
        body: Option<&Body>,
    ) -> Result<(), Reply> {
        let Some(session) = self.sessions.get(id) else {
            return Err(refusal(404, "not_found", "session not found"));
        };
        let problem = match (operation, session.exchange) {
            (Operation::GetSession, _) | (Operation::Renegotiate, Some(_)) => return Ok(()),
            (Operation::Renegotiate, None) => Some("no offer awaits an answer".to_owned()),
            (_, Some(open)) => Some(format!("the offer of {open:?} awaits its answer")),
            (_, None) => None,
        };
        if let Some(problem) = problem {
            let is_forced = body.is_some_and(|body| body.force == Some(true));
            let is_close = match operation {
                Operation::CloseTracks => is_forced,
                other => other == Operation::CloseDataChannels,
            };
            if !is_close {
                self.violations.push(format!("{operation:?} on {id}: {problem}"));
            }
            return Err(refusal(406, "invalid_session_description", &problem));
        }
        Ok(())
    }

    fn create(&mut self, body: &[u8]) -> Outcome {
        let offer = match body {
            [] => None,
            _ => {
                let body = decode::<Body>(body)?;
                let undecodable = refusal(400, "decoding_error", "missing sessionDescription");
                Some(body.session_description.ok_or(undecodable)?)
            }
        };
        check_description(offer.as_ref(), "offer")?;
        let id = self.new_session();
        let answer = offer.map(|_| sdp::answer());
        Ok(Reply {
            status: 201,
            body: item(json!({ "sessionId": id, "sessionDescription": answer })),
        })
    }

    fn renegotiate(&mut self, id: &str, body: Body) -> Outcome {
        let Some(answer) = &body.session_description else {
            return Err(invalid("Missing sessionDescription"));
        };
        check_description(Some(answer), "answer")?;
        self.at(id).exchange = None;
        Ok(ok(json!({})))
    }

    fn show(&mut self, id: &str) -> Reply {
        let session = self.at(id);
        let status = |is_open| if is_open { "active" } else { "inactive" };
        let tracks: Vec<Value> = session.tracks.iter().map(|track| {
            item(json!({ "location": track.location, "mid": track.mid, "sessionId": track.publisher,
                "trackName": track.name, "simulcast": track.simulcast, "status": status(track.is_open) }))
        }).collect();
        let channels: Vec<Value> = session.channels.iter().map(|(channel_id, channel)| {
            item(json!({ "location": channel.location, "sessionId": channel.publisher, "id": channel_id,
                "dataChannelName": channel.name, "status": status(channel.is_open) }))
        }).collect();
        ok(json!({ "tracks": tracks, "dataChannels": channels }))
    }

    /// A session that is known to be there.
    fn at(&mut self, id: &str) -> &mut Session {
        self.sessions.get_mut(id).expect("a session of this fake")
    }
}

fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, Reply> {
    serde_json::from_slice(body)
        .map_err(|error| refusal(400, "decoding_error", &format!("body not decodable: {error}")))
}

fn check_description(description: Option<&Description>, expected: &str) -> Result<(), Reply> {
    let Some(description) = description else { return Ok(()) };
    let sdp = description.sdp.as_deref().unwrap_or_default();
    let is_right = description.kind.as_deref() == Some(expected);
    if is_right && sdp.starts_with("v=0") && sdp.ends_with('\n') {
        return Ok(());
    }
    Err(refusal(406, "invalid_session_description", &format!("not a valid {expected}")))
}

/// The location of all entries, where there are any.
fn one_location(
    list: &str,
    locations: impl Iterator<Item = Option<Location>>,
) -> Result<Option<Location>, Reply> {
    let mut all = None;
    for (index, location) in locations.enumerate() {
        let location =
            location.ok_or_else(|| invalid(&format!("{list}[{index}]: Missing location")))?;
        if *all.get_or_insert(location) != location {
            return Err(invalid("local and remote entries in one request"));
        }
    }
    Ok(all)
}

fn ok(body: Value) -> Reply {
    Reply { status: 200, body }
}

fn invalid(description: &str) -> Reply {
    refusal(406, "invalid_params", description)
}

pub(super) fn refusal(status: u16, code: &str, description: &str) -> Reply {
    Reply { status, body: json!({ "errorCode": code, "errorDescription": description }) }
}

/// An entry of a reply without the fields that are not set.
fn item(mut fields: Value) -> Value {
    if let Some(fields) = fields.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    fields
}

/// An entry of a reply that failed.
fn failed(fields: Value, code: &str) -> Value {
    let mut failed = item(fields);
    failed["errorCode"] = code.into();
    failed["errorDescription"] = format!("the fake says {code}").into();
    failed
}
