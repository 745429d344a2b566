//! Types that the kinds of schemas become.

use serde_json::{Value, json};

use super::{calls, expand, expand_calls, flat, small, with_schemas};

/// Generates the text of the small document whose reply has these properties.
fn room(properties: Value) -> String {
    flat(
        &expand(&with_schemas(json!({ "Room": { "type": "object", "properties": properties } })))
            .unwrap(),
    )
}

#[track_caller]
fn assert_field(schema: Value, field: &str) {
    let text = room(json!({ "f": schema }));
    assert!(text.contains(&format!("pub f: {field},")), "no `{field}` in {text}");
}

#[test]
fn scalars() {
    assert_field(json!({ "type": "string" }), "Option<String>");
    assert_field(json!({ "type": "string", "format": "uri" }), "Option<String>");
    assert_field(json!({ "type": "string", "minLength": 1, "pattern": "^a" }), "Option<String>");
    assert_field(json!({ "type": "boolean", "default": true }), "Option<bool>");
    assert_field(json!({ "type": "integer" }), "Option<i64>");
    assert_field(json!({ "type": "integer", "minimum": 0, "maximum": 10 }), "Option<u64>");
    assert_field(json!({ "type": "integer", "format": "uint16" }), "Option<u16>");
    assert_field(json!({ "type": "number", "format": "float" }), "Option<f32>");
    assert_field(json!({ "type": "number", "format": "double" }), "Option<f64>");
    assert_field(json!({}), "Option<serde_json::Value>");
}

#[test]
fn a_format_has_the_type_that_a_person_would_write() {
    for (format, ty) in [
        ("date-time", "runtime::formatted::Formatted<jiff::Timestamp>"),
        ("date", "runtime::formatted::Formatted<jiff::civil::Date>"),
        ("uuid", "runtime::formatted::Formatted<uuid::Uuid>"),
        ("byte", "runtime::encoded::Base64"),
    ] {
        let schema = json!({ "type": "string", "format": format });
        assert_field(schema.clone(), &format!("Option<{ty}>"));
        let list = json!({ "type": "array", "items": schema });
        assert_field(list, &format!("Vec<{ty}>"));
        // A text that no output may show stays one, whatever its format.
        let hidden = json!({ "type": "string", "format": format, "x-rust-debug": "hide" });
        assert_field(hidden, "Option<runtime::redaction::Hidden>");
    }
}

#[test]
fn a_number_keeps_its_digits_unless_its_format_or_width_says_how_many_there_are() {
    let number = |key: &str, value: Value| json!({ "type": "number", key: value });
    let integer = |key: &str, value: Value| json!({ "type": "integer", key: value });
    for schema in [
        json!({ "type": "number" }),
        number("format", json!("decimal")),
        integer("format", json!("uint128")),
        integer("format", json!("bigint")),
        integer("maximum", json!(u64::MAX)),
        json!({ "type": "integer", "minimum": 0, "maximum": 1e20 }),
        integer("minimum", json!(-1e19)),
    ] {
        assert_field(schema, "Option<runtime::decimal::Decimal>");
    }
    assert_field(integer("format", json!("int64")), "Option<i64>");
    assert_field(integer("maximum", json!(i64::MAX)), "Option<i64>");
    assert_field(integer("format", json!("uint")), "Option<u64>");
    let wide = json!({ "type": "integer", "minimum": 0, "maximum": u64::MAX });
    assert_field(wide, "Option<u64>");
}

#[test]
fn nullable_fields_are_optional_even_if_required() {
    let schemas = json!({ "Room": { "type": "object", "required": ["a", "b", "c"], "properties": {
        "a": { "type": "string", "nullable": true },
        "b": { "type": "string", "enum": ["x", null], "nullable": true },
        "c": { "type": "object", "nullable": true, "properties": { "d": {} } },
    } } });
    let text = flat(&expand(&with_schemas(schemas)).unwrap());
    for field in ["pub a: Option<String>", "pub b: Option<B>", "pub c: Option<C>"] {
        assert!(text.contains(field), "no {field} in {text}");
    }
}

