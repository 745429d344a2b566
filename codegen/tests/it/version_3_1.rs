//! Documents of OpenAPI 3.1, which generate the same as their twins of OpenAPI 3.0.

use cloudflare_calls_codegen::diff::Diff;
use serde_json::{Value, json};

use super::{expand, generated, load};

/// Returns a document with one operation that takes and returns `Pet`.
fn document(version: &str, schemas: Value) -> Value {
    let media = json!({ "application/json": { "schema": { "$ref": "#/components/schemas/Pet" } } });
    json!({
        "openapi": version, "info": { "title": "Pets", "version": "1" },
        "paths": { "/pets": { "post": { "operationId": "addPet",
            "requestBody": { "required": true, "content": media },
            "responses": { "200": { "description": "", "content": media } } } } },
        "components": { "schemas": schemas },
    })
}

/// Checks that the two documents generate the same text, and differ only in their version.
#[track_caller]
fn assert_twins(new: &Value, old: &Value) {
    assert_eq!(expand(new).unwrap(), expand(old).unwrap());
    let changes = Diff::between(&load(old).unwrap(), &load(new).unwrap()).changes;
    let shown: Vec<String> = changes.iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["openapi: \"3.0.3\" → \"3.1.0\""]);
}

#[test]
fn types_values_and_bounds() {
    let new = json!({
        "Pet": { "type": "object", "required": ["kind", "name"], "properties": {
            "kind": { "const": "pet" },
            "name": { "type": ["string", "null"], "examples": ["Tom", "Jerry"] },
            "age": { "type": "integer", "exclusiveMinimum": 0, "maximum": 40 },
            "owner": { "anyOf": [{ "$ref": "#/components/schemas/Owner" }, { "type": "null" }] },
            "mood": { "type": ["string", "null"], "enum": ["good", "bad", null] },
            "tag": { "type": ["string", "integer"], "maxLength": 8 },
            "gone": { "type": "null" },
        } },
        "Owner": { "type": ["object"], "properties": { "email": { "type": "string" } } },
    });
    let old = json!({
        "Pet": { "type": "object", "required": ["kind", "name"], "properties": {
            "kind": { "enum": ["pet"] },
            "name": { "type": "string", "nullable": true, "example": "Tom" },
            "age": { "type": "integer", "minimum": 0, "exclusiveMinimum": true, "maximum": 40 },
            "owner": { "anyOf": [{ "$ref": "#/components/schemas/Owner" }, { "nullable": true, "enum": [null] }] },
            "mood": { "type": "string", "nullable": true, "enum": ["good", "bad", null] },
            "tag": { "anyOf": [{ "type": "string", "maxLength": 8 }, { "type": "integer" }] },
            "gone": { "enum": [null], "nullable": true },
        } },
        "Owner": { "type": "object", "properties": { "email": { "type": "string" } } },
    });
    assert_twins(&document("3.1.0", new), &document("3.0.3", old));
}

#[test]
fn references_with_company_tuples_and_bytes() {
    let named = json!({ "type": "object", "properties": { "name": { "type": "string" } } });
    let new = json!({
        "Named": named,
        "Pet": { "$ref": "#/components/schemas/Named", "required": ["photo"], "properties": {
            "photo": { "type": "string", "contentEncoding": "base64", "contentMediaType": "image/png" },
            "spot": { "type": "array", "prefixItems": [{ "type": "number" }, { "type": "number" }], "items": false },
            "labels": { "type": "object", "patternProperties": { "^x-": { "type": "string" } } },
        } },
    });
    let old = json!({
        "Named": named,
        "Pet": { "allOf": [{ "$ref": "#/components/schemas/Named" }, { "required": ["photo"], "properties": {
            "photo": { "type": "string", "format": "byte" },
            "spot": { "type": "array", "items": { "type": "number" } },
            "labels": { "type": "object", "additionalProperties": { "type": "string" } },
        } }] },
    });
    assert_twins(&document("3.1.0", new), &document("3.0.3", old));
}

#[test]
fn definitions_within_a_schema_become_types() {
    let tree = json!({ "type": "object", "properties": {
        "left": { "$ref": "#/components/schemas/Pet/$defs/Tree" },
        "word": { "type": "string" },
    } });
    let schemas = json!({ "Pet": { "type": "object", "$defs": { "Tree": tree, "example": { "type": "integer" } },
        "properties": {
            "tree": { "$ref": "#/components/schemas/Pet/$defs/Tree" },
            "count": { "$ref": "#/components/schemas/Pet/$defs/example" },
        } } });
    let text = expand(&document("3.1.1", schemas)).unwrap();
    for part in [
        "pub struct PetTree {",
        "pub left: Option<Box<PetTree>>,",
        "pub tree: Option<PetTree>,",
        "pub type PetExample = i64;",
    ] {
        assert!(text.contains(part), "no {part} in {text}");
    }
    assert!(!text.contains("defs"), "{text}");
}

