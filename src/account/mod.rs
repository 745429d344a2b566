#![doc = include_str!("../../docs/account.md")]

pub mod api;
mod apps;
mod details;
mod error;
mod handle;
mod operation;
mod turn_keys;

pub use self::api::types::{AccountId, Message};
pub use self::apps::{App, NewApp};
pub use self::details::{Created, Details};
pub use self::error::AccountError;
pub use self::handle::{Account, AccountBuilder};
pub use self::turn_keys::{NewTurnKey, Rotation, TurnKey};
pub use crate::runtime::formatted::Formatted;
/// Library of times, whose `Timestamp` [`Details`] has.
pub use jiff;
