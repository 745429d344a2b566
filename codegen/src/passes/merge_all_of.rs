//! Turns `allOf` into what it means: the object that has all the properties.
//!
//! A branch that only carries an example or a description disappears, and a
//! single remaining reference becomes that reference. `oneOf` and `anyOf`
//! beside properties restrict which combinations are allowed; the type gets
//! the properties of every alternative, optional unless all require them.
//! Alternatives without properties are refused, scalars left to progenitor.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::{Context, schema};
use crate::{Result, pointer, validate::fault};

pub(super) fn run(root: &mut Value, context: &Context<'_>) -> Result<()> {
    let mut merger = Merger {
        file: context.file,
        source: schema::components(root).clone(),
        done: HashMap::new(),
    };
    let names: Vec<String> = merger.source.keys().cloned().collect();
    for name in names {
        let merged = merger.component(&name, &mut Vec::new())?;
        schema::components(root).insert(name, merged);
    }
    let operations: Vec<_> =
        schema::roots(root).into_iter().filter(|at| at.starts_with("/paths")).collect();
    for at in operations {
        if let Some(slot) = root.pointer_mut(&at) {
            let merged = merger.merge(slot, &at, &mut Vec::new())?;
            *slot = merged;
        }
    }
    Ok(())
}

struct Merger<'f> {
    file: &'f str,
    source: Map<String, Value>,
    done: HashMap<String, Value>,
}

impl Merger<'_> {
    fn component(&mut self, name: &str, open: &mut Vec<String>) -> Result<Value> {
        if let Some(done) = self.done.get(name) {
            return Ok(done.clone());
        }
        let at = pointer::join("/components/schemas", name);
        if open.iter().any(|outer| outer == name) {
            return Err(fault(self.file, &at, "the schema is made of itself by `allOf`"));
        }
        open.push(name.to_owned());
        let schema = self.source.get(name).cloned().unwrap_or_else(|| json!({}));
        let merged = self.merge(&schema, &at, open)?;
        open.pop();
        self.done.insert(name.to_owned(), merged.clone());
        Ok(merged)
    }

    /// `schema` without `allOf`, in itself and in its parts.
    fn merge(&mut self, schema: &Value, at: &str, open: &mut Vec<String>) -> Result<Value> {
        let mut result = schema.clone();
        for (link, inner, child) in schema::children(schema) {
            if !matches!(link, schema::Link::Branch) {
                let merged = self.merge(child, &format!("{at}{inner}"), open)?;
                if let Some(slot) = result.pointer_mut(&inner) {
                    *slot = merged;
                }
            }
        }
        let Some(map) = result.as_object_mut() else { return Ok(result) };
        if let Some(Value::Array(branches)) = map.shift_remove("allOf") {
            self.merge_branches(map, branches, at, open)?;
        }
        fold_alternatives(map);
        Ok(result)
    }

    fn merge_branches(
        &mut self,
        map: &mut Map<String, Value>,
        branches: Vec<Value>,
        at: &str,
        open: &mut Vec<String>,
    ) -> Result<()> {
        let own_is_empty = map.keys().all(|key| schema::is_annotation(key));
        let branches: Vec<Value> = branches
            .into_iter()
            .filter(|branch| {
                !branch.as_object().is_some_and(|b| b.keys().all(|k| schema::is_annotation(k)))
            })
            .collect();
        if let ([single], true) = (branches.as_slice(), own_is_empty)
            && single.get("$ref").is_some()
        {
            let annotations =
                std::mem::replace(map, single.as_object().cloned().unwrap_or_default());
            map.extend(annotations.into_iter().filter(|(key, _)| key != "example"));
            return Ok(());
        }
        let mut merged = Vec::new();
        for (index, branch) in branches.iter().enumerate() {
            let value = match pointer::schema_name(branch) {
                Some(name) => {
                    let name = name.to_owned();
                    // The extended schema's own name helps to name the result.
                    map.entry("x-rust-base").or_insert_with(|| json!(name));
                    self.component(&name, open)?
                }
                None => self.merge(branch, &format!("{at}/allOf/{index}"), open)?,
            };
            merged.push(value);
        }
        if !merged.iter().all(is_object) {
            if merged.iter().any(|branch| branch.get("oneOf").or(branch.get("anyOf")).is_some()) {
                // progenitor would multiply the alternatives, without end if one of
                // them contains this schema.
                let reason = "`allOf` with alternatives among its branches is not supported";
                return Err(fault(self.file, &format!("{at}/allOf"), reason));
            }
            map.shift_remove("x-rust-base");
            map.insert("allOf".to_owned(), Value::Array(branches));
            return Ok(());
        }
        for branch in merged {
            absorb(map, branch);
        }
        Ok(())
    }
}

fn is_object(schema: &Value) -> bool {
    let says_object = schema.get("type").is_none_or(|kind| kind == "object");
    let about_objects = ["type", "properties", "required", "additionalProperties"]
        .iter()
        .any(|key| schema.get(key).is_some());
    says_object && about_objects && schema.get("$ref").is_none()
}

/// Adds the properties and requirements of `branch`; `map` wins on conflicts.
fn absorb(map: &mut Map<String, Value>, branch: Value) {
    let Value::Object(branch) = branch else { return };
    map.insert("type".to_owned(), json!("object"));
    for (key, value) in branch {
        match (key.as_str(), value) {
            ("properties", Value::Object(properties)) => {
                let own = object_entry(map, "properties");
                for (name, property) in properties {
                    own.entry(name).or_insert(property);
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
            // The extended schema's own description is not about the result.
            (key, _) if schema::is_annotation(key) => {}
            (key, value) => {
                map.entry(key).or_insert(value);
            }
        }
    }
}

/// `oneOf` and `anyOf` beside properties: see the module's documentation.
fn fold_alternatives(map: &mut Map<String, Value>) {
    if !map.contains_key("properties") {
        return;
    }
    for key in ["oneOf", "anyOf"] {
        let foldable = |list: &Vec<Value>| list.iter().all(is_object);
        if !map.get(key).and_then(Value::as_array).is_some_and(foldable) {
            continue;
        }
        let Some(Value::Array(alternatives)) = map.shift_remove(key) else { continue };
        let properties = object_entry(map, "properties");
        for alternative in alternatives {
            let Some(Value::Object(more)) = alternative.get("properties") else { continue };
            for (name, property) in more {
                properties.entry(name).or_insert_with(|| property.clone());
            }
        }
    }
}

fn object_entry<'m>(map: &'m mut Map<String, Value>, key: &str) -> &'m mut Map<String, Value> {
    let entry = map.entry(key).or_insert_with(|| json!({}));
    if !entry.is_object() {
        *entry = json!({});
    }
    match entry {
        Value::Object(map) => map,
        _ => unreachable!("made an object above"),
    }
}
