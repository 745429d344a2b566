//! Gives parameters types that can be written into a path, a query or a
//! header. An id and an enum of strings have a text and stay what they are;
//! any other named scalar, and a named array, becomes what it stands for.

use serde_json::{Map, Value, json};

use crate::left_out::Notes;
use crate::pointer;
use crate::schema;

pub(super) fn run(root: &mut Value, _: &mut Notes) {
    let Some(schemas) = schema::named(root) else { return };
    let mut found = Vec::new();
    for (at, operation) in schema::operations(root) {
        let parameters = operation.get("parameters").and_then(Value::as_array);
        for (index, parameter) in parameters.into_iter().flatten().enumerate() {
            let plain = parameter.get("schema").and_then(|schema| plain(schema, schemas));
            found.extend(plain.map(|plain| (format!("{at}/parameters/{index}/schema"), plain)));
        }
    }
    for (at, plain) in found {
        if let Some(schema) = root.pointer_mut(&at) {
            *schema = plain;
        }
    }
}

/// The schema of a scalar or an array of scalars as a parameter. Anything else
/// stays as it is.
fn plain(schema: &Value, schemas: &Map<String, Value>) -> Option<Value> {
    let (_, target) = schema::follow(schema, schemas);
    match target.get("items").filter(|_| is(target, "array")) {
        Some(items) => Some(json!({ "type": "array", "items": scalar(items, schemas)? })),
        None => scalar(schema, schemas),
    }
}

/// A scalar without what says nothing of a parameter: a value that may be
/// null is one that may be left out.
fn scalar(schema: &Value, schemas: &Map<String, Value>) -> Option<Value> {
    let (name, target) = schema::follow(schema, schemas);
    let has_text = target.get("enum").is_some() || target.get("x-rust-id") == Some(&json!(true));
    if has_text && is(target, "string") {
        return Some(name.map_or_else(|| without_null(target), pointer::schema_ref));
    }
    let kind = ["string", "boolean", "integer", "number"].into_iter().find(|kind| is(target, kind));
    let mut plain = json!({ "type": kind? });
    // The width of a number; of a string it would choose a type that has no text.
    if let Some(format) = target.get("format").filter(|_| kind != Some("string")) {
        plain["format"] = format.clone();
    }
    Some(plain)
}

fn is(schema: &Value, kind: &str) -> bool {
    schema.get("type").is_some_and(|known| known == kind)
}

fn without_null(schema: &Value) -> Value {
    let mut schema = schema.clone();
    if let Some(map) = schema.as_object_mut() {
        map.shift_remove("nullable");
    }
    schema
}
