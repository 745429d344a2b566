//! An app from its creation to its end, and a TURN key that is rotated, on this machine:
//! the emulator answers the account API and the Calls API.
//!
//! ```sh
//! cargo run --example account
//! ```
//!
//! Prints each step, and fails if one does not do what it says.

use std::error::Error;
use std::time::Duration;

use cloudflare_calls::account::{Account, AccountId};
use cloudflare_calls::tracks::LocalTrack;
use cloudflare_calls::{Mid, Offer, SecretString, prelude::*};
use cloudflare_calls_emulator::Emulator;
use cloudflare_calls_emulator::agent::{Agent, Source};

/// Lifetime of TURN credentials.
const TTL: Duration = Duration::from_secs(60 * 60);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let emulator = Emulator::start().await?;
    let (id, token) = (emulator.account().id(), emulator.account().expose_secret());
    // With an account: `Account::from_env()`, and no base URLs.
    let account = Account::builder(AccountId::new(id)?, SecretString::from(token))
        .base_url(emulator.account_url())
        .build()?;

    println!("1. An app is created and used");
    let app = account.create_app("rooms of tenant 7").await?;
    println!("   POST calls/apps              {} ({})", app.details.id, app.details.name);
    let client = app.builder().base_url(emulator.base_url()).build()?;
    let agent = Agent::start().await?;
    let session = client.join().send().await?;
    let (offer, mids) = agent.offer(&[Source::Audio]).await?;
    let mic = LocalTrack::new(Mid::new(mids.concat())?, "mic");
    let published = session.publish(Offer::new(offer)?, [mic]).await?;
    agent.accept_answer(published.answer.sdp()).await?;
    println!("   POST tracks/new              {} published", published.outcome.done.len());

    println!("2. A TURN key is rotated");
    let old = account.create_turn_key("relay").await?;
    let rotation = account.rotate_turn_key(&old.details.id).await?;
    let new = rotation.key();
    println!("   POST calls/turn_keys         {} beside {}", new.details.id, rotation.old());
    for key in [&old, new] {
        let turn = key.builder().base_url(emulator.base_url()).build()?;
        println!(
            "   POST credentials             {} servers",
            turn.generate(TTL).send().await?.len()
        );
    }
    rotation.delete_old().await?;
    println!(
        "   DELETE calls/turn_keys/{{id}}  {} keys are left",
        account.turn_keys().await?.len()
    );

    println!("3. The app is deleted");
    account.delete_app(&app.details.id).await?;
    println!("   DELETE calls/apps/{{id}}       {} apps are left", account.apps().await?.len());
    match client.join().send().await {
        Ok(_) => Err("a deleted app was accepted".into()),
        Err(error) => {
            println!("   POST sessions/new            refused: {error}");
            Ok(())
        }
    }
}