#[test]
fn lists_and_maps() {
    assert_field(json!({ "type": "array", "items": { "type": "string" } }), "Vec<String>");
    assert_field(
        json!({ "type": "object", "additionalProperties": { "type": "boolean" } }),
        "std::collections::HashMap<String, bool>",
    );
    assert_field(json!({ "type": "object" }), "serde_json::Map<String, serde_json::Value>");
    assert_field(
        json!({ "type": "array", "items": { "type": "string", "enum": ["a"] } }),
        "Vec<FItem>",
    );
}

#[test]
fn inline_objects_and_enums_are_named_by_what_they_are() {
    let text = room(json!({
        "mode": { "type": "string", "enum": ["a", "b"] },
        "entries": { "type": "array", "items": { "type": "object", "properties": { "x": {} } } },
    }));
    assert!(text.contains("pub mode: Option<Mode>,") && text.contains("pub enum Mode {"), "{text}");
    assert!(
        text.contains("pub entries: Vec<Entry>,") && text.contains("pub struct Entry {"),
        "{text}"
    );
}

#[test]
fn an_example_only_branch_disappears_and_an_extension_gets_a_name() {
    let item = json!({ "$ref": "#/components/schemas/ItemObject" });
    let errors = json!({ "properties": { "errorCode": { "type": "string" }, "errorDescription": { "type": "string" } } });
    let schemas = json!({
        "ItemObject": { "type": "object", "properties": { "a": { "type": "string" } } },
        "Room": { "type": "object", "properties": {
            "plain": { "allOf": [item, { "example": { "a": "x" } }] },
            "results": { "type": "array", "items": { "allOf": [item, errors] } },
        } },
    });
    let text = flat(&expand(&with_schemas(schemas)).unwrap());
    assert!(text.contains("pub plain: Option<ItemObject>,"), "{text}");
    assert!(text.contains("pub results: Vec<ItemResult>,"), "{text}");
    let (_, result) = text.split_once("pub struct ItemResult {").expect("a named type");
    let (fields, _) = result.split_once('}').expect("its end");
    for field in ["pub a: ", "pub error_code: ", "pub error_description: "] {
        assert!(fields.contains(field), "{fields}");
    }
}

#[test]
fn equal_schemas_are_one_type_and_an_alias() {
    let shape = json!({ "type": "object", "properties": { "a": { "type": "string" } } });
    let schemas = json!({ "Long": shape, "Longer": shape, "Room": { "properties": {
        "one": { "$ref": "#/components/schemas/Long" }, "two": { "$ref": "#/components/schemas/Longer" } } } });
    let text = flat(&expand(&with_schemas(schemas)).unwrap());
    assert!(
        text.contains("pub struct Long {") && text.contains("pub type Longer = Long;"),
        "{text}"
    );
}

#[test]
fn a_parameter_may_refer_to_an_alias() {
    let values = json!({ "type": "string", "enum": ["up", "down"] });
    let mut document = with_schemas(json!({ "Way": values, "Direction": values,
        "Room": { "type": "object", "properties": { "way": { "$ref": "#/components/schemas/Way" } } } }));
    let parameters = &mut document["paths"]["/rooms/{roomId}"]["get"]["parameters"];
    let direction = json!({ "$ref": "#/components/schemas/Direction" });
    parameters
        .as_array_mut()
        .unwrap()
        .push(json!({ "name": "to", "in": "query", "schema": direction }));
    let text = flat(&expand(&document).unwrap());
    assert!(text.contains("pub type Direction = Way;"), "{text}");
    assert!(text.contains("pub fn to(mut self, to: types::Way) -> Self"), "{text}");
}

