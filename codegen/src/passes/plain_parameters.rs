//! Types of parameters that can be written into a path, a query or a header. Ids and enums of
//! strings have a text, and stay. Other named scalars, and named arrays, are replaced by the
//! types that they stand for.

use serde_json::{Map, Value, json};

use crate::pointer;
use crate::schema;

pub(super) fn run(root: &mut Value) {
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

/// Returns the schema of a scalar or an array of scalars for a parameter. `None` for other
/// schemas, which stay.
fn plain(schema: &Value, schemas: &Map<String, Value>) -> Option<Value> {
    let (_, target) = schema::follow(schema, schemas);
    match target.get("items").filter(|_| is(target, "array")) {
        Some(items) => Some(json!({ "type": "array", "items": scalar(items, schemas)? })),
        None => scalar(schema, schemas),
    }
}

/// Returns the schema of a scalar for a parameter, without the keywords that have no meaning
/// there. A parameter that may be null may be left out.
fn scalar(schema: &Value, schemas: &Map<String, Value>) -> Option<Value> {
    let (name, target) = schema::follow(schema, schemas);
    let has_text = target.get("enum").is_some() || schema::is_true(target, "x-rust-id");
    if has_text && is(target, "string") {
        return Some(name.map_or_else(|| without_null(target), pointer::schema_ref));
    }
    let kind = ["string", "boolean", "integer", "number"].into_iter().find(|kind| is(target, kind));
    let mut plain = json!({ "type": kind? });
    // A file has no text.
    if let Some(format) = target.get("format").filter(|format| *format != "binary") {
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
