//! Removes the extensions by which passes speak to each other: a document that
//! brings them along would have them obeyed.

use serde_json::Value;

use super::Context;
use crate::{Result, walk};

const MARKS: [&str; 4] = ["x-rust-alias", "x-rust-base", "x-rust-schema", "x-rust-top"];

pub(super) fn run(root: &mut Value, _: &Context<'_>) -> Result<()> {
    walk::objects_mut(root, &mut |object| object.retain(|key, _| !MARKS.contains(&key.as_str())));
    Ok(())
}
