//! Clients of documents that `cloudflare-calls` was not made for.
//!
//! The test is that this crate compiles without a warning of rustc, clippy or rustdoc. No lint
//! is allowed here.

pub mod runtime;

/// Client of the five operations of 2024, completed by today's overlay.
pub mod calls_2024 {
    include!(concat!(env!("OUT_DIR"), "/calls_2024.rs"));
}

/// Client whose values are times, UUIDs, bytes and numbers with many digits.
pub mod formats {
    include!(concat!(env!("OUT_DIR"), "/formats.rs"));
}

/// Client of today's document, grown by `growth.overlay.json`.
pub mod grown {
    include!(concat!(env!("OUT_DIR"), "/grown.rs"));
}

/// Client of today's document without an overlay.
pub mod plain {
    include!(concat!(env!("OUT_DIR"), "/plain.rs"));
}

/// Client of another API, with parts of OpenAPI that Calls does not use.
pub mod odd {
    include!(concat!(env!("OUT_DIR"), "/odd.rs"));
}

/// Client of another API, with parts of OpenAPI that few documents use: each style, each kind
/// of body, discriminators, types that hold themselves.
pub mod wide {
    include!(concat!(env!("OUT_DIR"), "/wide.rs"));
}

/// Client whose operations take the secret in each way, with replies that are streams.
pub mod secured {
    include!(concat!(env!("OUT_DIR"), "/secured.rs"));
}

/// Client with few types, whose names split into single letters.
pub mod small {
    include!(concat!(env!("OUT_DIR"), "/small.rs"));
}
