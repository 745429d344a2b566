//! Reduces every body to its JSON form, which is all that this API speaks,
//! and says so where there is none.

use serde_json::{Map, Value, json};

use super::{Context, schema};
use crate::{Result, pointer, validate::fault};

pub(super) fn run(root: &mut Value, context: &Context<'_>) -> Result<()> {
    for (path, method, operation) in schema::operations_mut(root) {
        let at = pointer::join(&pointer::join("/paths", path), method);
        let unsupported = |at: &str| {
            Err(fault(
                context.file,
                &pointer::join(at, "content"),
                "there is no JSON among the media types",
            ))
        };
        if let Some(body) = operation.get_mut("requestBody").and_then(Value::as_object_mut)
            && !keep_json(body)
        {
            return unsupported(&pointer::join(&at, "requestBody"));
        }
        let Some(Value::Object(responses)) = operation.get_mut("responses") else { continue };
        for (status, response) in responses.iter_mut() {
            let Some(response) = response.as_object_mut() else { continue };
            response.shift_remove("headers");
            response.shift_remove("links");
            // An error that is not JSON is reported by status and excerpt; a
            // success that is not JSON has no type.
            if !keep_json(response) && status.starts_with('2') {
                return unsupported(&pointer::join(&pointer::join(&at, "responses"), status));
            }
        }
    }
    Ok(())
}

/// Leaves `application/json` as the only content; false if there is content
/// but none of it is JSON, which is then removed.
fn keep_json(holder: &mut Map<String, Value>) -> bool {
    let Some(Value::Object(content)) = holder.shift_remove("content") else { return true };
    let is_json = |media: &str| {
        let essence = media.split(';').next().unwrap_or_default().trim();
        essence == "*/*" || essence == "application/json" || essence.ends_with("+json")
    };
    let empty = content.is_empty();
    let entry = content.into_iter().find(|(media, _)| is_json(media));
    if let Some((_, entry)) = &entry {
        let schema = entry.get("schema").cloned().unwrap_or_else(|| json!({}));
        holder.insert("content".to_owned(), json!({ "application/json": { "schema": schema } }));
    }
    entry.is_some() || empty
}
