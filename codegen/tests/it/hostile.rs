//! Hostile documents. None makes the generator panic, hang or take the machine's memory.

use cloudflare_calls_codegen::{Document, Error, MAX_DOCUMENT_BYTES};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{calls, expand, small, with_schemas};

#[test]
fn deep_nesting_is_refused_in_json_and_yaml() {
    for text in [
        "[".repeat(100_000),
        "{\"a\":".repeat(100_000),
        format!("a: {}", "[".repeat(100_000)),
        format!("{}1", "- ".repeat(100_000)),
        (0..3_000).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect(),
    ] {
        let error = Document::from_bytes("deep", text.as_bytes()).expect_err("too deep");
        assert!(matches!(error, Error::Syntax { .. }), "{error}");
    }
    let mut schema = json!({ "type": "string" });
    for _ in 0..40 {
        schema = json!({ "type": "array", "items": schema });
    }
    assert!(expand(&with_schemas(json!({ "Room": schema.clone() }))).is_ok());
    for _ in 0..18 {
        schema = json!({ "type": "array", "items": schema });
    }
    let document = super::load(&with_schemas(json!({ "Room": schema }))).expect("not that deep");
    let generated = super::generated(&document);
    let [deep] = generated.left_out.as_slice() else { panic!("{:?}", generated.left_out) };
    assert!(deep.pointer.starts_with("/components/schemas/Room/items/"), "{deep}");
    assert!(deep.reason.contains("deeper"), "{deep}");
}

#[test]
fn a_file_of_50_megabytes_is_refused_before_it_is_parsed() {
    let text = vec![b' '; 50 * 1024 * 1024];
    let error = Document::from_bytes("big.json", &text).expect_err("too large");
    assert!(matches!(error, Error::TooLarge { limit: MAX_DOCUMENT_BYTES, .. }), "{error}");
}

#[test]
fn aliases_that_multiply_are_refused() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let inner = format!("*a{}, ", level - 1).repeat(10);
        text.push_str(&format!("a{level}: &a{level} [{inner}]\n"));
    }
    let error = Document::from_bytes("bomb.yaml", text.as_bytes()).expect_err("a bomb");
    assert!(matches!(error, Error::Syntax { .. }), "{error}");
}

#[test]
fn large_documents_of_yaml_and_many_aliases_of_one_anchor_are_read() {
    let yaml = |parts: &str| {
        format!("openapi: 3.0.0\ninfo: {{}}\npaths: {{/a: {{get: {{}}}}}}\n{parts}\n")
    };
    let many = yaml(&format!("x-many: [{}]", "1, ".repeat(300_000)));
    let document = Document::from_bytes("many.yaml", many.as_bytes()).expect("many nodes");
    assert_eq!(document.root()["x-many"].as_array().map(Vec::len), Some(300_000));
    let same = yaml(&format!("x-one: &one {{a: b}}\nx-same: [{}]", "*one, ".repeat(1_000)));
    let document = Document::from_bytes("same.yaml", same.as_bytes()).expect("many aliases");
    assert_eq!(document.root()["x-same"][999], json!({ "a": "b" }));
}

#[test]
fn all_of_that_multiplies_is_one_object_in_the_end() {
    let mut schemas = json!({});
    for level in 0..60 {
        let next = json!({ "$ref": format!("#/components/schemas/L{}", level + 1) });
        schemas[format!("L{level}")] =
            json!({ "allOf": [next, next, { "properties": { format!("p{level}"): {} } }] });
    }
    schemas["L60"] = json!({ "type": "object", "properties": { "end": {} } });
    schemas["Room"] = json!({ "allOf": [{ "$ref": "#/components/schemas/L0" }] });
    let text = expand(&with_schemas(schemas)).expect("many steps, but not 2^60");
    assert!(text.contains("pub p59:") && text.contains("pub end:"));
}

#[test]
fn long_chains_of_references_are_followed() {
    let mut schemas = json!({});
    for link in 0..2_000 {
        schemas[format!("C{link}")] =
            json!({ "$ref": format!("#/components/schemas/C{}", link + 1) });
    }
    schemas["C2000"] = json!({ "type": "object", "properties": { "end": {} } });
    schemas["Room"] =
        json!({ "type": "object", "properties": { "c": { "$ref": "#/components/schemas/C0" } } });
    assert!(expand(&with_schemas(schemas)).is_ok());
}

#[test]
fn a_large_document_takes_time_that_grows_with_it() {
    let many = |count: usize| {
        let inline = |index: usize| {
            let own = format!("p{index}");
            json!({ "type": "object", "properties": { "mode": { "enum": [own] }, "part": {
                "type": "object", "properties": { own: {} } } } })
        };
        let parts: serde_json::Map<String, Value> =
            (0..count).map(|index| (format!("part{index}"), inline(index))).collect();
        with_schemas(json!({ "Room": { "type": "object", "properties": parts } }))
    };
    let text = expand(&many(3_000)).expect("many types");
    assert!(text.matches("pub struct").count() > 6_000);
    let parts: Vec<Value> = (0..2_000_001).map(|_| json!({})).collect();
    let error = expand(&with_schemas(json!({ "Room": { "allOf": parts } }))).expect_err("too many");
    assert_eq!(error.to_string(), "doc.json: (root): more than 2000000 objects");
}

