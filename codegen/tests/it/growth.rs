//! Growth of a document, which takes no name away.

use cloudflare_calls_codegen::{Document, Options, Overlay, api, generate};
use serde_json::{Value, json};

use super::{calls, expand, expand_calls, flat, small};

fn grown() -> Document {
    let growth = include_bytes!("../fixtures/growth.overlay.json");
    let growth = Overlay::from_bytes("growth.overlay.json", growth).unwrap();
    let (document, stale) = growth.apply_to(&calls()).unwrap();
    assert_eq!(stale, []);
    document
}

#[test]
fn public_items_stay_as_they_were() {
    assert_eq!(api::lost(&expand_calls(&calls()), &expand_calls(&grown())), Vec::<String>::new());
}

#[test]
fn new_items_are_generated() {
    let text = flat(&expand_calls(&grown()));
    for part in [
        "pub fn list_stats<'a>( &'a self, session_id: &'a types::SessionId, track_name: &'a types::TrackName, )",
        "pub fn windows( mut self, windows: impl IntoIterator<Item = types::Window>, ) -> Self",
        "pub fn if_none_match(mut self, if_none_match: impl Into<String>) -> Self",
        "pub fn body(mut self, body: &'a types::NewSessionRequest) -> Self",
        "pub fn verbose(mut self, verbose: bool) -> Self",
        "pub priority: Option<Priority>",
        "pub location: TrackLocation",
        "pub region: String",
        "Relay,",
        "Failed,",
        "pub munged: Option<bool>",
        "pub struct TrackName(String)",
        "pub labels: std::collections::HashMap<String, String>",
    ] {
        assert!(text.contains(part), "{part} is missing");
    }
}

#[test]
fn a_document_that_has_grown_already_grows_again() {
    let growth = include_bytes!("../fixtures/growth.overlay.json");
    let growth = Overlay::from_bytes("growth.overlay.json", growth).unwrap();
    let (again, _) = growth.apply_to(&grown()).unwrap();
    let (once, twice) = (expand_calls(&grown()), expand_calls(&again));
    assert_eq!(api::lost(&once, &twice), Vec::<String>::new());
    assert_eq!(api::lost(&twice, &once), Vec::<String>::new());
}

#[test]
fn the_order_of_the_document_does_not_matter_to_names() {
    let mut root = calls().root().clone();
    for at in ["/paths", "/components/schemas"] {
        let map = root.pointer_mut(at).unwrap().as_object_mut().unwrap();
        let mut entries: Vec<(String, Value)> = std::mem::take(map).into_iter().collect();
        entries.reverse();
        map.extend(entries);
    }
    let reversed = Document::from_bytes("openapi.json", root.to_string().as_bytes()).unwrap();
    let (text, other) = (expand_calls(&calls()), expand_calls(&reversed));
    assert_eq!(api::lost(&text, &other), Vec::<String>::new());
    assert_eq!(api::lost(&other, &text), Vec::<String>::new());
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    assert_eq!(expand_calls(&calls()), expand_calls(&calls()));
}

#[test]
fn an_enum_of_another_meaning_leaves_the_first_its_name() {
    let property = |values: Value| json!({ "type": "object", "properties": { "mode": { "type": "string", "enum": values } } });
    let mut document = small();
    document["components"]["schemas"]["Room"] = property(json!(["open", "shut"]));
    let before = expand(&document).unwrap();
    // Equal, larger and overlapping enums join. A disjoint one gets a name of its own.
    let schemas = &mut document["components"]["schemas"];
    schemas["Zoo"] = property(json!(["open", "ajar"]));
    schemas["Zone"] = property(json!(["up", "down"]));
    schemas["Room"]["properties"]["zoo"] = json!({ "$ref": "#/components/schemas/Zoo" });
    schemas["Room"]["properties"]["zone"] = json!({ "$ref": "#/components/schemas/Zone" });
    let after = expand(&document).unwrap();
    assert_eq!(api::lost(&before, &after), Vec::<String>::new());
    assert!(after.contains("pub enum ZoneMode") && after.contains("Ajar"), "{after}");
}

#[test]
fn an_error_that_is_added_to_an_operation_changes_no_type_if_the_overlay_says_so() {
    let overlay = br#"{ "overlay": "1.0.0", "info": {}, "actions": [
        { "target": "$.paths.*.get", "update": { "x-rust-error": "general" } }] }"#;
    let overlay = Overlay::from_bytes("o.json", overlay).unwrap();
    let text = |document: &Value| {
        let document = super::load(document).unwrap();
        generate(&document, &overlay, &Options::default()).unwrap().text
    };
    let mut document = small();
    let before = text(&document);
    let own = json!({ "type": "object", "required": ["reason"], "properties": { "reason": { "type": "string" } } });
    document["paths"]["/rooms/{roomId}"]["get"]["responses"]["409"] =
        json!({ "description": "", "content": { "application/json": { "schema": own } } });
    assert_eq!(api::lost(&before, &text(&document)), Vec::<String>::new());
    // Without the mark of the overlay the error gets another type.
    let typed = expand(&document).unwrap();
    assert!(typed.contains("pub enum GetRoomError {"), "{typed}");
    assert!(!api::lost(&before, &typed).is_empty());
}
