//! Translation of OpenAPI 3.1 to OpenAPI 3.0, which all later stages read.
//!
//! | OpenAPI 3.1 | becomes |
//! |---|---|
//! | `type: [string, "null"]` | `type: string`, `nullable: true` |
//! | `type: [string, integer]` | `anyOf` of the types |
//! | `type: "null"` | an enum of `null` |
//! | `const` | an enum of one value |
//! | `examples` of a schema | `example`, the first of them |
//! | `exclusiveMinimum: 3` | `minimum: 3`, `exclusiveMinimum: true` |
//! | keywords beside `$ref` | a branch of `allOf` beside it |
//! | `prefixItems` | `items` with `anyOf` of them |
//! | `patternProperties` | `additionalProperties` with `anyOf` of them |
//! | `contentEncoding: base64` | `format: byte` |
//! | `contentMediaType` of bytes | `format: binary` |
//! | an operation without `responses` | empty `responses` |
//! | `webhooks`, another `jsonSchemaDialect` | left out by name |
//!
//! `$defs` stay: a reference into them leads into the middle of a schema, and
//! [`mend`](crate::mend) handles such references. Other keywords of JSON Schema are removed:
//! they restrict values, and the types do not check restrictions. The keywords that are left out
//! have been noted before, by [`mend`](crate::mend).

use serde_json::{Map, Value, json};

use crate::left_out::Notes;
use crate::validate::METHODS;
use crate::{pointer, schema, walk};

/// Dialect of a document that names no other.
const DIALECT: &str = "https://spec.openapis.org/oas/3.1/dialect/base";

/// Keywords of JSON Schema without effect on a client's type.
const IGNORED: [&str; 17] = [
    "$anchor",
    "$comment",
    "$dynamicAnchor",
    "$id",
    "$schema",
    "$vocabulary",
    "contains",
    "dependentRequired",
    "dependentSchemas",
    "else",
    "if",
    "maxContains",
    "minContains",
    "propertyNames",
    "then",
    "unevaluatedItems",
    "unevaluatedProperties",
];

/// Keywords that concern values of one type only.
const OF_TYPE: [(&str, &[&str]); 4] = [
    (
        "object",
        &["properties", "required", "additionalProperties", "minProperties", "maxProperties"],
    ),
    ("array", &["items", "minItems", "maxItems", "uniqueItems"]),
    ("string", &["minLength", "maxLength", "pattern", "format"]),
    ("number", &["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"]),
];

/// Rewrites a document of OpenAPI 3.1. A document of 3.0 stays as it is.
pub(crate) fn to_3_0(root: &mut Value, notes: &mut Notes) {
    if !is_3_1(root) {
        return;
    }
    around_schemas(root, notes);
    walk::objects_mut(root, &mut schema_words);
}

/// Returns whether the document is of OpenAPI 3.1.
pub(crate) fn is_3_1(root: &Value) -> bool {
    root.get("openapi").and_then(Value::as_str).is_some_and(|version| version.starts_with("3.1"))
}

fn around_schemas(root: &mut Value, notes: &mut Notes) {
    let Some(map) = root.as_object_mut() else { return };
    if let Some(Value::Object(webhooks)) = map.shift_remove("webhooks") {
        for name in webhooks.keys() {
            let reason = "a webhook is a request that the API sends: the client has none";
            notes.detail(&pointer::join("/webhooks", name), reason);
        }
    }
    if map.shift_remove("jsonSchemaDialect").is_some_and(|dialect| dialect != DIALECT) {
        notes.detail("/jsonSchemaDialect", "schemas are read in the dialect of OpenAPI 3.1");
    }
    for at in ["/paths", "/components/pathItems"] {
        let items = root.pointer_mut(at).and_then(Value::as_object_mut);
        let items = items.into_iter().flat_map(Map::values_mut).filter_map(Value::as_object_mut);
        for (key, operation) in items.flatten() {
            if let (true, Value::Object(operation)) = (METHODS.contains(&key.as_str()), operation) {
                operation.entry("responses").or_insert_with(|| json!({}));
            }
        }
    }
}

/// Rewrites one schema. Other objects have none of these keywords.
fn schema_words(map: &mut Map<String, Value>) {
    if !is_schema(map) {
        return;
    }
    IGNORED.iter().for_each(|key| drop(map.shift_remove(*key)));
    beside_reference(map);
    if let Some(value) = map.shift_remove("const") {
        map.insert("enum".to_owned(), json!([value]));
    }
    if let Some(Value::Array(examples)) = map.get("examples") {
        let first = examples.first().cloned();
        map.shift_remove("examples");
        map.extend(first.map(|value| ("example".to_owned(), value)));
    }
    exclusive(map, "exclusiveMinimum", "minimum", |bound, exclusive| exclusive >= bound);
    exclusive(map, "exclusiveMaximum", "maximum", |bound, exclusive| exclusive <= bound);
    any_of_several(map, "prefixItems", "items");
    any_of_several(map, "patternProperties", "additionalProperties");
    content(map);
    types(map);
}

