//! A kept exchange is found by its own id, not by that of the session.

use cloudflare_calls::session::{Exchanged, KeptOffer};
use cloudflare_calls::{Answer, Error, Session, prelude::*};

async fn _answer(session: Session, kept: KeptOffer, answer: Answer) -> Result<Exchanged, Error> {
    let _ = &kept;
    session.answer(kept.exchange, answer).await
}

fn main() {}
