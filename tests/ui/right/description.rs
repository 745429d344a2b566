//! Structs may grow, so none is written out.

use cloudflare_calls::types::SessionDescription;

fn _description() -> SessionDescription {
    SessionDescription::new()
}

fn main() {}
