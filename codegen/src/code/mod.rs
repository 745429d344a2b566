//! Passes over the Rust syntax tree: they turn progenitor's output into the
//! client that is published.
//!
//! Each pass is a function in a file of its own; [`PASSES`] is the order.

mod client;
mod doc;
mod error_types;
mod ids;
mod open_enums;
mod operations;
mod order;
mod plain_paths;
mod structs;
mod tree;
mod type_items;

use crate::model::Model;
pub(crate) use tree::implemented;

type Pass = fn(&mut syn::File, &Model) -> syn::Result<()>;

const PASSES: [Pass; 9] = [
    operations::run,
    client::run,
    type_items::run,
    open_enums::run,
    ids::run,
    structs::run,
    error_types::run,
    plain_paths::run,
    order::run,
];

/// Runs every pass in order.
pub(crate) fn run(file: &mut syn::File, model: &Model) -> syn::Result<()> {
    PASSES.iter().try_for_each(|pass| pass(file, model))
}
