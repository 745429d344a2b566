//! Removes the schemas that no operation reaches.

use std::collections::HashSet;

use serde_json::Value;

use super::{Context, request_errors, schema};
use crate::{Result, pointer};

pub(super) fn run(root: &mut Value, _: &Context<'_>) -> Result<()> {
    let mut reached: HashSet<String> = HashSet::new();
    let mut next: Vec<String> = Vec::new();
    for (_, operation) in schema::operations(root) {
        next.extend(schema::references(&Value::Object(operation.clone())));
    }
    next.extend(request_errors::name(root));
    while let Some(name) = next.pop() {
        let at = pointer::join("/components/schemas", &name);
        if let Some(schema) = root.pointer(&at)
            && reached.insert(name)
        {
            next.extend(schema::references(schema));
        }
    }
    schema::components(root).retain(|name, _| reached.contains(name));
    Ok(())
}
