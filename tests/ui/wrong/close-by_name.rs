//! A name is no mid.

use cloudflare_calls::tracks::Closed;
use cloudflare_calls::{Error, Mid, Session, prelude::*};

async fn _close(session: Session, mid: Mid) -> Result<Closed, Error> {
    let _ = &mid;
    session.close(["mic"]).await
}

fn main() {}
