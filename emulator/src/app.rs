//! Apps, which may use the API.

use std::fmt;
use std::str::FromStr;

/// An app with its secret, or a TURN key with its token. As text it is
/// `id:secret`. `Debug` hides the secret.
#[derive(Clone, PartialEq, Eq)]
pub struct App {
    id: String,
    secret: String,
}

/// A text that is no `id:secret`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadApp;

impl App {
    /// An app.
    pub fn new(id: impl Into<String>, secret: impl Into<String>) -> Self {
        Self { id: id.into(), secret: secret.into() }
    }

    /// Its id, as part of the API's paths.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its secret, as the bearer token of requests.
    pub fn expose_secret(&self) -> &str {
        &self.secret
    }

    /// An app of 32 and a secret of 64 hexadecimal digits.
    pub(crate) fn random() -> Self {
        Self { id: random_id(), secret: random_id() + &random_id() }
    }

    /// An emulator guards nothing, so it takes no care of the time that this
    /// takes.
    pub(crate) fn is_secret(&self, secret: &str) -> bool {
        self.secret == secret
    }
}

/// 32 hexadecimal digits.
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
