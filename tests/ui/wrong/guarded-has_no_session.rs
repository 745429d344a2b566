//! A guarded session does not give away the whole one.

use cloudflare_calls::token::GuardedSession;

fn _guarded(session: &GuardedSession) {
    let _ = session.session();
}

fn main() {}
