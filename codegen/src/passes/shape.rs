//! Shapes of schemas: two of the same shape are the same type, and unite.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

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

/// Shape of a schema, as a text that schemas of the same type share: everything
/// but annotations, and with lists that have no order sorted.
pub(super) fn shape(schema: &Value) -> String {
    let mut text = String::new();
    write(schema, &mut text);
    text
}

fn write(schema: &Value, text: &mut String) {
    match schema {
        Value::Object(map) => {
            let says = |(key, _): &(&String, &Value)| match key.as_str() {
                "x-rust-id" | "x-rust-debug" => true,
                "nullable" => false,
                key => !schema::is_annotation(key),
            };
            let mut said: BTreeMap<&str, &Value> =
                map.iter().filter(says).map(|(key, value)| (key.as_str(), value)).collect();
            let object = Value::from("object");
            if said.contains_key("properties") {
                said.entry("type").or_insert(&object);
            }
            text.push('{');
            for (key, value) in said {
                text.push_str(key);
                text.push(':');
                match (key, value) {
                    ("properties", Value::Object(map)) => {
                        let sorted: BTreeMap<&String, &Value> = map.iter().collect();
                        for (name, property) in sorted {
                            text.push_str(&Value::from(name.as_str()).to_string());
                            write(property, text);
                        }
                    }
                    ("required" | "enum", Value::Array(items)) => {
                        let mut items: Vec<String> = items.iter().map(Value::to_string).collect();
                        items.sort();
                        text.push_str(&items.join(","));
                    }
                    _ => write(value, text),
                }
                text.push(';');
            }
            text.push('}');
        }
        Value::Array(items) => {
            for item in items {
                text.push('[');
                write(item, text);
                text.push(']');
            }
        }
        other => text.push_str(&other.to_string()),
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
