//! A guarded step gives no way to the unguarded session.

use cloudflare_calls::session::Negotiation;
use cloudflare_calls::token::GuardedSession;
use cloudflare_calls::tracks::RemoteTrack;
use cloudflare_calls::{Error, prelude::*};

async fn _subscribe(session: GuardedSession, track: RemoteTrack) -> Result<(), Error> {
    if let Negotiation::Offer(pending) = session.subscribe([track]).await? {
        let _ = pending.id();
    }
    Ok(())
}

fn main() {}
