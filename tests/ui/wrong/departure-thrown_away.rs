//! The report of leaving is not dropped without a warning.

#![deny(unused_must_use)]

use cloudflare_calls::{Error, Session, prelude::*};

async fn _leave(session: Session) -> Result<(), Error> {
    session.leave().await?;
    Ok(())
}

fn main() {}
