//! Schemas that others extend by `allOf`, and whose `discriminator` tells the others apart. A
//! value of such a schema is a value of one of the others.
//!
//! The schema becomes the choice between the others, and the part that they extend gets a name
//! of its own. An overlay that names the schema names the choice.

use serde_json::{Map, Value, json};

use super::name_inline::PIN;
use crate::pointer::{self, unescape};
use crate::schema;

pub(super) fn run(root: &mut Value) {
    let Some(schemas) = schema::components(root) else { return };
    let is_choice = |schema: &Value| schema.get("oneOf").or(schema.get("anyOf")).is_some();
    let bases: Vec<String> = schemas
        .iter()
        .filter(|(_, schema)| schema.get("discriminator").is_some() && !is_choice(schema))
        .map(|(name, _)| name.clone())
        .collect();
    for base in bases {
        let children = children(schemas, &base);
        let Some(schema) = schemas.get(&base).cloned().filter(|_| !children.is_empty()) else {
            continue;
        };
        let mut own = format!("{base}_base");
        while schemas.contains_key(&own) {
            own.push_str("_base");
        }
        for child in &children {
            if let Some(child) = schemas.get_mut(child) {
                redirect(child, &base, &own);
            }
        }
        let discriminator = schema.get("discriminator").cloned().unwrap_or_default();
        let tags = tags(&discriminator, children.iter().chain([&base]));
        let branches: Vec<Value> =
            children.iter().chain([&own]).map(|name| pointer::schema_ref(name)).collect();
        let mut choice = json!({ "oneOf": branches,
            "discriminator": { "propertyName": discriminator["propertyName"], "tags": tags } });
        for key in ["description", PIN] {
            if let Some(value) = schema.get(key) {
                choice[key] = value.clone();
            }
        }
        let mut schema = schema;
        if let Some(map) = schema.as_object_mut() {
            map.shift_remove("discriminator");
            map.shift_remove(PIN);
        }
        schemas.insert(base, choice);
        schemas.insert(own, schema);
    }
}

/// Lists the values of the discriminating property that stand for each of `names`.
pub(super) fn tags<'n>(
    discriminator: &Value,
    names: impl Iterator<Item = &'n String>,
) -> Vec<Vec<String>> {
    let mapping = discriminator.get("mapping").and_then(Value::as_object);
    let of = |name: &String| {
        let reference = pointer::reference(name);
        let mapped = mapping
            .into_iter()
            .flatten()
            .filter(|(_, to)| to.as_str().is_some_and(|to| to == reference || to == name));
        let mapped: Vec<String> = mapped.map(|(tag, _)| tag.clone()).collect();
        // A schema without a mapping has its own name as the value.
        if mapped.is_empty() { vec![name.clone()] } else { mapped }
    };
    names.map(of).collect()
}

/// Lists the schemas that extend `base` by a branch of `allOf`, directly or not.
fn children(schemas: &Map<String, Value>, base: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut parents = vec![base.to_owned()];
    while let Some(parent) = parents.pop() {
        for (name, schema) in schemas {
            let branches = schema.get("allOf").and_then(Value::as_array);
            let mut branches = branches.into_iter().flatten().filter_map(pointer::schema_name);
            let extends = branches.any(|branch| unescape(branch) == parent);
            if extends && name != base && !found.contains(name) {
                found.push(name.clone());
                parents.push(name.clone());
            }
        }
    }
    found
}

fn redirect(child: &mut Value, from: &str, to: &str) {
    let branches = child.get_mut("allOf").and_then(Value::as_array_mut);
    for branch in branches.into_iter().flatten() {
        if pointer::schema_name(branch).is_some_and(|name| unescape(name) == from) {
            *branch = pointer::schema_ref(to);
        }
    }
}
