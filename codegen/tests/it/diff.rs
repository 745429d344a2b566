//! Rules of `cloudflare_calls_codegen::diff`, row by row.

use cloudflare_calls_codegen::diff::{Diff, Effect, Format};
use cloudflare_calls_codegen::{Document, Overlay};
use serde_json::{Value, json};

use super::{calls, load};

/// Returns a document with each kind of part that can change.
fn base() -> Value {
    json!({
        "openapi": "3.0.0",
        "info": { "title": "T", "version": "1" },
        "servers": [{ "url": "https://a.example" }],
        "paths": { "/a/{id}": {
            "post": {
                "operationId": "make", "summary": "prose", "tags": ["t"], "security": [{ "secret": [] }],
                "parameters": [
                    { "name": "id", "in": "path", "required": true, "schema": { "type": "string" } },
                    { "name": "q", "in": "query", "schema": { "type": "string" } },
                ],
                "requestBody": { "content": { "application/json": { "schema": { "$ref": "#/components/schemas/In" } } } },
                "responses": {
                    "200": { "description": "", "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Out" } } } },
                    "400": { "description": "" },
                },
            },
            "get": {
                "parameters": [{ "name": "id", "in": "path", "required": true, "schema": { "type": "string" } }],
                "responses": { "200": { "description": "" } },
            },
        } },
        "components": { "schemas": {
            "In": { "type": "object", "required": ["must"], "properties": {
                "must": { "type": "string", "minLength": 1 },
                "may": { "type": "string", "enum": ["a", "b"], "default": "a" },
                "list": { "type": "array", "maxItems": 4, "items": { "type": "integer" } },
                "both": { "$ref": "#/components/schemas/Both" },
            } },
            "Out": { "type": "object", "required": ["must"], "properties": {
                "must": { "type": "string", "minLength": 1 },
                "may": { "type": "string", "enum": ["a", "b"] },
                "both": { "$ref": "#/components/schemas/Both" },
                "more": { "allOf": [{ "$ref": "#/components/schemas/Both" }, { "properties": { "x": { "type": "string" } } }] },
            } },
            "Both": { "type": "object", "properties": { "n": { "type": "integer" } } },
        } },
    })
}

fn between(old: &Value, new: &Value) -> Diff {
    Diff::between(&load(old).unwrap(), &load(new).unwrap())
}

/// Changes the base document, and expects exactly these effects.
#[track_caller]
fn assert_effect(change: impl FnOnce(&mut Value), expected: &[(Effect, &str)]) {
    let mut new = base();
    change(&mut new);
    let diff = between(&base(), &new);
    let found: Vec<(Effect, String)> = diff
        .changes
        .iter()
        .map(|change| (change.effect, format!("{} {}: {change}", change.kind, change.place)))
        .collect();
    let expected: Vec<(Effect, String)> =
        expected.iter().map(|(effect, text)| (*effect, (*text).to_owned())).collect();
    assert_eq!(found, expected);
}

fn schema<'v>(document: &'v mut Value, name: &str) -> &'v mut Value {
    &mut document["components"]["schemas"][name]
}

fn post(document: &mut Value) -> &mut Value {
    &mut document["paths"]["/a/{id}"]["post"]
}

fn remove(value: &mut Value, key: &str) {
    value.as_object_mut().unwrap().remove(key).expect("something to remove");
}

use Effect::{Breaking, Compatible};

#[test]
fn operations() {
    assert_effect(
        |d| remove(&mut d["paths"]["/a/{id}"], "get"),
        &[(Breaking, "removed GET /a/{id}: operation")],
    );
    let added = json!({ "put": { "responses": { "200": { "description": "" } } } });
    assert_effect(|d| d["paths"]["/b"] = added, &[(Compatible, "added PUT /b: operation")]);
    assert_effect(
        |d| post(d)["operationId"] = json!("create"),
        &[(Breaking, "changed POST /a/{id}: name: \"make\" → \"create\"")],
    );
    assert_effect(
        |d| post(d)["security"] = json!([]),
        &[(Breaking, "changed POST /a/{id}: security: {\"secret\":[]} → {}")],
    );
}

