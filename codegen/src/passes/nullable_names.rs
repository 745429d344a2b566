//! Takes `nullable` from named enums, ids and alternatives, whose type would be
//! another one around the one that is meant. A property that refers to such a
//! schema is not required instead: it is an `Option` either way.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::schema;
use crate::left_out::Notes;

pub(super) fn run(root: &mut Value, _: &mut Notes) {
    let schemas = schema::components(root).clone();
    let is_wrapped = |schema: &Value| {
        let is_own_type =
            ["enum", "x-rust-id", "oneOf", "anyOf"].iter().any(|key| schema.get(key).is_some());
        is_own_type && schema.get("nullable") == Some(&json!(true))
    };
    let wrapped = schemas.iter().filter(|(_, schema)| is_wrapped(schema));
    let names: HashSet<&str> = wrapped.map(|(name, _)| name.as_str()).collect();
    for name in &names {
        if let Some(map) = schema::components(root).get_mut(*name).and_then(Value::as_object_mut) {
            map.shift_remove("nullable");
        }
    }
    let may_be_null = |property: &Value| {
        schema::follow(property, &schemas).0.is_some_and(|name| names.contains(name))
    };
    for at in schema::roots(root) {
        if let Some(schema) = root.pointer_mut(&at) {
            schema::each_mut(schema, &mut |part| {
                let properties = part.get("properties").cloned().unwrap_or_default();
                if let Some(Value::Array(required)) = part.get_mut("required") {
                    let property =
                        |name: &Value| name.as_str().and_then(|name| properties.get(name));
                    required.retain(|name| !property(name).is_some_and(may_be_null));
                }
            });
        }
    }
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
        run(&mut root, &mut Notes::default());
        let schemas = &root["components"]["schemas"];
        assert_eq!(schemas["Mode"], json!({ "type": "string", "enum": ["a"] }));
        assert_eq!(schemas["Either"], json!({ "oneOf": [{ "type": "string" }] }));
        assert_eq!(schemas["Text"]["nullable"], true);
        assert_eq!(schemas["Room"]["required"], json!(["text"]));
    }
}