/// Returns whether an object of keywords may be a schema: paths, operations, parameters,
/// headers and media types have keywords that no schema has.
pub(crate) fn is_schema(map: &Map<String, Value>) -> bool {
    const OTHERS: [&str; 6] = ["schema", "in", "responses", "parameters", "servers", "openapi"];
    !OTHERS.iter().chain(&METHODS).any(|key| map.contains_key(*key))
        && !map.get("examples").is_some_and(Value::is_object)
}

/// Moves the keywords beside a reference into a branch of `allOf`.
fn beside_reference(map: &mut Map<String, Value>) {
    let Some(reference) = map.get("$ref").filter(|value| value.is_string()).cloned() else {
        return;
    };
    let says = |key: &str| key != "$ref" && !schema::is_annotation(key);
    let beside: Map<String, Value> =
        map.iter().filter(|(key, _)| says(key)).map(|(k, v)| (k.clone(), v.clone())).collect();
    // Only a reference that stands for no schema has a `summary` beside it.
    if beside.is_empty() || beside.contains_key("summary") {
        return;
    }
    map.retain(|key, _| !says(key));
    map.shift_remove("$ref");
    let mut branches = vec![json!({ "$ref": reference })];
    if !beside.keys().all(|key| key == "nullable") {
        branches.push(Value::Object(beside));
    }
    map.insert("allOf".to_owned(), Value::Array(branches));
}

/// Turns an exclusive bound that is a number into `bound` with a flag, if it is the tighter of
/// the two.
fn exclusive(
    map: &mut Map<String, Value>,
    key: &str,
    bound: &str,
    is_tighter: fn(f64, f64) -> bool,
) {
    let Some(value) = map.get(key).filter(|value| value.is_number()).cloned() else { return };
    let known = map.get(bound).and_then(Value::as_f64);
    let own = value.as_f64().unwrap_or_default();
    if known.is_none_or(|known| is_tighter(known, own)) {
        map.insert(bound.to_owned(), value);
        map.insert(key.to_owned(), Value::Bool(true));
    } else {
        map.shift_remove(key);
    }
}

/// Joins several schemas, and the schema already at the key `one`, in an `anyOf` there.
fn any_of_several(map: &mut Map<String, Value>, several: &str, one: &str) {
    let mut branches: Vec<Value> = match map.shift_remove(several) {
        Some(Value::Array(list)) => list,
        Some(Value::Object(named)) => named.into_iter().map(|(_, schema)| schema).collect(),
        _ => return,
    };
    branches.extend(map.shift_remove(one).filter(Value::is_object));
    let mut distinct: Vec<Value> = Vec::new();
    for branch in branches {
        if !distinct.contains(&branch) {
            distinct.push(branch);
        }
    }
    let schema = match distinct.len() {
        0 => return,
        1 => distinct.remove(0),
        _ => json!({ "anyOf": distinct }),
    };
    map.insert(one.to_owned(), schema);
}

/// Rewrites content that is bytes, raw or encoded, as a `format`.
fn content(map: &mut Map<String, Value>) {
    let text = |value: Option<Value>| value.and_then(|value| value.as_str().map(str::to_owned));
    let encoding = text(map.shift_remove("contentEncoding"));
    let media = text(map.shift_remove("contentMediaType"));
    map.shift_remove("contentSchema");
    let is_bytes = |media: &String| {
        media == "application/octet-stream"
            || ["audio/", "font/", "image/", "video/"].iter().any(|kind| media.starts_with(kind))
    };
    let format = match (encoding.as_deref(), media) {
        (Some("base64"), _) => "byte",
        (None | Some("binary"), Some(media)) if is_bytes(&media) => "binary",
        _ => return,
    };
    map.entry("type").or_insert_with(|| json!("string"));
    map.entry("format").or_insert_with(|| json!(format));
}

/// Rewrites a list of types, and the type `null`.
fn types(map: &mut Map<String, Value>) {
    let mut types: Vec<String> = match map.get("type") {
        Some(Value::Array(list)) => {
            list.iter().filter_map(Value::as_str).map(str::to_owned).collect()
        }
        Some(Value::String(kind)) if kind == "null" => vec![kind.clone()],
        _ => return,
    };
    map.shift_remove("type");
    let before = types.len();
    types.retain(|kind| kind != "null");
    if types.len() < before {
        map.insert("nullable".to_owned(), json!(true));
    }
    match types.as_slice() {
        [] => {
            if before > 0 {
                map.entry("enum").or_insert_with(|| json!([null]));
            }
        }
        [one] => {
            map.insert("type".to_owned(), json!(one));
        }
        several => {
            let branches = several.iter().map(|kind| branch(map, kind)).collect();
            let keep = |key: &str| schema::is_annotation(key) || key == "nullable";
            map.retain(|key, _| keep(key) || matches!(key.as_str(), "$defs" | "allOf"));
            map.insert("anyOf".to_owned(), Value::Array(branches));
        }
    }
}

