//! HTTP/1.1 server that breaks connections where a fault says so.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tower_service::Service;

/// Longest time for the requests under way once the emulator is to stop.
const GRACE: Duration = Duration::from_secs(2);

/// Longest wait for the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// Mark of a response that is not sent: the connection ends instead.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Break {
    /// The connection is closed.
    Close,
    /// The connection is reset.
    Reset,
}

/// Serves until `stop` changes, then finishes the requests under way.
pub(crate) async fn serve(listener: TcpListener, router: Router, mut stop: watch::Receiver<bool>) {
    let graceful = GracefulShutdown::new();
    // Dropping this ends the connections.
    let mut connections = JoinSet::new();
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                // Too many files are open: other connections have to close first.
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
            Some(_) = connections.join_next() => continue,
            () = stopped(&mut stop) => break,
        };
        let connection = connection(stream, router.clone());
        let connection = graceful.watch(connection);
        connections.spawn(async move {
            // Some faults break the connection, so this is no error.
            if let Err(error) = connection.await {
                tracing::trace!(%error, "a connection ended");
            }
        });
    }
    drop(listener);
    let _ = tokio::time::timeout(GRACE, graceful.shutdown()).await;
}

/// Returns once the emulator is to stop, or has stopped.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

fn connection(
    stream: TcpStream,
    router: Router,
) -> hyper::server::conn::http1::Connection<
    TokioIo<TcpStream>,
    impl hyper::service::Service<
        Request<Incoming>,
        Response = Response<Body>,
        Error = Broken,
        Future: Send,
    >,
> {
    let _ = stream.set_nodelay(true);
    let reset = SockRef::from(&stream).try_clone().ok().map(Arc::new);
    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
        let mut router = router.clone();
        let reset = reset.clone();
        async move {
            let response: Result<Response<Body>, Infallible> =
                router.call(request.map(Body::new)).await;
            let Ok(response) = response;
            match response.extensions().get::<Break>() {
                None => Ok(response),
                Some(how) => {
                    if let (Break::Reset, Some(socket)) = (how, &reset) {
                        // A linger time of 0 makes closing a reset.
                        let _ = socket.set_linger(Some(Duration::ZERO));
                    }
                    Err(Broken)
                }
            }
        }
    });
    hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service)
}

/// Error of a fault that ends the connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Broken;

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("broken by a fault")
    }
}

impl std::error::Error for Broken {}
