//! The generated client; its text is that of `generated/client.rs`.

#[cfg(feature = "codegen")]
include!(concat!(env!("OUT_DIR"), "/client.rs"));

#[cfg(not(feature = "codegen"))]
include!("../generated/client.rs");
