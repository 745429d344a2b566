//! Tests of the generator from outside: documents in, text or errors out.

// A test fails by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod api;
mod diff;
mod diff_classes;
mod diff_random;
mod docs;
mod growth;
mod hostile;
mod names;
mod refusals;
mod shapes;
mod version_3_1;
mod wire;

use cloudflare_calls_codegen::{
    Document, Error, Generated, Options, Overlay, StalePolicy, generate,
};
use serde_json::{Value, json};

/// Returns a small document with one operation.
fn small() -> Value {
    json!({
        "openapi": "3.0.0",
        "info": { "title": "Small", "version": "1" },
        "paths": { "/rooms/{roomId}": { "get": {
            "parameters": [
                { "name": "roomId", "in": "path", "required": true, "schema": { "type": "string" } },
            ],
            "responses": { "200": { "description": "", "content": { "application/json": {
                "schema": { "$ref": "#/components/schemas/Room" }
            } } } },
        } } },
        "components": { "schemas": { "Room": { "type": "object", "properties": { "name": { "type": "string" } } } } },
    })
}

/// Returns the small document with `schemas` beside or instead of its own.
fn with_schemas(schemas: Value) -> Value {
    let mut document = small();
    document["components"]["schemas"]
        .as_object_mut()
        .unwrap()
        .extend(schemas.as_object().unwrap().clone());
    document
}

fn load(document: &Value) -> Result<Document, Error> {
    Document::from_bytes("doc.json", document.to_string().as_bytes())
}

fn expand(document: &Value) -> Result<String, Error> {
    let document = load(document)?;
    let generated = generate(&document, &Overlay::empty(), &Options::default())?;
    Ok(generated.text)
}

fn generated(document: &Document) -> Generated {
    generate(document, &Overlay::empty(), &Options::default()).unwrap()
}

/// Returns the text with each line break and indent as one space.
fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn calls() -> Document {
    Document::from_bytes("openapi.json", include_bytes!("../../../openapi.json")).unwrap()
}

fn overlay() -> Overlay {
    Overlay::from_bytes("openapi.overlay.json", include_bytes!("../../../openapi.overlay.json"))
        .unwrap()
}

fn expand_calls(document: &Document) -> String {
    let options = Options::default().stale(StalePolicy::Report);
    generate(document, &overlay(), &options).unwrap().text
}
