//! Removes the schemas that no operation reaches.

use std::collections::HashSet;

use serde_json::Value;

use super::{request_errors, schema};
use crate::left_out::Notes;
use crate::pointer;

pub(super) fn run(root: &mut Value, _: &mut Notes) {
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
}
