//! What an SFU's offer leads to is not to be had without a look at the offer.

use cloudflare_calls::tracks::{RemoteTrack, Subscribed};
use cloudflare_calls::{Error, Session, prelude::*};

async fn _subscribe(session: Session, track: RemoteTrack) -> Result<usize, Error> {
    let negotiation = session.subscribe([track]).await?;
    let subscribed: &Subscribed = &negotiation;
    Ok(subscribed.done.len())
}

fn main() {}
