//! Removal of the schemas that no operation reaches.

use serde_json::Value;

use super::request_errors;
use crate::schema;

pub(super) fn run(root: &mut Value) {
    let mut used = schema::used(root, &["parameters", "requestBody", "responses"]);
    used.extend(request_errors::name(root));
    let reached = schema::reached(root, used);
    if let Some(schemas) = schema::components(root) {
        schemas.retain(|name, _| reached.contains(name));
    }
}
