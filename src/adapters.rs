//! WebSocket adapters: media between the SFU and a server of yours.

use std::fmt;

use reqwest::Url;
use serde::{Deserialize, Serialize};

pub use crate::check::MAX_ADAPTERS;
use crate::check::Reach;
use crate::client::Root;
use crate::close::{Closer, End, in_batches};
use crate::error::{Error, Repeat};
use crate::generated::Client;
use crate::generated::types::{
    AdapterId, AdapterResult, ApiError, CloseAdapter, CloseAdapterRequest, CloseAdapterResult,
    CloseWebsocketAdaptersError, ErrorCode, InputCodec, NewAdapter, NewAdapterRequest,
    NewWebsocketAdaptersError, OutputCodec, SessionId, TrackLocation,
};
use crate::meter;
use crate::outcome::{Entry as _, Outcome, settle, text};
use crate::runtime::error::OperationError;
use crate::runtime::redaction::Scrubbed;
use crate::runtime::setup::is_loopback;
use crate::session::access::report;
use crate::session::detached::Detached;
use crate::step::Step;

/// Outcome of creating adapters.
pub type Created = Outcome<CreatedAdapter, Adapter>;
/// Outcome of closing adapters. Those that were closed already are done.
pub type Closed = Outcome<AdapterId, AdapterId>;

/// Connecting WebSocket endpoints to the SFU.
pub trait AdaptersExt: Root {
    /// Creates adapters: the SFU connects out to their endpoints
    /// (`POST adapters/websocket/new`).
    ///
    /// A request that has begun is completed if the future is dropped. The adapters that it has
    /// created are then closed, because nobody has their ids.
    ///
    /// ```no_run
    /// # use cloudflare_calls::{Client, Error, adapters::Adapter, prelude::*};
    /// # async fn example(client: Client) -> Result<(), Error> {
    /// let speech = Adapter::ingest("wss://speech.example.com/out", "speech");
    /// let created = client.create_adapters([speech]).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Invalid`] for no adapter, more than
    /// [`MAX_ADAPTERS`], an empty name, or an endpoint
    /// that is no `ws` or `wss` URL, or on this machine while the API is not;
    /// [`Error::Request`].
    fn create_adapters(
        &self,
        adapters: impl IntoIterator<Item = Adapter>,
    ) -> impl Future<Output = Result<Created, Error>> + Send {
        let client = self.client().clone();
        let adapters: Vec<Adapter> = adapters.into_iter().collect();
        async move {
            meter::step(Step::CreateAdapters);
            let create = create(client, adapters);
            let ended = |(_, created): &(Client, Result<Created, Error>)| meter::ended(created);
            let (_, created) = Detached::new(create, ended, |(client, created)| async move {
                let ids = created.into_iter().flat_map(|created| created.done);
                let ids: Vec<AdapterId> = ids.map(|adapter| adapter.id).collect();
                tracing::warn!(
                    adapters = ids.len(),
                    "the caller did not wait for its adapters: they are closed"
                );
                // No caller is left to be told of a failure.
                let _ = close(client, ids).await;
            })
            .await;
            let created = created?;
            report(&created);
            Ok(created)
        }
    }

    /// Closes adapters (`POST adapters/websocket/close`), in as many requests as the API's limit
    /// needs. An adapter that is closed already counts as closed.
    ///
    /// ```no_run
    /// # use cloudflare_calls::{Client, Error, prelude::*, types::AdapterId};
    /// # async fn example(client: Client, id: AdapterId) -> Result<(), Error> {
    /// client.close_adapters([id]).await?.into_result()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Request`] if nothing was closed. If one of several requests fails, its adapters are
    /// in [`Outcome::failed`].
    fn close_adapters(
        &self,
        ids: impl IntoIterator<Item = AdapterId>,
    ) -> impl Future<Output = Result<Closed, Error>> + Send {
        let client = self.client().clone();
        let ids: Vec<AdapterId> = ids.into_iter().collect();
        async move {
            meter::step(Step::CloseAdapters);
            let close = close(client, ids);
            let closed = Detached::new(close, meter::ended, |_| std::future::ready(())).await?;
            report(&closed);
            Ok(closed)
        }
    }
}

impl AdaptersExt for Client {}

/// Adapter to be created. `Debug` hides the endpoint, which may carry credentials.
#[derive(Clone, Debug, PartialEq)]
pub struct Adapter {
    request: NewAdapter,
}

impl Adapter {
    /// Creates an adapter that publishes sound of the endpoint as the track `name` of a new
    /// session. The endpoint, a `ws` or `wss` URL, sends 16-bit little-endian PCM, 48 kHz, stereo.
    pub fn ingest(endpoint: impl Into<String>, name: impl Into<String>) -> Self {
        let request = NewAdapter::new(endpoint, TrackLocation::Local, name);
        Self { request: request.input_codec(InputCodec::Pcm) }
    }

    /// Creates an adapter that sends the track `name` of the session `publisher` to the endpoint, a
    /// `ws` or `wss` URL: sound as PCM, pictures as JPEG.
    pub fn egress(
        endpoint: impl Into<String>,
        publisher: SessionId,
        name: impl Into<String>,
        codec: OutputCodec,
    ) -> Self {
        let request = NewAdapter::new(endpoint, TrackLocation::Remote, name);
        Self { request: request.session_id(publisher).output_codec(codec) }
    }

