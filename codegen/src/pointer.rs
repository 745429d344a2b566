//! JSON pointers (RFC 6901): building them, and following local `$ref`s.

use serde_json::{Map, Value};

/// Extends `base` by one reference token.
pub(crate) fn join(base: &str, token: &str) -> String {
    format!("{base}/{}", token.replace('~', "~0").replace('/', "~1"))
}

/// Returns the pointer of a `$ref` into the same document, or `None` for another `$ref`.
/// Percent-escapes are [decoded](crate::mend) before.
pub(crate) fn local(reference: &str) -> Option<&str> {
    reference.strip_prefix('#').filter(|rest| rest.starts_with('/'))
}

/// Pointer to the named schemas.
pub(crate) const COMPONENTS: &str = "/components/schemas";

/// Text before the name of a schema in a reference.
const SCHEMAS: &str = "#/components/schemas/";

/// Returns the pointer to the item of this path.
pub(crate) fn path(path: &str) -> String {
    join("/paths", path)
}

/// Returns the pointer to the operation of this path and method.
pub(crate) fn operation(path: &str, method: &str) -> String {
    join(&self::path(path), method)
}

/// Splits the pointer of an [`operation`] into path and method.
pub(crate) fn path_and_method(at: &str) -> (String, &str) {
    let (path, method) = at.rsplit_once('/').unwrap_or_default();
    (unescape(path.strip_prefix("/paths/").unwrap_or(path)), method)
}

/// Returns the pointer to the schema of that name.
pub(crate) fn component(name: &str) -> String {
    join(COMPONENTS, name)
}

/// Returns the pointer to the schema of that [name in a reference](schema_name).
pub(crate) fn target(name: &str) -> String {
    format!("{COMPONENTS}/{name}")
}

/// Returns the name of the schema that `value` refers to, if it is a `$ref` into
/// `#/components/schemas`. A name with `~` or `/` is [escaped](unescape).
pub(crate) fn schema_name(value: &Value) -> Option<&str> {
    name_in(value.as_object()?)
}

/// Returns the [name](schema_name) in a reference that is an object.
pub(crate) fn name_in(object: &Map<String, Value>) -> Option<&str> {
    object.get("$ref")?.as_str()?.strip_prefix(SCHEMAS)
}

/// Makes `object` a reference to the schema of that name. Its other keys stay.
pub(crate) fn refer(object: &mut Map<String, Value>, name: &str) {
    object.insert("$ref".to_owned(), Value::String(reference(name)));
}

/// Writes the text of a reference to the schema of that name.
pub(crate) fn reference(name: &str) -> String {
    format!("#{}", component(name))
}

/// Creates a reference to the schema of that name.
pub(crate) fn schema_ref(name: &str) -> Value {
    serde_json::json!({ "$ref": reference(name) })
}

/// Returns the name that a reference token stands for.
pub(crate) fn unescape(token: &str) -> String {
    token.replace("~1", "/").replace("~0", "~")
}