#[test]
fn webhooks_are_named_and_responses_may_be_missing() {
    let mut new = document("3.1.0", json!({ "Pet": { "type": "object" } }));
    new["paths"]["/pets"]["delete"] = json!({ "operationId": "clear" });
    new["paths"]["/shared"] = json!({ "$ref": "#/components/pathItems/Shared" });
    new["components"]["pathItems"] = json!({ "Shared": { "get": { "operationId": "shared" } } });
    new["webhooks"] = json!({ "newPet": { "post": { "responses": {} } } });
    new["jsonSchemaDialect"] = json!("https://example.com/other");
    let generated = generated(&load(&new).unwrap());
    let found: Vec<String> = generated.left_out.iter().map(ToString::to_string).collect();
    assert_eq!(
        found,
        [
            "detail /webhooks/newPet: a webhook is a request that the API sends: the client has none",
            "detail /jsonSchemaDialect: schemas are read in the dialect of OpenAPI 3.1",
        ]
    );
    assert_eq!(generated.operations, 3);
    for method in ["pub fn clear(", "pub fn add_pet<", "pub fn shared("] {
        assert!(generated.text.contains(method), "no {method} in {}", generated.text);
    }
}

/// Lists what is left out of a document of this version with one schema.
fn left_out(version: &str, schema: Value) -> Vec<String> {
    let document = document(version, json!({ "Pet": schema }));
    generated(&load(&document).unwrap()).left_out.iter().map(ToString::to_string).collect()
}

#[test]
fn keywords_that_no_type_expresses_are_named_where_they_stand() {
    let text = json!({ "type": "string" });
    let pet = json!({ "type": "object",
        "properties": {
            "if": { "type": "string", "not": { "const": "x" } },
            "pair": { "type": "array", "prefixItems": [text, { "type": "integer" }], "contains": {} },
            "not": { "$dynamicRef": "#node" },
            "either": { "anyOf": [text, { "type": ["integer", "object"], "propertyNames": text }] },
        },
        "patternProperties": { "^x-": { "type": "object", "unevaluatedProperties": false } },
        "dependentSchemas": { "if": { "else": {} } },
        "dependentRequired": { "if": ["pair"] },
        "if": { "required": ["if"] }, "then": { "properties": { "a": text } }, "else": true,
        "unevaluatedProperties": true,
        "default": { "not": 1 }, "x-not": { "not": 1 },
    });
    let at = "detail /components/schemas/Pet";
    let condition = "the type has no fields that depend on a condition";
    let restricts = "the types do not check this restriction";
    let mut found = left_out("3.1.0", pet);
    found.sort();
    let mut expected = vec![
        format!("{at}/dependentRequired: {restricts}"),
        format!("{at}/dependentSchemas/if/else: {condition}"),
        format!("{at}/dependentSchemas: {condition}"),
        format!("{at}/if: {condition}"),
        format!("{at}/patternProperties/^x-/unevaluatedProperties: {restricts}"),
        format!(
            "{at}/patternProperties: names are not checked: the values are those of any other property"
        ),
        format!("{at}/properties/either/anyOf/1/propertyNames: {restricts}"),
        format!("{at}/properties/if/not: {restricts}"),
        format!(
            "{at}/properties/not/$dynamicRef: a reference that depends on its place is read as any value"
        ),
        format!("{at}/properties/pair/contains: {restricts}"),
        format!(
            "{at}/properties/pair/prefixItems: the entries of a list are of one type, whatever their positions"
        ),
        format!("{at}/then: {condition}"),
    ];
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn keywords_of_3_1_in_a_document_of_3_0_are_named() {
    let found = left_out("3.0.3", json!({ "const": "x", "not": {}, "type": "string" }));
    assert_eq!(
        found,
        [
            "detail /components/schemas/Pet/const: OpenAPI 3.0 does not have this keyword",
            "detail /components/schemas/Pet/not: the types do not check this restriction",
        ]
    );
}

#[test]
fn a_document_of_webhooks_alone_has_no_client() {
    let document = json!({ "openapi": "3.1.0", "info": { "title": "T", "version": "1" },
        "webhooks": { "a": { "post": { "responses": {} } } } });
    let error = load(&document).unwrap_err().to_string();
    assert_eq!(error, "doc.json: (root): there are no `paths`");
}
