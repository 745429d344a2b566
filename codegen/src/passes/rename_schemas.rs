//! Gives schemas the names of their Rust types: the overlay's `x-rust-name`,
//! else the document's name in Rust's spelling. The published name is kept in
//! `x-rust-schema` for the documentation.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::{Context, schema};
use crate::{Result, names, pointer, validate::fault, walk};

pub(super) fn run(root: &mut Value, context: &Context<'_>) -> Result<()> {
    let schemas = schema::components(root);
    let mut renamed: HashMap<String, String> = HashMap::new();
    let mut taken: HashMap<String, String> = HashMap::new();
    let mut result = Map::new();
    for (name, mut schema) in std::mem::take(schemas) {
        let pinned = schema.get("x-rust-name").and_then(Value::as_str).map(names::type_name);
        let new = pinned.filter(|pin| !pin.is_empty()).unwrap_or_else(|| names::type_name(&name));
        if let Some(other) = taken.insert(new.clone(), name.clone()) {
            let at = pointer::join("/components/schemas", &name);
            return Err(fault(context.file, &at, format!("`{other}` is the type `{new}` already")));
        }
        if let Some(map) = schema.as_object_mut() {
            map.shift_remove("x-rust-name");
            map.insert("x-rust-schema".to_owned(), json!(name));
        }
        renamed.insert(name, new.clone());
        result.insert(new, schema);
    }
    *schemas = result;
    walk::objects_mut(root, &mut |object| {
        let name = object
            .get("$ref")
            .and_then(Value::as_str)
            .and_then(|reference| reference.strip_prefix(pointer::SCHEMAS));
        // A pointer's token is the name but for `~0` and `~1`.
        let name = name.map(|name| name.replace("~1", "/").replace("~0", "~"));
        if let Some(new) = name.and_then(|name| renamed.get(&name)) {
            let Value::Object(reference) = pointer::schema_ref(new) else { return };
            object.extend(reference);
        }
    });
    Ok(())
}
