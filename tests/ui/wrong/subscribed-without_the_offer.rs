//! A negotiation is not the outcome of its step.

use cloudflare_calls::tracks::{RemoteTrack, Subscribed};
use cloudflare_calls::{Error, Session, prelude::*};

async fn _subscribe(session: Session, track: RemoteTrack) -> Result<usize, Error> {
    let negotiation = session.subscribe([track]).await?;
    let subscribed: &Subscribed = &negotiation;
    Ok(subscribed.done.len())
}

fn main() {}
