//! Documents that are not supported, each an error with the file's name and a pointer.

use cloudflare_calls_codegen::{Document, Error, Options, Overlay, generate};
use serde_json::{Value, json};

use super::{expand, load, small, with_schemas};

/// Generates the text of `document`. A part that would be left out is an error.
fn strictly(document: &Value) -> Result<String, Error> {
    let options = Options::default().strict(true);
    generate(&load(document)?, &Overlay::empty(), &options).map(|generated| generated.text)
}

/// Returns the message of the refusal of `document`, while loading or generating.
fn refusal(document: &Value) -> String {
    match strictly(document) {
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

/// Returns the small document with `value` at `pointer`.
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
    for version in ["3.2.0", "3.10", "4.0.0", "3"] {
        let reason = format!("OpenAPI {version} is not supported, only OpenAPI 3.0 and 3.1 are");
        assert_refused(&with("/openapi", json!(version)), "/openapi", &reason);
    }
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
fn references_may_have_percent_escapes() {
    let mut document = small();
    let shared = json!({ "$ref": "#/paths/~1rooms~1%7BroomId%7D/get/parameters/0" });
    document["paths"]["/doors/{roomId}"] = json!({ "get": {
        "parameters": [shared], "responses": { "204": { "description": "" } } } });
    let text = strictly(&document).unwrap();
    let method = text.split("pub fn get_door").nth(1).unwrap();
    assert!(method.contains("room_id: impl Into<String>"), "{text}");
    // A reference that leads somewhere as it stands is no escape.
    let to = json!({ "$ref": "#/components/schemas/a%25" });
    let mut document = with_schemas(json!({ "a%25": { "type": "boolean" }, "a%": {} }));
    document["components"]["schemas"]["Room"]["properties"]["b"] = to;
    let text = strictly(&document).unwrap();
    assert!(text.contains("pub b: Option<A25>"), "{text}");
    assert!(text.contains("pub type A25 = bool;"), "{text}");
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
    assert_refused(&with_schemas(circle), "/components/schemas/A", "back to itself");
    let own = json!({ "A": { "$ref": "#/components/schemas/A" } });
    assert_refused(&with_schemas(own), "/components/schemas/A", "back to itself");
    let all_of = json!({ "Room": { "allOf": [{ "$ref": "#/components/schemas/Room" }, { "properties": { "a": {} } }] } });
    assert_refused(&with_schemas(all_of), "/components/schemas/Room", "made of itself");
    let one_of = json!({ "A": { "oneOf": [{ "type": "string" }, { "anyOf": [{ "$ref": "#/components/schemas/B" }] }] },
        "B": { "allOf": [{ "$ref": "#/components/schemas/A" }] } });
    assert_refused(&with_schemas(one_of), "/components/schemas/A", "made of itself");
    let inner = json!({ "Room": { "type": "object", "properties": { "child": {
        "allOf": [{ "$ref": "#/components/schemas/Room" }, { "properties": { "more": {} } }] } } } });
    assert_refused(&with_schemas(inner), "/components/schemas/Room", "made of itself");
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
fn operations_of_one_name_are_told_apart() {
    let get = |id: &str| json!({ "get": { "operationId": id, "responses": { "200": { "description": "" } } } });
    for (one, other) in [("same", "same"), ("sameName", "same_name"), ("a1", "a_1")] {
        let document = with("/paths", json!({ "/b": get(other), "/a": get(one) }));
        let text = strictly(&document).unwrap();
        let name = text.split("pub fn ").filter(|part| part.contains("-> operations::")).count();
        assert_eq!(name, 2, "{one} {other}");
        assert!(text.contains("_operation(&self)"), "{one} {other}");
    }
    let id = |name: &str| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } });
    let unnamed = |name: &str| json!({ "get": { "parameters": [id(name)], "responses": { "200": { "description": "" } } } });
    let document =
        with("/paths", json!({ "/{x}/rooms": unnamed("x"), "/{y}/rooms": unnamed("y") }));
    let text = strictly(&document).unwrap();
    assert!(text.contains("fn list_rooms(") && text.contains("fn list_rooms_operation("), "{text}");
}

