//! A client has no tracks to close: a session has.

use cloudflare_calls::session::Negotiation;
use cloudflare_calls::tracks::Closed;
use cloudflare_calls::{Error, Mid, Offer, Session, prelude::*};

async fn _close(session: Session, offer: Offer, mid: Mid) -> Result<Negotiation<Closed>, Error> {
    session.client().close_negotiated(offer, [mid]).await
}

fn main() {}
