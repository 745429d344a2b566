//! Client from the environment.

use std::fmt;

use secrecy::SecretString;

use crate::generated::types::AppId;
use crate::generated::{Client, ClientBuilder};
use crate::runtime::id::InvalidId;
use crate::runtime::setup::ConfigError;

/// Access to a client, for the traits that are not about one session.
pub trait Root: Sync {
    /// Returns the client itself.
    fn client(&self) -> &Client;
}

impl Root for Client {
    fn client(&self) -> &Client {
        self
    }
}

/// Variable with the app's id.
const APP_ID: &str = "CALLS_APP_ID";
/// Variable with the app's secret.
const APP_SECRET: &str = "CALLS_APP_SECRET";
/// Variable with another base URL.
const BASE_URL: &str = "CALLS_BASE_URL";

impl Client {
    /// Creates a client of the app in `CALLS_APP_ID` with the secret in `CALLS_APP_SECRET`, at
    /// `CALLS_BASE_URL` if that is set.
    ///
    /// # Errors
    /// [`FromEnvError`] with the variable that is missing or wrong, or the setting that cannot be
    /// used.
    pub fn from_env() -> Result<Self, FromEnvError> {
        ClientBuilder::from_env()?.build().map_err(FromEnvError::Config)
    }
}

impl ClientBuilder {
    /// Returns the builder with the settings of [`Client::from_env`].
    ///
    /// # Errors
    /// [`FromEnvError`] with the variable that is missing or wrong.
    pub fn from_env() -> Result<Self, FromEnvError> {
        Self::from_variables(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
    }

    fn from_variables(get: impl Fn(&str) -> Option<String>) -> Result<Self, FromEnvError> {
        let needed = |name| get(name).ok_or(FromEnvError::Missing(name));
        let app = AppId::new(needed(APP_ID)?).map_err(FromEnvError::AppId)?;
        let builder = Client::builder(app, SecretString::from(needed(APP_SECRET)?));
        Ok(match get(BASE_URL) {
            Some(base_url) => builder.base_url(base_url),
            None => builder,
        })
    }
}

/// Reason for which the environment gives no client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FromEnvError {
    /// The variable of this name is not set, is empty or is not UTF-8.
    Missing(&'static str),
    /// `CALLS_APP_ID` is no valid id.
    AppId(InvalidId),
    /// The settings cannot be used.
    Config(ConfigError),
}

impl fmt::Display for FromEnvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(name) => write!(f, "{name} is not set"),
            Self::AppId(invalid) => write!(f, "{APP_ID}: {invalid}"),
            Self::Config(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for FromEnvError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(variables: &[(&str, &str)]) -> Result<Client, FromEnvError> {
        let get = |name: &str| {
            let found = variables.iter().find(|(variable, _)| *variable == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        ClientBuilder::from_variables(get)?.build().map_err(FromEnvError::Config)
    }

    #[test]
    fn no_http_library_shows_the_secret() {
        let client = from(&[(APP_ID, "a1"), (APP_SECRET, "s3cret")]).unwrap();
        assert!(client.core.authorization.is_sensitive());
        assert!(!format!("{:?}", client.core.authorization).contains("s3cret"));
    }

    #[test]
    fn the_environment_has_app_secret_and_base_url() {
        let (app, secret) = ((APP_ID, "a1"), (APP_SECRET, "s3cret"));
        let client = from(&[app, secret]).unwrap();
        assert_eq!(client.base_url(), crate::generated::DEFAULT_BASE_URL);
        assert_eq!(client.app_id().as_str(), "a1");
        let client = from(&[app, secret, (BASE_URL, "http://localhost:1/v1")]).unwrap();
        assert_eq!(client.base_url(), "http://localhost:1/v1");

        assert_eq!(from(&[app]).unwrap_err().to_string(), "CALLS_APP_SECRET is not set");
        assert_eq!(from(&[secret]).unwrap_err().to_string(), "CALLS_APP_ID is not set");
        let error = from(&[(APP_ID, "a/b"), secret]).unwrap_err();
        assert_eq!(error, FromEnvError::AppId(InvalidId::Character));
        let error = from(&[app, secret, (BASE_URL, "http://calls.example/v1")]).unwrap_err();
        assert_eq!(error, FromEnvError::Config(ConfigError::Plaintext));
    }
}
