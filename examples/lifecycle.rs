//! The lifecycle of the Calls sequence diagram, with the five operations of
//! the original API page, against a scripted server on this machine:
//!
//! ```sh
//! cargo run --example lifecycle
//! ```
//!
//! The server answers each operation with the example of the document, so this
//! shows the order of the calls and their types. There is no media yet.

use std::error::Error;

use cloudflare_calls::types::*;
use cloudflare_calls::{Client, SecretString};

#[path = "support/scripted.rs"]
mod scripted;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let server = scripted::start().await?;
    // With an account: `Client::new(app_id, secret)`, and no base URL.
    let client = Client::builder(AppId::new("my-app")?, SecretString::from("my-secret"))
        .base_url(format!("{}/v1", server.uri()))
        .build()?;

    println!("1. Client joins");
    let session = client.new_session().correlation_id("lifecycle").send().await?.session_id;
    println!("   POST sessions/new          -> session {session}");
    let mic = Track::new().location(TrackLocation::Local).mid("4").track_name("mic");
    let publish =
        TracksRequest::new().session_description(SessionDescription::offer(SDP)).tracks([mic]);
    let published = client.new_tracks(&session, &publish).send().await?;
    let answer = published.session_description.ok_or("no answer")?;
    println!(
        "   POST tracks/new (offer)    -> {}, {} track",
        kind(&answer),
        published.tracks.len()
    );

    println!("2. Remote client joins");
    let other = SessionId::new("2a45361d5fd7cc14eface0587c276c94")?;
    let remote =
        Track::new().location(TrackLocation::Remote).session_id(other).track_name("their-mic");
    let pulled = client.new_tracks(&session, &TracksRequest::new().tracks([remote])).send().await?;
    let offer = pulled.session_description.ok_or("no offer")?;
    let mids: Vec<String> = pulled.tracks.into_iter().filter_map(|track| track.mid).collect();
    println!("   POST tracks/new (remote)   -> {}, mid {}", kind(&offer), mids.join(", "));
    if pulled.requires_immediate_renegotiation == Some(true) {
        let answer = RenegotiateRequest::new().session_description(SessionDescription::answer(SDP));
        client.renegotiate(&session, &answer).send().await?;
        println!("   PUT  renegotiate (answer)  -> accepted");
    }

    println!("3. Remote client leaves");
    let close = CloseTracksRequest::forced(mids);
    let closed = client.close_tracks(&session, &close).send().await?;
    println!("   PUT  tracks/close          -> {}", outcome(&closed));

    println!("4. Client leaves");
    let state = client.get_session(&session).send().await?;
    let open = state.tracks.iter().filter(|t| t.status == Some(SessionResourceStatus::Active));
    let open: Vec<&String> = open.filter_map(|track| track.mid.as_ref()).collect();
    println!("   GET  sessions/{{id}}         -> {} tracks are active", open.len());
    let close = CloseTracksRequest::forced(open);
    let closed = client.close_tracks(&session, &close).send().await?;
    println!("   PUT  tracks/close          -> {}", outcome(&closed));

    let served = server.received_requests().await.map_or(0, |requests| requests.len());
    println!("{served} requests were served");
    if served != 7 {
        return Err(format!("expected 7 requests, not {served}").into());
    }
    Ok(())
}

/// Stands for what the agent's `RTCPeerConnection` would give.
const SDP: &str = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n";

fn kind(description: &SessionDescription) -> &str {
    description.type_.as_ref().map_or("no description", SdpType::as_str)
}

/// HTTP 200 can hold entries that failed.
fn outcome(closed: &CloseTracksResponse) -> String {
    let gone = |track: &&CloseTrackResult| {
        matches!(track.error_code, None | Some(ErrorCode::CloseTrackError))
    };
    format!("{} of {} closed", closed.tracks.iter().filter(gone).count(), closed.tracks.len())
}
