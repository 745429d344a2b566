//! A pending answer gives no handle of the session.

use cloudflare_calls::session::PendingAnswer;
use cloudflare_calls::tracks::Subscribed;

fn _pending(pending: &PendingAnswer<Subscribed>) {
    let _ = pending.id();
}

fn main() {}
