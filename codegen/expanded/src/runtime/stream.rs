//! Replies that are read piece by piece, such as server-sent events.

use std::fmt;
use std::time::Duration;

use reqwest::header::{ACCEPT, HeaderValue};

use super::error::OperationError;
use super::exchange::{Head, Reply, Request};

/// Longest time of a stream: ten years. A stream lasts until one side ends it, so this only
/// replaces the time-out of other operations.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

/// Body of a reply that is handed out while it arrives. Dropping it ends the reply.
pub struct Stream(Head);

impl Stream {
    /// Waits for the next piece of the body. None at its end. The pieces are those of the
    /// network, so one event can be in several.
    ///
    /// # Errors
    /// [`reqwest::Error`] if the connection breaks off.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, reqwest::Error> {
        let piece = self.0.response.chunk().await.map_err(reqwest::Error::without_url)?;
        Ok(piece.map(Into::into))
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Head { operation, received, .. } = &self.0;
        f.debug_struct("Stream").field("operation", operation).field("reply", received).finish()
    }
}

/// Reply whose body is still to come.
pub(crate) struct Begun(Head);

impl Begun {
    pub(crate) fn status(&self) -> u16 {
        self.0.received.status.as_u16()
    }

    /// Reads the whole reply.
    pub(crate) async fn read<E>(self) -> Result<Reply, OperationError<E>> {
        self.0.read().await
    }

    /// Hands out the body as it arrives.
    pub(crate) fn stream(self) -> Stream {
        Stream(self.0)
    }
}

impl Request<'_> {
    /// Sends the request and waits for the head of the reply. The only time-out is that of
    /// the connection.
    pub(crate) async fn begin<E>(mut self) -> Result<Begun, OperationError<E>> {
        *self.inner.timeout_mut() = Some(LONGEST);
        let accepted = HeaderValue::from_static("text/event-stream, */*");
        self.inner.headers_mut().insert(ACCEPT, accepted);
        let (exchange, sent) = self.start();
        let span = exchange.span.clone();
        let head = tracing::Instrument::instrument(exchange.head(sent), span.clone()).await?;
        span.record("status", head.received.status.as_u16());
        Ok(Begun(head))
    }
}
