//! Move of `nullable` from named schemas to the places that refer to them, and from alternatives to
//! their choice. A named type is one without null, and a place is an `Option` of it.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use crate::pointer;
use crate::schema;

pub(super) fn run(root: &mut Value) {
    let mut known = HashSet::new();
    loop {
        // A choice may be null because one of its alternatives may.
        schema::every_mut(root, &mut lift);
        let mut names = take(root);
        names.retain(|name| known.insert(name.clone()));
        if names.is_empty() {
            return;
        }
        schema::every_mut(root, &mut |map| {
            if pointer::name_in(map).is_some_and(|name| names.contains(name)) {
                map.insert("nullable".to_owned(), json!(true));
            }
        });
    }
}

/// Makes a choice nullable instead of its alternatives.
pub(super) fn lift(map: &mut Map<String, Value>) {
    let mut nullable = false;
    for key in ["oneOf", "anyOf"] {
        let list = map.get_mut(key).and_then(Value::as_array_mut);
        for branch in list.into_iter().flatten().filter_map(Value::as_object_mut) {
            let values = branch.get("enum").and_then(Value::as_array);
            nullable |= values.is_some_and(|values| values.contains(&Value::Null));
            nullable |= branch.shift_remove("nullable") == Some(json!(true));
        }
    }
    if nullable {
        map.insert("nullable".to_owned(), json!(true));
    }
}

/// Removes `nullable` from the named schemas. Returns the names of those that might be null.
fn take(root: &mut Value) -> HashSet<String> {
    let Some(schemas) = schema::named(root) else { return HashSet::new() };
    let names = schemas.iter().filter(|(_, schema)| may_be_null(schema, schemas));
    let names = names.map(|(name, _)| name.clone()).collect();
    for schema in schema::components(root).into_iter().flat_map(Map::values_mut) {
        if let Some(map) = schema.as_object_mut() {
            map.shift_remove("nullable");
        }
    }
    names
}

/// Returns whether a schema or one of those that it leads to may be null.
fn may_be_null(schema: &Value, schemas: &Map<String, Value>) -> bool {
    let mut next = Some(schema);
    while let Some(schema) = next {
        if schema::is_true(schema, "nullable") {
            return true;
        }
        next = pointer::schema_name(schema).and_then(|name| schemas.get(name));
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_may_be_null_where_its_named_type_might() {
        let to = |name: &str| json!({ "$ref": format!("#/components/schemas/{name}") });
        let mut root = json!({ "components": { "schemas": {
            "Mode": { "type": "string", "enum": ["a"], "nullable": true },
            "Text": { "type": "string" },
            "Either": { "anyOf": [to("Text"), to("Alias")] },
            "Alias": to("Mode"),
            "Room": { "properties": { "mode": to("Alias"), "text": to("Text"), "either": to("Either"),
                "modes": { "type": "array", "items": to("Mode") } },
                "required": ["mode", "text"] },
        } } });
        run(&mut root);
        let schemas = &root["components"]["schemas"];
        assert_eq!(schemas["Mode"], json!({ "type": "string", "enum": ["a"] }));
        assert_eq!(schemas["Alias"], to("Mode"));
        let room = &schemas["Room"];
        assert_eq!(room["properties"]["mode"]["nullable"], true);
        assert_eq!(room["properties"]["modes"]["items"]["nullable"], true);
        assert_eq!(room["properties"]["either"]["nullable"], true);
        assert_eq!(schemas["Either"], json!({ "anyOf": [to("Text"), to("Alias")] }));
        assert_eq!(room["properties"]["text"], to("Text"));
        assert_eq!(room["required"], json!(["mode", "text"]));
    }
}
