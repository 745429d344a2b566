//! JSON pointers (RFC 6901): building them, and following local `$ref`s.

use serde_json::Value;

/// `base` extended by one reference token.
pub(crate) fn join(base: &str, token: &str) -> String {
    format!("{base}/{}", token.replace('~', "~0").replace('/', "~1"))
}

/// The pointer of a `$ref` into the same document, or `None` for any other.
///
/// Percent-escapes are not decoded: no published document uses them, and a
/// reference that has them is reported as leading nowhere.
pub(crate) fn local(reference: &str) -> Option<&str> {
    reference.strip_prefix('#').filter(|rest| rest.starts_with('/'))
}

/// The text behind which the name of a schema stands in a reference.
pub(crate) const SCHEMAS: &str = "#/components/schemas/";

/// The name of the schema that `value` refers to, when it is a `$ref` into
/// `#/components/schemas`.
pub(crate) fn schema_name(value: &Value) -> Option<&str> {
    value.get("$ref")?.as_str()?.strip_prefix(SCHEMAS)
}

/// A reference to the schema of that name.
pub(crate) fn schema_ref(name: &str) -> Value {
    serde_json::json!({ "$ref": format!("{SCHEMAS}{name}") })
}

/// A reference token as the name that it stands for.
pub(crate) fn unescape(token: &str) -> String {
    token.replace("~1", "/").replace("~0", "~")
}
