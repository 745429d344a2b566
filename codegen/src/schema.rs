//! Access to the schemas and operations of a document, shared by the stages.

use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::{pointer, validate::METHODS, walk};

/// Keys that do not restrict the allowed values.
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

/// Returns whether `key` is an annotation or an extension.
pub(crate) fn is_annotation(key: &str) -> bool {
    ANNOTATIONS.contains(&key) || key.starts_with("x-")
}

/// Returns whether the value at `key` is true.
pub(crate) fn is_true(value: &Value, key: &str) -> bool {
    value.get(key) == Some(&Value::Bool(true))
}

/// Returns `components.schemas`. Creates them if the document has none.
pub(crate) fn components(root: &mut Value) -> Option<&mut Map<String, Value>> {
    object_at(object_at(root.as_object_mut()?, "components")?, "schemas")
}

/// Returns the object at `key`. Creates it if another value is there.
pub(crate) fn object_at<'m>(
    map: &'m mut Map<String, Value>,
    key: &str,
) -> Option<&'m mut Map<String, Value>> {
    let value = map.entry(key).or_insert(Value::Null);
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    value.as_object_mut()
}

/// Returns `components.schemas`, if the document has them.
pub(crate) fn named(root: &Value) -> Option<&Map<String, Value>> {
    root.get("components")?.get("schemas")?.as_object()
}

/// Lists `(path, method, operation)` of each operation, in the document's order.
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

/// Way in which a schema is part of another.
#[derive(Clone, Copy)]
pub(crate) enum Link<'k> {
    /// Value of the property of this name.
    Property(&'k str),
    /// Element of an array.
    Items,
    /// Value of a free-form map.
    MapValue,
    /// Branch of `allOf`, `oneOf` or `anyOf`, by the keyword and its position.
    Branch(&'static str, usize),
}

impl Link<'_> {
    /// Returns the JSON pointer of the part, relative to the schema around it.
    pub(crate) fn pointer(self) -> String {
        match self {
            Link::Property(name) => pointer::join("/properties", name),
            Link::Items => "/items".to_owned(),
            Link::MapValue => "/additionalProperties".to_owned(),
            Link::Branch(key, index) => format!("/{key}/{index}"),
        }
    }
}

/// Keywords whose values are lists of schemas.
const BRANCHES: [&str; 3] = ["allOf", "oneOf", "anyOf"];

/// Lists the direct parts of a schema.
pub(crate) fn children(schema: &Value) -> Vec<(Link<'_>, &Value)> {
    let mut found = Vec::new();
    let Some(map) = schema.as_object() else { return found };
    if let Some(Value::Object(properties)) = map.get("properties") {
        found.extend(properties.iter().map(|(name, child)| (Link::Property(name), child)));
    }
    for (key, link) in [("items", Link::Items), ("additionalProperties", Link::MapValue)] {
        found.extend(map.get(key).filter(|child| child.is_object()).map(|child| (link, child)));
    }
    for key in BRANCHES {
        let list = map.get(key).and_then(Value::as_array).into_iter().flatten();
        found.extend(list.enumerate().map(|(index, child)| (Link::Branch(key, index), child)));
    }
    found
}

/// Lists the direct parts of a schema, to change them.
pub(crate) fn children_mut(schema: &mut Map<String, Value>) -> Vec<(Link<'_>, &mut Value)> {
    let mut found = Vec::new();
    for (key, value) in schema {
        match (key.as_str(), value) {
            ("properties", Value::Object(properties)) => {
                let links = properties.iter_mut();
                found.extend(links.map(|(name, child)| (Link::Property(name), child)));
            }
            ("items", child @ Value::Object(_)) => found.push((Link::Items, child)),
            ("additionalProperties", child @ Value::Object(_)) => {
                found.push((Link::MapValue, child));
            }
            (key, Value::Array(list)) => {
                let Some(key) = BRANCHES.into_iter().find(|known| *known == key) else { continue };
                let links = list.iter_mut().enumerate();
                found.extend(links.map(|(index, child)| (Link::Branch(key, index), child)));
            }
            _ => {}
        }
    }
    found
}

/// Calls `change` with a schema and all its parts, the parts first.
pub(crate) fn each_mut(schema: &mut Value, change: &mut impl FnMut(&mut Map<String, Value>)) {
    if let Value::Object(map) = schema {
        children_mut(map).into_iter().for_each(|(_, child)| each_mut(child, change));
        change(map);
    }
}

