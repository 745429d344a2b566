//! Passes over a mended document, which bring it into the shape that
//! [`Model`](crate::model::Model) reads.
//!
//! Each pass is a function in a file of its own; [`run`] is the order.

mod alias_duplicates;
mod bodies;
mod clusters;
mod directions;
mod hierarchies;
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
mod shape;
mod unions;

use std::collections::HashMap;

use serde_json::Value;

use crate::left_out::Notes;
pub(crate) use bodies::{EVENTS, Kind, encoded, is_json, query_style};

/// Runs the passes in order. Returns the names of schemas in the document by those of their types.
pub(crate) fn run(root: &mut Value, notes: &mut Notes) -> HashMap<String, String> {
    operation_ids::run(root);
    bodies::run(root, notes);
    unions::tag(root);
    hierarchies::run(root);
    let published = rename_schemas::run(root);
    merge_all_of::run(root, notes);
    unions::simplify(root);
    directions::run(root);
    loosen::run(root);
    request_errors::run(root);
    path_ids::run(root);
    nullable_names::run(root);
    plain_parameters::run(root);
    prune::run(root);
    name_inline::run(root);
    alias_duplicates::run(root);
    published
}
