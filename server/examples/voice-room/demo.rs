//! Two members without a browser, so that a newcomer alone sees and hears a call. They
//! publish by WHIP, as a program for streaming does.

use std::time::Duration;

use cloudflare_calls::reqwest::Client;
use cloudflare_calls_emulator::agent::{Agent, Scene, Source, Voice};

use crate::Failure;

/// Longest time to connect, and the pause after a failure.
const PATIENCE: Duration = Duration::from_secs(5);

/// Keeps two members in the room. One that fails comes again.
pub(crate) async fn run(room: String) {
    let dusk = [Source::Tone(Voice::Low), Source::Picture(Scene::Dusk)];
    let sea = [Source::Tone(Voice::High), Source::Picture(Scene::Sea)];
    tokio::join!(keep(&room, "Dusk", &dusk), keep(&room, "Sea", &sea));
}

async fn keep(room: &str, name: &str, sends: &[Source]) {
    loop {
        if let Err(error) = publish(room, name, sends).await {
            eprintln!("{name} has to come again: {error}");
        }
        tokio::time::sleep(PATIENCE).await;
    }
}

/// Publishes until the connection is lost.
async fn publish(room: &str, name: &str, sends: &[Source]) -> Result<(), Failure> {
    let agent = Agent::start().await?;
    let (offer, _) = agent.offer(sends).await?;
    let post = Client::new().post(format!("{room}/whip?name={name}")).body(offer);
    let reply = post.header("content-type", "application/sdp").send().await?;
    agent.accept_answer(&reply.error_for_status()?.text().await?).await?;
    agent.connected(PATIENCE).await?;
    Ok(agent.disconnected(Duration::MAX).await?)
}
