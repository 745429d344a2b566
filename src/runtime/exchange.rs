//! Exchange with the API: a request, and the reply to it.

use std::fmt;
use std::time::Instant;

use reqwest::Response;
use reqwest::header::HeaderValue;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::{ErrorBody, InvalidRequest, OperationError, Received};
use super::id::check_segment;
use super::redaction::scrub;
use super::setup::Core;

/// Largest reply of success that is read, in bytes. A `tracks/new` with 64
/// tracks and their session description stays below 1 MiB.
const MAX_REPLY: usize = 16 * 1024 * 1024;

/// Part of an error reply that is read, in bytes. An error of the API has
/// less than 1 KiB for each of its entries.
const MAX_ERROR_REPLY: usize = 64 * 1024;

/// Longest `cf-ray` that is kept, in bytes. Real ones have 20.
const MAX_RAY: usize = 64;

impl Core {
    /// Begins a request to the path of these segments. Each of them is escaped as needed.
    pub(crate) fn request(
        &self,
        operation: &'static str,
        method: reqwest::Method,
        path: &[&str],
    ) -> Request<'_> {
        self.request_to(&self.base, operation, method, path)
    }

    /// Begins a request to a path of this server.
    pub(super) fn request_to(
        &self,
        server: &reqwest::Url,
        operation: &'static str,
        method: reqwest::Method,
        path: &[&str],
    ) -> Request<'_> {
        let mut url = server.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        Request {
            core: self,
            operation,
            authorization: Some(self.authorization.clone()),
            secrets: Vec::new(),
            inner: reqwest::Request::new(method, url),
        }
    }
}

/// Returns the value of a path parameter, if it can be one segment of a path. An id is one.
pub(crate) fn segment<T: AsRef<str>>(
    operation: &'static str,
    value: T,
) -> Result<T, InvalidRequest> {
    match check_segment(value.as_ref()) {
        Ok(()) => Ok(value),
        Err(reason) => Err(InvalidRequest::PathParameter { operation, reason }),
    }
}

/// Request that is not sent yet.
pub(crate) struct Request<'c> {
    core: &'c Core,
    pub(super) operation: &'static str,
    /// Secret in the header `Authorization`. None if no secret is sent, or at another place.
    pub(super) authorization: Option<HeaderValue>,
    /// Other texts that are as secret, each behind a word and a space.
    pub(super) secrets: Vec<HeaderValue>,
    pub(super) inner: reqwest::Request,
}

impl Request<'_> {
    #[allow(dead_code)] // Calls has one security scheme.
    pub(super) fn http(&self) -> &reqwest::Client {
        &self.core.http
    }

    pub(crate) fn query(&mut self, name: &str, value: impl fmt::Display) {
        self.inner.url_mut().query_pairs_mut().append_pair(name, &value.to_string());
    }

    #[allow(dead_code)] // No parameter of Calls is a header.
    pub(crate) fn header(
        &mut self,
        name: &'static str,
        value: impl fmt::Display,
    ) -> Result<(), InvalidRequest> {
        let operation = self.operation;
        let invalid = |_| InvalidRequest::HeaderParameter { operation, name };
        let value = value.to_string().try_into().map_err(invalid)?;
        self.inner.headers_mut().append(name, value);
        Ok(())
    }

    pub(crate) fn json(&mut self, body: &impl Serialize) -> Result<(), InvalidRequest> {
        use reqwest::header::CONTENT_TYPE;
        let operation = self.operation;
        let bytes = serde_json::to_vec(body).map_err(|_| InvalidRequest::Body { operation })?;
        *self.inner.body_mut() = Some(bytes.into());
        let json = HeaderValue::from_static("application/json");
        self.inner.headers_mut().insert(CONTENT_TYPE, json);
        Ok(())
    }

    /// Sends the request and reads the whole reply, in a span of its own.
    pub(crate) fn send<E>(self) -> impl Future<Output = Result<Reply, OperationError<E>>> {
        let (exchange, sent) = self.start();
        let span = exchange.span.clone();
        let reply = async { exchange.head(sent).await?.read().await };
        recorded(span, reply)
    }

    /// Starts to send. The future does not hold the request, which would double its size.
    pub(super) fn start(self) -> (Exchange, impl Future<Output = reqwest::Result<Response>>) {
        use reqwest::header::{ACCEPT, AUTHORIZATION, USER_AGENT};
        use tracing::field::Empty;
        let Self { core, operation, authorization, secrets: others, inner: mut request } = self;
        let span = tracing::info_span!(
            "calls_operation",
            operation,
            method = %request.method(),
            status = Empty,
            ray = Empty,
            duration_ms = Empty,
        );
        let headers = request.headers_mut();
        if let Some(authorization) = &authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        headers.entry(ACCEPT).or_insert(HeaderValue::from_static("application/json"));
        if let Some(name) = &core.user_agent {
            headers.insert(USER_AGENT, name.clone());
        }
        let secrets = Secrets { own: core.authorization.clone(), others };
        (Exchange { operation, span, secrets }, core.http.execute(request))
    }
}