#[test]
fn parameters() {
    let parameter = |required: bool| json!({ "name": "z", "in": "query", "required": required, "schema": { "type": "string" } });
    let push = |d: &mut Value, value| post(d)["parameters"].as_array_mut().unwrap().push(value);
    assert_effect(
        |d| push(d, parameter(false)),
        &[(Compatible, "added POST /a/{id}: optional query parameter z")],
    );
    assert_effect(
        |d| push(d, parameter(true)),
        &[(Breaking, "added POST /a/{id}: required query parameter z")],
    );
    assert_effect(
        |d| drop(post(d)["parameters"].as_array_mut().unwrap().remove(1)),
        &[(Breaking, "removed POST /a/{id}: query parameter q")],
    );
    assert_effect(
        |d| post(d)["parameters"][1]["required"] = json!(true),
        &[(Breaking, "changed POST /a/{id} query parameter q: became required")],
    );
    assert_effect(
        |d| post(d)["parameters"][1]["schema"]["type"] = json!("integer"),
        &[(Breaking, "changed POST /a/{id} query parameter q: type: \"string\" → \"integer\"")],
    );
    assert_effect(
        |d| post(d)["parameters"][1]["in"] = json!("header"),
        &[
            (Breaking, "removed POST /a/{id}: query parameter q"),
            (Compatible, "added POST /a/{id}: optional header parameter q"),
        ],
    );
}

#[test]
fn a_parameter_that_moves_to_a_component_is_no_change_of_parameters() {
    assert_effect(
        |d| {
            let parameter = post(d)["parameters"][1].take();
            post(d)["parameters"][1] = json!({ "$ref": "#/components/parameters/Q" });
            d["components"]["parameters"] = json!({ "Q": parameter });
        },
        &[(Compatible, "changed document: only in what concerns no client")],
    );
}

#[test]
fn bodies() {
    assert_effect(
        |d| remove(post(d), "requestBody"),
        &[(Breaking, "removed POST /a/{id}: request body")],
    );
    assert_effect(
        |d| post(d)["requestBody"]["required"] = json!(true),
        &[(Breaking, "changed POST /a/{id} request: became required")],
    );
    let body = json!({ "content": { "application/json": { "schema": { "type": "object" } } } });
    assert_effect(
        |d| d["paths"]["/a/{id}"]["get"]["requestBody"] = body,
        &[(Compatible, "added GET /a/{id}: optional request body")],
    );
}

#[test]
fn responses() {
    let none = json!({ "description": "" });
    assert_effect(
        |d| remove(&mut post(d)["responses"], "200"),
        &[(Breaking, "removed POST /a/{id}: response 200")],
    );
    assert_effect(
        |d| remove(&mut post(d)["responses"], "400"),
        &[(Compatible, "removed POST /a/{id}: response 400")],
    );
    assert_effect(
        |d| post(d)["responses"]["500"] = none.clone(),
        &[(Compatible, "added POST /a/{id}: response 500")],
    );
    assert_effect(
        |d| post(d)["responses"]["204"] = none,
        &[(Breaking, "added POST /a/{id}: response 204")],
    );
    assert_effect(
        |d| post(d)["responses"]["202"] = post(d)["responses"]["200"].clone(),
        &[(Compatible, "added POST /a/{id}: response 202")],
    );
}

