//! The SFU's offer is answered once.

use cloudflare_calls::session::PendingAnswer;
use cloudflare_calls::{Answer, Error};

async fn _answer(
    pending: PendingAnswer<()>,
    other: PendingAnswer<()>,
    answer: Answer,
) -> Result<(), Error> {
    let _ = &other;
    pending.answer(answer.clone()).await?;
    other.answer(answer).await
}

fn main() {}
