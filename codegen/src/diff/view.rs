//! Meaning of a schema, independent of its form: by reference or inline, in one piece or as
//! branches of `allOf`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::schemas::Direction;
use crate::pointer;
use crate::schema;

/// Schema with its references followed and its branches taken together.
#[derive(Default)]
pub(super) struct View<'v> {
    /// Name at the end of the chain of references, if the schema is only another name.
    pub(super) name: Option<&'v str>,
    /// Named schemas that it extends.
    pub(super) extends: BTreeSet<&'v str>,
    pub(super) properties: BTreeMap<&'v str, Property<'v>>,
    pub(super) required: BTreeSet<&'v str>,
    /// Every other keyword.
    pub(super) rest: BTreeMap<&'v str, &'v Value>,
    pub(super) nullable: bool,
}

/// Property with the named schema that declares it.
#[derive(Clone, Copy)]
pub(super) struct Property<'v> {
    pub(super) origin: Option<&'v str>,
    pub(super) schema: &'v Value,
}

impl<'v> View<'v> {
    /// Reads the meaning of `schema` of the document `root` in one direction.
    pub(super) fn of(schema: &'v Value, root: &'v Value, direction: Direction) -> Self {
        let mut view = Self::default();
        view.absorb(schema, root, None, 0);
        view.name = name(schema, root);
        // Fields of the other direction alone are left out.
        let hidden = match direction {
            Direction::Request => "readOnly",
            Direction::Response => "writeOnly",
        };
        let is_hidden = |property: &Property<'_>| {
            let says = |schema: &Value| schema::is_true(schema, hidden);
            says(property.schema) || says(end(property.schema, root))
        };
        let gone: Vec<&str> = view
            .properties
            .iter()
            .filter(|(_, one)| is_hidden(one))
            .map(|(name, _)| *name)
            .collect();
        for name in gone {
            view.properties.remove(name);
            view.required.remove(name);
        }
        view
    }

    /// Returns the type, which properties and items say as well.
    pub(super) fn kind(&self) -> Option<&'v str> {
        let says = |key: &str| self.rest.contains_key(key);
        match self.rest.get("type").and_then(|kind| kind.as_str()) {
            Some(kind) => Some(kind),
            None if !self.properties.is_empty() => Some("object"),
            None if says("items") => Some("array"),
            None => None,
        }
    }

    fn absorb(
        &mut self,
        schema: &'v Value,
        root: &'v Value,
        origin: Option<&'v str>,
        depth: usize,
    ) {
        // No document nests so deep, so this is a circle that was not cut.
        if depth > 128 {
            return;
        }
        self.nullable |= schema.get("nullable") == Some(&Value::Bool(true));
        if let Some(name) = pointer::schema_name(schema) {
            // A reference in place of a schema is that schema. A reference as a branch
            // extends it.
            let origin = if depth == 0 { None } else { Some(name) };
            self.extends.extend(origin);
            let at = pointer::target(name);
            if let Some(target) = root.pointer(&at) {
                // Chains of references are one step.
                match (depth, target.get("$ref")) {
                    (0, _) => self.absorb_target(target, root, depth),
                    _ => self.absorb(target, root, origin, depth + 1),
                }
            }
            return;
        }
        let map = schema.as_object();
        for branch in map.and_then(|map| map.get("allOf")?.as_array()).into_iter().flatten() {
            self.absorb(branch, root, origin, depth + 1);
        }
        for (key, value) in map.into_iter().flatten() {
            match (key.as_str(), value) {
                ("allOf" | "nullable", _) => {}
                ("properties", Value::Object(properties)) => {
                    for (name, schema) in properties {
                        self.properties.insert(name, Property { origin, schema });
                    }
                }
                ("required", Value::Array(names)) => {
                    self.required.extend(names.iter().filter_map(Value::as_str));
                }
                ("deprecated", _) => {
                    self.rest.insert(key, value);
                }
                (key, _) if schema::is_annotation(key) => {}
                (key, value) => {
                    self.rest.insert(key, value);
                }
            }
        }
    }

    fn absorb_target(&mut self, target: &'v Value, root: &'v Value, depth: usize) {
        match pointer::schema_name(target) {
            Some(_) => self.absorb(target, root, None, depth),
            None => self.absorb(target, root, None, depth.max(1)),
        }
    }
}

/// Returns the name at the end of a chain of references.
fn name<'v>(mut schema: &'v Value, root: &'v Value) -> Option<&'v str> {
    let mut found = None;
    for _ in 0..128 {
        let Some(name) = other_name(schema) else { break };
        found = Some(name);
        let Some(target) = root.pointer(&pointer::target(name)) else { break };
        schema = target;
    }
    found
}

/// Returns the schema of which this one is another name: by a reference, or by a branch of
/// `allOf` with only annotations beside it.
fn other_name(schema: &Value) -> Option<&str> {
    let annotates = |schema: &Value, but: &str| {
        let mut keys = schema.as_object().into_iter().flat_map(|map| map.keys());
        keys.all(|key| key == but || schema::is_annotation(key))
    };
    let Some(branches) = schema.get("allOf").and_then(Value::as_array) else {
        return pointer::schema_name(schema);
    };
    let mut said = branches.iter().filter(|branch| !annotates(branch, ""));
    let only = said.next().filter(|_| said.next().is_none() && annotates(schema, "allOf"))?;
    pointer::schema_name(only)
}

/// Returns the schema at the end of a chain of references.
fn end<'v>(schema: &'v Value, root: &'v Value) -> &'v Value {
    let target = name(schema, root).map(pointer::target);
    target.and_then(|at| root.pointer(&at)).unwrap_or(schema)
}
