//! Client from the environment.

use secrecy::SecretString;

use crate::env::{self, APP_ID, APP_SECRET, BASE_URL, FromEnvError};
use crate::generated::types::AppId;
use crate::generated::{Client, ClientBuilder};

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
        Self::from_variables(env::variable)
    }

    fn from_variables(get: impl Fn(&str) -> Option<String>) -> Result<Self, FromEnvError> {
        let needed = |name| env::needed(&get, name);
        let app = AppId::new(needed(APP_ID)?).map_err(FromEnvError::AppId)?;
        let builder = Client::builder(app, SecretString::from(needed(APP_SECRET)?));
        Ok(match get(BASE_URL) {
            Some(base_url) => builder.base_url(base_url),
            None => builder,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::id::InvalidId;
    use crate::runtime::setup::ConfigError;

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
