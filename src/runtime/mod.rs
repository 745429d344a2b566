//! Run-time of generated clients: the code that is the same for every document.
//!
//! The module imports no other part of this crate, because `cargo xtask expand` writes it
//! into text that stands alone. Parts that only other documents need are in
//! `codegen/expanded/src/runtime`.

pub(crate) mod error;
pub(crate) mod exchange;
#[cfg(feature = "account")] // No value of Calls has such a format.
pub(crate) mod formatted;
pub(crate) mod id;
pub(crate) mod lenient;
pub(crate) mod open_enum;
pub(crate) mod page;
pub(crate) mod redaction;
pub(crate) mod setup;