    /// Returns the track to publish or to read.
    pub fn name(&self) -> &str {
        &self.request.track_name
    }
}

impl fmt::Display for Adapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.request.track_name)
    }
}

/// Adapter that was created.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CreatedAdapter {
    /// Id, which is needed to close it.
    #[serde(rename = "adapterId")]
    pub id: AdapterId,
    /// Track that it publishes or reads.
    #[serde(rename = "trackName")]
    pub name: String,
    /// Session that publishes the track: a new one for an ingest.
    #[serde(rename = "sessionId")]
    pub session: Option<SessionId>,
}

/// Creates adapters. Returns the client, too, for a caller that has to close adapters without a
/// receiver.
async fn create(client: Client, adapters: Vec<Adapter>) -> (Client, Result<Created, Error>) {
    let created = create_with(&client, adapters).await;
    (client, created)
}

async fn create_with(client: &Client, adapters: Vec<Adapter>) -> Result<Created, Error> {
    const STEP: Step = Step::CreateAdapters;
    let request = adapters.iter().map(|adapter| adapter.request.clone());
    let request = NewAdapterRequest::new(request);
    let is_local = Url::parse(client.base_url()).is_ok_and(|base| is_loopback(&base));
    let reach = if is_local { Reach::ThisMachine } else { Reach::Network };
    request.check(reach).map_err(Error::invalid(STEP))?;
    let send = || async {
        match client.new_websocket_adapters(&request).send().await {
            Ok(reply) => Ok(reply.tracks),
            Err(error) => entries_or_error(error, |body| match body {
                NewWebsocketAdaptersError::NewAdapterResponse(body) => (
                    body.tracks,
                    plain(body.error_code, body.error_subcode, body.error_description),
                ),
                NewWebsocketAdaptersError::ApiError(body) => (Vec::new(), body),
            }),
        }
    };
    let entries = client.settings().retry.start().run(STEP, Repeat::Create, send).await.0?;
    let is_for = |adapter: &Adapter, entry: &AdapterResult| {
        let name = text(&entry.track_name)?;
        let is_endpoint =
            entry.endpoint.as_ref().is_none_or(|url| *url == adapter.request.endpoint);
        Some(name == adapter.request.track_name && is_endpoint)
    };
    let read = |_: &Adapter, entry: AdapterResult| {
        entry.read(|entry| Some((entry.adapter_id?, entry.session_id)))
    };
    let make = |Adapter { request }: Adapter, (id, session): (AdapterId, Option<SessionId>)| {
        let session = session.or(request.session_id);
        CreatedAdapter { id, name: request.track_name, session }
    };
    Ok(settle(STEP, adapters, entries, is_for, read, make).0)
}

async fn close(client: Client, ids: Vec<AdapterId>) -> Result<Closed, Error> {
    in_batches(&mut Adapters(client), ids).await.unless_nothing_is_done()
}

/// Closer of a client's adapters.
struct Adapters(Client);

impl Closer<AdapterId> for Adapters {
    type Entry = CloseAdapterResult;

    const MAX: usize = MAX_ADAPTERS;

    fn step(&self) -> Step {
        Step::CloseAdapters
    }

    fn is_gone(&self) -> bool {
        false
    }

    async fn close(&mut self, batch: &[AdapterId]) -> Result<Vec<CloseAdapterResult>, Error> {
        let client = &self.0;
        let request = CloseAdapterRequest::new(batch.iter().cloned().map(CloseAdapter::new));
        let send = || async {
            match client.close_websocket_adapters(&request).send().await {
                Ok(reply) => Ok(reply.tracks),
                Err(error) => entries_or_error(error, |body| match body {
                    CloseWebsocketAdaptersError::CloseAdapterResponse(body) => (
                        body.tracks,
                        plain(body.error_code, body.error_subcode, body.error_description),
                    ),
                    CloseWebsocketAdaptersError::ApiError(body) => (Vec::new(), body),
                }),
            }
        };
        client.settings().retry.start().run(Step::CloseAdapters, Repeat::Close, send).await.0
    }

    fn is_for(id: &AdapterId, entry: &CloseAdapterResult) -> Option<bool> {
        Some(entry.adapter_id.as_ref()? == id)
    }

    fn ended(&mut self, _: &AdapterId, _: End) -> bool {
        false
    }
}

/// Returns the entries of a refusal that has some, as 503 does when all of them failed, and the
/// refusal itself otherwise. `split` returns the entries of a body, and its error.
fn entries_or_error<B, I>(
    error: OperationError<B>,
    split: impl FnOnce(B) -> (Vec<I>, ApiError),
) -> Result<Vec<I>, OperationError<ApiError>> {
    let mut entries = Vec::new();
    let error = error.map_body(|body| {
        let (of_body, error) = split(body);
        entries = of_body;
        error
    });
    if entries.is_empty() { Err(error) } else { Ok(entries) }
}

/// Returns an error of the usual shape, whose code may be empty.
fn plain(
    code: Option<ErrorCode>,
    error_subcode: Option<Scrubbed>,
    error_description: Option<Scrubbed>,
) -> ApiError {
    let error_code = code.unwrap_or_else(|| ErrorCode::Other(String::new()));
    ApiError { error_code, error_subcode, error_description }
}
