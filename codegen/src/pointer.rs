//! JSON pointers (RFC 6901): building them, and following local `$ref`s.

use serde_json::Value;

/// Extends `base` by one reference token.
pub(crate) fn join(base: &str, token: &str) -> String {
    format!("{base}/{}", token.replace('~', "~0").replace('/', "~1"))
}

/// Returns the pointer of a `$ref` into the same document, or `None` for another `$ref`.
///
/// Percent-escapes are not decoded: no published document uses them, and a
/// reference that has them is reported as leading nowhere.
pub(crate) fn local(reference: &str) -> Option<&str> {
    reference.strip_prefix('#').filter(|rest| rest.starts_with('/'))
}

/// Text before the name of a schema in a reference.
pub(crate) const SCHEMAS: &str = "#/components/schemas/";

/// Returns the name of the schema that `value` refers to, if it is a `$ref` into
/// `#/components/schemas`.
pub(crate) fn schema_name(value: &Value) -> Option<&str> {
    value.get("$ref")?.as_str()?.strip_prefix(SCHEMAS)
}

/// Creates a reference to the schema of that name.
pub(crate) fn schema_ref(name: &str) -> Value {
    serde_json::json!({ "$ref": format!("{SCHEMAS}{name}") })
}

/// Returns the name that a reference token stands for.
pub(crate) fn unescape(token: &str) -> String {
    token.replace("~1", "/").replace("~0", "~")
}
