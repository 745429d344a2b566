//! Room in the browser: a page, the router, and by default the emulator inside.
//!
//! ```sh
//! cargo run -p cloudflare-calls-server --example voice-room -- --demo
//! ```

mod demo;

use std::net::{Ipv4Addr, SocketAddr};

use axum::Router;
use axum::extract::Query;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use cloudflare_calls::types::AppId;
use cloudflare_calls::{Client, SecretString};
use cloudflare_calls_emulator::Emulator;
use cloudflare_calls_server::diagram::Diagram;
use cloudflare_calls_server::{Admission, Entrance, NotAdmitted, Role, Server};
use serde::Deserialize;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Policy of the page: it runs only its own files, and sends requests only to this server.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data: blob:; media-src 'self' blob:; connect-src 'self'; \
    form-action 'none'; base-uri 'none'; frame-ancestors 'none'";

const USAGE: &str = "usage: voice-room [--port PORT] [--demo]
  --port PORT  listens on this port of 127.0.0.1 (8080; 0 is a free one)
  --demo       two members are in the room `demo`, with a tone and a moving picture
CALLS_APP_ID and CALLS_APP_SECRET select the real service instead of the emulator.";

/// Admits everybody. The first in an empty room moderates it.
async fn admit(entrance: Entrance) -> Result<Admission, NotAdmitted> {
    let role = if entrance.members == 0 { Role::Moderator } else { Role::Member };
    Ok(Admission::new(role))
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let (port, is_demo) = arguments()?;
    let diagram = Diagram::new();
    tracing_subscriber::registry().with(diagram.clone()).init();

    // The emulator lives as long as the program.
    let (client, emulator) = match std::env::var_os("CALLS_APP_ID") {
        Some(_) => (Client::from_env()?, None),
        None => {
            let emulator = Emulator::start().await?;
            let app = &emulator.apps()[0];
            let (id, secret) = (AppId::new(app.id())?, SecretString::from(app.expose_secret()));
            let client = Client::builder(id, secret).base_url(emulator.base_url()).build()?;
            (client, Some(emulator))
        }
    };
    let mut server = Server::builder(client, admit);
    if emulator.is_some() {
        // All agents are on this machine.
        server = server.ice_servers(serde_json::from_str("[]")?);
    }
    let server = server.start();
    let app = Router::new()
        .route("/", get(|| file("text/html", include_str!("../../web/room/index.html"))))
        .route("/room.js", get(|| file("text/javascript", include_str!("../../web/room/room.js"))))
        .route("/room.css", get(|| file("text/css", include_str!("../../web/room/room.css"))))
        .route("/icon.svg", get(|| file("image/svg+xml", include_str!("../../web/room/icon.svg"))))
        .route("/diagram", get(async move |Query(of): Query<Shown>| diagram.events(of.room)))
        .nest("/calls", server.router());

    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let listener = tokio::net::TcpListener::bind(address).await?;
    let url = format!("http://{}", listener.local_addr()?);
    if let Some(emulator) = &emulator {
        println!("emulator {}", emulator.base_url().trim_end_matches("/v1"));
    }
    if is_demo {
        tokio::spawn(demo::run(format!("{url}/calls/rooms/demo")));
    }
    println!("open {url}/{}", if is_demo { "?room=demo" } else { "" });
    axum::serve(listener, app).await?;
    Ok(())
}

fn arguments() -> Result<(u16, bool), Failure> {
    let (mut port, mut is_demo) = (8080, false);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match (argument.as_str(), arguments.len()) {
            ("--port", 1..) => port = arguments.next().unwrap_or_default().parse()?,
            ("--demo", _) => is_demo = true,
            _ => return Err(USAGE.into()),
        }
    }
    Ok((port, is_demo))
}

/// Returns a file of the page.
async fn file(kind: &'static str, content: &'static str) -> Response {
    let headers = [(CONTENT_TYPE, kind), (CACHE_CONTROL, "no-cache")];
    (headers, [(CONTENT_SECURITY_POLICY, POLICY)], content).into_response()
}

#[derive(Deserialize)]
struct Shown {
    room: String,
}
