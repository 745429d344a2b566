//! Credentials of TURN.

use std::time::Duration;

use cloudflare_calls::SecretString;
use cloudflare_calls::ice::{TurnClient, TurnKeyId};
use cloudflare_calls_emulator::{App, Emulator};

#[tokio::test]
async fn credentials_are_made_for_browsers_and_revoked() {
    let key = App::new("turn-key", "turn-token");
    let emulator = Emulator::builder().turn_key(key).start().await.unwrap();
    let turn = |token: &str| {
        let key = TurnKeyId::new("turn-key").unwrap();
        let turn = TurnClient::builder(key, SecretString::from(token));
        turn.base_url(emulator.base_url()).build().unwrap()
    };
    let lifetime = Duration::from_secs(60);
    let servers = turn("turn-token").generate(lifetime).send().await.unwrap();
    let server = servers.iter().find(|server| server.username().is_some()).unwrap();
    assert!(server.urls().iter().any(|url| url.starts_with("turn:")));
    let username = server.username().unwrap().to_owned();
    for server in servers.clone().for_browsers().iter() {
        assert!(
            server.urls().iter().all(|url| !url.ends_with(":53") && !url.contains(":53?")),
            "{:?}",
            server.urls()
        );
    }
    let other = turn("turn-token").generate(lifetime).send().await.unwrap();
    assert!(other.iter().all(|server| server.username() != Some(&username)), "not the same twice");
    turn("turn-token").revoke(username).send().await.unwrap();
    let refused = turn("another").generate(lifetime).send().await.unwrap_err();
    assert_eq!(refused.status().unwrap().as_u16(), 401);
}
