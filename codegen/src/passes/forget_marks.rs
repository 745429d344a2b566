//! Removal of the extensions by which passes mark schemas for each other. Otherwise the passes
//! would obey those of a document.

use serde_json::Value;

use crate::left_out::Notes;
use crate::walk;

const MARKS: [&str; 4] = ["x-rust-alias", "x-rust-base", "x-rust-media", "x-rust-schema"];

pub(super) fn run(root: &mut Value, _: &mut Notes) {
    walk::objects_mut(root, &mut |object| object.retain(|key, _| !MARKS.contains(&key.as_str())));
}
