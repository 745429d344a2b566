//! Shapes of schemas. Schemas of the same shape are one type.

use std::collections::BTreeSet;

use serde_json::Value;

use super::name_inline::TYPE_DOC;
use crate::schema;

/// Returns the values of an enum. Empty for other schemas.
pub(super) fn values(schema: &Value) -> BTreeSet<&str> {
    schema
        .get("enum")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

/// Writes the shape of a schema, a text that schemas of the same type share: all keywords
/// except annotations, with lists that have no order sorted. Whether the schema itself may be null
/// is up to its place.
pub(super) fn shape(schema: &Value) -> String {
    let mut text = String::new();
    write(schema, true, &mut text);
    text
}

/// Writes a schema. Texts have their lengths, so that none can be taken for two.
fn write(schema: &Value, is_whole: bool, text: &mut String) {
    match schema {
        Value::Object(map) => {
            let says = |key: &str| match key {
                "x-rust-id" | "x-rust-debug" | "x-rust-empty-is-absent" => true,
                "nullable" => !is_whole,
                key => !schema::is_annotation(key),
            };
            let object = Value::from("object");
            let said = map.iter().map(|(key, value)| (key.as_str(), value));
            let mut said: Vec<(&str, &Value)> = said.filter(|(key, _)| says(key)).collect();
            if map.contains_key("properties") && !map.contains_key("type") {
                said.push(("type", &object));
            }
            said.sort_unstable_by_key(|(key, _)| *key);
            text.push('{');
            for (key, value) in said {
                write_text(key, text);
                match (key, value) {
                    ("properties", Value::Object(map)) => {
                        let mut sorted: Vec<(&String, &Value)> = map.iter().collect();
                        sorted.sort_unstable_by_key(|(name, _)| *name);
                        for (name, property) in sorted {
                            write_text(name, text);
                            write(property, false, text);
                        }
                    }
                    ("required" | "enum", Value::Array(items)) => {
                        let mut items: Vec<String> = items.iter().map(Value::to_string).collect();
                        items.sort_unstable();
                        items.iter().for_each(|item| write_text(item, text));
                    }
                    _ => write(value, false, text),
                }
                text.push(';');
            }
            text.push('}');
        }
        Value::Array(items) => {
            for item in items {
                text.push('[');
                write(item, false, text);
                text.push(']');
            }
        }
        Value::String(said) => write_text(said, text),
        other => text.push_str(&other.to_string()),
    }
}

fn write_text(said: &str, text: &mut String) {
    text.push_str(&said.len().to_string());
    text.push(':');
    text.push_str(said);
}

/// Adds the values or properties of `other`. A property stays required only if both require it, and
/// may be null if it may be in one of them.
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
            let known = own.entry(name).or_insert_with(|| property.clone());
            if let (true, Some(known)) =
                (schema::is_true(property, "nullable"), known.as_object_mut())
            {
                known.insert("nullable".to_owned(), Value::Bool(true));
            }
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

/// Takes over the descriptions of `other` that `schema` lacks.
pub(super) fn inherit(schema: &mut Value, other: &Value) {
    let Some(map) = schema.as_object_mut() else { return };
    for key in ["description", TYPE_DOC, "x-enum-descriptions"] {
        if let (false, Some(said)) = (map.contains_key(key), other.get(key)) {
            map.insert(key.to_owned(), said.clone());
        }
    }
}
