//! Call with all subjects of requests, and the requests of all routes.

use cloudflare_calls::reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::support::{
    ANSWER, Member, OFFER, ROOM, SDP, World, answered, offered, publication, pull,
};

/// Credentials that a route needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Needs {
    /// No credential.
    Nothing,
    /// The application's permission to enter.
    Entrance,
    /// A member's token.
    Token,
    /// A member's token, for that member.
    Self_,
    /// A moderator's token.
    Moderator,
    /// The token of the session's member.
    Session,
    /// A token, or another credential that the application accepts.
    Credential,
    /// The credential by which the session was made.
    OwnCredential,
}

/// Route. The path is as in `src/http/mod.rs`.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    pub(crate) needs: Needs,
    /// Status of its successful request in the scene.
    pub(crate) status: u16,
}

/// Returns all routes. Those that end a session, member or room come last.
pub(crate) fn routes() -> Vec<Route> {
    let route = |method, path, needs, status| Route { method, path, needs, status };
    use Needs::{Credential, Entrance, Moderator, Nothing, OwnCredential, Self_, Session, Token};
    vec![
        route(Method::GET, "/{file}", Nothing, 200),
        route(Method::POST, "/rooms/{room}/members", Entrance, 201),
        route(Method::GET, "/rooms/{room}", Token, 200),
        route(Method::GET, "/rooms/{room}/events", Token, 200),
        route(Method::GET, "/rooms/{room}/generate-ice-servers", Token, 200),
        route(Method::POST, "/rooms/{room}/generate-ice-servers", Token, 201),
        route(Method::POST, "/rooms/{room}/members/{member}/heartbeat", Self_, 204),
        route(Method::PATCH, "/rooms/{room}/members/{member}", Self_, 200),
        route(Method::POST, "/rooms/{room}/sessions/new", Token, 201),
        route(Method::GET, "/rooms/{room}/sessions/{session}", Session, 200),
        route(Method::POST, "/rooms/{room}/sessions/{session}/tracks/new", Session, 200),
        route(Method::PUT, "/rooms/{room}/sessions/{session}/renegotiate", Session, 200),
        route(Method::PUT, "/rooms/{room}/sessions/{session}/tracks/update", Session, 200),
        route(Method::PUT, "/rooms/{room}/sessions/{session}/tracks/close", Session, 200),
        route(
            Method::POST,
            "/rooms/{room}/sessions/{session}/datachannels/establish",
            Session,
            200,
        ),
        route(Method::POST, "/rooms/{room}/sessions/{session}/datachannels/new", Session, 200),
        route(Method::PUT, "/rooms/{room}/sessions/{session}/datachannels/update", Session, 200),
        route(Method::PUT, "/rooms/{room}/sessions/{session}/datachannels/close", Session, 200),
        route(Method::OPTIONS, "/rooms/{room}/whip", Nothing, 204),
        route(Method::OPTIONS, "/rooms/{room}/whep", Nothing, 204),
        route(Method::PATCH, "/rooms/{room}/whip/{session}", Nothing, 501),
        route(Method::PATCH, "/rooms/{room}/whep/{session}", Nothing, 501),
        route(Method::POST, "/rooms/{room}/whip", Credential, 201),
        route(Method::POST, "/rooms/{room}/whep", Credential, 201),
        route(Method::DELETE, "/rooms/{room}/whip/{session}", OwnCredential, 200),
        route(Method::DELETE, "/rooms/{room}/whep/{session}", OwnCredential, 200),
        route(Method::DELETE, "/rooms/{room}/members/{member}", Self_, 204),
        route(Method::DELETE, "/rooms/{room}", Moderator, 204),
    ]
}

/// Call in which Alice and Bob publish a track and a data channel each, and Alice receives both of
/// Bob's.
pub(crate) struct Scene {
    pub(crate) alice: Member,
    pub(crate) alices: String,
    pub(crate) bob: Member,
    pub(crate) bobs: String,
    /// Media section on which Alice receives Bob's track.
    pub(crate) mid: String,
    /// Id of the data channel on which Alice receives.
    pub(crate) channel: u64,
}

impl Scene {
    pub(crate) async fn new(world: &World) -> Self {
        Self::in_room(world, ROOM, "").await
    }

