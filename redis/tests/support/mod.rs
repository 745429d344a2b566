//! Servers of Redis or Valkey on this machine, for tests: one, with sentinels, or a cluster.
//!
//! A server has a folder of its own and ends when it is dropped.

#![allow(dead_code, unused_imports, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod cluster;
mod process;
mod sentinel;
mod tls;

pub(crate) use cluster::Cluster;
pub(crate) use process::{Server, VALKEY, eventually, free_port, kill};
pub(crate) use sentinel::{NAME, Sentinels};
pub(crate) use tls::Certificates;
