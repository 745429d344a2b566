//! Removal of `nullable` from named enums, ids and alternatives. It would wrap the named type in
//! another one. Instead a property that refers to such a schema is not required: it is an
//! `Option` either way.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::pointer;
use crate::schema;

pub(super) fn run(root: &mut Value) {
    let Some(schemas) = schema::named(root) else { return };
    let is_wrapped = |schema: &Value| {
        let is_own_type =
            ["enum", "x-rust-id", "oneOf", "anyOf"].iter().any(|key| schema.get(key).is_some());
        is_own_type && schema.get("nullable") == Some(&json!(true))
    };
    let wrapped: HashSet<String> = schemas
        .iter()
        .filter(|(_, schema)| is_wrapped(schema))
        .map(|(name, _)| name.clone())
        .collect();
    // Names that lead to one of them.
    let leads = |(name, schema): (&String, &Value)| {
        let end = schema::follow(schema, schemas).0.unwrap_or(name);
        wrapped.contains(end).then(|| name.clone())
    };
    let leading: HashSet<String> = schemas.iter().filter_map(leads).collect();
    for name in &wrapped {
        let schema = schema::components(root).and_then(|schemas| schemas.get_mut(name));
        if let Some(map) = schema.and_then(Value::as_object_mut) {
            map.shift_remove("nullable");
        }
    }
    let may_be_null = |property: &Value| {
        pointer::schema_name(property).is_some_and(|name| leading.contains(name))
    };
    schema::every_mut(root, &mut |map| {
        let Some(Value::Object(properties)) = map.get("properties") else { return };
        let null: HashSet<String> = properties
            .iter()
            .filter(|(_, property)| may_be_null(property))
            .map(|(name, _)| name.clone())
            .collect();
        if let Some(Value::Array(required)) = map.get_mut("required") {
            required.retain(|name| !name.as_str().is_some_and(|name| null.contains(name)));
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_property_may_be_null_where_its_named_type_might() {
        let mode = json!({ "$ref": "#/components/schemas/Alias" });
        let mut root = json!({ "components": { "schemas": {
            "Mode": { "type": "string", "enum": ["a"], "nullable": true },
            "Either": { "oneOf": [{ "type": "string" }], "nullable": true },
            "Text": { "type": "string", "nullable": true },
            "Alias": { "$ref": "#/components/schemas/Mode" },
            "Room": { "properties": { "mode": mode, "text": { "$ref": "#/components/schemas/Text" },
                "either": { "$ref": "#/components/schemas/Either" } },
                "required": ["mode", "either", "text"] },
        } } });
        run(&mut root);
        let schemas = &root["components"]["schemas"];
        assert_eq!(schemas["Mode"], json!({ "type": "string", "enum": ["a"] }));
        assert_eq!(schemas["Either"], json!({ "oneOf": [{ "type": "string" }] }));
        assert_eq!(schemas["Text"]["nullable"], true);
        assert_eq!(schemas["Room"]["required"], json!(["text"]));
    }
}
