//! Run-time of all these clients: that of `cloudflare-calls`, and the parts that only other
//! documents need.

#[path = "../../../../src/runtime/error.rs"]
pub mod error;
#[path = "../../../../src/runtime/exchange.rs"]
pub mod exchange;
#[path = "../../../../src/runtime/formatted.rs"]
pub mod formatted;
#[path = "../../../../src/runtime/id.rs"]
pub mod id;
#[path = "../../../../src/runtime/lenient.rs"]
pub mod lenient;
#[path = "../../../../src/runtime/open_enum.rs"]
pub mod open_enum;
#[path = "../../../../src/runtime/page.rs"]
pub mod page;
#[path = "../../../../src/runtime/redaction.rs"]
pub mod redaction;
#[path = "../../../../src/runtime/setup.rs"]
pub mod setup;

pub mod bodies;
pub mod decimal;
pub mod encoded;
pub mod form_styles;
pub mod forms;
pub mod media;
pub mod raw;
pub mod security;
pub mod servers;
pub mod stream;
pub mod styles;
pub mod unions;
