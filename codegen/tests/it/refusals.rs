//! What is not supported is an error with the file's name and a pointer.

use cloudflare_calls_codegen::{Document, Error, Options, Overlay, generate};
use serde_json::{Value, json};

use super::{expand, load, small, with_schemas};

/// The message of the refusal of `document`, while loading or generating.
fn refusal(document: &Value) -> String {
    match expand(document) {
        Ok(_) => panic!("this must be refused: {document}"),
        Err(error) => error.to_string(),
    }
}

#[track_caller]
fn assert_refused(document: &Value, place: &str, reason: &str) {
    let message = refusal(document);
    assert!(message.starts_with(&format!("doc.json: {place}: ")), "{message}");
    assert!(message.contains(reason), "{message}");
}

/// The small document with `value` at `pointer`.
fn with(pointer: &str, value: Value) -> Value {
    let mut document = small();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = document.pointer_mut(parent).unwrap();
    parent[key.replace("~1", "/")] = value;
    document
}

const GET: &str = "/paths/~1rooms~1{roomId}/get";

#[test]
fn other_versions_are_named() {
    assert_refused(
        &json!({ "swagger": "2.0", "paths": {} }),
        "/swagger",
        "Swagger 2.0 is not supported",
    );
    assert_refused(&with("/openapi", json!("3.1.0")), "/openapi", "OpenAPI 3.1.0 is not supported");
    assert_refused(&with("/openapi", json!(3)), "/openapi", "OpenAPI 3 ");
    assert_refused(&json!({ "paths": {} }), "(root)", "not an OpenAPI document");
    assert_refused(&json!([]), "(root)", "expected an object");
    assert!(expand(&with("/openapi", json!("3.0.3"))).is_ok());
}

#[test]
fn malformed_text_has_line_and_column() {
    for (text, format) in [
        ("{\"openapi\": ", "JSON"),
        ("{\"a\": 1, \"a\": 2}", "JSON"),
        ("a: [1\nb: 2", "YAML"),
        ("a: 1\na: 2", "YAML"),
    ] {
        let error = Document::from_bytes("doc.txt", text.as_bytes()).unwrap_err().to_string();
        assert!(error.starts_with(&format!("doc.txt: not well-formed {format}: ")), "{error}");
        assert!(
            error.contains("line") || error.contains("column") || error.contains(':'),
            "{error}"
        );
    }
    let error = Document::from_bytes("doc.json", b"\xff\xfe").unwrap_err();
    assert!(matches!(error, Error::Syntax { format: "UTF-8", .. }), "{error}");
}

#[test]
fn the_format_is_told_by_the_content() {
    let json = small().to_string();
    let yaml = "openapi: 3.0.0\ninfo: {title: Small, version: '1'}\npaths:\n  /a:\n    get:\n      responses:\n        200:\n          description: fine\n";
    assert!(Document::from_bytes("misnamed.yaml", json.as_bytes()).is_ok());
    assert!(Document::from_bytes("misnamed.json", yaml.as_bytes()).is_ok());
    assert!(Document::from_bytes("bom.json", format!("\u{feff}{json}").as_bytes()).is_ok());
}

#[test]
fn references_lead_somewhere_in_the_same_document() {
    let to =
        |target: &str| with_schemas(json!({ "A": { "properties": { "b": { "$ref": target } } } }));
    let at = "/components/schemas/A/properties/b/$ref";
    assert_refused(&to("#/components/schemas/Gone"), at, "leads nowhere");
    assert_refused(&to("#/info/title"), at, "leads nowhere");
    assert_refused(&to("other.yaml#/A"), at, "leads outside");
    assert_refused(&to("https://example.com/a.json"), at, "leads outside");
    assert_refused(&to("#A"), at, "leads outside");
    assert_refused(
        &with_schemas(json!({ "A": { "$ref": 5 } })),
        "/components/schemas/A/$ref",
        "expected a string",
    );
}

#[test]
fn references_in_a_circle_are_refused_and_recursive_types_are_not() {
    let circle = json!({ "A": { "$ref": "#/components/schemas/B" }, "B": { "$ref": "#/components/schemas/A" } });
    assert_refused(&with_schemas(circle), "/components/schemas/A/$ref", "back to itself");
    let own = json!({ "A": { "$ref": "#/components/schemas/A" } });
    assert_refused(&with_schemas(own), "/components/schemas/A/$ref", "back to itself");
    let all_of = json!({ "Room": { "allOf": [{ "$ref": "#/components/schemas/Room" }, { "properties": { "a": {} } }] } });
    assert_refused(&with_schemas(all_of), "/components/schemas/Room", "made of itself");
    let one_of = json!({ "A": { "oneOf": [{ "type": "string" }, { "anyOf": [{ "$ref": "#/components/schemas/B" }] }] },
        "B": { "allOf": [{ "$ref": "#/components/schemas/A" }] } });
    assert_refused(&with_schemas(one_of), "/components/schemas/A", "made of itself");
    let inner = json!({ "Room": { "type": "object", "properties": { "child": {
        "allOf": [{ "$ref": "#/components/schemas/Room" }, { "properties": { "more": {} } }] } } } });
    assert_refused(&with_schemas(inner), "/components/schemas/Room", "made of itself");
    let choice = json!({ "Choice": { "oneOf": [{ "$ref": "#/components/schemas/Room" }, { "type": "integer" }] },
        "Room": { "type": "object", "properties": { "child": {
            "allOf": [{ "$ref": "#/components/schemas/Choice" }, { "properties": { "more": {} } }] } } } });
    assert_refused(
        &with_schemas(choice),
        "/components/schemas/Room/properties/child/allOf",
        "alternatives",
    );
    let tree = json!({ "Room": { "type": "object", "properties": {
        "child": { "$ref": "#/components/schemas/Room" },
        "all": { "type": "array", "items": { "$ref": "#/components/schemas/Room" } },
    } } });
    assert!(expand(&with_schemas(tree)).unwrap().contains("pub child: Option<Box<Room>>"));
}

