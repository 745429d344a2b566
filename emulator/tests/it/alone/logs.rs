//! Logs: they tell the events and no secret.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cloudflare_calls::adapters::Adapter;
use cloudflare_calls::ice::{TurnClient, TurnKeyId};
use cloudflare_calls::tracks::RemoteTrack;
use cloudflare_calls::types::OutputCodec;
use cloudflare_calls::{SecretString, prelude::*};
use cloudflare_calls_emulator::agent::{Agent, Source};
use cloudflare_calls_emulator::{App, Emulator};
use serde_json::Value;
use tracing_subscriber::EnvFilter;

use super::alone;
use crate::support::{PATIENCE, client, join, pull};

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Captured {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

/// The program's default filter, with all lines of this crate.
const FILTER: &str = "info,str0m=error,cloudflare_calls_emulator=trace";

/// Returns the first text of that name, at any depth.
fn find<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    match value {
        Value::Object(fields) => {
            let own = fields.get(name).and_then(Value::as_str);
            own.or_else(|| fields.values().find_map(|field| find(field, name)))
        }
        Value::Array(items) => items.iter().find_map(|item| find(item, name)),
        _ => None,
    }
}

#[test]
fn logs_tell_the_story_and_no_secret() {
    alone("logs::logs_tell_the_story_and_no_secret", async {
        let captured = Captured::default();
        let writer = captured.clone();
        tracing_subscriber::fmt()
            .with_env_filter(EnvFilter::new(FILTER))
            .with_writer(move || writer.clone())
            .with_ansi(false)
            .init();
        let key = App::new("key", "the-token-of-the-key");
        let emulator = Emulator::builder().turn_key(key.clone()).start().await.unwrap();
        let client = client(&emulator);

        let (alice, alices) = join(&client, Source::Audio, "mic").await;
        let bob = Agent::start().await.unwrap();
        let bobs = client.join().send().await.unwrap();
        let mic = RemoteTrack::new(alices.id().clone(), "mic");
        let mid = pull(&bob, &bobs, mic).await.unwrap();
        bob.until_received(mid.as_str(), PATIENCE, |got| got.packets > 0).await.unwrap();
        // The port has no listener.
        let endpoint = "ws://127.0.0.1:9/?token=the-token-of-the-endpoint";
        let adapter = Adapter::egress(endpoint, alices.id().clone(), "mic", OutputCodec::Pcm);
        let adapters = client.create_adapters([adapter]).await;
        assert!(adapters.is_err() || adapters.is_ok_and(|adapters| adapters.done.is_empty()));
        let token = SecretString::from(key.expose_secret());
        let turn = TurnClient::builder(TurnKeyId::new(key.id()).unwrap(), token)
            .base_url(emulator.base_url())
            .build()
            .unwrap();
        let servers = turn.generate(Duration::from_secs(60)).send().await.unwrap();
        let servers = serde_json::to_value(servers.for_browsers()).unwrap();
        let credential = find(&servers, "credential").unwrap();
        assert!(alices.leave().await.unwrap().is_complete());
        assert!(emulator.expire(bobs.id().as_str()).await);

        let logs = captured.text();
        for told in [
            "operation=\"new_session\"",
            "operation=\"new_tracks\"",
            "operation=\"renegotiate\"",
            "operation=\"close_tracks\"",
            "status=200",
            "connected",
            "expired",
            "Err(Handshake)",
        ] {
            assert!(logs.contains(told), "{told} is not in:\n{logs}");
        }
        let looked_at = format!("{emulator:?} {alice:?} {:?}", emulator.snapshot().await);
        for secret in [
            emulator.apps()[0].expose_secret(),
            credential,
            "the-token-of",
            "v=0",
            "a=ice-pwd",
            "a=fingerprint",
            "ws://",
        ] {
            for text in [&logs, &looked_at] {
                assert!(!text.contains(secret), "{secret:?} is in:\n{text}");
            }
        }
    });
}
