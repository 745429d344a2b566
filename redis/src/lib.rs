#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod builder;
mod failure;
mod keys;
mod link;
mod orphans;
mod scripts;
mod store;
mod wakes;

pub use builder::{Builder, ConnectError};
pub use store::RedisStore;
