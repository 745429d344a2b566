//! Type of the error body that each operation may answer with, documented or not.
//!
//! The overlay marks the document's own schema with `x-rust-error: true`. A document without
//! a marked schema gets one of the API's two fields.
//!
//! An operation that the overlay marks with `x-rust-error: general` has this error alone,
//! whatever the document lists. So an error that is added to it later changes no type.

use serde_json::{Value, json};

use crate::pointer;
use crate::schema;

/// Extension that marks the schema, and operations.
pub(super) const MARK: &str = "x-rust-error";

pub(super) fn run(root: &mut Value) {
    let Some(general) = name(root).or_else(|| make(root)) else { return };
    let is_marked = |value: &Value| value == "general";
    for (_, _, operation) in schema::operations_mut(root) {
        let marked = operation.get(MARK).is_some_and(is_marked);
        let responses = operation.get_mut("responses").filter(|_| marked);
        for (status, response) in responses.and_then(Value::as_object_mut).into_iter().flatten() {
            // `default` may stand for a success, so it stays.
            if status.starts_with(['4', '5'])
                && let Some(schema) = schema::body_mut(response)
            {
                *schema = pointer::schema_ref(&general);
            }
        }
    }
}

/// Adds the schema. Returns its name.
fn make(root: &mut Value) -> Option<String> {
    let schemas = schema::components(root)?;
    let mut free = "ApiError".to_owned();
    while schemas.contains_key(&free) {
        free.insert_str(0, "Calls");
    }
    let text = |description: &str| json!({ "type": "string", "description": description });
    let error = json!({
        "type": "object",
        "description": "Reason for which the API refused a request.",
        "required": ["errorCode"],
        "properties": {
            "errorCode": text("Kind of the error, for programs."),
            "errorDescription": text("Text of the error for people."),
        },
        MARK: true,
    });
    schemas.insert(free.clone(), error);
    Some(free)
}

/// Returns the name of the schema that describes a refused request.
pub(crate) fn name(root: &Value) -> Option<String> {
    schema::named(root)?
        .iter()
        .find(|(_, schema)| schema::is_true(schema, MARK))
        .map(|(name, _)| name.clone())
}
