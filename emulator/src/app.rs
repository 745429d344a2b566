//! Apps that may use the API.

use std::fmt;
use std::str::FromStr;

/// App with its secret, or TURN key with its token. As text it is `id:secret`. `Debug` hides the
/// secret.
#[derive(Clone, PartialEq, Eq)]
pub struct App {
    id: String,
    secret: String,
}

/// Error for a text that is no `id:secret`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadApp;

impl App {
    /// Creates an app.
    pub fn new(id: impl Into<String>, secret: impl Into<String>) -> Self {
        Self { id: id.into(), secret: secret.into() }
    }

    /// Returns its id, as part of the API's paths.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns its secret, the bearer token of requests.
    pub fn expose_secret(&self) -> &str {
        &self.secret
    }

    /// Creates an app with an id of 32 and a secret of 64 hexadecimal digits.
    pub(crate) fn random() -> Self {
        Self { id: random_id(), secret: random_id() + &random_id() }
    }

    /// Compares in a time that depends on the secret: an emulator guards nothing.
    pub(crate) fn is_secret(&self, secret: &str) -> bool {
        self.secret == secret
    }
}

/// Returns 32 hexadecimal digits.
pub(crate) fn random_id() -> String {
    format!("{:032x}", fastrand::u128(..))
}

impl FromStr for App {
    type Err = BadApp;

    fn from_str(text: &str) -> Result<Self, BadApp> {
        match text.split_once(':') {
            Some((id, secret)) if !id.is_empty() && !secret.is_empty() => Ok(Self::new(id, secret)),
            _ => Err(BadApp),
        }
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").field("id", &self.id).finish_non_exhaustive()
    }
}

impl fmt::Display for BadApp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not of the form id:secret")
    }
}

impl std::error::Error for BadApp {}
