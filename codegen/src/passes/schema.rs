//! Access to the schemas and operations of a document, shared by the passes.

use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::{pointer, validate::METHODS, walk};

/// Keys that say nothing about which values are allowed.
pub(crate) const ANNOTATIONS: [&str; 8] = [
    "description",
    "title",
    "example",
    "examples",
    "externalDocs",
    "deprecated",
    "readOnly",
    "writeOnly",
];

/// Whether `key` is an annotation or an extension.
pub(crate) fn is_annotation(key: &str) -> bool {
    ANNOTATIONS.contains(&key) || key.starts_with("x-")
}

/// `components.schemas`, which is created if the document has none.
pub(crate) fn components(root: &mut Value) -> &mut Map<String, Value> {
    let components = root
        .as_object_mut()
        .map(|root| root.entry("components").or_insert_with(|| Value::Object(Map::new())))
        .and_then(Value::as_object_mut)
        .map(|components| components.entry("schemas").or_insert_with(|| Value::Object(Map::new())))
        .and_then(Value::as_object_mut);
    match components {
        Some(schemas) => schemas,
        None => unreachable!("validation has shown that the document's parts are objects"),
    }
}

/// `(path, method, operation)` of every operation, in the document's order.
pub(crate) fn operations_mut(
    root: &mut Value,
) -> Vec<(&str, &'static str, &mut Map<String, Value>)> {
    let mut found = Vec::new();
    let Some(Value::Object(paths)) = root.get_mut("paths") else { return found };
    for (path, item) in paths.iter_mut().filter(|(path, _)| path.starts_with('/')) {
        let Some(item) = item.as_object_mut() else { continue };
        for (key, operation) in item {
            let method = METHODS.into_iter().find(|method| method == key);
            if let (Some(method), Some(operation)) = (method, operation.as_object_mut()) {
                found.push((path.as_str(), method, operation));
            }
        }
    }
    found
}

/// A schema that is part of another, and how it hangs there.
pub(crate) enum Link<'k> {
    /// The value of the property of this name.
    Property(&'k str),
    /// An element of an array.
    Items,
    /// A value of a free-form map.
    MapValue,
    /// A branch of `allOf`, `oneOf` or `anyOf`, or `not`.
    Branch,
}

/// The direct parts of a schema with their JSON pointers relative to it.
pub(crate) fn children(schema: &Value) -> Vec<(Link<'_>, String, &Value)> {
    let mut found = Vec::new();
    let Some(map) = schema.as_object() else { return found };
    if let Some(Value::Object(properties)) = map.get("properties") {
        for (name, child) in properties {
            found.push((Link::Property(name), pointer::join("/properties", name), child));
        }
    }
    for (key, link) in
        [("items", Link::Items), ("additionalProperties", Link::MapValue), ("not", Link::Branch)]
    {
        if let Some(child) = map.get(key).filter(|child| child.is_object()) {
            found.push((link, format!("/{key}"), child));
        }
    }
    for key in ["allOf", "oneOf", "anyOf"] {
        for (index, child) in
            map.get(key).and_then(Value::as_array).into_iter().flatten().enumerate()
        {
            found.push((Link::Branch, format!("/{key}/{index}"), child));
        }
    }
    found
}

/// Calls `change` with a schema and all its parts, the parts first.
pub(crate) fn each_mut(schema: &mut Value, change: &mut impl FnMut(&mut Value)) {
    let pointers: Vec<String> = children(schema).into_iter().map(|(_, at, _)| at).collect();
    for at in pointers {
        if let Some(child) = schema.pointer_mut(&at) {
            each_mut(child, change);
        }
    }
    change(schema);
}

