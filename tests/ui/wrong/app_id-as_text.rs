//! An id is not built unchecked.

use cloudflare_calls::error::ConfigError;
use cloudflare_calls::types::AppId;
use cloudflare_calls::{Client, SecretString};

fn _client(id: AppId, secret: SecretString) -> Result<Client, ConfigError> {
    Client::new("app", secret)
}

fn main() {}
