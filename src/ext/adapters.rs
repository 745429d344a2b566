//! WebSocket adapters: media between the SFU and a server of yours.

use std::fmt;

use super::sealed::Root;
use crate::check::is_loopback;
use crate::outcome::{assign, complete};
use crate::retry::{Repeat, RetryPolicy};
use crate::types::{
    AdapterId, AdapterResult, ErrorCode, InputCodec, OutputCodec, SessionId, TrackLocation,
};
use crate::types::{
    ApiError, CloseAdapter, CloseAdapterRequest, CloseAdapterResponse, CloseWebsocketAdaptersError,
    NewAdapter, NewAdapterRequest, NewAdapterResponse, NewWebsocketAdaptersError,
};
use crate::{Client, Error, Failed, ItemError, OperationError, meter};

/// The names of the generated client's methods, for errors.
const NEW: &str = "new_websocket_adapters";
const CLOSE: &str = "close_websocket_adapters";

/// Connecting WebSocket endpoints to the SFU.
pub trait AdaptersExt: Root {
    /// Creates adapters: the SFU connects out to their endpoints
    /// (`POST adapters/websocket/new`).
    ///
    /// ```no_run
    /// # use cloudflare_calls::{Adapter, Client, Error, prelude::*};
    /// # async fn example(client: Client) -> Result<(), Error> {
    /// let speech = Adapter::ingest("wss://speech.example.com/out", "speech");
    /// let created = client.create_adapters([speech]).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Invalid`] for no adapter, more than
    /// [`MAX_ADAPTERS`](crate::MAX_ADAPTERS), an empty name, or an endpoint
    /// that is no `ws` or `wss` URL, or on this machine while the API is not;
    /// [`Error::Request`].
    fn create_adapters(
        &self,
        adapters: impl IntoIterator<Item = Adapter>,
    ) -> impl Future<Output = Result<AdaptersCreated, Error>> + Send {
        let client = self.client().clone();
        let adapters: Vec<Adapter> = adapters.into_iter().collect();
        async move { create(&client, adapters).await }
    }

