//! Who is to bring an answer gets no hold of the session by it.

use cloudflare_calls::session::PendingAnswer;
use cloudflare_calls::tracks::Subscribed;

fn _pending(pending: &PendingAnswer<Subscribed>) {
    let _ = pending.session();
}

fn main() {}