/// Calls `change` with each schema of the document, the parts first.
pub(crate) fn every_mut(root: &mut Value, change: &mut impl FnMut(&mut Map<String, Value>)) {
    let named = components(root).into_iter().flat_map(Map::values_mut);
    named.for_each(|schema| each_mut(schema, change));
    for (_, _, operation) in operations_mut(root) {
        slots_mut(operation).into_iter().for_each(|schema| each_mut(schema, change));
    }
}

/// Returns the media type and the entry of a request body or a reply, after
/// [`bodies`](crate::passes) has left one.
pub(crate) fn content(holder: &Value) -> Option<(&str, &Value)> {
    let (media, entry) = holder.get("content")?.as_object()?.iter().next()?;
    Some((media, entry))
}

/// Returns the schema of [`content`], to change it.
pub(crate) fn body_mut(holder: &mut Value) -> Option<&mut Value> {
    holder.get_mut("content")?.as_object_mut()?.values_mut().next()?.get_mut("schema")
}

/// Returns the pointer from a request body or a reply to the schema of its [`content`].
fn body(holder: &Value) -> Option<String> {
    let (media, entry) = content(holder)?;
    entry.get("schema")?;
    Some(pointer::join("/content", media) + "/schema")
}

/// Lists the schemas of an operation: those of parameters, of the request body and of replies,
/// each with its pointer.
pub(crate) fn slots(operation: &Map<String, Value>) -> Vec<(Slot<'_>, String)> {
    let mut found = Vec::new();
    let parameters = operation.get("parameters").and_then(Value::as_array);
    for (index, parameter) in parameters.into_iter().flatten().enumerate() {
        let name = parameter.get("name").and_then(Value::as_str).unwrap_or_default();
        found.push((Slot::Parameter(name), format!("/parameters/{index}/schema")));
    }
    if let Some(inner) = operation.get("requestBody").and_then(body) {
        found.push((Slot::Request, format!("/requestBody{inner}")));
    }
    let responses = operation.get("responses").and_then(Value::as_object);
    for (status, response) in responses.into_iter().flatten() {
        if let Some(inner) = body(response) {
            let at = pointer::join("/responses", status) + &inner;
            found.push((Slot::Response(status), at));
        }
    }
    found
}

/// Follows a chain of references to `schemas`. Returns its end, with the name if it has one.
/// Chains end, because circles of references have been cut.
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

/// Lists the names of the schemas that `value` refers to.
pub(crate) fn references(value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    walk::objects(value, &mut |object| {
        found.extend(pointer::name_in(object).map(str::to_owned));
    });
    found
}

/// Lists the names of the schemas that these parts of operations refer to.
pub(crate) fn used(root: &Value, parts: &[&str]) -> Vec<String> {
    let operations = operations(root);
    let parts = operations
        .iter()
        .flat_map(|(_, operation)| parts.iter().filter_map(|part| operation.get_key_value(*part)));
    // The part keeps its name, so that a walk knows that `default` is a response here.
    let alone = |(part, value): (&String, &Value)| {
        references(&Value::Object(Map::from_iter([(part.clone(), value.clone())])))
    };
    parts.flat_map(alone).collect()
}

/// Lists the names of these schemas, and of all that they refer to.
pub(crate) fn reached(root: &Value, names: Vec<String>) -> HashSet<String> {
    let schemas = named(root);
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

/// Lists the schemas of [`slots`], to change them.
pub(crate) fn slots_mut(operation: &mut Map<String, Value>) -> Vec<&mut Value> {
    let mut found = Vec::new();
    for (key, part) in operation {
        match (key.as_str(), part) {
            ("parameters", Value::Array(list)) => {
                found.extend(list.iter_mut().filter_map(|parameter| parameter.get_mut("schema")));
            }
            ("requestBody", body) => found.extend(body_mut(body)),
            ("responses", Value::Object(responses)) => {
                found.extend(responses.values_mut().filter_map(body_mut));
            }
            _ => {}
        }
    }
    found
}

/// Part of an operation that a schema describes.
#[derive(Clone, Copy)]
pub(crate) enum Slot<'k> {
    Parameter(&'k str),
    Request,
    Response(&'k str),
}

/// Lists the pointer and content of each operation.
pub(crate) fn operations(root: &Value) -> Vec<(String, &Map<String, Value>)> {
    let mut found = Vec::new();
    let paths = root.get("paths").and_then(Value::as_object);
    for (path, item) in paths.into_iter().flatten().filter(|(path, _)| path.starts_with('/')) {
        for method in METHODS {
            if let Some(Value::Object(operation)) = item.get(method) {
                found.push((pointer::operation(path, method), operation));
            }
        }
    }
    found
}
