//! Passes over the document: they bring any accepted document into the one
//! shape that progenitor takes and [`Model`](crate::model::Model) reads.
//!
//! Each pass is a function in a file of its own; [`PASSES`] is the order.

mod alias_duplicates;
mod forget_marks;
mod inline_components;
mod json_only;
mod loosen;
mod merge_all_of;
mod name_inline;
mod nullable_names;
mod operation_ids;
mod path_ids;
mod plain_parameters;
mod prune;
mod rename_schemas;
pub(crate) mod request_errors;
pub(crate) mod schema;

use serde_json::Value;

use crate::Result;

/// What a pass may know beside the document.
pub(crate) struct Context<'f> {
    /// The document's name, for messages.
    pub(crate) file: &'f str,
}

type Pass = fn(&mut Value, &Context<'_>) -> Result<()>;

const PASSES: [Pass; 14] = [
    forget_marks::run,
    inline_components::run,
    operation_ids::run,
    json_only::run,
    rename_schemas::run,
    merge_all_of::run,
    loosen::run,
    request_errors::run,
    path_ids::run,
    nullable_names::run,
    plain_parameters::run,
    prune::run,
    name_inline::run,
    alias_duplicates::run,
];

/// Runs every pass in order.
pub(crate) fn run(root: &mut Value, context: &Context<'_>) -> Result<()> {
    PASSES.iter().try_for_each(|pass| pass(root, context))
}

/// The pass that keeps every fact and only removes indirection, which is what
/// a comparison of two documents wants to see.
pub(crate) fn resolve(root: &mut Value) {
    inline_components::inline(root);
}
