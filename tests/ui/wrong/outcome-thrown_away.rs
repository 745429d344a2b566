//! An outcome that is not used is a warning.

#![deny(unused_must_use)]

use cloudflare_calls::{Error, Mid, Session, prelude::*};

async fn _close(session: Session, mid: Mid) -> Result<(), Error> {
    session.close([mid]).await?;
    Ok(())
}

fn main() {}
