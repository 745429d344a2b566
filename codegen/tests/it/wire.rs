//! Requests and replies of kinds that Calls does not have.

use serde_json::{Value, json};

use super::{expand, flat, small, with_schemas};

const GET: &str = "/paths/~1rooms~1{roomId}/get";

/// Generates the text of the small document with this body of its operation.
fn with_body(content: Value) -> String {
    let mut document = with_schemas(json!({ "Form": { "type": "object", "required": ["name"],
        "properties": { "name": { "type": "string" }, "files": { "type": "array", "items": {
            "type": "string", "format": "binary" } } } } }));
    document.pointer_mut(GET).unwrap()["requestBody"] =
        json!({ "required": true, "content": content });
    flat(&expand(&document).unwrap())
}

/// Returns the text without spaces and commas, so that line breaks make no difference.
fn squeezed(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace() && *c != ',').collect()
}

#[test]
fn bodies_of_other_kinds_than_json() {
    let form = json!({ "schema": { "$ref": "#/components/schemas/Form" } });
    for (media, entry, argument, statement) in [
        (
            "text/plain",
            json!({}),
            "body: impl Into<String>",
            "request.bytes(self.body.into_bytes(), \"text/plain\")",
        ),
        (
            "image/png",
            json!({}),
            "body: impl Into<Vec<u8>>",
            "request.bytes(self.body, \"image/png\")",
        ),
        (
            "application/x-www-form-urlencoded",
            form.clone(),
            "body: &'a types::Form",
            "request.form(self.body)?",
        ),
        (
            "multipart/form-data",
            form.clone(),
            "body: &'a types::Form",
            "form.value(OPERATION, \"name\", value, None)?",
        ),
        (
            "application/merge-patch+json",
            form,
            "body: &'a types::Form",
            "request.media(\"application/merge-patch+json\")",
        ),
    ] {
        let text = with_body(json!({ media: entry }));
        assert!(text.contains(argument), "{media}: no {argument} in {text}");
        assert!(text.contains(statement), "{media}: no {statement} in {text}");
    }
    let text = with_body(
        json!({ "multipart/form-data": { "schema": { "$ref": "#/components/schemas/Form" } } }),
    );
    assert!(text.contains("pub files: Option<Vec<runtime::forms::File>>"), "{text}");
    assert!(text.contains("for value in value { form.file(\"files\", value); }"), "{text}");
}

#[test]
fn replies_of_several_kinds() {
    let mut document = small();
    let responses = document.pointer_mut(&format!("{GET}/responses")).unwrap();
    responses["201"] = json!({ "description": "", "content": { "text/html": {} } });
    responses["202"] = json!({ "description": "", "content": { "application/zip": {} } });
    responses["203"] = json!({ "description": "" });
    let text = flat(&expand(&document).unwrap());
    for part in [
        "Room(Room)",
        "PlainText(String)",
        "RawBytes(Vec<u8>)",
        "Empty",
        "201 => Ok(types::GetRoomSuccess::PlainText(reply.text()))",
        r#"request.accept("application/json, text/html, application/zip, */*;q=0.1");"#,
    ] {
        assert!(text.contains(part), "no {part} in {text}");
    }
}

#[test]
fn parameters_of_every_style() {
    let object = json!({ "type": "object", "properties": { "a": { "type": "string" } } });
    let list = json!({ "type": "array", "items": { "type": "string" } });
    for (parameter, statement) in [
        (
            json!({ "in": "query", "schema": object, "style": "deepObject", "explode": true }),
            "request.styled_query(\"p\", value, runtime::styles::Style::Deep, true)?",
        ),
        (
            json!({ "in": "query", "schema": object }),
            "request.styled_query(\"p\", value, runtime::styles::Style::Form, true)?",
        ),
        (
            json!({ "in": "query", "content": { "application/json": { "schema": object } } }),
            "request.styled_query(\"p\", value, runtime::styles::Style::Json, false)?",
        ),
        (
            json!({ "in": "header", "schema": object }),
            "request.styled_header(\"p\", value, runtime::styles::Style::Simple, false)?",
        ),
        (
            json!({ "in": "cookie", "schema": { "type": "integer" } }),
            "request.styled_cookie(\"p\", value, runtime::styles::Style::Form, true)?",
        ),
        (
            json!({ "in": "query", "schema": list, "style": "pipeDelimited", "explode": false }),
            ".join(\"|\")",
        ),
        (
            json!({ "in": "query", "schema": list, "style": "spaceDelimited", "explode": false }),
            ".join(\" \")",
        ),
        (json!({ "in": "query", "schema": list, "style": "pipeDelimited" }), ".join(\"|\")"),
        (json!({ "in": "query", "schema": list }), "for value in value { request.query("),
    ] {
        let mut document = small();
        let mut parameter = parameter;
        parameter["name"] = json!("p");
        let parameters = document.pointer_mut(&format!("{GET}/parameters")).unwrap();
        parameters.as_array_mut().unwrap().push(parameter.clone());
        let text = squeezed(&expand(&document).unwrap());
        let statement = squeezed(statement);
        assert!(text.contains(&statement), "{parameter}: no {statement} in {text}");
    }
}

