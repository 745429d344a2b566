//! Settings from the environment.

use std::fmt;

use crate::runtime::id::InvalidId;
use crate::runtime::setup::ConfigError;

/// Variable with the app's id.
pub(crate) const APP_ID: &str = "CALLS_APP_ID";
/// Variable with the app's secret.
pub(crate) const APP_SECRET: &str = "CALLS_APP_SECRET";
/// Variable with another base URL.
pub(crate) const BASE_URL: &str = "CALLS_BASE_URL";
/// Variable with the account's id.
pub(crate) const ACCOUNT_ID: &str = "CLOUDFLARE_ACCOUNT_ID";

/// Returns the value of a variable, if it is set, not empty and UTF-8.
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Returns the value that `get` has of a variable.
///
/// # Errors
/// [`FromEnvError::Missing`] if there is none.
pub(crate) fn needed(
    get: impl Fn(&str) -> Option<String>,
    name: &'static str,
) -> Result<String, FromEnvError> {
    get(name).ok_or(FromEnvError::Missing(name))
}

/// Reason why there is no client in the environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FromEnvError {
    /// The variable of this name is not set, is empty or is not UTF-8.
    Missing(&'static str),
    /// `CALLS_APP_ID` is no id.
    AppId(InvalidId),
    /// `CLOUDFLARE_ACCOUNT_ID` is no id.
    AccountId(InvalidId),
    /// The settings cannot be used.
    Config(ConfigError),
}

impl fmt::Display for FromEnvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(name) => write!(f, "{name} is not set"),
            Self::AppId(invalid) => write!(f, "{APP_ID}: {invalid}"),
            Self::AccountId(invalid) => write!(f, "{ACCOUNT_ID}: {invalid}"),
            Self::Config(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for FromEnvError {}
