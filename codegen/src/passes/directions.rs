//! Optional properties of one direction: a `readOnly` property is not required in schemas of
//! requests, and a `writeOnly` one is not required in schemas of replies.
//!
//! A schema of both directions has one type, in which such a property is optional.

use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::pointer;
use crate::schema;

pub(super) fn run(root: &mut Value) {
    for (part, hidden) in [("requestBody", "readOnly"), ("responses", "writeOnly")] {
        let is_hidden = |schema: &Value| schema::is_true(schema, hidden);
        let Some(schemas) = schema::named(root) else { return };
        let ends_hidden = |schema: &Value| is_hidden(schema::follow(schema, schemas).1);
        let named = schemas.iter().filter(|(_, schema)| ends_hidden(schema));
        let named: HashSet<String> = named.map(|(name, _)| name.clone()).collect();
        let reached = schema::reached(root, schema::used(root, &[part]));
        let components = reached.iter().map(|name| pointer::component(name)).collect();
        let mut places: Vec<String> = components;
        for (at, operation) in schema::operations(root) {
            let slots = schema::slots(operation).into_iter().map(|(_, inner)| inner);
            let own = slots.filter(|inner| inner[1..].starts_with(part));
            places.extend(own.map(|inner| format!("{at}{inner}")));
        }
        for at in places {
            let Some(schema) = root.pointer_mut(&at) else { continue };
            schema::each_mut(schema, &mut |one| {
                not_required(one, &|property| {
                    let name = pointer::schema_name(property);
                    is_hidden(property) || name.is_some_and(|name| named.contains(name))
                });
            });
        }
    }
}

/// Removes the properties that `is_hidden` accepts from `required`.
fn not_required(map: &mut Map<String, Value>, is_hidden: &impl Fn(&Value) -> bool) {
    let Some(Value::Object(properties)) = map.get("properties") else { return };
    let hidden: HashSet<String> = properties
        .iter()
        .filter(|(_, property)| is_hidden(property))
        .map(|(name, _)| name.clone())
        .collect();
    if let (false, Some(Value::Array(required))) = (hidden.is_empty(), map.get_mut("required")) {
        required.retain(|name| !name.as_str().is_some_and(|name| hidden.contains(name)));
        if required.is_empty() {
            map.shift_remove("required");
        }
    }
}
