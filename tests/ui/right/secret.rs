//! A secret is not mistaken for another string.

use cloudflare_calls::error::ConfigError;
use cloudflare_calls::types::AppId;
use cloudflare_calls::{Client, SecretString};

fn _client(id: AppId, secret: &str) -> Result<Client, ConfigError> {
    let _ = SecretString::from(secret);
    Client::new(id, SecretString::from(secret))
}

fn main() {}