/// Secrets of a request, each behind a word and a space.
struct Secrets {
    own: HeaderValue,
    others: Vec<HeaderValue>,
}

/// Request under way.
pub(super) struct Exchange {
    operation: &'static str,
    pub(super) span: tracing::Span,
    secrets: Secrets,
}

impl Exchange {
    /// Waits for the head of the reply.
    pub(super) async fn head<E>(
        self,
        sent: impl Future<Output = reqwest::Result<Response>>,
    ) -> Result<Head, OperationError<E>> {
        let Self { operation, secrets, .. } = self;
        let started = Instant::now();
        let response = sent.await.map_err(|error| failed(operation, started, error))?;
        let received = Box::new(Received::of(&response));
        Ok(Head { operation, started, received, secrets, response })
    }
}

/// Head of a reply whose body is still to come.
pub(super) struct Head {
    pub(super) operation: &'static str,
    started: Instant,
    pub(super) received: Box<Received>,
    secrets: Secrets,
    pub(super) response: Response,
}

impl Head {
    /// Reads the reply to its end, or to the limit of its length.
    pub(super) async fn read<E>(self) -> Result<Reply, OperationError<E>> {
        let Self { operation, started, mut received, secrets, mut response } = self;
        let is_success = received.status.is_success();
        let limit = if is_success { MAX_REPLY } else { MAX_ERROR_REPLY };
        // The announced length is trusted up to 64 KiB.
        let announced = response.content_length().and_then(|length| usize::try_from(length).ok());
        let mut body = Vec::with_capacity(announced.unwrap_or(0).min(64 * 1024));
        let failed = |error| failed(operation, started, error);
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            let room = limit - body.len();
            if chunk.len() > room {
                if is_success {
                    received.elapsed = started.elapsed();
                    return Err(OperationError::TooLarge { operation, reply: received });
                }
                body.extend_from_slice(&chunk[..room]);
                break;
            }
            body.extend_from_slice(&chunk);
        }
        received.elapsed = started.elapsed();
        Ok(Reply { operation, received, secrets, body })
    }
}

fn failed<E>(
    operation: &'static str,
    started: Instant,
    error: reqwest::Error,
) -> OperationError<E> {
    match error.is_builder() {
        true => OperationError::Invalid(InvalidRequest::Request { operation }),
        false => {
            let source = error.without_url();
            OperationError::Transport { operation, elapsed: started.elapsed(), source }
        }
    }
}

/// Waits for a reply, and records its facts in the span of its operation.
async fn recorded<E>(
    span: tracing::Span,
    reply: impl Future<Output = Result<Reply, OperationError<E>>>,
) -> Result<Reply, OperationError<E>> {
    let result = tracing::Instrument::instrument(reply, span.clone()).await;
    let (received, elapsed) = match &result {
        Ok(reply) => (Some(&*reply.received), Some(reply.received.elapsed)),
        Err(error) => (error.reply(), error.elapsed()),
    };
    if let Some(elapsed) = elapsed {
        span.record("duration_ms", u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX));
    }
    if let Some(received) = received {
        span.record("status", received.status.as_u16());
        span.record("ray", received.ray.as_deref());
    }
    span.in_scope(|| match &result {
        Err(OperationError::Transport { source, .. }) => {
            tracing::debug!(timeout = source.is_timeout(), "no reply received");
        }
        Err(OperationError::Invalid(_)) => tracing::debug!("not sent"),
        _ => tracing::debug!("reply received"),
    });
    result
}

impl Received {
    /// Reads the facts of a reply from its head. The elapsed time is zero until its end.
    fn of(reply: &reqwest::Response) -> Self {
        let header = |name: &str| reply.headers().get(name)?.to_str().ok().map(str::trim);
        Self {
            status: reply.status(),
            retry_after: header("retry-after").and_then(retry_after),
            ray: header("cf-ray").filter(|ray| ray.len() <= MAX_RAY).map(str::to_owned),
            elapsed: std::time::Duration::ZERO,
        }
    }
}

