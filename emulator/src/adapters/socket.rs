//! Connection of one adapter, from its beginning to its end.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use rustls::{ClientConfig, RootCertStore};
use tokio::sync::oneshot;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{Connector, connect_async_tls_with_config};

use super::streams::{End, Socket, Stream};
use super::{Reporter, What};
use crate::rules::{AdapterFailure, Endpoint};

/// The largest message of an endpoint. Documented: 32 KB.
const LARGEST_MESSAGE: usize = 32 << 10;

/// Longest wait for the other side's close frame.
const GOODBYE: Duration = Duration::from_secs(1);

/// Time between two attempts to connect again.
const PAUSE: Duration = Duration::from_millis(200);

/// Connects, and lets the stream run until it or the adapter ends. A broken connection is made
/// again within `reconnect`.
pub(super) async fn run(
    endpoint: Endpoint,
    mut stream: Stream,
    reconnect: Duration,
    reporter: Reporter,
    mut stop: oneshot::Receiver<()>,
) {
    let opened = tokio::select! {
        biased;
        _ = &mut stop => return,
        opened = open(&endpoint) => opened,
    };
    let mut socket = match opened {
        Ok(socket) => socket,
        Err(failure) => return reporter.report(What::Opened(Err(failure))).await,
    };
    reporter.report(What::Opened(Ok(()))).await;
    loop {
        let end = tokio::select! {
            biased;
            _ = &mut stop => break,
            end = stream.run(&mut socket, &reporter) => end,
        };
        if end == End::HungUp {
            reporter.report(What::Ended).await;
            break;
        }
        let opened = tokio::select! {
            biased;
            _ = &mut stop => return,
            opened = stream.wait(reopen(&endpoint, reconnect)) => opened,
        };
        match opened {
            Some(other) => socket = other,
            None => return reporter.report(What::Ended).await,
        }
    }
    let goodbye = async {
        // A connection that is already gone needs no goodbye.
        if socket.close(None).await.is_ok() {
            while let Some(Ok(_)) = socket.next().await {}
        }
    };
    let _ = tokio::time::timeout(GOODBYE, goodbye).await;
}

/// Connects again, as often as the time allows.
async fn reopen(endpoint: &Endpoint, within: Duration) -> Option<Socket> {
    let tries = async {
        loop {
            if let Ok(socket) = open(endpoint).await {
                return socket;
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    tokio::time::timeout(within, tries).await.ok()
}

async fn open(endpoint: &Endpoint) -> Result<Socket, AdapterFailure> {
    let config = WebSocketConfig::default()
        .max_message_size(Some(LARGEST_MESSAGE))
        .max_frame_size(Some(LARGEST_MESSAGE));
    let connector = if endpoint.as_str().starts_with("wss:") {
        // This reads files.
        let tls = tokio::task::spawn_blocking(tls).await;
        Connector::Rustls(tls.ok().flatten().ok_or(AdapterFailure::Handshake)?)
    } else {
        Connector::Plain
    };
    // Packets of 20 ms are sent at once, so Nagle's algorithm is off.
    let opened =
        connect_async_tls_with_config(endpoint.as_str(), Some(config), true, Some(connector));
    match opened.await {
        Ok((socket, _)) => Ok(socket),
        Err(Error::Io(error)) if error.kind() == io::ErrorKind::TimedOut => {
            Err(AdapterFailure::Timeout)
        }
        Err(_) => Err(AdapterFailure::Handshake),
    }
}

/// Returns TLS with the system's roots. It names its cryptography: if a program has two providers,
/// rustls chooses none.
fn tls() -> Option<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    // A certificate that cannot be read is left out.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions().ok()?;
    Some(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
}