/// The schema slots of an operation after
/// [`json_only`](super::json_only): parameters, request body, responses.
pub(crate) fn slots(operation: &Map<String, Value>) -> Vec<(Slot<'_>, String)> {
    let mut found = Vec::new();
    let parameters = operation.get("parameters").and_then(Value::as_array);
    for (index, parameter) in parameters.into_iter().flatten().enumerate() {
        let name = parameter.get("name").and_then(Value::as_str).unwrap_or_default();
        found.push((Slot::Parameter(name), format!("/parameters/{index}/schema")));
    }
    let media = "/content/application~1json/schema";
    if operation.get("requestBody").is_some_and(|body| body.pointer(media).is_some()) {
        found.push((Slot::Request, format!("/requestBody{media}")));
    }
    let responses = operation.get("responses").and_then(Value::as_object);
    for (status, response) in responses.into_iter().flatten() {
        if response.pointer(media).is_some() {
            found.push((
                Slot::Response(status),
                format!("{}{media}", pointer::join("/responses", status)),
            ));
        }
    }
    found
}

/// The end of a chain of references to `schemas`, with its name if it has one.
/// Chains end: validation refuses references that form a circle.
pub(crate) fn follow<'v>(
    mut value: &'v Value,
    schemas: &'v Map<String, Value>,
) -> (Option<&'v str>, &'v Value) {
    let mut name = None;
    while let Some((next, target)) =
        pointer::schema_name(value).and_then(|n| Some((n, schemas.get(n)?)))
    {
        (name, value) = (Some(next), target);
    }
    (name, value)
}

/// The names of the schemas that `value` refers to, those behind aliases
/// included.
pub(crate) fn references(value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    walk::objects(value, &mut |_, object| {
        let reference = object.get("$ref").and_then(Value::as_str);
        let name = reference.and_then(|reference| reference.strip_prefix(pointer::SCHEMAS));
        let alias = object.get("x-rust-alias").and_then(Value::as_str);
        found.extend(name.into_iter().chain(alias).map(str::to_owned));
    });
    found
}

/// The names of the schemas that these parts of operations refer to.
pub(crate) fn used(root: &Value, parts: &[&str]) -> Vec<String> {
    let operations = operations(root);
    let parts = operations
        .iter()
        .flat_map(|(_, operation)| parts.iter().filter_map(|part| operation.get_key_value(*part)));
    // Under its own name, by which a walk knows that `default` is a response here.
    let alone = |(part, value): (&String, &Value)| {
        references(&Value::Object(Map::from_iter([(part.clone(), value.clone())])))
    };
    parts.flat_map(alone).collect()
}

/// The names of these schemas and of all that they refer to.
pub(crate) fn reached(root: &Value, names: Vec<String>) -> HashSet<String> {
    let schemas = root.pointer("/components/schemas").and_then(Value::as_object);
    let (mut found, mut next) = (HashSet::new(), names);
    while let Some(name) = next.pop() {
        let schema = schemas.and_then(|schemas| schemas.get(&name));
        if let Some(schema) = schema
            && found.insert(name)
        {
            next.extend(references(schema));
        }
    }
    found
}

/// Things that a schema of an operation describes.
#[derive(Clone, Copy)]
pub(crate) enum Slot<'k> {
    Parameter(&'k str),
    Request,
    Response(&'k str),
}

/// JSON pointers from the root to every schema that is not part of another:
/// the components, then those of the operations.
pub(crate) fn roots(root: &Value) -> Vec<String> {
    let at = "/components/schemas";
    let components = root.pointer(at).and_then(Value::as_object);
    let mut found: Vec<String> =
        components.into_iter().flat_map(Map::keys).map(|name| pointer::join(at, name)).collect();
    for (at, operation) in operations(root) {
        found.extend(slots(operation).into_iter().map(|(_, slot)| format!("{at}{slot}")));
    }
    found
}

/// The pointer and content of every operation.
pub(crate) fn operations(root: &Value) -> Vec<(String, &Map<String, Value>)> {
    let mut found = Vec::new();
    let paths = root.get("paths").and_then(Value::as_object);
    for (path, item) in paths.into_iter().flatten().filter(|(path, _)| path.starts_with('/')) {
        for method in METHODS {
            if let Some(Value::Object(operation)) = item.get(method) {
                found.push((pointer::join(&pointer::join("/paths", path), method), operation));
            }
        }
    }
    found
}