/// Returns the part of a schema of several types that concerns one of them.
fn branch(map: &Map<String, Value>, kind: &str) -> Value {
    let own = if kind == "integer" { "number" } else { kind };
    let concerns = |key: &str| {
        let mut others = OF_TYPE.iter().filter(|(of, _)| *of != own);
        !schema::is_annotation(key)
            && !matches!(key, "$defs" | "allOf" | "nullable" | "default" | "enum")
            && !others.any(|(_, keys)| keys.contains(&key))
    };
    let said = map.iter().filter(|(key, _)| concerns(key));
    let mut branch: Map<String, Value> = said.map(|(k, v)| (k.clone(), v.clone())).collect();
    branch.insert("type".to_owned(), json!(kind));
    let is_of_kind = |value: &&Value| match kind {
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        _ => false,
    };
    if let Some(Value::Array(values)) = map.get("enum") {
        let values: Vec<&Value> = values.iter().filter(is_of_kind).collect();
        if !values.is_empty() {
            branch.insert("enum".to_owned(), json!(values));
        }
    }
    Value::Object(branch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_lowered(schema: Value, expected: Value) {
        let mut root = json!({ "openapi": "3.1.0", "components": { "schemas": { "A": schema } } });
        to_3_0(&mut root, &mut Notes::default());
        assert_eq!(root["components"]["schemas"]["A"], expected);
    }

    #[test]
    fn null_is_a_word_of_its_own() {
        assert_lowered(
            json!({ "type": ["string", "null"], "minLength": 1 }),
            json!({ "minLength": 1, "nullable": true, "type": "string" }),
        );
        assert_lowered(json!({ "type": "null" }), json!({ "nullable": true, "enum": [null] }));
        assert_lowered(json!({ "type": ["integer"] }), json!({ "type": "integer" }));
    }

    #[test]
    fn each_of_several_types_has_what_is_said_of_it() {
        assert_lowered(
            json!({ "description": "d", "type": ["string", "integer", "array", "null"], "minLength": 1,
                "minimum": 2, "items": { "type": "string" }, "enum": ["a", 3, null] }),
            json!({ "description": "d", "nullable": true, "anyOf": [
                { "minLength": 1, "type": "string", "enum": ["a"] },
                { "minimum": 2, "type": "integer", "enum": [3] },
                { "items": { "type": "string" }, "type": "array" },
            ] }),
        );
    }

    #[test]
    fn values_and_bounds() {
        assert_lowered(json!({ "const": "a" }), json!({ "enum": ["a"] }));
        assert_lowered(json!({ "examples": [1, 2] }), json!({ "example": 1 }));
        assert_lowered(
            json!({ "exclusiveMinimum": 3, "exclusiveMaximum": 9, "maximum": 5 }),
            json!({ "exclusiveMinimum": true, "maximum": 5, "minimum": 3 }),
        );
    }

    #[test]
    fn lists_and_maps_of_several() {
        let (text, number) = (json!({ "type": "string" }), json!({ "type": "number" }));
        assert_lowered(
            json!({ "type": "array", "prefixItems": [text, number, text], "items": false }),
            json!({ "type": "array", "items": { "anyOf": [text, number] } }),
        );
        assert_lowered(
            json!({ "type": "object", "patternProperties": { "^x-": text } }),
            json!({ "type": "object", "additionalProperties": text }),
        );
    }

    #[test]
    fn bytes_are_a_format() {
        assert_lowered(
            json!({ "type": "string", "contentEncoding": "base64", "contentMediaType": "image/png" }),
            json!({ "type": "string", "format": "byte" }),
        );
        assert_lowered(
            json!({ "contentMediaType": "application/octet-stream" }),
            json!({ "type": "string", "format": "binary" }),
        );
        assert_lowered(
            json!({ "type": "string", "contentMediaType": "application/json" }),
            json!({ "type": "string" }),
        );
    }

    #[test]
    fn a_reference_may_have_company() {
        let to = json!({ "$ref": "#/components/schemas/B" });
        assert_lowered(
            json!({ "$ref": "#/components/schemas/B", "description": "d", "properties": { "a": {} } }),
            json!({ "description": "d", "allOf": [to, { "properties": { "a": {} } }] }),
        );
        let annotated = json!({ "$ref": "#/components/schemas/B", "description": "d" });
        assert_lowered(annotated.clone(), annotated);
    }

    #[test]
    fn data_and_other_versions_stay_as_they_are() {
        let example = json!({ "example": { "type": ["a", "null"], "const": 1 } });
        assert_lowered(example.clone(), example);
        let mut root =
            json!({ "openapi": "3.0.3", "components": { "schemas": { "A": { "const": 1 } } } });
        let before = root.clone();
        to_3_0(&mut root, &mut Notes::default());
        assert_eq!(root, before);
    }
}
