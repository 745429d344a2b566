//! Facts of a document: all of it except its prose.

use serde_json::{Value, json};

/// Removes each `description`, `summary` and `title` that OpenAPI defines. Properties of
/// these names, example values and the document's own `info.title` stay. A description that
/// the specification requires (of a response) becomes the empty string.
pub(crate) fn strip_prose(root: &mut Value) {
    let title = root.pointer("/info/title").cloned();
    crate::walk::objects_mut(root, &mut |object| {
        for key in ["description", "summary", "title"] {
            if object.get(key).is_some_and(Value::is_string) {
                object.shift_remove(key);
            }
        }
    });
    let info = root.pointer_mut("/info").and_then(Value::as_object_mut);
    if let (Some(title), Some(info)) = (title, info) {
        info.shift_insert(0, "title".to_owned(), title);
    }
    crate::walk::objects_mut(root, &mut |object| {
        let Some(Value::Object(responses)) = object.get_mut("responses") else { return };
        for response in responses.values_mut().filter_map(Value::as_object_mut) {
            if !response.contains_key("$ref") {
                response.shift_insert(0, "description".to_owned(), json!(""));
            }
        }
    });
}
