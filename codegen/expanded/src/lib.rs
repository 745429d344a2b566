//! Clients of documents that `cloudflare-calls` was not made for.
//!
//! That this crate compiles without a warning of rustc, clippy or rustdoc is
//! the test: no lint is allowed here.

pub mod runtime;

/// The five operations of 2024, completed by today's overlay.
pub mod calls_2024 {
    include!(concat!(env!("OUT_DIR"), "/calls_2024.rs"));
}

/// Today's document, grown by `growth.overlay.json`.
pub mod grown {
    include!(concat!(env!("OUT_DIR"), "/grown.rs"));
}

/// Today's document without an overlay.
pub mod plain {
    include!(concat!(env!("OUT_DIR"), "/plain.rs"));
}

/// A document of another API that uses what Calls does not.
pub mod odd {
    include!(concat!(env!("OUT_DIR"), "/odd.rs"));
}

/// A document of another API that uses what few do: every style, every kind of
/// body, discriminators, types that hold themselves.
pub mod wide {
    include!(concat!(env!("OUT_DIR"), "/wide.rs"));
}

/// A document whose operations want the secret in every way, with replies that are
/// streams.
pub mod secured {
    include!(concat!(env!("OUT_DIR"), "/secured.rs"));
}

/// The fewest types, with names that split into single letters.
pub mod small {
    include!(concat!(env!("OUT_DIR"), "/small.rs"));
}
