//! Schemas of alternatives: `oneOf` and `anyOf`.

use serde_json::{Map, Value, json};

use super::{hierarchies, nullable_names};
use crate::pointer;
use crate::schema;

/// Notes the values of the discriminating property that stand for each alternative, while
/// schemas still have the names that the document uses.
pub(super) fn tag(root: &mut Value) {
    schema::every_mut(root, &mut |map| {
        let Some(discriminator) = map.get("discriminator").cloned() else { return };
        let list = map.get("oneOf").or(map.get("anyOf")).and_then(Value::as_array);
        let Some(list) = list else { return };
        let names: Vec<String> = list
            .iter()
            .map(|branch| pointer::unescape(pointer::schema_name(branch).unwrap_or_default()))
            .collect();
        let tags = hierarchies::tags(&discriminator, names.iter());
        let property = discriminator["propertyName"].clone();
        map.insert("discriminator".to_owned(), json!({ "propertyName": property, "tags": tags }));
    });
}

/// Removes alternatives that are no choice: `null`, a single one, several that are all text.
pub(super) fn simplify(root: &mut Value) {
    schema::every_mut(root, &mut |map| {
        nullable_names::lift(map);
        for key in ["oneOf", "anyOf"] {
            let Some(Value::Array(mut list)) = map.shift_remove(key) else { continue };
            let before = list.len();
            list.retain(|branch| !is_null(branch));
            if list.len() < before {
                map.insert("nullable".to_owned(), json!(true));
            }
            if map.contains_key("properties") {
                continue;
            }
            if list.len() == before && map.contains_key("oneOf") {
                continue;
            }
            match list.as_slice() {
                [] => {}
                [_] => become_only(map, list.remove(0)),
                _ if list.iter().all(is_text) => become_text(map, &list),
                // The alternatives make a type beside them redundant.
                _ => {
                    map.shift_remove("type");
                    map.insert("oneOf".to_owned(), Value::Array(list));
                }
            }
        }
        if !map.contains_key("oneOf") {
            map.shift_remove("discriminator");
        }
    });
}

/// Returns whether a schema is `null`: an enum of it alone, because OpenAPI 3.0 has no type for
/// it.
fn is_null(schema: &Value) -> bool {
    let values = schema.get("enum").and_then(Value::as_array);
    values.is_some_and(|values| !values.is_empty() && values.iter().all(Value::is_null))
}

fn become_only(map: &mut Map<String, Value>, only: Value) {
    let Value::Object(only) = only else { return };
    map.shift_remove("discriminator");
    for (key, value) in only {
        map.insert(key, value);
    }
}

/// Returns whether a schema is text that is not binary, with any constraints or values.
fn is_text(schema: &Value) -> bool {
    schema.get("type") == Some(&json!("string"))
        && schema.get("format") != Some(&json!("binary"))
        && schema.get("$ref").is_none()
}

/// Joins the values of all alternatives in one enum, which keeps unknown values.
fn become_text(map: &mut Map<String, Value>, list: &[Value]) {
    let mut values: Vec<Value> = Vec::new();
    for branch in list {
        for value in branch.get("enum").and_then(Value::as_array).into_iter().flatten() {
            if value.is_string() && !values.contains(value) {
                values.push(value.clone());
            }
        }
    }
    map.insert("type".to_owned(), json!("string"));
    if !values.is_empty() {
        map.insert("enum".to_owned(), Value::Array(values));
    }
}
