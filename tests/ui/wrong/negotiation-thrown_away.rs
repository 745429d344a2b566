//! An offer that is not used is a warning.

#![deny(unused_must_use)]

use cloudflare_calls::tracks::RemoteTrack;
use cloudflare_calls::{Error, Session, prelude::*};

async fn _subscribe(session: Session, track: RemoteTrack) -> Result<(), Error> {
    session.subscribe([track]).await?;
    Ok(())
}

fn main() {}