#[test]
fn a_parameter_of_a_named_scalar_takes_what_the_name_stands_for() {
    let schemas = json!({
        "Text": { "type": "string", "minLength": 1 },
        "Time": { "type": "string", "format": "date-time" },
        "Count": { "type": "integer", "minimum": 0 },
        "Ratio": { "type": "number", "nullable": true },
        "Flag": { "type": "boolean" },
        "Way": { "type": "string", "enum": ["up", "down"], "nullable": true },
        "Again": { "$ref": "#/components/schemas/Count" },
        "Texts": { "type": "array", "items": { "$ref": "#/components/schemas/Text" } },
        "Ways": { "type": "array", "items": { "$ref": "#/components/schemas/Way" } },
    });
    for (name, ty) in [
        ("Text", "impl Into<String>"),
        ("Time", "impl Into<runtime::formatted::Formatted<jiff::Timestamp>>"),
        ("Count", "u64"),
        ("Ratio", "impl Into<runtime::decimal::Decimal>"),
        ("Flag", "bool"),
        ("Way", "types::Way"),
        ("Again", "u64"),
        ("Texts", "impl IntoIterator<Item = String>"),
        ("Ways", "impl IntoIterator<Item = types::Way>"),
    ] {
        for place in ["query", "header"] {
            let mut document = with_schemas(schemas.clone());
            let reference = json!({ "$ref": format!("#/components/schemas/{name}") });
            let parameters = &mut document["paths"]["/rooms/{roomId}"]["get"]["parameters"];
            parameters
                .as_array_mut()
                .unwrap()
                .push(json!({ "name": "p", "in": place, "schema": reference }));
            let text = flat(&expand(&document).unwrap());
            // A long type stands on a line of its own.
            let text = text.replace("( mut", "(mut").replace(", ) ->", ") ->");
            assert!(
                text.contains(&format!("pub fn p(mut self, p: {ty}) -> Self")),
                "{name}: {text}"
            );
        }
    }
}

#[test]
fn documented_errors_become_one_type_that_tells_them_apart() {
    let mut document = small();
    let responses = document.pointer_mut("/paths/~1rooms~1{roomId}/get/responses").unwrap();
    let with = |name: &str| {
        json!({ "description": "", "content": { "application/json": {
        "schema": { "$ref": format!("#/components/schemas/{name}") } } } })
    };
    responses["404"] = with("Missing");
    responses["4XX"] = with("Other");
    for name in ["Missing", "Other"] {
        document["components"]["schemas"][name] =
            json!({ "type": "object", "properties": { name: {} } });
    }
    let text = flat(&expand(&document).unwrap());
    assert!(text.contains("pub enum GetRoomError {"), "{text}");
    assert!(text.contains("404 => Err(reply.refuse(types::GetRoomError::Missing))"), "{text}");
    assert!(text.contains("400..=499 => Err(reply.refuse(types::GetRoomError::Other))"), "{text}");
    assert!(text.contains("_ => Err(reply.refuse(types::GetRoomError::ApiError))"), "{text}");
}

#[test]
fn the_calls_client_has_the_types_that_a_person_would_write() {
    let text = expand_calls(&calls());
    for name in [
        "Track",
        "TrackResult",
        "CloseTrackResult",
        "SessionTrack",
        "DataChannelResult",
        "NewAdapter",
        "AdapterResult",
        "CloseAdapterResult",
        "Simulcast",
        "SessionDescription",
        "ApiError",
    ] {
        assert!(text.contains(&format!("pub struct {name} {{")), "{name}");
    }
    for name in
        ["TrackLocation", "SdpType", "SimulcastOrdering", "ErrorCode", "SessionResourceStatus"]
    {
        assert!(text.contains(&format!("pub enum {name} {{")), "{name}");
    }
    for operation in [
        "new_session",
        "new_tracks",
        "renegotiate",
        "close_tracks",
        "update_tracks",
        "get_session",
        "establish_data_channels",
        "new_data_channels",
        "update_data_channels",
        "close_data_channels",
        "new_websocket_adapters",
        "close_websocket_adapters",
    ] {
        assert!(flat(&text).contains(&format!("pub fn {operation}")), "{operation}");
    }
}

#[test]
fn the_overlay_documents_the_calls_client_throughout() {
    let text = expand_calls(&calls());
    for fallback in
        ["The API's `", "The values of `", "The operation `", "Sets `thirdparty`", "As given to"]
    {
        assert!(!text.contains(fallback), "something is left to `{fallback}`");
    }
}

