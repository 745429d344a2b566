//! Ways of sending the secret other than as a bearer token.

use reqwest::header::{AUTHORIZATION, COOKIE, HeaderName, HeaderValue};

use super::error::InvalidRequest;
use super::exchange::Request;

/// Way of sending the secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scheme {
    /// Bearer token (RFC 6750).
    Bearer,
    /// Name and password (RFC 7617). The secret is both, with a colon between.
    Basic,
    /// Header of this name.
    Header(&'static str),
    /// Query parameter of this name.
    Query(&'static str),
    /// Cookie of this name.
    Cookie(&'static str),
}

impl Request<'_> {
    /// Sends the secret in the preferred of these ways, else in the first. It is not sent if
    /// there is no way.
    pub(crate) fn authorize(
        &mut self,
        preferred: Option<Scheme>,
        ways: &[Scheme],
    ) -> Result<(), InvalidRequest> {
        let preferred = preferred.filter(|scheme| ways.contains(scheme));
        let bearer = self.authorization.take();
        let Some(scheme) = preferred.or(ways.first().copied()) else { return Ok(()) };
        let operation = self.operation;
        let invalid = |name| InvalidRequest::HeaderParameter { operation, name };
        // The secret fits into a header, but may have bytes that are not UTF-8.
        let secret = bearer.as_ref().and_then(|bearer| bearer.as_bytes().strip_prefix(b"Bearer "));
        let secret = str::from_utf8(secret.unwrap_or_default())
            .map_err(|_| invalid("authorization"))?
            .to_owned();
        match scheme {
            Scheme::Bearer => self.authorization = bearer,
            Scheme::Basic => {
                let (name, password) = secret.split_once(':').unwrap_or((&secret, ""));
                let request = self.http().get(self.inner.url().clone());
                let request = request.basic_auth(name, Some(password)).build();
                let mut request = request.map_err(|_| InvalidRequest::Request { operation })?;
                self.authorization = request.headers_mut().remove(AUTHORIZATION);
            }
            Scheme::Header(name) => {
                let value = sensitive(secret).ok_or_else(|| invalid(name))?;
                self.inner.headers_mut().insert(HeaderName::from_static(name), value);
            }
            Scheme::Query(name) => self.query(name, secret),
            Scheme::Cookie(name) => {
                // A cookie ends at the first semicolon.
                let value = Some(secret).filter(|secret| !secret.contains(';'));
                let value = value.map(|secret| format!("{name}={secret}"));
                let value = value.and_then(sensitive).ok_or_else(|| invalid("cookie"))?;
                self.inner.headers_mut().insert(COOKIE, value);
            }
        }
        Ok(())
    }
}

fn sensitive(text: String) -> Option<HeaderValue> {
    let mut value = HeaderValue::try_from(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}