#[test]
fn paths_and_parameters_agree() {
    let plain = json!({ "get": { "responses": { "200": { "description": "" } } } });
    for (path, reason) in [
        ("rooms", "begins with `/`"),
        ("/a/../b", "no `.` or `..`"),
        ("/{}", "in one segment"),
        ("/{a", "in one segment"),
        ("/{a}/{a}", "stands twice"),
    ] {
        let place = format!("/paths/{}/get", path.replace('/', "~1"));
        assert_refused(&with("/paths", json!({ path: plain })), &place, reason);
    }
    let undeclared = with("/paths", json!({ "/{a}": plain }));
    assert_refused(&undeclared, "/paths/~1{a}/get", "`a` is not declared");
    let parameter = |value: Value| with(&format!("{GET}/parameters"), json!([value]));
    let schema = json!({ "type": "string" });
    let at = format!("{GET}/parameters/0");
    assert_refused(&parameter(json!({ "in": "query", "schema": schema })), &at, "`name` and `in`");
    assert_refused(
        &parameter(json!({ "name": "a", "in": "body", "schema": schema })),
        &at,
        "none of",
    );
    assert_refused(&parameter(json!({ "name": "a b", "in": "header" })), &at, "this name");
    assert_refused(&parameter(json!("a")), &at, "expected an object");
    let stray = json!({ "name": "b", "in": "path", "required": true, "schema": schema });
    let both = with(&format!("{GET}/parameters"), json!([small().pointer(&at), stray]));
    let stray_at = format!("{GET}/parameters/1");
    assert_refused(&both, &stray_at, "`b` does not stand in the path");
    let twice =
        with(&format!("{GET}/parameters"), json!([small().pointer(&at), small().pointer(&at)]));
    assert_refused(&twice, &stray_at, "stands twice");
}

#[test]
fn a_scheme_that_the_client_does_not_send_is_named() {
    let mut document = with("/security", json!([{ "key": [] }]));
    document["components"]["securitySchemes"] = json!({
        "key": { "type": "mutualTLS" },
        "token": { "type": "http", "scheme": "Bearer" } });
    assert_refused(&document, "/components/securitySchemes/key", "in this way");
    document["security"] = json!([{ "key": [] }, { "token": [] }]);
    assert!(strictly(&document).is_ok());
    document["security"] = json!([{ "key": [] }, {}]);
    assert!(strictly(&document).is_ok());
}

#[test]
fn a_query_of_a_path_has_declared_parameters_and_whole_values() {
    let path = |path: &str| {
        let mut document = small();
        let paths = document["paths"].as_object_mut().unwrap();
        let item = paths.remove("/rooms/{roomId}").unwrap();
        paths.insert(path.to_owned(), item);
        document
    };
    assert!(strictly(&path("/rooms?id={roomId}&v=2#get")).is_ok());
    let at = "/paths/~1rooms?id={roomId}&by={by}/get";
    assert_refused(&path("/rooms?id={roomId}&by={by}"), at, "query parameter `by` is not declared");
    let at = "/paths/~1rooms?id=a{roomId}/get";
    assert_refused(&path("/rooms?id=a{roomId}"), at, "a text or a parameter");
}

#[test]
fn a_server_that_requests_cannot_be_sent_to() {
    let server = |url: &str| {
        let mut document = small();
        document["paths"]["/rooms/{roomId}"]["get"]["servers"] = json!([{ "url": url }]);
        document
    };
    let at = format!("{GET}/servers/0/url");
    assert_refused(&server("https://{region}.example"), &at, "requests go to the base URL");
    assert!(strictly(&server("https://b.example")).is_ok());
}

#[test]
fn left_out_parts_leave_the_rest() {
    let mut document = small();
    document["paths"]["/odd/{"] = document["paths"]["/rooms/{roomId}"].clone();
    document["components"]["schemas"]["Room"]["properties"]["odd"] = json!({ "$ref": "#/gone" });
    let generated = super::generated(&load(&document).unwrap());
    let found: Vec<String> = generated.left_out.iter().map(ToString::to_string).collect();
    let operation = "/paths/~1odd~1{/get: a `{` and its `}` stand in one segment, around a name";
    let detail = "detail /components/schemas/Room/properties/odd/$ref: `#/gone` leads nowhere";
    assert_eq!(found, [detail.to_owned(), format!("operation {operation}")]);
    assert_eq!(generated.operations, 1);
    assert!(generated.text.contains(&format!("    // Left out: {operation}\n")));
    assert!(generated.text.contains("pub odd: Option<serde_json::Value>"));
}

#[test]
fn responses_have_a_status() {
    for status in ["20", "600", "2x", "ok", "２００"] {
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
    let wrong = schema(json!({ "enum": 5 }));
    assert_refused(&wrong, "/components/schemas/A/enum", "expected an array");
    assert_refused(
        &schema(json!({ "type": ["string", "null"] })),
        "/components/schemas/A/type",
        "OpenAPI 3.0",
    );
    assert_refused(&schema(json!(5)), "/components/schemas/A", "expected an object");
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
fn a_document_that_an_overlay_breaks_is_refused() {
    let overlay = r#"{"overlay": "1.0.0", "info": {}, "actions": [
        {"target": "$.components.schemas.Room", "remove": true}]}"#;
    let overlay = Overlay::from_bytes("o.json", overlay.as_bytes()).unwrap();
    let options = Options::default().strict(true);
    let error = generate(&load(&small()).unwrap(), &overlay, &options).unwrap_err().to_string();
    assert!(error.contains("leads nowhere"), "{error}");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = Document::from_path("no/such/file.json".as_ref()).unwrap_err();
    assert!(error.to_string().starts_with("file.json: cannot be read: "), "{error}");
}