#[test]
fn names_that_fight_each_other_are_settled_or_refused() {
    let fields = [
        "type", "Type", "TYPE", "t-y-p-e", "self", "Self", "new", "send", "super", "crate", "_",
        "1", "", "fn",
    ];
    for one in fields {
        for other in fields {
            let schemas = json!({ "Room": { "properties": { one: { "type": "string" }, other: { "type": "integer" } } } });
            // An error is fine, a panic is not.
            let _ = expand(&with_schemas(schemas));
        }
    }
    for name in [
        "Client",
        "Error",
        "ApiError",
        "Result",
        "String",
        "Serialize",
        "Vec",
        "HashMap",
        "fmt",
        "Value",
    ] {
        let room = json!({ "$ref": format!("#/components/schemas/{name}") });
        let schemas = json!({ name: { "properties": { "a": { "type": "string" } } },
            "Room": { "properties": { "r": room } } });
        let text = expand(&with_schemas(schemas));
        assert!(text.is_ok(), "{name}: {:?}", text.err());
    }
}

#[test]
fn extensions_that_a_document_brings_along_are_harmless() {
    let schemas = json!({ "Room": { "x-rust-name": "§ no name", "x-rust-alias": "Gone", "x-rust-base": "\r",
        "description": "one\rtwo\u{202e}", "type": "object", "properties": {
            "a": { "type": "object", "x-rust-name": "fn", "properties": { "b": { "enum": ["x"], "x-rust-name": "1" } } },
            "c": { "type": "string", "pattern": "\r", "x-rust-debug": "hide" },
            "d": { "type": "integer", "x-rust-debug": "hide" },
        } } });
    let text = expand(&with_schemas(schemas)).expect("a client");
    cloudflare_calls_codegen::api::check(&text).expect("Rust");
}

/// Creates any JSON value, with words of OpenAPI among its keys and strings.
fn any_value() -> impl Strategy<Value = Value> {
    let words = prop::sample::select(vec![
        "type",
        "string",
        "object",
        "array",
        "integer",
        "number",
        "enum",
        "properties",
        "items",
        "required",
        "$ref",
        "#/components/schemas/Room",
        "#/components/schemas/A",
        "allOf",
        "oneOf",
        "anyOf",
        "additionalProperties",
        "nullable",
        "default",
        "description",
        "format",
        "x-rust-name",
        "x-rust-id",
        "x-rust-alias",
        "x-rust-error",
        "x-rust-base",
        "x-rust-debug",
        "x-rust-success",
        "uint8",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "pattern",
        "not",
        "parameters",
        "responses",
        "200",
        "content",
        "application/json",
        "schema",
        "name",
        "in",
        "query",
        "get",
        "operationId",
        "A",
        "a",
        "_",
        "",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        words.clone().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 48, 6, move |inner| {
        let key = prop_oneof![4 => words.clone().prop_map(str::to_owned), 1 => ".{0,4}"];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(key, inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Lists the pointers into a value.
fn places(value: &Value, at: String, found: &mut Vec<String>) {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(map) => map
            .iter()
            .map(|(key, child)| (key.replace('~', "~0").replace('/', "~1"), child))
            .collect(),
        Value::Array(items) => {
            items.iter().enumerate().map(|(index, child)| (index.to_string(), child)).collect()
        }
        _ => Vec::new(),
    };
    for (key, child) in children {
        places(child, format!("{at}/{key}"), found);
    }
    found.push(at);
}

/// Generates a client, and checks that it is Rust, or an error. [`Error::Backend`] fails the
/// test, because it stands for a panic.
fn survive(document: &Value) -> Result<(), TestCaseError> {
    match expand(document) {
        Ok(text) => prop_assert!(cloudflare_calls_codegen::api::check(&text).is_ok()),
        Err(Error::Backend { reason, .. }) => prop_assert!(false, "{reason}"),
        Err(_) => {}
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = Document::from_bytes("any", &bytes);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[a-z:{}\\[\\]&*!|>'\",# \n\\-]{0,200}") {
        let _ = Document::from_bytes("any", text.as_bytes());
    }

    #[test]
    fn any_schema_is_expanded_or_refused(schema in any_value(), other in any_value()) {
        survive(&with_schemas(json!({ "Room": schema, "A": other })))?;
    }

    #[test]
    fn the_small_document_with_any_value_anywhere(value in any_value(), place in any::<prop::sample::Index>()) {
        let mut document = small();
        let mut found = Vec::new();
        places(&document, String::new(), &mut found);
        *document.pointer_mut(place.get(&found).as_str()).expect("a place of the document") = value;
        survive(&document)?;
    }

    #[test]
    fn the_wide_document_with_any_value_anywhere(value in any_value(), place in any::<prop::sample::Index>()) {
        let wide = include_bytes!("../fixtures/wide.json");
        let mut document: Value = serde_json::from_slice(wide).expect("the fixture is JSON");
        let mut found = Vec::new();
        places(&document, String::new(), &mut found);
        *document.pointer_mut(place.get(&found).as_str()).expect("a place of the document") = value;
        survive(&document)?;
    }

    #[test]
    fn the_calls_document_with_any_value_anywhere(value in any_value(), place in any::<prop::sample::Index>()) {
        let mut document = calls().root().clone();
        let mut found = Vec::new();
        places(&document, String::new(), &mut found);
        *document.pointer_mut(place.get(&found).as_str()).expect("a place of the document") = value;
        survive(&document)?;
    }
}

/// Returns the number of cases: `HOSTILE_CASES`, or 64, which take seconds.
pub(super) fn cases() -> u32 {
    std::env::var("HOSTILE_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(64)
}
