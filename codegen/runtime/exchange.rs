/// The time that a connection may take to be made. A connection takes a few round
/// trips; one that takes longer will not come.
pub const CONNECT_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(5);

/// The time that an operation may take by default, from connecting to the end of
/// the reply. The API waits up to 5 s for a session's transport, and its
/// `empty_track_error` has been seen to take 8.3 s: a shorter time-out would
/// lose that answer.
pub const DEFAULT_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(15);

/// The largest reply of success that is read, in bytes. A `tracks/new` with 64
/// tracks and their session description stays below 1 MiB.
const MAX_REPLY: usize = 16 * 1024 * 1024;

/// The part of an error reply that is read, in bytes. An error of the API has
/// less than 1 KiB for each of its entries.
const MAX_ERROR_REPLY: usize = 64 * 1024;

/// The most entries of a list that are read. A session has a few thousand at
/// most, closed ones included.
#[allow(dead_code)] // Not every document has a list.
const MAX_ENTRIES: usize = 100_000;

/// The longest `cf-ray` that is kept, in bytes. Real ones have 20.
const MAX_RAY: usize = 64;

/// The `User-Agent` of a client that has no other: name and version of the
/// crate.
const USER_AGENT: &str = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));

/// Settings that every client has.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) base_url: String,
    pub(crate) timeout: std::time::Duration,
    pub(crate) http: Option<reqwest::Client>,
    pub(crate) user_agent: Option<String>,
    pub(crate) allows_plaintext: bool,
    pub(crate) attached: Attached,
}

impl Setup {
    pub(crate) fn new(base_url: &str) -> Self {
        Self {
            base_url: base_url.to_owned(),
            timeout: DEFAULT_TIMEOUT,
            http: None,
            user_agent: None,
            allows_plaintext: false,
            attached: Attached(None),
        }
    }
}

/// A value that a layer above the client keeps with it.
#[derive(Clone)]
pub(crate) struct Attached(pub(crate) Option<Arc<dyn std::any::Any + Send + Sync>>);

impl fmt::Debug for Attached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Attached").field(&self.0.is_some()).finish()
    }
}

/// The part of a client that all its operations share.
pub(crate) struct Core {
    http: reqwest::Client,
    base: reqwest::Url,
    /// Marked as sensitive, so that no HTTP library shows it.
    pub(crate) authorization: reqwest::header::HeaderValue,
    /// None for an HTTP client that may have one of its own.
    user_agent: Option<reqwest::header::HeaderValue>,
    #[allow(dead_code)] // Not every client has a layer above it.
    pub(crate) attached: Attached,
}

