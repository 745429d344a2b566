//! Names of schemas as Rust types: the overlay's `x-rust-name`, else the document's name in
//! Rust's spelling.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use super::name_inline::PIN;
use crate::schema;
use crate::{names, pointer, walk};

/// Renames the schemas. Returns the names in the document by the new names.
pub(super) fn run(root: &mut Value) -> HashMap<String, String> {
    let Some(schemas) = schema::components(root) else { return HashMap::new() };
    let mut renamed: HashMap<String, String> = HashMap::new();
    let mut taken: HashSet<String> = HashSet::new();
    let wish = |name: &String, schema: &Value| {
        let pinned = schema.get(PIN).and_then(Value::as_str).map(names::type_name);
        let pinned = pinned.filter(|pin| !pin.is_empty());
        (pinned.is_none(), pinned.unwrap_or_else(|| names::type_name_or(name, "Schema")))
    };
    // Among schemas that ask for one name the pinned one gets it, else the one with that
    // spelling, else the first in the alphabet.
    let mut order: Vec<(bool, bool, String, String)> = schemas
        .iter()
        .map(|(name, schema)| (name, wish(name, schema)))
        .map(|(name, (free, wish))| (free, *name != wish, name.clone(), wish))
        .collect();
    order.sort();
    for (_, _, name, wish) in order {
        let new = names::free(&wish, |name| names::type_name_or(name, "Schema"), &mut taken);
        renamed.insert(name, new);
    }
    let mut result = Map::new();
    for (name, mut schema) in std::mem::take(schemas) {
        let new = renamed.get(&name).cloned().unwrap_or_default();
        if let Some(map) = schema.as_object_mut() {
            map.shift_remove(PIN);
        }
        result.insert(new, schema);
    }
    *schemas = result;
    walk::objects_mut(root, &mut |object| {
        // The token of a pointer is the name, with `~0` and `~1` for two characters.
        let name = pointer::name_in(object).map(pointer::unescape);
        if let Some(new) = name.and_then(|name| renamed.get(&name)) {
            pointer::refer(object, new);
        }
    });
    renamed.into_iter().map(|(name, new)| (new, name)).collect()
}
