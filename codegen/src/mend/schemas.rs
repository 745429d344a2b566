//! Schemas. Keywords with values of the wrong kind are left out, and so are schemas that no
//! value can match.

use serde_json::{Map, Value, json};

use super::references::Targets;
use super::{drop_key, shorten};
use crate::left_out::Notes;
use crate::pointer;

/// Deepest nesting of schemas that gets a type, in schemas. Real documents stay below 20.
const MAX_DEPTH: usize = 40;

const TYPES: [&str; 6] = ["array", "boolean", "integer", "number", "object", "string"];

/// Mends the named schemas.
pub(super) fn components(root: &mut Value, known: &Targets, notes: &mut Notes) {
    let Some(Value::Object(schemas)) = root.pointer_mut(pointer::COMPONENTS) else { return };
    for (name, value) in schemas.iter_mut() {
        schema(value, &pointer::component(name), known, notes);
    }
}

/// Mends the schema at `at`, with all its parts.
pub(super) fn schema(value: &mut Value, at: &str, known: &Targets, notes: &mut Notes) {
    Mender { known, notes }.schema(value, at, 0);
}

struct Mender<'m> {
    known: &'m Targets,
    notes: &'m mut Notes,
}

impl Mender<'_> {
    fn schema(&mut self, value: &mut Value, at: &str, depth: usize) {
        if value.is_boolean() {
            *value = json!({});
        }
        let Some(map) = value.as_object_mut() else {
            self.notes.detail(at, "expected an object");
            *value = json!({});
            return;
        };
        if depth > MAX_DEPTH {
            self.notes.detail(at, format!("nested deeper than {MAX_DEPTH} levels"));
            *value = json!({});
            return;
        }
        if map.contains_key("$ref") {
            if let Err(reason) = self.reference(map) {
                self.notes.detail(&format!("{at}/$ref"), reason);
                *value = json!({});
            }
            return;
        }
        self.plain_keywords(map, at);
        self.parts(map, at, depth);
    }

    /// Mends a reference. The description, flags and extensions beside it stay.
    fn reference(&self, map: &mut Map<String, Value>) -> Result<(), String> {
        let Some(Value::String(reference)) = map.get("$ref") else {
            return Err("expected a string".to_owned());
        };
        let Some(target) = pointer::local(reference) else {
            return Err(format!("`{}` leads outside of this document", shorten(reference)));
        };
        let token = target.strip_prefix("/components/schemas/");
        let leads_to_schema = token.is_some_and(|token| !token.contains('/'));
        if !leads_to_schema || !self.known.contains(target) {
            return Err(format!("`{}` leads nowhere", shorten(reference)));
        }
        map.retain(|key, value| match key.as_str() {
            "$ref" => true,
            "description" => value.is_string(),
            "nullable" | "deprecated" | "readOnly" | "writeOnly" => value.is_boolean(),
            key => key.starts_with("x-"),
        });
        Ok(())
    }

    fn plain_keywords(&mut self, map: &mut Map<String, Value>, at: &str) {
        if let Some(kind) = map.get("type")
            && !kind.as_str().is_some_and(|kind| TYPES.contains(&kind))
        {
            let shown = shorten(&kind.as_str().map_or_else(|| kind.to_string(), str::to_owned));
            self.notes.detail(&format!("{at}/type"), format!("{shown} is no type of OpenAPI 3.0"));
            map.shift_remove("type");
        }
        for key in ["format", "description", "title", "pattern"] {
            if map.get(key).is_some_and(|value| !value.is_string()) {
                drop_key(map, key, at, "a string", self.notes);
            }
        }
        for key in ["nullable", "readOnly", "writeOnly", "deprecated"] {
            if map.get(key).is_some_and(|value| !value.is_boolean()) {
                drop_key(map, key, at, "true or false", self.notes);
            }
        }
        if map.get("enum").is_some_and(|value| !value.is_array()) {
            drop_key(map, "enum", at, "an array", self.notes);
        }
        match map.get_mut("required") {
            None => {}
            Some(Value::Array(names)) => names.retain(Value::is_string),
            // Early drafts of JSON Schema had a boolean here, which is about the property.
            Some(Value::Bool(_)) => {
                map.shift_remove("required");
            }
            Some(_) => drop_key(map, "required", at, "an array", self.notes),
        }
        let decides = |value: &Value| value.get("propertyName").is_some_and(Value::is_string);
        if map.get("discriminator").is_some_and(|value| !decides(value)) {
            drop_key(map, "discriminator", at, "an object with `propertyName`", self.notes);
        }
    }

    fn parts(&mut self, map: &mut Map<String, Value>, at: &str, depth: usize) {
        match map.get_mut("properties") {
            None => {}
            Some(Value::Object(properties)) => {
                let at = format!("{at}/properties");
                for (name, property) in properties.iter_mut() {
                    self.schema(property, &pointer::join(&at, name), depth + 1);
                }
            }
            Some(_) => drop_key(map, "properties", at, "an object", self.notes),
        }
        if let Some(items) = map.get_mut("items") {
            self.schema(items, &format!("{at}/items"), depth + 1);
        }
        if let Some(values) = map.get_mut("additionalProperties")
            && !values.is_boolean()
        {
            self.schema(values, &format!("{at}/additionalProperties"), depth + 1);
        }
        // References to definitions lead to schemas of their own by now.
        ["not", "$defs"].iter().for_each(|key| drop(map.shift_remove(*key)));
        for key in ["allOf", "oneOf", "anyOf"] {
            match map.get_mut(key) {
                None => {}
                Some(Value::Array(branches)) if !branches.is_empty() => {
                    for (index, branch) in branches.iter_mut().enumerate() {
                        self.schema(branch, &format!("{at}/{key}/{index}"), depth + 1);
                    }
                }
                Some(_) => drop_key(map, key, at, "an array of schemas", self.notes),
            }
        }
    }
}
