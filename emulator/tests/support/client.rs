//! Client of an emulator.

use cloudflare_calls::types::AppId;
use cloudflare_calls::{Client, SecretString};
use cloudflare_calls_emulator::Emulator;

/// Returns a client with the emulator's first app.
pub(crate) fn client(emulator: &Emulator) -> Client {
    let app = &emulator.apps()[0];
    let secret = SecretString::from(app.expose_secret());
    let id = AppId::new(app.id()).unwrap();
    Client::builder(id, secret).base_url(emulator.base_url()).build().unwrap()
}