#[test]
fn a_document_needs_operations() {
    assert_refused(&json!({ "openapi": "3.0.0" }), "(root)", "there are no `paths`");
    assert_refused(&with("/paths", json!({})), "/paths", "no operation");
    assert_refused(&with("/paths", json!({ "/a": {} })), "/paths", "no operation");
    assert_refused(&with("/paths", json!([])), "/paths", "expected an object");
}

#[test]
fn two_operations_with_one_name_are_refused() {
    let get = |id: &str| json!({ "get": { "operationId": id, "responses": { "200": { "description": "" } } } });
    let document = with("/paths", json!({ "/a": get("same"), "/b": get("same") }));
    assert_refused(
        &document,
        "/paths/~1b/get/operationId",
        "names the operation at /paths/~1a/get/operationId",
    );
    let document = with("/paths", json!({ "/a": get("sameName"), "/b": get("same_name") }));
    assert_refused(&document, "/paths/~1b/get", "is called `same_name` as well");
    let id = |name: &str| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } });
    let unnamed = |name: &str| json!({ "get": { "parameters": [id(name)], "responses": { "200": { "description": "" } } } });
    let document =
        with("/paths", json!({ "/{x}/rooms": unnamed("x"), "/{y}/rooms": unnamed("y") }));
    assert_refused(&document, "/paths/~1{y}~1rooms/get", "give one an `operationId`");
}

#[test]
fn paths_and_parameters_agree() {
    let plain = json!({ "get": { "responses": { "200": { "description": "" } } } });
    for (path, reason) in [
        ("rooms", "begins with `/`"),
        ("/a/../b", "no `.` or `..`"),
        ("/a{b}", "fills a whole segment"),
        ("/{a}{b}", "fills a whole segment"),
        ("/{}", "fills a whole segment"),
        ("/{a", "fills a whole segment"),
        ("/{a}/{a}", "stands twice"),
    ] {
        let place = format!("/paths/{}", path.replace('/', "~1"));
        assert_refused(&with("/paths", json!({ path: plain })), &place, reason);
    }
    assert_refused(
        &with("/paths", json!({ "/{a}": plain })),
        "/paths/~1{a}/get",
        "`a` is not declared",
    );
    let parameter = |value: Value| with(&format!("{GET}/parameters"), json!([value]));
    let schema = json!({ "type": "string" });
    let at = format!("{GET}/parameters/0");
    assert_refused(&parameter(json!({ "in": "query", "schema": schema })), &at, "`name` and `in`");
    assert_refused(
        &parameter(json!({ "name": "a", "in": "cookie", "schema": schema })),
        &at,
        "cookie",
    );
    assert_refused(
        &parameter(json!({ "name": "a", "in": "body", "schema": schema })),
        &at,
        "none of",
    );
    assert_refused(&parameter(json!({ "name": "a", "in": "query" })), &at, "without `schema`");
    assert_refused(
        &parameter(json!({ "name": "§", "in": "query", "schema": schema })),
        &at,
        "no letter",
    );
    assert_refused(&parameter(json!("a")), &at, "expected an object");
    let stray = json!({ "name": "b", "in": "path", "required": true, "schema": schema });
    let both = with(&format!("{GET}/parameters"), json!([small().pointer(&at), stray]));
    assert_refused(&both, GET, "`b` does not stand in the path");
    let twice =
        with(&format!("{GET}/parameters"), json!([small().pointer(&at), small().pointer(&at)]));
    assert_refused(&twice, &format!("{GET}/parameters/1"), "stands twice");
}

