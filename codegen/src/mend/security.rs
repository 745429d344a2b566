//! Security schemes: the client has one secret, which it sends as a bearer
//! token. Operations that take no such token are there, and what they need is
//! named.

use serde_json::{Map, Value};

use crate::left_out::Notes;
use crate::passes::schema;
use crate::pointer;

/// Names the schemes that operations need and the client does not have.
pub(super) fn note(root: &Value, notes: &mut Notes) {
    let empty = Map::new();
    let schemes =
        root.pointer("/components/securitySchemes").and_then(Value::as_object).unwrap_or(&empty);
    let is_bearer = |name: &String| schemes.get(name).is_some_and(is_bearer);
    for (_, operation) in schema::operations(root) {
        let security = operation.get("security").or(root.get("security"));
        let alternatives: Vec<&Map<String, Value>> = security
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_object)
            .collect();
        // One that is met is enough, and so is one that asks for nothing.
        if alternatives.is_empty() || alternatives.iter().any(|one| one.keys().all(is_bearer)) {
            continue;
        }
        for name in alternatives.iter().flat_map(|one| one.keys()).filter(|name| !is_bearer(name)) {
            let reason = "the client sends its secret as a bearer token, and no other way";
            notes.detail(&pointer::join("/components/securitySchemes", name), reason);
        }
    }
}

/// Whether a bearer token is what the scheme wants.
fn is_bearer(scheme: &Value) -> bool {
    let text = |key: &str| scheme.get(key).and_then(Value::as_str).unwrap_or_default();
    match text("type") {
        "http" => text("scheme").eq_ignore_ascii_case("bearer"),
        "oauth2" | "openIdConnect" => true,
        _ => false,
    }
}
