//! Walk over the objects of an OpenAPI document, which tells keywords from names and from data:
//! a property called `description` is not a description, and an example that contains `$ref`
//! is not a reference.

use serde_json::{Map, Value};

/// Kind of the keys of a JSON object, seen from OpenAPI.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// Keys are keywords of the specification.
    Keywords,
    /// Keys are names of the document's choice, values are objects.
    Names,
    /// Example, default or extension: plain data.
    Data,
}

impl Role {
    fn of_child(self, key: &str, child: &Value) -> Role {
        match self {
            Role::Data => Role::Data,
            Role::Names => Role::Keywords,
            Role::Keywords => match key {
                "example" | "default" | "enum" | "value" | "const" => Role::Data,
                "examples" if child.is_array() => Role::Data,
                "properties" | "schemas" | "parameters" | "responses" | "requestBodies"
                | "headers" | "examples" | "securitySchemes" | "links" | "callbacks" | "paths"
                | "content" | "variables" | "mapping" | "scopes" | "encoding" | "$defs"
                | "patternProperties" | "dependentRequired" | "dependentSchemas"
                    if child.is_object() =>
                {
                    Role::Names
                }
                _ if key.starts_with("x-") => Role::Data,
                _ => Role::Keywords,
            },
        }
    }
}

/// Step from a value to a part of it.
#[derive(Clone, Copy)]
pub(crate) enum Step<'v> {
    Key(&'v str),
    Index(usize),
}

/// Returns the JSON pointer of the part `key` of the value at these steps.
pub(crate) fn pointer(at: &[Step<'_>], key: &str) -> String {
    let steps = at.iter().copied().chain([Step::Key(key)]);
    steps.fold(String::new(), |at, step| match step {
        Step::Key(key) => crate::pointer::join(&at, key),
        Step::Index(index) => format!("{at}/{index}"),
    })
}

/// Calls `visit` with each object of keywords, parents first.
pub(crate) fn objects<'v>(root: &'v Value, visit: &mut impl FnMut(&'v Map<String, Value>)) {
    objects_at(root, &mut |_, map| visit(map));
}

/// Calls `visit` with each object of keywords and the steps to it, parents first.
pub(crate) fn objects_at<'v>(
    root: &'v Value,
    visit: &mut impl FnMut(&[Step<'v>], &'v Map<String, Value>),
) {
    descend(root, Role::Keywords, &mut Vec::new(), visit);
}

fn descend<'v>(
    value: &'v Value,
    role: Role,
    at: &mut Vec<Step<'v>>,
    visit: &mut impl FnMut(&[Step<'v>], &'v Map<String, Value>),
) {
    match value {
        _ if role == Role::Data => {}
        Value::Object(map) => {
            if role == Role::Keywords {
                visit(at, map);
            }
            for (key, child) in map {
                at.push(Step::Key(key));
                descend(child, role.of_child(key, child), at, visit);
                at.pop();
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                at.push(Step::Index(index));
                descend(item, role, at, visit);
                at.pop();
            }
        }
        _ => {}
    }
}

/// Calls `visit` with each object of keywords to change it, parents first. The children that
/// `visit` leaves are visited.
pub(crate) fn objects_mut(root: &mut Value, visit: &mut impl FnMut(&mut Map<String, Value>)) {
    descend_mut(root, Role::Keywords, visit);
}

fn descend_mut(value: &mut Value, role: Role, visit: &mut impl FnMut(&mut Map<String, Value>)) {
    match value {
        _ if role == Role::Data => {}
        Value::Object(map) => {
            if role == Role::Keywords {
                visit(map);
            }
            for (key, child) in map {
                let role = role.of_child(key, child);
                descend_mut(child, role, visit);
            }
        }
        Value::Array(items) => {
            for item in items {
                descend_mut(item, role, visit);
            }
        }
        _ => {}
    }
}