#[test]
fn fields() {
    let text = json!({ "type": "string" });
    for name in ["In", "Out", "Both"] {
        assert_effect(
            |d| schema(d, name)["properties"]["z"] = text.clone(),
            &[(Compatible, &format!("added {name}: optional field z"))],
        );
    }
    let require = |name: &'static str| {
        let text = text.clone();
        move |d: &mut Value| {
            schema(d, name)["properties"]["z"] = text;
            schema(d, name)["required"] = json!(["must", "z"]);
            if name == "Both" {
                schema(d, name)["required"] = json!(["z"]);
            }
        }
    };
    assert_effect(require("In"), &[(Breaking, "added In: required field z")]);
    assert_effect(require("Both"), &[(Breaking, "added Both: required field z")]);
    assert_effect(require("Out"), &[(Compatible, "added Out: required field z")]);
    for name in ["In", "Out"] {
        assert_effect(
            |d| remove(&mut schema(d, name)["properties"], "may"),
            &[(Breaking, &format!("removed {name}: field may"))],
        );
    }
    let may = |name: &'static str| move |d: &mut Value| schema(d, name)["required"] = json!([]);
    assert_effect(may("In"), &[(Compatible, "changed In.must: became optional")]);
    assert_effect(may("Out"), &[(Breaking, "changed Out.must: became optional")]);
    let must = |name: &'static str| {
        move |d: &mut Value| schema(d, name)["required"] = json!(["must", "may"])
    };
    assert_effect(must("In"), &[(Breaking, "changed In.may: became required")]);
    assert_effect(must("Out"), &[(Compatible, "changed Out.may: became required")]);
}

#[test]
fn fields_that_go_one_way_concern_that_way_alone() {
    let add = |name: &'static str, field: Value| {
        move |d: &mut Value| {
            schema(d, name)["properties"]["z"] = field;
            schema(d, name)["required"] = json!(["must", "z"]);
        }
    };
    let to = json!({ "$ref": "#/components/schemas/Both" });
    let none = [(Compatible, "changed document: only in what concerns no client")];
    for said in [
        json!({ "type": "string", "readOnly": true }),
        json!({ "$ref": "#/components/schemas/Both", "readOnly": true }),
        json!({ "allOf": [to], "readOnly": true }),
    ] {
        assert_effect(add("In", said.clone()), &none);
        assert_effect(add("Out", said), &[(Compatible, "added Out: required field z")]);
    }
    let secret = json!({ "type": "string", "writeOnly": true });
    assert_effect(add("Out", secret.clone()), &none);
    assert_effect(add("In", secret), &[(Breaking, "added In: required field z")]);
    assert_effect(
        |d| schema(d, "In")["properties"]["must"]["readOnly"] = json!(true),
        &[(Breaking, "removed In: field must")],
    );
}

#[test]
fn types_enums_defaults_and_constraints() {
    assert_effect(
        |d| schema(d, "Both")["properties"]["n"]["type"] = json!("string"),
        &[(Breaking, "changed Both.n: type: \"integer\" → \"string\"")],
    );
    let values = |name: &'static str, values: Value| {
        move |d: &mut Value| schema(d, name)["properties"]["may"]["enum"] = values
    };
    assert_effect(
        values("In", json!(["a", "b", "c"])),
        &[(Compatible, "added In.may: value \"c\"")],
    );
    assert_effect(values("In", json!(["a"])), &[(Breaking, "removed In.may: value \"b\"")]);
    assert_effect(values("Out", json!(["a"])), &[(Compatible, "removed Out.may: value \"b\"")]);
    assert_effect(
        |d| schema(d, "In")["properties"]["may"]["default"] = json!("b"),
        &[(Breaking, "changed In.may: default: \"a\" → \"b\"")],
    );
    assert_effect(
        |d| schema(d, "In")["properties"]["must"]["default"] = json!("x"),
        &[(Compatible, "added In.must: default \"x\"")],
    );
    let length = |name: &'static str, least: u64| {
        move |d: &mut Value| schema(d, name)["properties"]["must"]["minLength"] = json!(least)
    };
    assert_effect(length("In", 2), &[(Breaking, "changed In.must: minLength: 1 → 2")]);
    assert_effect(length("In", 0), &[(Compatible, "changed In.must: minLength: 1 → 0")]);
    assert_effect(length("Out", 2), &[(Compatible, "changed Out.must: minLength: 1 → 2")]);
    let items = |most: u64| {
        move |d: &mut Value| schema(d, "In")["properties"]["list"]["maxItems"] = json!(most)
    };
    assert_effect(items(3), &[(Breaking, "changed In.list: maxItems: 4 → 3")]);
    assert_effect(items(5), &[(Compatible, "changed In.list: maxItems: 4 → 5")]);
    assert_effect(
        |d| schema(d, "In")["properties"]["list"]["items"]["type"] = json!("string"),
        &[(Breaking, "changed In.list[]: type: \"integer\" → \"string\"")],
    );
    let nullable = |name: &'static str| {
        move |d: &mut Value| schema(d, name)["properties"]["must"]["nullable"] = json!(true)
    };
    assert_effect(nullable("In"), &[(Compatible, "changed In.must: nullable: none → true")]);
    assert_effect(nullable("Out"), &[(Breaking, "changed Out.must: nullable: none → true")]);
}

