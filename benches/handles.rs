//! The memory that a live handle of a session takes.
//!
//! `cargo bench --bench handles`; it prints bytes for each handle, as the
//! process grows by them.

// A benchmark fails by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use cloudflare_calls::types::SessionId;
use cloudflare_calls::{Client, Session, prelude::*};

#[allow(dead_code)] // Each benchmark uses a part.
mod support;

const HANDLES: usize = 100_000;

/// The memory of this process that is in use, in bytes (proc(5), statm).
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

async fn adopt(client: &Client, numbers: std::ops::Range<usize>) -> Vec<Session> {
    let mut sessions = Vec::with_capacity(numbers.len());
    for number in numbers {
        let id = SessionId::new(format!("{number:032x}")).unwrap();
        sessions.push(client.adopt(id).send().await.unwrap());
    }
    sessions
}

fn main() {
    // Cargo asks test binaries for a list, and runs them with other arguments.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let runtime = support::runtime();
    runtime.block_on(async {
        let base = support::start().await;
        let client = support::client(&base, &support::http());
        // Buffers and connections are there already when it is measured.
        let warm = adopt(&client, 0..HANDLES / 10).await;
        let before = resident();
        let sessions = adopt(&client, HANDLES..2 * HANDLES).await;
        let grown = resident() - before;
        assert!(sessions.iter().chain(&warm).all(Session::is_empty));
        println!("{} bytes for each of {} handles", grown / HANDLES, sessions.len());
    });
}
