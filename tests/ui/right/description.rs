//! Structs may grow, so they cannot be written out.

use cloudflare_calls::types::SessionDescription;

fn _description() -> SessionDescription {
    SessionDescription::new()
}

fn main() {}