    /// Closes adapters (`POST adapters/websocket/close`), in as many requests
    /// as the API's limit needs. One that is closed already counts as closed.
    ///
    /// ```no_run
    /// # use cloudflare_calls::{Client, Error, prelude::*, types::AdapterId};
    /// # async fn example(client: Client, id: AdapterId) -> Result<(), Error> {
    /// client.close_adapters([id]).await?.complete()
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Request`] if nothing was closed. Of several requests one that
    /// failed has its adapters in [`AdaptersClosed::failed`].
    fn close_adapters(
        &self,
        ids: impl IntoIterator<Item = AdapterId>,
    ) -> impl Future<Output = Result<AdaptersClosed, Error>> + Send {
        let client = self.client().clone();
        let ids: Vec<AdapterId> = ids.into_iter().collect();
        async move { close(&client, ids).await }
    }
}

impl AdaptersExt for Client {}

/// An adapter to be created.
#[derive(Clone, Debug, PartialEq)]
pub struct Adapter {
    request: NewAdapter,
}

impl Adapter {
    /// Sound from the endpoint becomes the track `name` of a new session. The
    /// endpoint, a `ws` or `wss` URL, sends 16-bit little-endian PCM, 48 kHz,
    /// stereo.
    pub fn ingest(endpoint: impl Into<String>, name: impl Into<String>) -> Self {
        let request = NewAdapter::new(endpoint, TrackLocation::Local, name);
        Self { request: request.input_codec(InputCodec::Pcm) }
    }

    /// The track `name` of the session `publisher` goes to the endpoint, a
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

    /// The track to publish or to read.
    pub fn name(&self) -> &str {
        &self.request.track_name
    }
}

impl fmt::Display for Adapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.request.track_name)
    }
}

/// An adapter that was created.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct CreatedAdapter {
    /// Its id, to close it.
    pub id: AdapterId,
    /// The track that it publishes or reads.
    pub name: String,
    /// The session that publishes the track: a new one for an ingest.
    pub session: Option<SessionId>,
}

/// What became of adapters that were to be created.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct AdaptersCreated {
    /// What was created.
    pub adapters: Vec<CreatedAdapter>,
    /// What was not, and why.
    pub failed: Vec<Failed<Adapter>>,
}

/// What became of adapters that were to be closed.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct AdaptersClosed {
    /// Closed, or closed before.
    pub closed: Vec<AdapterId>,
    /// Not closed, and why.
    pub failed: Vec<Failed<AdapterId>>,
}

impl AdaptersCreated {
    /// # Errors
    /// [`Error::Items`] if an adapter was not created.
    pub fn complete(&self) -> Result<(), Error> {
        complete(NEW, &self.failed)
    }
}

impl AdaptersClosed {
    /// # Errors
    /// [`Error::Items`] if an adapter was not closed.
    pub fn complete(&self) -> Result<(), Error> {
        complete(CLOSE, &self.failed)
    }
}

async fn create(client: &Client, adapters: Vec<Adapter>) -> Result<AdaptersCreated, Error> {
    meter::step("create_adapters");
    let request = adapters.iter().map(|adapter| adapter.request.clone());
    let request = NewAdapterRequest::new(request);
    let is_local = reqwest::Url::parse(client.base_url()).is_ok_and(|base| is_loopback(&base));
    request.check(is_local).map_err(Error::invalid("create_adapters"))?;
    let send = || async {
        match client.new_websocket_adapters(&request).send().await {
            Ok(reply) => Ok(reply.tracks),
            Err(error) => items_or_error(error, |body| match body {
                NewWebsocketAdaptersError::NewAdapterResponse(NewAdapterResponse {
                    tracks,
                    ..
                }) if !tracks.is_empty() => Ok(tracks),
                NewWebsocketAdaptersError::NewAdapterResponse(body) => {
                    Err(plain(body.error_code, body.error_description))
                }
                NewWebsocketAdaptersError::ApiError(body) => Err(body),
            }),
        }
    };
    let results = RetryPolicy::default().run(Repeat::Create, send).await?;
    let is_for = |adapter: &Adapter, result: &AdapterResult| {
        result.track_name.as_ref() == Some(&adapter.request.track_name)
            && result.endpoint.as_ref().is_none_or(|url| *url == adapter.request.endpoint)
    };
    let is_anonymous =
        |result: &AdapterResult| result.track_name.as_ref().is_none_or(|name| name.is_empty());
    let (assigned, _) = assign(&adapters, results, is_for, is_anonymous);
    let mut created = AdaptersCreated::default();
    for (adapter, result) in adapters.into_iter().zip(assigned) {
        let error = match result {
            None => ItemError::Unreported,
            Some(result) => {
                let error = ItemError::of(&result.error_code, &result.error_description);
                match (error, result.adapter_id) {
                    (Some(error), _) => error,
                    (None, None) => ItemError::Unnamed,
                    (None, Some(id)) => {
                        let session = result.session_id.or(adapter.request.session_id);
                        let name = adapter.request.track_name;
                        created.adapters.push(CreatedAdapter { id, name, session });
                        continue;
                    }
                }
            }
        };
        created.failed.push(Failed::new(NEW, adapter, error));
    }
    Ok(created)
}

async fn close(client: &Client, ids: Vec<AdapterId>) -> Result<AdaptersClosed, Error> {
    meter::step("close_adapters");
    let (mut all, mut last_error) = (AdaptersClosed::default(), None);
    for batch in ids.chunks(crate::MAX_ADAPTERS) {
        let request = CloseAdapterRequest::new(batch.iter().cloned().map(CloseAdapter::new));
        let send = || async {
            match client.close_websocket_adapters(&request).send().await {
                Ok(reply) => Ok(reply.tracks),
                Err(error) => items_or_error(error, |body| match body {
                    CloseWebsocketAdaptersError::CloseAdapterResponse(CloseAdapterResponse {
                        tracks,
                        ..
                    }) if !tracks.is_empty() => Ok(tracks),
                    CloseWebsocketAdaptersError::CloseAdapterResponse(body) => {
                        Err(plain(body.error_code, body.error_description))
                    }
                    CloseWebsocketAdaptersError::ApiError(body) => Err(body),
                }),
            }
        };
        let results = match RetryPolicy::default().run(Repeat::Close, send).await {
            Ok(results) => results,
            Err(error) => {
                let failed =
                    |id: &AdapterId| Failed::new(CLOSE, id.clone(), ItemError::RequestFailed);
                all.failed.extend(batch.iter().map(failed));
                last_error = Some(error);
                continue;
            }
        };
        let (assigned, _) = assign(
            batch,
            results,
            |id, result| result.adapter_id.as_ref() == Some(id),
            |result| result.adapter_id.is_none(),
        );
        for (id, result) in batch.iter().zip(assigned) {
            let result = result.as_ref();
            let error =
                ItemError::of_reported(result.map(|r| (&r.error_code, &r.error_description)));
            match error {
                Some(error) if error.code() != Some(&ErrorCode::AdapterNotFound) => {
                    all.failed.push(Failed::new(CLOSE, id.clone(), error));
                }
                _ => all.closed.push(id.clone()),
            }
        }
    }
    match last_error {
        Some(error) if all.closed.is_empty() => Err(error),
        _ => Ok(all),
    }
}

/// The results of a refusal that has some for each item, as 503 does when all
/// of them failed; the refusal itself otherwise.
fn items_or_error<B, I>(
    error: OperationError<B>,
    items: impl FnOnce(B) -> Result<I, ApiError>,
) -> Result<I, OperationError<ApiError>> {
    match error {
        OperationError::Refused { operation, status, retry_after, body } => items(body)
            .map_err(|body| OperationError::Refused { operation, status, retry_after, body }),
        // Nothing else has a body.
        error => Err(error.map_body(|_| plain(None, None))),
    }
}

/// An error of the usual shape, whose code may be empty.
fn plain(code: Option<ErrorCode>, description: Option<String>) -> ApiError {
    let error_code = code.unwrap_or_else(|| ErrorCode::Other(String::new()));
    ApiError { error_code, error_description: description }
}
