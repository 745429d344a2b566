//! Copies of shared parameters, bodies and responses at the places of their use, so that only
//! references to schemas remain.

use serde_json::Value;

use crate::pointer;
use crate::schema;

pub(super) fn run(root: &mut Value) {
    let source = root.clone();
    if let Some(Value::Object(paths)) = root.get_mut("paths") {
        paths.retain(|path, _| !path.starts_with("x-"));
        for item in paths.values_mut().filter_map(Value::as_object_mut) {
            push_down_parameters(item, &source);
        }
    }
    for (_, _, operation) in schema::operations_mut(root) {
        if let Some(body) = operation.get_mut("requestBody") {
            resolve(body, &source);
        }
        if let Some(Value::Object(responses)) = operation.get_mut("responses") {
            responses.retain(|status, _| !status.starts_with("x-"));
            responses.values_mut().for_each(|response| resolve(response, &source));
        }
    }
}

/// Gives the path item's parameters to each of its operations. An operation may replace them
/// by its own.
fn push_down_parameters(item: &mut serde_json::Map<String, Value>, source: &Value) {
    let shared = take_parameters(item, source);
    for (key, operation) in item.iter_mut() {
        let Some(operation) = operation.as_object_mut() else { continue };
        if !crate::validate::METHODS.contains(&key.as_str()) {
            continue;
        }
        let own = take_parameters(operation, source);
        let same =
            |a: &Value, b: &Value| a.get("name") == b.get("name") && a.get("in") == b.get("in");
        let mut all = shared.clone();
        all.retain(|one| !own.iter().any(|other| same(one, other)));
        all.extend(own);
        if !all.is_empty() {
            operation.insert("parameters".to_owned(), Value::Array(all));
        }
    }
}

fn take_parameters(holder: &mut serde_json::Map<String, Value>, source: &Value) -> Vec<Value> {
    if !holder.get("parameters").is_some_and(Value::is_array) {
        return Vec::new();
    }
    let Some(Value::Array(mut list)) = holder.shift_remove("parameters") else { return Vec::new() };
    list.iter_mut().for_each(|parameter| resolve(parameter, source));
    list
}

/// Longest chain of references that is followed. A longer one, or a circle, leads nowhere.
const LONGEST_CHAIN: usize = 64;

/// Replaces a reference by a copy of its target.
fn resolve(value: &mut Value, source: &Value) {
    for _ in 0..LONGEST_CHAIN {
        let target = value.get("$ref").and_then(Value::as_str).and_then(pointer::local);
        let Some(target) = target.and_then(|target| source.pointer(target)) else { return };
        *value = target.clone();
    }
}
