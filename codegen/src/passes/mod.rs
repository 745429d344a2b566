//! Passes over a mended document, which bring it into the shape that
//! [`Model`](crate::model::Model) reads.
//!
//! Each pass is a function in a file of its own; [`PASSES`] is the order.

mod alias_duplicates;
mod bodies;
mod clusters;
mod directions;
mod forget_marks;
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

use serde_json::Value;

use crate::left_out::Notes;
pub(crate) use bodies::{MARK as MEDIA, is_json};

type Pass = fn(&mut Value, &mut Notes);

const PASSES: [Pass; 16] = [
    forget_marks::run,
    operation_ids::run,
    bodies::run,
    unions::tag,
    hierarchies::run,
    rename_schemas::run,
    merge_all_of::run,
    unions::simplify,
    directions::run,
    loosen::run,
    request_errors::run,
    path_ids::run,
    nullable_names::run,
    plain_parameters::run,
    prune::run,
    |root, notes| {
        name_inline::run(root, notes);
        alias_duplicates::run(root, notes);
    },
];

/// Runs the passes in order.
pub(crate) fn run(root: &mut Value, notes: &mut Notes) {
    PASSES.iter().for_each(|pass| pass(root, notes));
}
