//! Merging of `allOf` into one object with all the properties.
//!
//! A branch that only carries an example or a description disappears, and a single remaining
//! reference becomes that reference. If branches differ in a property, the later one counts.
//! Keywords beside the branches count most. `oneOf` and `anyOf` beside properties restrict the
//! allowed combinations: the type gets the properties of each alternative, none of them
//! required.
//!
//! An extension of `Base` by the two fields by which an item reports its failure is named
//! `BaseResult`, unless the overlay names it.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::name_inline::PIN;
use crate::left_out::Notes;
use crate::pointer;
use crate::schema::{self, Link};

pub(super) fn run(root: &mut Value, notes: &mut Notes) {
    let Some(schemas) = schema::components(root) else { return };
    let source = std::mem::take(schemas);
    let names: Vec<String> = source.keys().cloned().collect();
    let mut merger = Merger { notes, source, done: HashMap::new() };
    for name in &names {
        merger.component(name, &mut Vec::new());
    }
    let mut slots = Vec::new();
    for (at, operation) in schema::operations(root) {
        slots.extend(schema::slots(operation).iter().map(|(_, slot)| format!("{at}{slot}")));
    }
    for at in slots {
        if let Some(slot) = root.pointer_mut(&at) {
            merger.merge(slot, &at, &mut Vec::new());
        }
    }
    let done = names.into_iter().filter_map(|name| merger.done.remove_entry(&name));
    if let Some(schemas) = schema::components(root) {
        schemas.extend(done);
    }
}

struct Merger<'n> {
    notes: &'n mut Notes,
    source: Map<String, Value>,
    done: HashMap<String, Value>,
}

impl Merger<'_> {
    /// Returns a named schema, merged. `open` has the names of those that are being merged.
    fn component(&mut self, name: &str, open: &mut Vec<String>) -> Option<&Value> {
        if !self.done.contains_key(name) {
            let at = pointer::component(name);
            if open.iter().any(|outer| outer == name) {
                self.notes.detail(&at, "the schema is made of itself by `allOf`");
                return None;
            }
            open.push(name.to_owned());
            let mut schema = self.source.get(name).cloned().unwrap_or_else(|| json!({}));
            self.merge(&mut schema, &at, open);
            open.pop();
            self.done.insert(name.to_owned(), schema);
        }
        self.done.get(name)
    }

    /// Merges `allOf` in `schema` and in its parts.
    fn merge(&mut self, schema: &mut Value, at: &str, open: &mut Vec<String>) {
        let Some(map) = schema.as_object_mut() else { return };
        for (link, child) in schema::children_mut(map) {
            if !matches!(link, Link::Branch("allOf", _)) {
                self.merge(child, &format!("{at}{}", link.pointer()), open);
            }
        }
        if let Some(Value::Array(branches)) = map.shift_remove("allOf") {
            self.merge_branches(map, branches, at, open);
        }
        if map.contains_key("properties") && alternatives(map).is_some() {
            self.fold_alternatives(map, at, open);
        }
    }

    fn merge_branches(
        &mut self,
        map: &mut Map<String, Value>,
        branches: Vec<Value>,
        at: &str,
        open: &mut Vec<String>,
    ) {
        let says_nothing = |key: &String| schema::is_annotation(key) || key == "nullable";
        let own_is_empty = map.keys().all(says_nothing);
        let mut nullable = map.get("nullable") == Some(&json!(true));
        let (annotations, branches): (Vec<Value>, Vec<Value>) = branches
            .into_iter()
            .partition(|branch| branch.as_object().is_some_and(|b| b.keys().all(says_nothing)));
        nullable |= annotations.iter().any(|branch| schema::is_true(branch, "nullable"));
        if nullable {
            map.insert("nullable".to_owned(), json!(true));
        }
        if let ([single], true) = (branches.as_slice(), own_is_empty)
            && single.get("$ref").is_some()
        {
            let annotations =
                std::mem::replace(map, single.as_object().cloned().unwrap_or_default());
            map.extend(annotations.into_iter().filter(|(key, _)| key != "example"));
            return;
        }
        let base = branches.iter().find_map(pointer::schema_name).map(str::to_owned);
        let mut merged = Map::new();
        for (index, mut branch) in branches.into_iter().enumerate() {
            match pointer::schema_name(&branch) {
                Some(_) => branch = self.resolved(branch, open),
                None => self.merge(&mut branch, &format!("{at}/allOf/{index}"), open),
            }
            absorb(&mut merged, without_annotations(branch));
        }
        // The keywords beside the branches count most.
        absorb(&mut merged, Value::Object(std::mem::take(map)));
        *map = merged;
        if let Some(base) = base.filter(|_| has_error_fields(map)) {
            let name = format!("{}Result", base.strip_suffix("Object").unwrap_or(&base));
            map.entry(PIN).or_insert_with(|| json!(name));
        }
    }

    /// Returns the schema that a branch stands for, through references.
    fn resolved(&mut self, mut branch: Value, open: &mut Vec<String>) -> Value {
        for _ in 0..64 {
            let Some(name) = pointer::schema_name(&branch).map(str::to_owned) else { break };
            branch = self.component(&name, open).cloned().unwrap_or_else(|| json!({}));
        }
        branch
    }

    /// Merges `oneOf` and `anyOf` beside properties, as the module's documentation describes.
    fn fold_alternatives(
        &mut self,
        map: &mut Map<String, Value>,
        at: &str,
        open: &mut Vec<String>,
    ) {
        while let Some(key) = alternatives(map) {
            let Some(Value::Array(list)) = map.shift_remove(key) else { return };
            for alternative in list {
                let alternative = match alternative.get("$ref") {
                    Some(_) => self.resolved(alternative, open),
                    None => alternative,
                };
                let Some(Value::Object(more)) = alternative.get("properties") else {
                    let says = alternative.as_object().is_some_and(|map| {
                        map.keys().any(|key| !schema::is_annotation(key) && key != "required")
                    });
                    if says && alternative.get("type").is_some_and(|kind| kind != "object") {
                        let reason = "an alternative beside properties that has none of its own";
                        self.notes.detail(&format!("{at}/{key}"), reason);
                    }
                    continue;
                };
                let Some(properties) = schema::object_at(map, "properties") else { continue };
                for (name, property) in more {
                    match properties.get(name) {
                        // A property in which alternatives differ takes any value.
                        Some(known) if !says_same(known, property) => {
                            properties.insert(name.clone(), json!({}));
                        }
                        Some(_) => {}
                        None => {
                            properties.insert(name.clone(), property.clone());
                        }
                    }
                }
            }
        }
        map.shift_remove("discriminator");
    }
}

