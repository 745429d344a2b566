//! Makes sure that there is a type for the error body which every operation
//! may answer with, whether the document says so or not.
//!
//! The overlay marks the document's own schema with `x-rust-error: true`.
//! A document without one gets a schema of the API's two fields.

use serde_json::{Value, json};

use super::schema;
use crate::left_out::Notes;

/// The extension that marks the schema.
pub(super) const MARK: &str = "x-rust-error";

pub(super) fn run(root: &mut Value, _: &mut Notes) {
    if name(root).is_some() {
        return;
    }
    let Some(schemas) = schema::components(root) else { return };
    let mut free = "ApiError".to_owned();
    while schemas.contains_key(&free) {
        free.insert_str(0, "Calls");
    }
    let text = |description: &str| json!({ "type": "string", "description": description });
    let error = json!({
        "type": "object",
        "description": "Why the API refused a request.",
        "required": ["errorCode"],
        "properties": {
            "errorCode": text("The kind of the error, for programs."),
            "errorDescription": text("What went wrong, for people."),
        },
        MARK: true,
    });
    schemas.insert(free, error);
}

/// The name of the schema that describes a refused request.
pub(crate) fn name(root: &Value) -> Option<String> {
    schema::named(root)?
        .iter()
        .find(|(_, schema)| schema.get(MARK) == Some(&json!(true)))
        .map(|(name, _)| name.clone())
}
