//! Named schemas of the same shape become one type. The other names stay as references to it, so
//! that programs stay as they are if a later document gives two of them different shapes.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::request_errors;
use super::shape::shape;
use crate::schema;
use crate::{pointer, walk};

pub(super) fn run(root: &mut Value) {
    let mut aliases = HashMap::new();
    // An alias may make two further schemas equal, so this is repeated until none is found.
    while find(root, &mut aliases) {
        let Some(schemas) = schema::components(root) else { return };
        for (name, target) in &aliases {
            let Some(schema) = schemas.get_mut(name).filter(|schema| !is_alias(schema)) else {
                continue;
            };
            let description = schema.get("description").cloned();
            *schema = pointer::schema_ref(target);
            if let (Some(description), Some(map)) = (description, schema.as_object_mut()) {
                map.insert("description".to_owned(), description);
            }
        }
        schemas.values_mut().for_each(|schema| redirect(schema, &aliases));
        // A body keeps its own name, which is the alias. A parameter has no name of a type.
        for (_, _, operation) in schema::operations_mut(root) {
            if let Some(parameters) = operation.get_mut("parameters") {
                redirect(parameters, &aliases);
            }
        }
    }
}

/// Finds further aliases, each with the name of the type that it stands for. That is the error
/// body, else the shortest name, else the first in the alphabet. Returns false if there is none.
fn find(root: &Value, aliases: &mut HashMap<String, String>) -> bool {
    let known = aliases.len();
    let named = schema::named(root).into_iter().flat_map(Map::iter);
    let mut sorted: Vec<(&String, &Value)> =
        named.filter(|(name, _)| !aliases.contains_key(*name)).collect();
    sorted.sort_by_key(|(name, schema)| {
        (schema.get(request_errors::MARK).is_none(), name.len(), *name)
    });
    let mut first: HashMap<String, &String> = HashMap::new();
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
    aliases.len() > known
}

pub(super) fn is_alias(schema: &Value) -> bool {
    schema.get("$ref").is_some()
}

fn redirect(schema: &mut Value, aliases: &HashMap<String, String>) {
    walk::objects_mut(schema, &mut |object| {
        if let Some(mut target) = pointer::name_in(object).and_then(|name| aliases.get(name)) {
            // Chains end, because circles of references have been cut.
            while let Some(next) = aliases.get(target) {
                target = next;
            }
            pointer::refer(object, target);
        }
    });
}