/// Reads the time that `Retry-After` names: seconds, or a date (RFC 9110 section 10.2.3).
fn retry_after(value: &str) -> Option<std::time::Duration> {
    if let Ok(seconds) = value.parse() {
        return Some(std::time::Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    // A date that has passed asks for no delay.
    Some(date.duration_since(std::time::SystemTime::now()).unwrap_or_default())
}

/// Complete reply.
pub(crate) struct Reply {
    operation: &'static str,
    received: Box<Received>,
    secrets: Secrets,
    pub(super) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn status(&self) -> u16 {
        self.received.status.as_u16()
    }

    /// Reads the body of a success.
    pub(crate) fn decode<T: DeserializeOwned, E>(self) -> Result<T, OperationError<E>> {
        serde_json::from_slice(&self.body).map_err(|_| OperationError::Undecodable {
            operation: self.operation,
            reply: self.received,
            problem: problem::<T>(&self.body),
        })
    }

    /// Reads the body of a success. A body that carries an error at its top is a refusal,
    /// whatever the status.
    pub(crate) fn accept<T, B, E>(self, wrap: impl FnOnce(B) -> E) -> Result<T, OperationError<E>>
    where
        T: DeserializeOwned + ErrorBody,
        B: DeserializeOwned + ErrorBody,
    {
        match serde_json::from_slice::<T>(&self.body) {
            Ok(body) if !body.is_error() => Ok(body),
            Ok(_) => Err(self.refuse(wrap)),
            // A refusal can lack fields that a success must have.
            Err(_) => match serde_json::from_slice::<B>(&self.body) {
                Ok(body) if body.is_error() => Err(self.refuse(wrap)),
                _ => self.decode(),
            },
        }
    }

    /// Reads the body of an error, or an excerpt if it is not one of the API's.
    pub(crate) fn refuse<B: DeserializeOwned, E>(
        self,
        wrap: impl FnOnce(B) -> E,
    ) -> OperationError<E> {
        let body = self.body_without_secret();
        let Self { operation, received: reply, .. } = self;
        match serde_json::from_slice(&body) {
            Ok(body) => OperationError::Refused { operation, reply, body: wrap(body) },
            Err(_) => {
                let excerpt = scrub(&String::from_utf8_lossy(&body));
                OperationError::Unexpected { operation, reply, excerpt }
            }
        }
    }

    /// Returns the body without the secret, in case it echoes the request.
    fn body_without_secret(&self) -> Vec<u8> {
        let mut body = self.body.clone();
        let Secrets { own, others } = &self.secrets;
        for sent in std::iter::once(own).chain(others) {
            let secret = sent.as_bytes();
            let scheme = secret.iter().position(|byte| *byte == b' ').map_or(0, |space| space + 1);
            body = without(&secret[scheme..], body);
        }
        body
    }
}

/// Removes each occurrence of `secret` from `body`. The time is linear in its length.
fn without(secret: &[u8], body: Vec<u8>) -> Vec<u8> {
    let Some(first) = secret.first() else { return body };
    let mut clean = Vec::with_capacity(body.len());
    let mut rest = body.as_slice();
    while let Some(at) = rest.iter().position(|byte| byte == first) {
        clean.extend_from_slice(&rest[..at]);
        rest = &rest[at..];
        match rest.strip_prefix(secret) {
            Some(behind) => {
                clean.extend_from_slice(b"[secret]");
                rest = behind;
            }
            None => {
                clean.push(*first);
                rest = &rest[1..];
            }
        }
    }
    clean.extend_from_slice(rest);
    clean
}

/// Describes the place and kind of the difference between `body` and a `T`. A message of
/// serde may quote the value that it did not expect: that part is left out.
fn problem<T: DeserializeOwned>(body: &[u8]) -> String {
    let mut source = serde_json::Deserializer::from_slice(body);
    let (place, error) = match serde_path_to_error::deserialize::<_, T>(&mut source) {
        Ok(_) => return "more follows the end of the JSON value".to_owned(),
        Err(error) => (error.path().to_string(), error.into_inner()),
    };
    let message = error.to_string();
    let what = match (error.classify(), message.rsplit_once(", expected ")) {
        (serde_json::error::Category::Data, Some((_, expected))) => format!("expected {expected}"),
        (serde_json::error::Category::Data, None) if message.starts_with("missing field") => {
            message
        }
        (serde_json::error::Category::Data, None) => {
            format!("invalid value at line {} column {}", error.line(), error.column())
        }
        _ => format!("not JSON from line {} column {}", error.line(), error.column()),
    };
    scrub(&format!("{place}: {what}"))
}
