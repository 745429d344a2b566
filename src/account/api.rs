//! Generated client of the account API, operation by operation. Its text is that of
//! `generated/account.rs`. No request is repeated.
//!
//! A reply that says `success: false` is an error, whatever its status.

#[cfg(feature = "codegen")]
include!(concat!(env!("OUT_DIR"), "/account.rs"));

#[cfg(not(feature = "codegen"))]
include!("../../generated/account.rs");
