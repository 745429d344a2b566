//! Removes the schemas that no operation reaches.

use std::collections::HashSet;

use serde_json::Value;

use super::{Context, request_errors, schema};
use crate::{Result, pointer, walk};

pub(super) fn run(root: &mut Value, _: &Context<'_>) -> Result<()> {
    let mut reached: HashSet<String> = HashSet::new();
    let mut next: Vec<String> = Vec::new();
    for (_, operation) in schema::operations(root) {
        next.extend(references(&Value::Object(operation.clone())));
    }
    next.extend(request_errors::name(root));
    while let Some(name) = next.pop() {
        let at = pointer::join("/components/schemas", &name);
        if let Some(schema) = root.pointer(&at)
            && reached.insert(name)
        {
            next.extend(references(schema));
        }
    }
    schema::components(root).retain(|name, _| reached.contains(name));
    Ok(())
}

/// The names of the schemas that `value` refers to, aliases included.
fn references(value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    walk::objects(value, &mut |_, object| {
        let reference = object.get("$ref").and_then(Value::as_str);
        found.extend(
            reference.and_then(|r| r.strip_prefix("#/components/schemas/")).map(str::to_owned),
        );
        found.extend(object.get("x-rust-alias").and_then(Value::as_str).map(str::to_owned));
    });
    found
}