#[test]
fn the_text_finds_its_run_time_by_one_line() {
    let text = expand_calls(&calls());
    assert_eq!(text.matches(cloudflare_calls_codegen::RUNTIME).count(), 1);
    assert!(!text.contains("cloudflare_calls"));
    assert_eq!(text.matches("crate::").count(), 1);
}

#[test]
fn a_schema_that_no_operation_reaches_is_left_out() {
    let schemas = json!({ "Lonely": { "type": "object", "properties": { "a": {} } } });
    assert!(!expand(&with_schemas(schemas)).unwrap().contains("Lonely"));
}

#[test]
fn a_document_without_an_error_schema_gets_one_beside_its_own_types() {
    let text = expand(&small()).unwrap();
    assert!(text.contains("OperationError<types::ApiError>"), "{text}");
    let own = json!({ "ApiError": { "type": "object", "properties": { "mine": {} } },
        "Room": { "type": "object", "properties": { "e": { "$ref": "#/components/schemas/ApiError" } } } });
    let text = expand(&with_schemas(own)).unwrap();
    assert!(text.contains("OperationError<types::CallsApiError>"), "{text}");
    assert!(text.contains("pub e: Option<ApiError>"), "{text}");
}

#[test]
fn shared_parameters_bodies_and_responses_are_those_of_the_operation() {
    let mut document = small();
    let item = &mut document["paths"]["/rooms/{roomId}"];
    let mut operation = item["get"].take();
    let id = operation["parameters"][0].take();
    operation["parameters"] = json!([{ "$ref": "#/components/parameters/Depth" }]);
    operation["requestBody"] = json!({ "$ref": "#/components/requestBodies/Room" });
    operation["responses"]["404"] = json!({ "$ref": "#/components/responses/Gone" });
    *item = json!({ "parameters": [id], "put": operation });
    let media = |name: &str| {
        json!({ "description": "", "content": { "application/json": {
        "schema": { "$ref": format!("#/components/schemas/{name}") } } } })
    };
    document["components"]["parameters"] =
        json!({ "Depth": { "name": "depth", "in": "query", "schema": { "type": "integer" } } });
    document["components"]["requestBodies"] = json!({ "Room": media("Room") });
    document["components"]["responses"] = json!({ "Gone": media("Gone") });
    document["components"]["schemas"]["Gone"] =
        json!({ "type": "object", "properties": { "since": {} } });
    let text = flat(&expand(&document).unwrap());
    for part in [
        "pub fn replace_room( &self, room_id: impl Into<String>, )",
        "pub fn depth(mut self, depth: i64) -> Self",
        "pub fn body(mut self, body: &'a types::Room) -> Self",
        "404 => Err(reply.refuse(types::ReplaceRoomError::Gone))",
    ] {
        assert!(text.contains(part), "no {part} in {text}");
    }
}

#[test]
fn an_id_of_a_path_is_a_type_of_its_own_and_an_equal_string_is_not() {
    let mut document = small();
    document["components"]["schemas"]["Room"]["properties"]["roomId"] = json!({ "type": "string" });
    let [text, is_text] = [expand(&document).unwrap(), "room_id: impl Into<String>".to_owned()];
    assert!(text.contains(&is_text), "no overlay says that it is an id: {text}");
    document["x-rust-path-ids"] = json!(true);
    let text = expand(&document).unwrap();
    assert!(text.contains("room_id: &'a types::RoomId"), "{text}");
    assert!(text.contains("pub room_id: Option<String>"), "{text}");
    let parameter = "/paths/~1rooms~1{roomId}/get/parameters/0";
    document.pointer_mut(parameter).unwrap()["schema"]["x-rust-id"] = json!(false);
    let text = expand(&document).unwrap();
    assert!(text.contains(&is_text), "{text}");
}

#[test]
fn an_id_that_the_client_holds_is_a_type_of_its_own() {
    let mut document = small();
    let parameter = "/paths/~1rooms~1{roomId}/get/parameters/0";
    document.pointer_mut(parameter).unwrap()["x-rust-client"] = json!(true);
    let text = flat(&expand(&document).unwrap());
    assert!(text.contains("room_id: types::RoomId"), "{text}");
    assert!(text.contains("pub fn get_room(&self) -> operations::GetRoom<'_>"), "{text}");
}

