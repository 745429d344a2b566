//! The SFU's offer takes an answer, not an offer.

use cloudflare_calls::session::PendingAnswer;
use cloudflare_calls::{Answer, Error, Offer};

async fn _answer(pending: PendingAnswer<()>, offer: Offer, answer: Answer) -> Result<(), Error> {
    let _ = (&offer, &answer);
    pending.answer(offer).await
}

fn main() {}
