//! An offer that is kept for another request cannot be answered here.

use cloudflare_calls::session::{KeptOffer, PendingAnswer};
use cloudflare_calls::tracks::Subscribed;
use cloudflare_calls::{Answer, Error};

async fn _keep(
    pending: PendingAnswer<Subscribed>,
    other: PendingAnswer<Subscribed>,
    answer: Answer,
) -> Result<(KeptOffer, Subscribed), Error> {
    let _ = &other;
    let kept = pending.keep();
    let subscribed = other.answer(answer).await?;
    Ok((kept, subscribed))
}

fn main() {}