fn has_error_fields(map: &Map<String, Value>) -> bool {
    let properties = map.get("properties").and_then(Value::as_object);
    let has = |name: &str| properties.is_some_and(|properties| properties.contains_key(name));
    has("errorCode") && has("errorDescription")
}

fn alternatives(map: &Map<String, Value>) -> Option<&'static str> {
    ["oneOf", "anyOf"].into_iter().find(|key| map.contains_key(*key))
}

/// Returns whether values of two schemas of a property may have one type: `other` names none,
/// both are the same scalar with any constraints, or they differ only in annotations.
fn says_same(one: &Value, other: &Value) -> bool {
    let facts = |schema: &Value| {
        let mut schema = schema.clone();
        if let Some(map) = schema.as_object_mut() {
            map.retain(|key, _| !schema::is_annotation(key));
        }
        schema
    };
    let kind = |schema: &Value| schema.get("type").and_then(Value::as_str).map(str::to_owned);
    let is_scalar = |kind: &str| !matches!(kind, "object" | "array");
    let same_scalar = kind(one).is_some_and(|kind| is_scalar(&kind)) && kind(one) == kind(other);
    let says_nothing = |schema: &Value| {
        ["type", "$ref", "properties", "items", "allOf", "oneOf", "anyOf"]
            .iter()
            .all(|key| schema.get(key).is_none())
    };
    same_scalar || says_nothing(other) || facts(one) == facts(other)
}

/// Removes the annotations of an extended schema, because they are not about the result.
fn without_annotations(mut schema: Value) -> Value {
    if let Some(map) = schema.as_object_mut() {
        map.retain(|key, _| !schema::is_annotation(key));
    }
    schema
}

/// Adds the keywords of `branch` to `map`. They override those of `map`.
fn absorb(map: &mut Map<String, Value>, branch: Value) {
    let Value::Object(branch) = branch else { return };
    for (key, value) in branch {
        match (key.as_str(), value) {
            ("properties", Value::Object(properties)) => {
                map.insert("type".to_owned(), json!("object"));
                let Some(own) = schema::object_at(map, "properties") else { continue };
                for (name, property) in properties {
                    override_property(own, name, property);
                }
            }
            ("required", Value::Array(names)) => {
                let own = map.entry("required").or_insert_with(|| json!([]));
                if let Value::Array(own) = own {
                    let new: Vec<_> =
                        names.into_iter().filter(|name| !own.contains(name)).collect();
                    own.extend(new);
                }
            }
            // Two lists of alternatives become one with the alternatives of both.
            ("oneOf" | "anyOf", Value::Array(list)) if map.contains_key(&key) => {
                if let Some(Value::Array(own)) = map.get_mut(&key) {
                    own.extend(list);
                }
            }
            (_, value) => {
                map.insert(key, value);
            }
        }
    }
}

fn override_property(own: &mut Map<String, Value>, name: String, property: Value) {
    let only_annotates =
        property.as_object().is_some_and(|map| map.keys().all(|key| schema::is_annotation(key)));
    match own.get_mut(&name) {
        Some(Value::Object(known)) if only_annotates => {
            known.extend(property.as_object().cloned().unwrap_or_default());
        }
        _ => {
            own.insert(name, property);
        }
    }
}
