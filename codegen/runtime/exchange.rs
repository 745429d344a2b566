/// How long a connection may take to be made. A connection takes a few round
/// trips; one that takes longer will not come.
pub const CONNECT_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(5);

/// How long an operation may take by default, from connecting to the end of
/// the reply. The API waits up to 5 s for a session's transport, and its
/// `empty_track_error` has been seen to take 8.3 s: a shorter time-out would
/// lose that answer.
pub const DEFAULT_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(15);

/// The largest reply that is read, in bytes. A `tracks/new` with 64 tracks
/// and their session description stays below 1 MiB.
const MAX_REPLY: usize = 16 * 1024 * 1024;

/// What all operations of a client share.
pub(crate) struct Core {
    http: reqwest::Client,
    base: reqwest::Url,
    authorization: reqwest::header::HeaderValue,
}

impl Core {
    pub(crate) fn new(
        base_url: &str,
        secret: &SecretString,
        http: Option<reqwest::Client>,
        timeout: std::time::Duration,
    ) -> Result<Self, ConfigError> {
        let base = reqwest::Url::parse(base_url).map_err(|_| ConfigError::BaseUrl)?;
        let plain = base.query().is_none()
            && base.fragment().is_none()
            && base.username().is_empty()
            && base.password().is_none();
        if !matches!(base.scheme(), "http" | "https") || !plain {
            return Err(ConfigError::BaseUrl);
        }
        let secret = secret.expose_secret();
        if secret.is_empty() {
            return Err(ConfigError::Secret);
        }
        let mut authorization = reqwest::header::HeaderValue::try_from(format!("Bearer {secret}"))
            .map_err(|_| ConfigError::Secret)?;
        authorization.set_sensitive(true);
        let http = match http {
            Some(http) => http,
            None => reqwest::Client::builder()
                .connect_timeout(CONNECT_TIMEOUT)
                .timeout(timeout)
                // The API never redirects, and a POST that is redirected would become a GET.
                .redirect(reqwest::redirect::Policy::none())
                .build()
                .map_err(|_| ConfigError::Http)?,
        };
        Ok(Self { http, base, authorization })
    }

    /// Begins a request to the path made of these segments, each of which is
    /// escaped as far as needed.
    pub(crate) fn request(
        &self,
        operation: &'static str,
        method: reqwest::Method,
        path: &[&str],
    ) -> Request<'_> {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        Request { core: self, operation, inner: reqwest::Request::new(method, url) }
    }
}

/// The value of a path parameter, if it cannot lead to another path.
#[allow(dead_code)] // Not every document has path parameters.
fn segment<'v>(operation: &'static str, value: &'v str) -> Result<&'v str, InvalidRequest> {
    match check_id(value) {
        Ok(()) => Ok(value),
        Err(reason) => Err(InvalidRequest::PathParameter { operation, reason }),
    }
}

/// A request on its way to being sent.
pub(crate) struct Request<'c> {
    core: &'c Core,
    operation: &'static str,
    inner: reqwest::Request,
}

