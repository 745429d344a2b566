#![doc = include_str!(concat!(env!("OUT_DIR"), "/page.md"))]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "account")]
pub mod account;
mod action;
pub mod adapters;
mod check;
mod client;
mod close;
pub mod data_channels;
mod env;
pub mod error;
mod generated;
pub mod ice;
mod invalid;
mod meter;
mod mid;
mod outcome;
mod requests;
mod retry;
mod runtime;
mod sdp;
pub mod session;
mod status;
mod step;
pub mod store;
#[cfg(feature = "token")]
pub mod token;
pub mod tracks;
mod verdict;

pub use check::Reach;
pub use env::FromEnvError;
pub use error::{Error, Remedy};
pub use generated::{Client, ClientBuilder, DEFAULT_BASE_URL, operations, types};
pub use mid::Mid;
pub use outcome::{Failed, Outcome};
/// HTTP client whose types [`ClientBuilder::http_client`] and
/// [`OperationError`](error::OperationError) use.
pub use reqwest;
pub use retry::RetryPolicy;
pub use runtime::redaction::{Hidden, Scrubbed};
pub use runtime::setup::{CONNECT_TIMEOUT, DEFAULT_TIMEOUT};
pub use sdp::{Answer, Offer};
/// Type of the app secret.
pub use secrecy::SecretString;
pub use session::Session;

#[doc = include_str!("../docs/guide.md")]
pub mod guide {}

/// Extension traits: `use cloudflare_calls::prelude::*`.
pub mod prelude {
    pub use crate::adapters::AdaptersExt;
    pub use crate::data_channels::DataChannelsExt;
    pub use crate::session::{AnswerExt, JoinExt, LeaveExt, StateExt};
    pub use crate::tracks::{CloseExt, PublishExt, SubscribeExt, UpdateExt};
}
