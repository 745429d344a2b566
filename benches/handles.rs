//! Memory of a live handle of a session.
//!
//! `cargo bench --bench handles` prints the growth of the process in bytes for each handle.

// A benchmark fails by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use cloudflare_calls::types::SessionId;
use cloudflare_calls::{Client, Session, prelude::*};

#[allow(dead_code)] // Each benchmark uses a part.
mod support;

const HANDLES: usize = 100_000;

/// Returns the memory of this process that is in use, in bytes (proc(5), statm).
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
        // Buffers and connections exist before the measurement.
        let warm = adopt(&client, 0..HANDLES / 10).await;
        let before = resident();
        let sessions = adopt(&client, HANDLES..2 * HANDLES).await;
        let grown = resident() - before;
        assert!(sessions.iter().chain(&warm).all(Session::is_empty));
        println!("{} bytes for each of {} handles", grown / HANDLES, sessions.len());
    });
}