    /// Creates the scene in another room, which Alice enters with this query.
    pub(crate) async fn in_room(world: &World, room: &str, query: &str) -> Self {
        let (alice, alices) = publishing(world.join(room, query).await, "alice").await;
        let (bob, bobs) = publishing(world.join(room, "").await, "bob").await;
        let path = format!("sessions/{alices}/tracks/new");
        let pulled = alice.post(&path, &pull(&bobs, "bob")).await.is(200);
        answer(&alice, &alices).await;
        let body = json!({ "dataChannels": [{ "location": "remote", "sessionId": bobs,
            "dataChannelName": "bob" }] });
        let path = format!("sessions/{alices}/datachannels/new");
        let subscribed = alice.post(&path, &body).await.is(200);
        let mid = pulled["tracks"][0]["mid"].as_str().unwrap().to_owned();
        let channel = subscribed["dataChannels"][0]["id"].as_u64().unwrap();
        Self { alice, alices, bob, bobs, mid, channel }
    }

    /// Returns the path of a route below the room, about Alice.
    pub(crate) fn path(&self, route: &Route) -> String {
        self.path_of(route, &self.alices, &self.alice.id)
    }

    /// Returns the path of a route below the room, about this session or member.
    pub(crate) fn path_of(&self, route: &Route, session: &str, member: &str) -> String {
        let path = route.path.strip_prefix("/rooms/{room}").unwrap_or(route.path);
        let path = path.strip_prefix('/').unwrap_or(path);
        path.replace("{session}", session).replace("{member}", member)
    }

    /// Returns the body of a successful request; null for none.
    pub(crate) fn body(&self, route: &Route) -> Value {
        let channel = json!({ "location": "remote", "sessionId": self.bobs,
            "dataChannelName": "bob", "canReply": true });
        let below = route.path.split("/{session}/").last().unwrap_or_default();
        match (route.method.as_str(), below) {
            ("POST", "/rooms/{room}/members") => json!({ "name": "Carol", "data": { "a": 1 } }),
            ("PATCH", "/rooms/{room}/members/{member}") => {
                json!({ "data": { "b": [2] }, "muted": { "alice": true } })
            }
            // The API accepts a repeated request.
            (_, "tracks/new") => publication("alice"),
            (_, "renegotiate") => json!({ "sessionDescription": answered(ANSWER) }),
            (_, "tracks/update") => json!({ "tracks": [{ "location": "remote", "mid": self.mid,
                "sessionId": self.bobs, "trackName": "bob" }] }),
            (_, "tracks/close") => json!({ "force": true, "tracks": [{ "mid": "0" }] }),
            (_, "datachannels/establish") => establishment(),
            (_, "datachannels/new") => {
                json!({ "dataChannels": [{ "location": "local", "dataChannelName": "second",
                    "ordered": false, "maxRetransmits": 2 }] })
            }
            (_, "datachannels/update") => json!({ "dataChannels": [channel] }),
            (_, "datachannels/close") => json!({ "dataChannels": [{ "id": self.channel }] }),
            _ => Value::Null,
        }
    }

    /// Adds the right body to a request.
    pub(crate) fn fill(&self, route: &Route, request: RequestBuilder) -> RequestBuilder {
        if matches!(route.needs, Needs::Credential) && route.method == Method::POST {
            let offer = match route.path.ends_with("whep") {
                true => OFFER.replace("a=sendonly", "a=recvonly"),
                false => OFFER.to_owned(),
            };
            return request.header("content-type", SDP).body(offer);
        }
        match self.body(route) {
            Value::Null => request,
            body => request.body(body.to_string()),
        }
    }
}

/// Creates a member that publishes a track and a data channel, both of its own name.
pub(crate) async fn publisher(world: &World, name: &str) -> (Member, String) {
    publishing(world.join(ROOM, "").await, name).await
}

async fn publishing(member: Member, name: &str) -> (Member, String) {
    let session = member.session().await;
    member.publish(&session, name).await;
    let path = format!("sessions/{session}/datachannels/establish");
    member.post(&path, &establishment()).await.is(200);
    answer(&member, &session).await;
    let body = json!({ "dataChannels": [{ "location": "local", "dataChannelName": name }] });
    member.post(&format!("sessions/{session}/datachannels/new"), &body).await.is(200);
    (member, session)
}

/// Answers the offer of the SFU.
pub(crate) async fn answer(member: &Member, session: &str) {
    let body = json!({ "sessionDescription": answered(ANSWER) });
    member.put(&format!("sessions/{session}/renegotiate"), &body).await.is(200);
}

/// Returns the body that establishes the transport of data channels.
pub(crate) fn establishment() -> Value {
    json!({ "dataChannel": { "location": "remote", "dataChannelName": "server-events" } })
}

/// Returns that body with the agent's offer.
pub(crate) fn establishment_by(offer: &str) -> Value {
    let mut body = establishment();
    body["sessionDescription"] = offered(offer);
    body
}
