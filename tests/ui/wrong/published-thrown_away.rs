//! An answer of the SFU that is not used is a warning.

#![deny(unused_must_use)]

use cloudflare_calls::{Error, Offer, Session, prelude::*};

async fn _publish(session: Session, offer: Offer) -> Result<(), Error> {
    session.publish_all(offer).await?;
    Ok(())
}

fn main() {}
