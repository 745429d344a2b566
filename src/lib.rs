#![doc = include_str!("../README.md")]

mod generated;
mod invalid;
#[cfg(doctest)]
mod misuse;
mod requests;

pub use invalid::{Invalid, Problem};
pub use generated::{
    CONNECT_TIMEOUT, Client, ClientBuilder, ConfigError, DEFAULT_BASE_URL, DEFAULT_TIMEOUT,
    ErrorBody, InvalidId, InvalidRequest, OperationError, operations, types,
};
/// The HTTP client in whose terms [`ClientBuilder::http_client`] and
/// [`OperationError`] speak.
pub use reqwest;
/// The type of the app secret.
pub use secrecy::SecretString;