#[test]
fn a_path_segment_of_several_parameters() {
    let mut document = small();
    let item = document["paths"]["/rooms/{roomId}"].take();
    document["paths"] = json!({ "/pages/{roomId}.{format}": item });
    let list = document["paths"]["/pages/{roomId}.{format}"]["get"]["parameters"].as_array_mut();
    let format = json!({ "type": "integer" });
    list.unwrap()
        .push(json!({ "name": "format", "in": "path", "required": true, "schema": format }));
    let text = squeezed(&expand(&document).unwrap());
    let call = "&format!(\"{}{}{}\"runtime::exchange::segment(OPERATIONself.room_id.as_str())?\".\"\
                runtime::exchange::segment(OPERATION&self.format.to_string())?";
    assert!(text.contains(call), "no {call} in {text}");
}

#[test]
fn a_discriminator_decides() {
    let kind = |more: &str| {
        json!({ "type": "object", "required": ["kind"],
        "properties": { "kind": { "type": "string" }, more: { "type": "string" } } })
    };
    let to = |name: &str| json!({ "$ref": format!("#/components/schemas/{name}") });
    let schemas = json!({
        "Cat": kind("name"), "Dog": kind("name"), "Fox": kind("den"),
        "Room": { "type": "object", "properties": { "pet": { "oneOf": [to("Cat"), to("Dog"), to("Fox")],
            "discriminator": { "propertyName": "kind", "mapping": { "dog": "#/components/schemas/Dog", "hound": "Dog" } } } } },
    });
    let text = flat(&expand(&with_schemas(schemas)).unwrap());
    let tagged = r#"tagged! { Pet "kind" Cat["Cat"] Dog["dog" "hound"] Fox["Fox"] }"#;
    assert!(text.contains(tagged), "{text}");
}

#[test]
fn a_schema_that_others_extend_is_one_of_them() {
    let to = |name: &str| json!({ "$ref": format!("#/components/schemas/{name}") });
    let schemas = json!({
        "Pet": { "type": "object", "required": ["kind"], "discriminator": { "propertyName": "kind" },
            "properties": { "kind": { "type": "string" } } },
        "Cat": { "allOf": [to("Pet"), { "properties": { "lives": { "type": "integer" } } }] },
        "Room": { "type": "object", "properties": { "pet": to("Pet") } },
    });
    let text = flat(&expand(&with_schemas(schemas)).unwrap());
    assert!(text.contains("pub pet: Option<Pet>"), "{text}");
    assert!(text.contains(r#"tagged! { Pet "kind" Cat["Cat"] PetBase["Pet"] }"#), "{text}");
    assert!(text.contains("pub lives: Option<i64>"), "{text}");
}

#[test]
fn a_later_branch_of_all_of_overrides() {
    let to = |name: &str| json!({ "$ref": format!("#/components/schemas/{name}") });
    let schemas = json!({
        "Reply": { "type": "object", "properties": { "result": { "type": "object" }, "ok": { "type": "boolean" } } },
        "App": { "type": "object", "properties": { "uid": { "type": "string" } } },
        "Room": { "allOf": [to("Reply"), { "properties": { "result": to("App") } }] },
    });
    let text = flat(&expand(&with_schemas(schemas)).unwrap());
    assert!(
        text.contains("pub result: Option<App>") && text.contains("pub ok: Option<bool>"),
        "{text}"
    );
}

#[test]
fn null_is_no_alternative_and_stands_beside_all_of() {
    let to = json!({ "$ref": "#/components/schemas/App" });
    let schemas = json!({
        "App": { "type": "object", "properties": { "uid": { "type": "string" } } },
        "Room": { "type": "object", "required": ["a", "b"], "properties": {
            "a": { "allOf": [to], "nullable": true },
            "b": { "oneOf": [to, { "enum": [null] }] } } },
    });
    let text = flat(&expand(&with_schemas(schemas)).unwrap());
    assert!(text.contains("pub a: Option<App>") && text.contains("pub b: Option<App>"), "{text}");
}

#[test]
fn a_property_that_tells_success_from_refusal_is_looked_at() {
    let room = |schema: Value, required: Value| {
        flat(
            &expand(&with_schemas(json!({ "Room": {
                "type": "object", "required": required, "properties": { "ok": schema } } })))
            .unwrap(),
        )
    };
    let marked = json!({ "type": "boolean", "x-rust-success": true });
    let text = room(marked.clone(), json!(["ok"]));
    assert!(text.contains("fn is_error(&self) -> bool { !self.ok }"), "{text}");
    assert!(text.contains("200..=299 => reply.accept("), "{text}");
    let text = room(marked, json!([]));
    assert!(text.contains("fn is_error(&self) -> bool { self.ok == Some(false) }"), "{text}");
    // A mark on another kind of schema has no effect.
    for schema in
        [json!({ "type": "boolean" }), json!({ "type": "string", "x-rust-success": true })]
    {
        let text = room(schema, json!(["ok"]));
        assert!(
            !text.contains("self.ok") && text.contains("200..=299 => reply.decode()"),
            "{text}"
        );
    }
}
