//! What makes two schemas the same type, and how those that mean the same unite.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::name_inline::TYPE_DOC;
use super::schema;

/// The values of an enum, none for anything else.
pub(super) fn values(schema: &Value) -> BTreeSet<&str> {
    schema
        .get("enum")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

/// What makes two schemas the same type: everything but annotations, and with
/// lists that have no order sorted.
pub(super) fn shape(schema: &Value) -> Value {
    match schema {
        Value::Object(map) => {
            let mut result: BTreeMap<&str, Value> = BTreeMap::new();
            for (key, value) in map {
                let value = match (key.as_str(), value) {
                    ("x-rust-id" | "x-rust-debug", _) => value.clone(),
                    ("nullable", _) => continue,
                    (key, _) if schema::is_annotation(key) => continue,
                    ("properties", Value::Object(map)) => {
                        let sorted: BTreeMap<&String, Value> =
                            map.iter().map(|(name, property)| (name, shape(property))).collect();
                        json!(sorted)
                    }
                    ("required" | "enum", Value::Array(items)) => {
                        let mut items: Vec<String> = items.iter().map(Value::to_string).collect();
                        items.sort();
                        json!(items)
                    }
                    _ => shape(value),
                };
                result.insert(key, value);
            }
            if !result.contains_key("type") && result.contains_key("properties") {
                result.insert("type", json!("object"));
            }
            json!(result)
        }
        Value::Array(items) => items.iter().map(shape).collect(),
        other => other.clone(),
    }
}

/// Adds the values or properties of `other`; what only one of them requires
/// is not required of both.
pub(super) fn unite(schema: &mut Value, other: &Value) {
    let Some(map) = schema.as_object_mut() else { return };
    if let (Some(Value::Array(own)), Some(Value::Array(more))) =
        (map.get_mut("enum"), other.get("enum"))
    {
        let new: Vec<Value> = more.iter().filter(|value| !own.contains(value)).cloned().collect();
        own.extend(new);
    }
    if let (Some(Value::Object(own)), Some(Value::Object(more))) =
        (map.get_mut("properties"), other.get("properties"))
    {
        for (name, property) in more {
            own.entry(name).or_insert_with(|| property.clone());
        }
        let required = |of: Option<&Value>| -> Vec<Value> {
            of.and_then(Value::as_array).cloned().unwrap_or_default()
        };
        let theirs = required(other.get("required"));
        let mut both = required(map.get("required"));
        both.retain(|name| theirs.contains(name));
        if both.is_empty() {
            map.shift_remove("required");
        } else {
            map.insert("required".to_owned(), Value::Array(both));
        }
    }
    inherit(schema, other);
}

/// Takes over what is said of `other`, where nothing is said yet.
pub(super) fn inherit(schema: &mut Value, other: &Value) {
    let Some(map) = schema.as_object_mut() else { return };
    for key in ["description", TYPE_DOC, "x-enum-descriptions"] {
        if let (false, Some(said)) = (map.contains_key(key), other.get(key)) {
            map.insert(key.to_owned(), said.clone());
        }
    }
}
