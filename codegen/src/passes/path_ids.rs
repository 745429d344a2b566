//! Marks of strings that become part of a path, where the overlay says that these are ids or that
//! the client holds them. They get a type of their own, which refuses text that could lead to
//! another path. Other strings stay text, which is escaped.

use serde_json::{Value, json};

use crate::pointer;
use crate::schema;

pub(super) fn run(root: &mut Value) {
    mark(root);
    // An enum is a type of its own already, whatever the overlay marks.
    schema::every_mut(root, &mut |map| {
        if map.contains_key("enum") || map.get("x-rust-id") == Some(&json!(false)) {
            map.shift_remove("x-rust-id");
        }
    });
}

fn mark(root: &mut Value) {
    let Some(schemas) = schema::named(root) else { return };
    let are_ids = schema::is_true(root, "x-rust-path-ids");
    let mut targets = Vec::new();
    for (at, operation) in schema::operations(root) {
        let parameters = operation.get("parameters").and_then(Value::as_array);
        for (index, parameter) in parameters.into_iter().flatten().enumerate() {
            let is_id = are_ids || schema::is_true(parameter, "x-rust-client");
            if is_id && parameter.get("in").is_some_and(|place| place == "path") {
                let named =
                    parameter.get("schema").and_then(|schema| schema::follow(schema, schemas).0);
                targets.push(match named {
                    Some(name) => pointer::component(name),
                    // A format has a type, which values of replies have as well.
                    None if parameter.pointer("/schema/format").is_some() => continue,
                    None => format!("{at}/parameters/{index}/schema"),
                });
            }
        }
    }
    for target in targets {
        let Some(schema) = root.pointer_mut(&target).and_then(Value::as_object_mut) else {
            continue;
        };
        let is_text = schema.get("type").is_some_and(|kind| kind == "string");
        if is_text && !schema.contains_key("enum") && !schema.contains_key("x-rust-id") {
            schema.insert("x-rust-id".to_owned(), json!(true));
        }
    }
}