#[test]
fn schemas_and_extensions() {
    assert_effect(
        |d| d["components"]["schemas"]["New"] = json!({}),
        &[(Compatible, "added New: schema")],
    );
    assert_effect(
        |d| schema(d, "Out")["properties"]["more"]["allOf"][1]["properties"]["y"] = json!({}),
        &[(Compatible, "added Out.more: optional field y")],
    );
    assert_effect(
        |d| {
            schema(d, "Out")["properties"]["more"]["allOf"] =
                json!([schema(d, "Out")["properties"]["more"]["allOf"][1]])
        },
        &[(Breaking, "removed Out.more: field n")],
    );
    // The same content under another name, or written out, is no change of a field.
    assert_effect(
        |d| {
            d["components"]["schemas"]["Twin"] = schema(d, "Both").clone();
            schema(d, "Out")["properties"]["both"] = json!({ "$ref": "#/components/schemas/Twin" });
        },
        &[(Compatible, "added Twin: schema")],
    );
}

#[test]
fn facts_without_effect_on_clients_are_compatible_and_prose_is_no_change() {
    assert_effect(
        |d| d["servers"][0]["url"] = json!("https://b.example"),
        &[(
            Compatible,
            r#"changed document: servers: [{"url":"https://a.example"}] → [{"url":"https://b.example"}]"#,
        )],
    );
    assert_effect(
        |d| post(d)["tags"] = json!([]),
        &[(Compatible, r#"changed POST /a/{id}: tags: ["t"] → []"#)],
    );
    assert_effect(
        |d| d["x-mine"] = json!(1),
        &[(Compatible, "changed document: only in what concerns no client")],
    );
    let mut hooks = base();
    hooks["x-hooks"] = json!({ "made": { "tags": ["t"] } });
    let mut other = hooks.clone();
    other["x-hooks"]["made"]["tags"] = json!([]);
    assert_eq!(between(&hooks, &other), between(&base(), &hooks));
    assert_effect(|d| post(d)["summary"] = json!("other prose"), &[]);
    assert_effect(|d| schema(d, "In")["properties"]["may"]["description"] = json!("prose"), &[]);
    assert_effect(|d| remove(post(d), "summary"), &[]);
}

#[test]
fn a_property_called_description_is_a_fact() {
    assert_effect(
        |d| schema(d, "Out")["properties"]["description"] = json!({ "type": "string" }),
        &[(Compatible, "added Out: optional field description")],
    );
}

#[test]
fn schemas_that_contain_themselves_come_to_an_end() {
    let tree = |name: &str| json!({ "type": "object", "properties": { "next": { "$ref": format!("#/components/schemas/{name}") } } });
    let mut old = base();
    old["components"]["schemas"]["Tree"] = tree("Tree");
    old["components"]["schemas"]["Wood"] = tree("Wood");
    *schema(&mut old, "Out") =
        json!({ "properties": { "t": { "$ref": "#/components/schemas/Tree" } } });
    let mut new = old.clone();
    *schema(&mut new, "Out") =
        json!({ "properties": { "t": { "$ref": "#/components/schemas/Wood" } } });
    assert_eq!(between(&old, &new).changes.len(), 1);
}

#[test]
fn examples_are_one_line_however_many_change() {
    assert_effect(
        |d| {
            schema(d, "In")["properties"]["must"]["example"] = json!("x");
            schema(d, "Both")["example"] = json!({ "n": 1 });
        },
        &[(Compatible, "changed document: 2 examples")],
    );
    assert_effect(
        |d| post(d)["externalDocs"] = json!({ "url": "https://d.example" }),
        &[(Compatible, "changed document: 1 link")],
    );
    assert_effect(
        |d| schema(d, "Out")["properties"]["example"] = json!({ "type": "string" }),
        &[(Compatible, "added Out: optional field example")],
    );
}

#[test]
fn a_change_names_the_operations_that_use_what_has_changed() {
    let of = |change: fn(&mut Value)| {
        let mut old = base();
        old["paths"]["/b"] = json!({ "get": { "responses": { "200": { "description": "", "content": {
            "application/json": { "schema": { "type": "array", "items": { "$ref": "#/components/schemas/Out" } } } } } } } });
        let mut new = old.clone();
        change(&mut new);
        let mut changes = between(&old, &new).changes;
        assert_eq!(changes.len(), 1, "{changes:?}");
        changes.remove(0).operations
    };
    let (get, post) = ("GET /b", "POST /a/{id}");
    assert_eq!(of(|d| schema(d, "In")["properties"]["z"] = json!({})), [post]);
    assert_eq!(of(|d| schema(d, "Out")["properties"]["z"] = json!({})), [get, post]);
    assert_eq!(of(|d| schema(d, "Both")["properties"]["z"] = json!({})), [get, post]);
    assert_eq!(of(|d| d["paths"]["/b"]["get"]["deprecated"] = json!(true)), [get]);
    assert_eq!(of(|d| d["paths"]["/b"]["get"]["tags"] = json!(["x"])), [get]);
    assert!(of(|d| d["info"]["version"] = json!("2")).is_empty());
}

#[test]
fn a_change_names_the_rust_item() {
    let item = |change: fn(&mut Value)| {
        let mut new = base();
        change(&mut new);
        let (old, new) = (load(&base()).unwrap(), load(&new).unwrap());
        let diff = Diff::between(&old, &new).with_items(&old, &new, &Overlay::empty()).unwrap();
        assert_eq!(diff.changes.len(), 1, "{:?}", diff.changes);
        diff.changes[0].item.clone().unwrap_or_default()
    };
    assert_eq!(item(|d| remove(&mut d["paths"]["/a/{id}"], "get")), "Client::get_a");
    assert_eq!(item(|d| remove(post(d), "requestBody")), "types::In");
    assert_eq!(
        item(|d| drop(post(d)["parameters"].as_array_mut().unwrap().remove(1))),
        "operations::Make::q"
    );
    let list = "types::In.list";
    assert_eq!(item(|d| schema(d, "In")["properties"]["list"]["maxItems"] = json!(3)), list);
    assert_eq!(
        item(|d| schema(d, "In")["properties"]["list"]["items"]["type"] = json!("string")),
        list
    );
    let value = |d: &mut Value| schema(d, "In")["properties"]["may"]["enum"] = json!(["a"]);
    assert_eq!(item(value), "types::May::B");
    let extended = |d: &mut Value| {
        schema(d, "Out")["properties"]["more"]["allOf"][1]["properties"]["y"] = json!({});
    };
    assert_eq!(item(extended), "types::More.y");
    // A field that the base of an extension loses is an item of the base.
    assert_eq!(item(|d| remove(&mut schema(d, "Both")["properties"], "n")), "types::Both.n");
    // The document has no item.
    assert_eq!(item(|d| d["info"]["version"] = json!("2")), "");
}

#[test]
fn every_format_shows_changes_by_operation() {
    let mut new = base();
    remove(&mut new["paths"]["/a/{id}"], "get");
    schema(&mut new, "In")["properties"]["a|b"] = json!({});
    post(&mut new)["parameters"][1]["schema"]["type"] = json!("integer");
    new["info"]["version"] = json!("2");
    let (old, new) = (load(&base()).unwrap(), load(&new).unwrap());
    let diff = Diff::between(&old, &new).with_items(&old, &new, &Overlay::empty()).unwrap();
    let text = diff.render(Format::Text);
    let expected = [
        "GET /a/{id}",
        "  breaking    removed  operation  [Client::get_a]",
        "",
        "POST /a/{id}",
        "  breaking    changed  query parameter q: type: \"string\" → \"integer\"  [operations::Make::q]",
        "  compatible  added    In: optional field a|b  [types::In.a_b]",
        "",
        "document",
        "  compatible  changed  info: {\"title\":\"T\",\"version\":\"1\"} → {\"title\":\"T\",\"version\":\"2\"}",
        "",
        "2 breaking, 2 compatible",
        "",
    ];
    assert_eq!(text, expected.join("\n"));
    let markdown = diff.render(Format::Markdown);
    assert!(markdown.starts_with("2 breaking, 2 compatible\n\n### `GET /a/{id}`\n"), "{markdown}");
    for line in [
        "| breaking | removed |  | operation | `Client::get_a` |",
        "| compatible | added | `In` | optional field a\\|b | `types::In.a_b` |",
    ] {
        assert!(markdown.contains(line), "no {line} in {markdown}");
    }
    let json: Value = serde_json::from_str(&diff.render(Format::Json)).unwrap();
    let parameter = "query parameter q";
    assert_eq!(
        json["changes"][1],
        json!({ "effect": "breaking", "kind": "changed", "place": format!("POST /a/{{id}} {parameter}"),
            "what": "type", "old": "\"string\"", "new": "\"integer\"",
            "operations": ["POST /a/{id}"], "item": "operations::Make::q" })
    );
    assert_eq!(Diff::default().render(Format::Text), "no change\n");
}

#[test]
fn a_changed_format_is_a_changed_item_if_it_chooses_another_type() {
    let with = |format: &str| {
        let mut document = base();
        let text = json!({ "type": "string", "format": format });
        schema(&mut document, "Out")["properties"]["must"] = text.clone();
        schema(&mut document, "Out")["properties"]["list"] =
            json!({ "type": "array", "items": text });
        load(&document).unwrap()
    };
    let items = |old: &str, new: &str| -> Vec<Option<String>> {
        let (old, new) = (with(old), with(new));
        let diff = Diff::between(&old, &new).with_items(&old, &new, &Overlay::empty()).unwrap();
        diff.changes.into_iter().map(|change| change.item).collect()
    };
    let both = [Some("types::Out.list".to_owned()), Some("types::Out.must".to_owned())];
    assert_eq!(items("uuid", "date"), both);
    assert_eq!(items("uri", "date-time"), both);
    assert_eq!(items("uri", "email"), [None, None]);
}

#[test]
fn the_two_published_documents_differ_as_a_reader_would_say() {
    let old =
        Document::from_bytes("calls-2024.json", include_bytes!("../fixtures/calls-2024.json"))
            .unwrap();
    let diff = Diff::between(&old, &calls());
    let breaking: Vec<String> = diff
        .changes
        .iter()
        .filter(|change| change.effect == Breaking)
        .map(|change| format!("{}: {change}", change.place))
        .collect();
    assert_eq!(
        breaking,
        [
            "PUT /apps/{appId}/sessions/{sessionId}/tracks/close request: became required",
            "CloseTracksRequest.force: became required",
            "CloseTracksRequest.tracks: became required",
            "CloseTracksRequest.tracks: minItems: none → 1",
            "CloseTrackObject.mid: became required",
            "CloseTrackObject.mid: minLength: none → 1",
        ]
    );
    assert!(Diff::between(&calls(), &calls().facts()).is_empty());
}

#[test]
fn a_security_scheme_with_another_name_breaks_no_client_that_does_not_show_the_name() {
    let with = |names: [&str; 2], second: Value, security: Value| {
        let mut document = base();
        document["components"]["securitySchemes"] =
            json!({ names[0]: { "type": "http", "scheme": "bearer" }, names[1]: second });
        document["paths"]["/a/{id}"]["post"]["security"] = security;
        document
    };
    let bearer = || json!({ "type": "http", "scheme": "bearer", "bearerFormat": "JWT" });
    let key = || json!({ "type": "apiKey", "in": "header", "name": "X-Key" });
    let old = with(["app", "user"], bearer(), json!([{ "app": [] }]));
    let new = with(["secret", "user"], bearer(), json!([{ "secret": [] }]));
    let changes = between(&old, &new);
    assert!(changes.changes.iter().all(|change| change.effect == Compatible), "{changes:?}");
    let texts: Vec<String> = changes.changes.iter().map(ToString::to_string).collect();
    assert_eq!(texts, ["security scheme app: app → secret"]);
    // Another secret that is sent in the same way is no new name.
    let other = with(["app", "user"], bearer(), json!([{ "user": [] }]));
    assert!(between(&old, &other).is_breaking());
    // The client has a setter for each of these.
    let both = json!([{ "app": [], "user": [] }]);
    let old = with(["app", "user"], key(), both);
    let new = with(["app", "key"], key(), json!([{ "app": [], "key": [] }]));
    assert!(between(&old, &new).is_breaking());
}

#[test]
fn schemes_and_scopes_have_no_order() {
    let with = |security: Value| {
        let mut document = base();
        post(&mut document)["security"] = security;
        document
    };
    let old = with(json!([{ "a": ["read", "write"], "b": [] }]));
    let new = with(json!([{ "b": [], "a": ["write", "read"] }]));
    assert!(between(&old, &new).changes.iter().all(|it| it.effect == Compatible));
    let more = with(json!([{ "b": [], "a": ["write", "read", "all"] }]));
    assert!(between(&old, &more).is_breaking());
}

#[test]
fn an_operation_that_says_that_it_takes_a_bearer_token_is_no_break() {
    let mut old = base();
    old["paths"]["/a/{id}"]["post"].as_object_mut().unwrap().remove("security");
    let mut new = old.clone();
    new["components"]["securitySchemes"] = json!({ "t": { "type": "http", "scheme": "bearer" } });
    new["security"] = json!([{ "t": [] }]);
    assert!(!between(&old, &new).is_breaking());
    new["components"]["securitySchemes"]["t"] =
        json!({ "type": "apiKey", "in": "header", "name": "X-Key" });
    assert!(between(&old, &new).is_breaking());
}

#[test]
fn encodings_of_properties() {
    let with = |media: &str, encoding: Value| {
        let mut document = base();
        let schema = json!({ "$ref": "#/components/schemas/In" });
        document["paths"]["/a/{id}"]["post"]["requestBody"] =
            json!({ "content": { media: { "schema": schema, "encoding": encoding } } });
        document
    };
    let form = |encoding: Value| with("application/x-www-form-urlencoded", encoding);
    let parts = |encoding: Value| with("multipart/form-data", encoding);
    let none = form(json!({}));
    let exploded = form(json!({ "list": { "style": "form" } }));
    assert_eq!(
        between(&none, &exploded).changes.iter().filter(|it| it.effect == Breaking).count(),
        0
    );
    let deep = form(json!({ "both": { "style": "deepObject", "explode": true } }));
    for (old, new) in [(&none, &deep), (&deep, &none)] {
        assert!(between(old, new).is_breaking());
    }
    let diff = between(&none, &form(json!({ "list": { "explode": false } })));
    let texts: Vec<String> = diff.changes.iter().map(ToString::to_string).collect();
    assert_eq!(texts.len(), 1, "{texts:?}");
    assert!(
        texts[0].contains("encoding of list in application/x-www-form-urlencoded"),
        "{texts:?}"
    );
    let png = parts(json!({ "may": { "contentType": "image/png" } }));
    assert!(between(&parts(json!({})), &png).is_breaking());
    // A style is nothing to a part.
    let styled = parts(json!({ "may": { "style": "deepObject" } }));
    assert!(!between(&parts(json!({})), &styled).is_breaking());
}