#[test]
fn the_overlay_names_types_and_operations() {
    let overlay = json!({ "overlay": "1.0.0", "info": {}, "actions": [
        { "target": "$.components.schemas.Room", "update": { "x-rust-name": "Chamber" } },
        { "target": "$.paths.*.get", "update": { "operationId": "enter" } },
    ] });
    let overlay =
        cloudflare_calls_codegen::Overlay::from_bytes("o.json", overlay.to_string().as_bytes())
            .unwrap();
    let options = cloudflare_calls_codegen::Options::default();
    let document = super::load(&small()).unwrap();
    let text = cloudflare_calls_codegen::generate(&document, &overlay, &options).unwrap().text;
    assert!(text.contains("pub struct Chamber {") && text.contains("pub fn enter("), "{text}");
}

#[test]
fn enums_that_have_a_value_in_common_are_one_and_keep_all_values() {
    let text = room(json!({
        "mode": { "type": "string", "enum": ["a", "b"] },
        "inner": { "type": "object", "properties": { "mode": { "type": "string", "enum": ["b", "c"] } } },
    }));
    assert_eq!(text.matches("pub enum Mode {").count(), 1, "{text}");
    for value in ["A,", "B,", "C,", "Other(String),"] {
        assert!(text.contains(value), "{value}");
    }
}

#[test]
fn fields_of_the_other_direction_are_never_required() {
    let pet = json!({ "type": "object", "required": ["id", "name", "secret", "since", "code"], "properties": {
        "id": { "type": "integer", "readOnly": true },
        "since": { "readOnly": true, "allOf": [{ "$ref": "#/components/schemas/Since" }] },
        "name": { "type": "string" },
        "secret": { "type": "string", "writeOnly": true },
        "code": { "$ref": "#/components/schemas/Code" },
    } });
    let schemas = json!({
        "Asked": pet, "Room": pet, "Since": { "type": "string", "enum": ["now"] },
        "Code": { "type": "string", "writeOnly": true },
    });
    let mut document = with_schemas(schemas);
    let field = |text: &str, name: &str| {
        let (_, body) = text.split_once(&format!("pub struct {name} {{")).expect(name);
        flat(body.split_once("\n    }").expect("its end").0)
    };
    // In replies the caller reads ids, and no secret.
    let replied = field(&expand(&document).unwrap(), "Room");
    for part in ["id: i64,", "since: Since,", "name: String,", "secret: Option<String>,"] {
        assert!(replied.contains(&format!("pub {part}")), "no {part} in {replied}");
    }
    assert!(replied.contains("pub code: Option<Code>,"), "{replied}");
    // In a request with a schema of its own the caller sends secrets, and no id.
    let mut asked = document["components"]["schemas"]["Asked"].take();
    asked["properties"]["more"] = json!({ "type": "boolean" });
    document["components"]["schemas"]["Asked"] = asked;
    let media = json!({ "schema": { "$ref": "#/components/schemas/Asked" } });
    document["paths"]["/rooms/{roomId}"]["get"]["requestBody"] =
        json!({ "content": { "application/json": media } });
    let text = expand(&document).unwrap();
    let asked = field(&text, "Asked");
    for part in ["id: Option<i64>,", "since: Option<Since>,", "secret: String,", "code: Code,"] {
        assert!(asked.contains(&format!("pub {part}")), "no {part} in {asked}");
    }
    assert!(field(&text, "Room").contains("pub id: i64,"), "{text}");
    // A schema of both directions has one type, which requires neither.
    document["components"]["schemas"]["Asked"] = json!({ "$ref": "#/components/schemas/Room" });
    let both = field(&expand(&document).unwrap(), "Room");
    for part in ["id: Option<i64>,", "name: String,", "secret: Option<String>,"] {
        assert!(both.contains(&format!("pub {part}")), "no {part} in {both}");
    }
}