#[test]
fn what_the_client_could_not_send_is_refused() {
    let query = |schema: Value| {
        let id = small().pointer(&format!("{GET}/parameters/0")).unwrap().clone();
        with(
            &format!("{GET}/parameters"),
            json!([id, { "name": "q", "in": "query", "schema": schema }]),
        )
    };
    let at = format!("{GET}/parameters/1");
    assert_refused(
        &query(json!({ "type": "object" })),
        &at,
        "only scalars and arrays of scalars are supported as query and header parameters, unlike `q`",
    );
    assert_refused(
        &query(json!({ "type": "array", "items": { "type": "object" } })),
        &at,
        "only scalars",
    );
    assert!(expand(&query(json!({ "type": "array", "items": { "type": "integer" } }))).is_ok());
    let named = |schema: Value| {
        let mut document = query(json!({ "$ref": "#/components/schemas/Alias" }));
        let schemas = &mut document["components"]["schemas"];
        schemas["Alias"] = json!({ "$ref": "#/components/schemas/Named" });
        schemas["Named"] = schema;
        document
    };
    let list = |items: Value| json!({ "type": "array", "items": items });
    let itself = json!({ "$ref": "#/components/schemas/Alias" });
    for schema in [
        json!({ "type": "object", "properties": { "a": { "type": "string" } } }),
        json!({ "type": "object", "additionalProperties": { "type": "string" } }),
        json!({ "oneOf": [{ "type": "string" }, { "type": "integer" }] }),
        json!({}),
        list(json!({ "type": "object", "properties": {} })),
        list(list(json!({ "type": "string" }))),
        list(itself),
    ] {
        assert_refused(&named(schema), &at, "only scalars and arrays of scalars");
    }
    let path = |schema: Value| with(&format!("{GET}/parameters/0/schema"), schema);
    let at = format!("{GET}/parameters/0");
    let room = json!({ "$ref": "#/components/schemas/Room" });
    for schema in [room, json!({ "type": "object" }), list(json!({ "type": "string" })), json!({})]
    {
        assert_refused(&path(schema), &at, "supported as path parameters, unlike `roomId`");
    }
    let body = json!({ "content": { "multipart/form-data": { "schema": { "type": "object" } } } });
    assert_refused(
        &with(&format!("{GET}/requestBody"), body),
        &format!("{GET}/requestBody/content"),
        "no JSON",
    );
    let reply = json!({ "200": { "description": "", "content": { "text/html": {} } } });
    assert_refused(
        &with(&format!("{GET}/responses"), reply),
        &format!("{GET}/responses/200/content"),
        "no JSON",
    );
}

#[test]
fn responses_have_a_status() {
    for status in ["20", "600", "2xx", "ok", "２００"] {
        let document = with(&format!("{GET}/responses"), json!({ status: { "description": "" } }));
        assert_refused(&document, &format!("{GET}/responses/{status}"), "expected a status");
    }
    let mut document = small();
    document.pointer_mut(GET).unwrap().as_object_mut().unwrap().remove("responses");
    assert_refused(&document, GET, "there are no `responses`");
}

#[test]
fn schemas_are_those_of_openapi_3_0() {
    let schema = |value: Value| with_schemas(json!({ "A": value }));
    assert_refused(
        &schema(json!({ "type": "nonsense" })),
        "/components/schemas/A/type",
        "nonsense is no type",
    );
    assert_refused(&schema(json!({ "enum": 5 })), "/components/schemas/A", "not a schema");
    assert_refused(
        &schema(json!({ "type": ["string", "null"] })),
        "/components/schemas/A/type",
        "OpenAPI 3.0",
    );
    assert_refused(&schema(json!(true)), "/components/schemas/A", "expected an object");
    let twins = with_schemas(json!({ "room": { "type": "object" } }));
    assert_refused(&twins, "/components/schemas/room", "would be one Rust type");
    assert_refused(&with_schemas(json!({ "…": {} })), "/components/schemas/…", "no letter");
    let twins = json!({ "Room": { "type": "object", "properties": { "a_b": {}, "aB": {} } } });
    assert_refused(
        &with_schemas(twins),
        "/components/schemas/Room/properties/aB",
        "the same field",
    );
}

#[test]
fn a_stale_overlay_is_refused_by_name() {
    let overlay = r#"{"overlay": "1.0.0", "info": {}, "actions": [
        {"target": "$.paths", "update": {}},
        {"target": "$.components.schemas.Gone", "description": "was wrong", "remove": true}]}"#;
    let overlay = Overlay::from_bytes("o.json", overlay.as_bytes()).unwrap();
    let error = generate(&load(&small()).unwrap(), &overlay, &Options::default()).unwrap_err();
    let expected = "o.json: overlay actions that match nothing any more:\n  /actions/1: $.components.schemas.Gone (was wrong)";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn what_an_overlay_breaks_is_refused() {
    let overlay = r#"{"overlay": "1.0.0", "info": {}, "actions": [
        {"target": "$.components.schemas.Room", "remove": true}]}"#;
    let overlay = Overlay::from_bytes("o.json", overlay.as_bytes()).unwrap();
    let error =
        generate(&load(&small()).unwrap(), &overlay, &Options::default()).unwrap_err().to_string();
    assert!(error.contains("leads nowhere"), "{error}");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = Document::from_path("no/such/file.json".as_ref()).unwrap_err();
    assert!(error.to_string().starts_with("file.json: cannot be read: "), "{error}");
}
