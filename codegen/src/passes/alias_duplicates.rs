//! Named schemas of the same shape become one type. The other names stay as aliases, so that
//! programs stay as they are if a later document gives two of them different shapes.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::request_errors;
use super::shape::shape;
use crate::left_out::Notes;
use crate::schema;
use crate::{pointer, walk};

pub(super) fn run(root: &mut Value, _: &mut Notes) {
    // An alias may make two further schemas equal, so this is repeated until none is found.
    while let Some(aliases) = find(root) {
        for (name, target) in &aliases {
            let Some(schemas) = schema::components(root) else { return };
            let old = schemas.get(name).cloned().unwrap_or_default();
            let mut alias = json!({ "x-rust-alias": target });
            if let Some(map) = alias.as_object_mut() {
                for key in ["description", "x-rust-schema"] {
                    map.extend(old.get(key).map(|value| (key.to_owned(), value.clone())));
                }
            }
            schemas.insert(name.clone(), alias);
        }
        let schemas = schema::components(root).into_iter().flat_map(Map::values_mut);
        schemas.for_each(|schema| redirect(schema, &aliases));
        // A body keeps its own name, which is the alias. A parameter has no name of a type.
        for (_, _, operation) in schema::operations_mut(root) {
            if let Some(parameters) = operation.get_mut("parameters") {
                redirect(parameters, &aliases);
            }
        }
    }
}

/// Finds the aliases to make, each with the name of the type that it stands for. That is the
/// error body, else the shortest name, else the first in the alphabet.
fn find(root: &Value) -> Option<HashMap<String, String>> {
    let mut sorted: Vec<(&String, &Value)> = schema::named(root)?
        .iter()
        .filter(|(_, schema)| schema.get("x-rust-alias").is_none())
        .collect();
    sorted.sort_by_key(|(name, schema)| {
        (schema.get(request_errors::MARK).is_none(), name.len(), *name)
    });
    let mut first: HashMap<String, &String> = HashMap::new();
    let mut aliases = HashMap::new();
    for (name, schema) in sorted {
        if let Some(target) = pointer::schema_name(schema) {
            aliases.insert(name.clone(), target.to_owned());
        } else if schema.get("properties").is_some() || schema.get("enum").is_some() {
            let shape = shape(schema);
            match first.get(&shape) {
                Some(&target) => {
                    aliases.insert(name.clone(), target.clone());
                }
                None => {
                    first.insert(shape, name);
                }
            }
        }
    }
    (!aliases.is_empty()).then_some(aliases)
}

fn redirect(schema: &mut Value, aliases: &HashMap<String, String>) {
    walk::objects_mut(schema, &mut |object| {
        let name = object
            .get("$ref")
            .and_then(Value::as_str)
            .and_then(|reference| reference.strip_prefix(pointer::SCHEMAS));
        if let Some(mut target) = name.and_then(|name| aliases.get(name)) {
            // Chains end, because circles of references have been cut.
            while let Some(next) = aliases.get(target) {
                target = next;
            }
            object.insert("$ref".to_owned(), json!(format!("{}{target}", pointer::SCHEMAS)));
        }
    });
}