impl Core {
    pub(crate) fn new(setup: Setup, secret: &SecretString) -> Result<Self, ConfigError> {
        let base = reqwest::Url::parse(&setup.base_url).map_err(|_| ConfigError::BaseUrl)?;
        let plain = base.query().is_none()
            && base.fragment().is_none()
            && base.username().is_empty()
            && base.password().is_none();
        let is_encrypted = match base.scheme() {
            "https" => true,
            "http" => false,
            _ => return Err(ConfigError::BaseUrl),
        };
        if !plain {
            return Err(ConfigError::BaseUrl);
        }
        if !is_encrypted && !setup.allows_plaintext && !is_loopback(&base) {
            return Err(ConfigError::Plaintext);
        }
        let secret = secret.expose_secret();
        if secret.is_empty() {
            return Err(ConfigError::Secret);
        }
        let mut authorization = reqwest::header::HeaderValue::try_from(format!("Bearer {secret}"))
            .map_err(|_| ConfigError::Secret)?;
        authorization.set_sensitive(true);
        let user_agent = match (setup.user_agent, &setup.http) {
            (Some(name), _) => Some(name.try_into().map_err(|_| ConfigError::UserAgent)?),
            (None, Some(_)) => None,
            (None, None) => Some(reqwest::header::HeaderValue::from_static(USER_AGENT)),
        };
        let http = match setup.http {
            Some(http) => http,
            None => {
                let mut http = reqwest::Client::builder()
                    .connect_timeout(CONNECT_TIMEOUT)
                    .timeout(setup.timeout)
                    // The API never redirects, and a POST that is redirected would become a GET.
                    .redirect(reqwest::redirect::Policy::none());
                if !is_encrypted && !setup.allows_plaintext {
                    // A proxy would get the secret in plain text.
                    http = http.no_proxy();
                }
                http.build().map_err(|_| ConfigError::Http)?
            }
        };
        Ok(Self { http, base, authorization, user_agent, attached: setup.attached })
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

/// Whether a URL's host is this machine: `localhost`, a name below it, or a
/// loopback or unspecified address.
pub(crate) fn is_loopback(url: &reqwest::Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_end_matches('.');
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    match address.map(|address| address.to_canonical()) {
        Ok(address) => address.is_loopback() || address.is_unspecified(),
        Err(_) => {
            let name = host.to_ascii_lowercase();
            name == "localhost" || name.ends_with(".localhost")
        }
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
    pub(crate) fn send<E>(self) -> impl Future<Output = Result<Reply, OperationError<E>>> {
        use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderValue, USER_AGENT};
        use tracing::field::Empty;
        let Self { core, operation, inner: mut request } = self;
        let span = tracing::info_span!(
            "calls_operation",
            operation,
            method = %request.method(),
            status = Empty,
            ray = Empty,
            duration_ms = Empty,
        );
        let headers = request.headers_mut();
        headers.insert(AUTHORIZATION, core.authorization.clone());
        headers.entry(ACCEPT).or_insert(HeaderValue::from_static("application/json"));
        if let Some(name) = &core.user_agent {
            headers.insert(USER_AGENT, name.clone());
        }
        // It is begun here, because a future that held the request would be twice as
        // large.
        let sent = core.http.execute(request);
        recorded(operation, span, sent, core.authorization.clone())
    }
}

/// Reads a reply, and records it in the span of its operation.
async fn recorded<E>(
    operation: &'static str,
    span: tracing::Span,
    sent: impl Future<Output = reqwest::Result<reqwest::Response>>,
    secret: reqwest::header::HeaderValue,
) -> Result<Reply, OperationError<E>> {
    let received = received(operation, sent, secret);
    let result = tracing::Instrument::instrument(received, span.clone()).await;
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

/// Reads a reply to its end, or to the bound of its length.
async fn received<E>(
    operation: &'static str,
    sent: impl Future<Output = reqwest::Result<reqwest::Response>>,
    secret: reqwest::header::HeaderValue,
) -> Result<Reply, OperationError<E>> {
    let started = std::time::Instant::now();
    let failed = |source: reqwest::Error| match source.is_builder() {
        true => OperationError::Invalid(InvalidRequest::Request { operation }),
        false => {
            let source = source.without_url();
            OperationError::Transport { operation, elapsed: started.elapsed(), source }
        }
    };
    let mut reply = sent.await.map_err(failed)?;
    let mut received = Box::new(Received::of(&reply));
    let is_success = received.status.is_success();
    let limit = if is_success { MAX_REPLY } else { MAX_ERROR_REPLY };
    // An announced length is trusted up to a bound.
    let announced = reply.content_length().and_then(|length| usize::try_from(length).ok());
    let mut body = Vec::with_capacity(announced.unwrap_or(0).min(64 * 1024));
    while let Some(chunk) = reply.chunk().await.map_err(failed)? {
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
    Ok(Reply { operation, received, secret, body })
}

impl Received {
    /// The head of a reply that is not read to its end yet.
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

/// The time that `Retry-After` names: seconds, or a date (RFC 9110 section
/// 10.2.3).
fn retry_after(value: &str) -> Option<std::time::Duration> {
    if let Ok(seconds) = value.parse() {
        return Some(std::time::Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    // A date that has passed asks for no delay.
    Some(date.duration_since(std::time::SystemTime::now()).unwrap_or_default())
}

/// A complete reply.
pub(crate) struct Reply {
    operation: &'static str,
    received: Box<Received>,
    /// The `Authorization` that was sent.
    secret: reqwest::header::HeaderValue,
    body: Vec<u8>,
}

impl Reply {
    pub(crate) fn status(&self) -> u16 {
        self.received.status.as_u16()
    }

    #[allow(dead_code)] // Not every document has several kinds of success.
    fn is_success(&self) -> bool {
        self.received.status.is_success()
    }

    /// The body of a success.
    #[allow(dead_code)] // Not every document has one.
    pub(crate) fn decode<T: DeserializeOwned, E>(self) -> Result<T, OperationError<E>> {
        serde_json::from_slice(&self.body).map_err(|_| OperationError::Undecodable {
            operation: self.operation,
            reply: self.received,
            problem: problem::<T>(&self.body),
        })
    }

    /// The body of a success, or the error that it carries at its top: then the
    /// reply is a refusal, whatever its status.
    #[allow(dead_code)] // Not every document has such a body.
    pub(crate) fn accept<T, B, E>(self, wrap: impl FnOnce(B) -> E) -> Result<T, OperationError<E>>
    where
        T: DeserializeOwned + ErrorBody,
        B: DeserializeOwned + ErrorBody,
    {
        match serde_json::from_slice::<T>(&self.body) {
            Ok(body) if !body.is_error() => Ok(body),
            Ok(_) => Err(self.refuse(wrap)),
            // A refusal can lack what a success has to have.
            Err(_) => match serde_json::from_slice::<B>(&self.body) {
                Ok(body) if body.is_error() => Err(self.refuse(wrap)),
                _ => self.decode(),
            },
        }
    }

    /// The body of an error, or an excerpt if it is not one of the API's.
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

    /// The body, in case it echoes the request. The time is linear in its
    /// length.
    fn body_without_secret(&self) -> Vec<u8> {
        let bearer = self.secret.as_bytes();
        let Some((secret, first)) =
            bearer.strip_prefix(b"Bearer ").and_then(|secret| Some((secret, *secret.first()?)))
        else {
            return self.body.clone();
        };
        let mut clean = Vec::with_capacity(self.body.len());
        let mut rest = self.body.as_slice();
        while let Some(at) = rest.iter().position(|byte| *byte == first) {
            clean.extend_from_slice(&rest[..at]);
            rest = &rest[at..];
            match rest.strip_prefix(secret) {
                Some(behind) => {
                    clean.extend_from_slice(b"[secret]");
                    rest = behind;
                }
                None => {
                    clean.push(first);
                    rest = &rest[1..];
                }
            }
        }
        clean.extend_from_slice(rest);
        clean
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

/// `null` where a map is optional means that there is none.
#[allow(dead_code)] // Not every document has such a field.
fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// A list of at most [`MAX_ENTRIES`], where `null` means that there is none.
#[allow(dead_code)] // Not every document has such a field.
fn list<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    use serde::de::{Error, SeqAccess, Visitor};

    struct Entries<T>(std::marker::PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for Entries<T> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "a list of at most {MAX_ENTRIES} entries")
        }

        fn visit_unit<E: Error>(self) -> Result<Vec<T>, E> {
            Ok(Vec::new())
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Vec<T>, A::Error> {
            let mut all = Vec::new();
            while let Some(entry) = entries.next_element()? {
                if all.len() == MAX_ENTRIES {
                    return Err(A::Error::invalid_length(MAX_ENTRIES + 1, &self));
                }
                all.push(entry);
            }
            Ok(all)
        }
    }

    deserializer.deserialize_any(Entries(std::marker::PhantomData))
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