#[allow(dead_code)] // Not every document has parameters and bodies.
impl Request<'_> {
    fn query(&mut self, name: &str, value: impl fmt::Display) {
        self.inner.url_mut().query_pairs_mut().append_pair(name, &value.to_string());
    }

    fn header(
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
        use reqwest::header::{CONTENT_TYPE, HeaderValue};
        let operation = self.operation;
        let bytes = serde_json::to_vec(body).map_err(|_| InvalidRequest::Body { operation })?;
        *self.inner.body_mut() = Some(bytes.into());
        let json = HeaderValue::from_static("application/json");
        self.inner.headers_mut().insert(CONTENT_TYPE, json);
        Ok(())
    }

    /// Sends the request and reads the whole reply, in a span of its own.
    pub(crate) async fn send<E>(self) -> Result<Reply, OperationError<E>> {
        use tracing::field::Empty;
        let span = tracing::info_span!(
            "calls_operation",
            operation = self.operation,
            method = %self.inner.method(),
            status = Empty,
            duration_ms = Empty,
        );
        let started = std::time::Instant::now();
        let operation = self.operation;
        let result = tracing::Instrument::instrument(self.exchange(), span.clone()).await;
        span.record(
            "duration_ms",
            u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        );
        let status = match &result {
            Ok(Ok(reply)) => Some(reply.status),
            Ok(Err(status)) => Some(*status),
            Err(_) => None,
        };
        if let Some(status) = status {
            span.record("status", status.as_u16());
        }
        span.in_scope(|| match &result {
            Ok(_) => tracing::debug!("reply received"),
            Err(error) => tracing::debug!(timeout = error.is_timeout(), "no reply received"),
        });
        match result {
            Ok(Ok(reply)) => Ok(reply),
            Ok(Err(status)) => Err(OperationError::TooLarge { operation, status }),
            Err(source) => Err(OperationError::Transport { operation, source }),
        }
    }

    /// The reply, or the status of one that is too large.
    async fn exchange(self) -> Result<Result<Reply, reqwest::StatusCode>, reqwest::Error> {
        use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderValue};
        let Self { core, operation, inner: mut request } = self;
        let headers = request.headers_mut();
        headers.insert(AUTHORIZATION, core.authorization.clone());
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let sent = core.http.execute(request).await;
        let mut reply = sent.map_err(reqwest::Error::without_url)?;
        let status = reply.status();
        let retry_after = reply
            .headers()
            .get(reqwest::header::RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.trim().parse().ok())
            .map(std::time::Duration::from_secs);
        // What is announced is believed only so far.
        let announced = reply.content_length().and_then(|length| usize::try_from(length).ok());
        let mut body = Vec::with_capacity(announced.unwrap_or(0).min(64 * 1024));
        while let Some(chunk) = reply.chunk().await.map_err(reqwest::Error::without_url)? {
            if body.len() + chunk.len() > MAX_REPLY {
                return Ok(Err(status));
            }
            body.extend_from_slice(&chunk);
        }
        if !status.is_success() {
            core.forget_secret(&mut body);
        }
        Ok(Ok(Reply { operation, status, retry_after, body }))
    }
}

impl Core {
    /// Takes the secret out of an error reply that echoes the request.
    fn forget_secret(&self, body: &mut Vec<u8>) {
        let bearer = self.authorization.as_bytes();
        let Some(secret) = bearer.strip_prefix(b"Bearer ").filter(|secret| !secret.is_empty())
        else {
            return;
        };
        let mut from = 0;
        while let Some(at) = body[from..].windows(secret.len()).position(|part| part == secret) {
            let range = from + at..from + at + secret.len();
            body.splice(range, *b"[secret]");
            from += at + b"[secret]".len();
        }
    }
}

/// A complete reply.
pub(crate) struct Reply {
    operation: &'static str,
    status: reqwest::StatusCode,
    retry_after: Option<std::time::Duration>,
    body: Vec<u8>,
}

impl Reply {
    pub(crate) fn status(&self) -> u16 {
        self.status.as_u16()
    }

    #[allow(dead_code)] // Not every document has several kinds of success.
    fn is_success(&self) -> bool {
        self.status.is_success()
    }

    /// The body of a success.
    #[allow(dead_code)] // Not every document has one.
    pub(crate) fn decode<T: DeserializeOwned, E>(self) -> Result<T, OperationError<E>> {
        serde_json::from_slice(&self.body).map_err(|_| OperationError::Undecodable {
            operation: self.operation,
            status: self.status,
            problem: problem::<T>(&self.body),
        })
    }

    /// The body of an error, or an excerpt if it is not one of the API's.
    pub(crate) fn refuse<B: DeserializeOwned, E>(
        self,
        wrap: impl FnOnce(B) -> E,
    ) -> OperationError<E> {
        let Self { operation, status, retry_after, body } = self;
        match serde_json::from_slice(&body) {
            Ok(body) => {
                OperationError::Refused { operation, status, retry_after, body: wrap(body) }
            }
            Err(_) => OperationError::Unexpected {
                operation,
                status,
                retry_after,
                excerpt: scrub(&String::from_utf8_lossy(&body)),
            },
        }
    }
}

/// Where and how `body` is not a `T`. A message of serde may quote the value
/// that it did not expect; that part is left out.
#[allow(dead_code)] // As `decode`.
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

/// `null` where a list or map is optional means that there is none.
#[allow(dead_code)] // Not every document has such a field.
fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// The empty string where an id is optional means that there is none: failed
/// items have such ids.
#[allow(dead_code)] // Not every document has such a field.
fn empty_as_none<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: TryFrom<String, Error = InvalidId>,
{
    let text = Option::<String>::deserialize(deserializer)?.filter(|text| !text.is_empty());
    text.map(|text| T::try_from(text).map_err(serde::de::Error::custom)).transpose()
}
