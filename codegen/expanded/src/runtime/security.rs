//! Secrets other than one bearer token, and ways of sending them.

use std::collections::BTreeMap;
use std::sync::Arc;

use reqwest::header::{AUTHORIZATION, COOKIE, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};

use super::error::InvalidRequest;
use super::exchange::Request;
use super::setup::ConfigError;

/// Way of sending a secret.
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

/// Secrets of the schemes that have one of their own, by name, each as a bearer token.
#[derive(Clone, Debug)]
pub(crate) struct Secrets(Arc<BTreeMap<&'static str, HeaderValue>>);

impl Secrets {
    pub(crate) fn new(secrets: &[(&'static str, SecretString)]) -> Result<Self, ConfigError> {
        let sent = |(name, secret): &(&'static str, SecretString)| {
            let secret = Some(secret.expose_secret()).filter(|secret| !secret.is_empty());
            let sent = secret.and_then(|secret| sensitive(format!("Bearer {secret}")));
            sent.map(|sent| (*name, sent)).ok_or(ConfigError::Secret)
        };
        secrets.iter().map(sent).collect::<Result<_, _>>().map(|all| Self(Arc::new(all)))
    }
}

impl Request<'_> {
    /// Sends the secrets that one of these ways wants: the preferred way, else the first for
    /// which there are secrets. A scheme without a secret of its own takes that of the client,
    /// which serves one scheme of a way. Nothing is sent if there is no way.
    pub(crate) fn authorize(
        &mut self,
        secrets: Option<&Secrets>,
        preferred: Option<Scheme>,
        ways: &[&[(&'static str, Scheme)]],
    ) -> Result<(), InvalidRequest> {
        let own = |name: &str| secrets?.0.get(name);
        let is_preferred =
            |way: &[(&str, Scheme)]| matches!(way, [(_, scheme)] if Some(*scheme) == preferred);
        let can =
            |way: &[(&str, Scheme)]| way.iter().filter(|(name, _)| own(name).is_none()).count() < 2;
        let general = self.authorization.take();
        let way = ways.iter().find(|way| is_preferred(way)).or(ways.iter().find(|way| can(way)));
        let Some(way) = way else {
            let operation = self.operation;
            return if ways.is_empty() {
                Ok(())
            } else {
                Err(InvalidRequest::Secret { operation })
            };
        };
        for (name, scheme) in *way {
            let bearer = own(name).or(general.as_ref()).cloned();
            self.secrets.extend(bearer.clone());
            self.put(*scheme, bearer)?;
        }
        Ok(())
    }

    /// Sends one secret, which is given as a bearer token.
    fn put(&mut self, scheme: Scheme, bearer: Option<HeaderValue>) -> Result<(), InvalidRequest> {
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
                self.secrets.extend(self.authorization.clone());
            }
            Scheme::Header(name) => {
                let value = sensitive(secret).ok_or_else(|| invalid(name))?;
                self.inner.headers_mut().insert(HeaderName::from_static(name), value);
            }
            Scheme::Query(name) => self.query(name, secret),
            Scheme::Cookie(name) => {
                // A cookie ends at the first semicolon.
                let value = Some(secret).filter(|secret| !secret.contains(';'));
                let cookie = value.map(|secret| format!("{name}={secret}"));
                let headers = self.inner.headers_mut();
                // Cookies of parameters stay.
                let before = headers.get(COOKIE).and_then(|value| value.to_str().ok());
                let all = cookie.map(|cookie| match before {
                    Some(before) => format!("{before}; {cookie}"),
                    None => cookie,
                });
                let value = all.and_then(sensitive).ok_or_else(|| invalid("cookie"))?;
                headers.insert(COOKIE, value);
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
