//! Names that clash, which are told apart.

use serde_json::json;

use super::{expand, flat, small, with_schemas};

#[test]
fn schemas_fields_and_values_of_one_name_are_told_apart() {
    let schemas = json!({
        "room": { "type": "object", "properties": { "other": {} } },
        "…": { "type": "object", "properties": { "+1": {}, "-1": {}, "gen": {}, "a_b": {}, "aB": {}, "": {} } },
        "Vote": { "type": "string", "enum": ["+1", "-1", "1", "Self", "Other", "", "a b", "a-b"] },
        "Room": { "type": "object", "properties": {
            "one": { "$ref": "#/components/schemas/room" }, "two": { "$ref": "#/components/schemas/…" },
            "vote": { "$ref": "#/components/schemas/Vote" } } },
    });
    let text = flat(&expand(&with_schemas(schemas)).unwrap());
    for part in [
        "pub one: Option<Room2>,",
        "pub two: Option<Schema>,",
        "pub a_b: Option<serde_json::Value>,",
        "#[serde(rename = \"aB\", default, skip_serializing_if = \"Option::is_none\")]",
        "pub a_b2: ",
        "pub gen_: ",
        "Plus1,",
        "Minus1,",
        "N1,",
        "SelfValue,",
        "OtherValue,",
        "Ab,",
        "Ab2,",
    ] {
        assert!(text.contains(part), "no {part} in {text}");
    }
}

#[test]
fn parameters_of_one_name_are_told_apart_by_their_places() {
    let mut document = small();
    let list = document["paths"]["/rooms/{roomId}"]["get"]["parameters"].as_array_mut().unwrap();
    for place in ["query", "header", "cookie"] {
        list.push(json!({ "name": "roomId", "in": place, "schema": { "type": "string" } }));
    }
    let text = flat(&expand(&document).unwrap());
    for setter in ["room_id_query(mut self", "room_id_header(mut self", "room_id_cookie("] {
        assert!(text.contains(setter), "no {setter} in {text}");
    }
}

#[test]
fn an_outcome_gives_way_to_a_schema_of_its_name() {
    let mut document = with_schemas(json!({
        "GetRoomSuccess": { "type": "object", "properties": { "mine": {} } },
    }));
    let responses = document.pointer_mut("/paths/~1rooms~1{roomId}/get/responses").unwrap();
    responses["201"] = json!({ "description": "", "content": { "application/json": {
        "schema": { "$ref": "#/components/schemas/GetRoomSuccess" } } } });
    let text = flat(&expand(&document).unwrap());
    assert!(text.contains("pub struct GetRoomSuccess {"), "{text}");
    assert!(text.contains("pub enum GetRoomSuccess2 {"), "{text}");
}

#[test]
fn setters_of_fields_that_would_meet_the_constructor_have_names_of_their_own() {
    let mut document = with_schemas(json!({ "Room": { "type": "object", "properties": {
        "new": { "type": "boolean" }, "with_new": { "type": "boolean" } } } }));
    let room = json!({ "schema": { "$ref": "#/components/schemas/Room" } });
    let get = document.pointer_mut("/paths/~1rooms~1{roomId}/get").unwrap();
    get["requestBody"] = json!({ "content": { "application/json": room } });
    let text = flat(&expand(&document).unwrap());
    assert!(text.contains("fn with_new(") && text.contains("fn with_with_new("), "{text}");
}
