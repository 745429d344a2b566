//! Reduction of each body to one media type: JSON if there is one, else a form, text or bytes.
//! The choice stands in `x-rust-media` beside the content.

use serde_json::{Map, Value, json};

use crate::left_out::Notes;
use crate::pointer;
use crate::schema;

/// Extension that holds the choice.
pub(crate) const MARK: &str = "x-rust-media";

pub(super) fn run(root: &mut Value, notes: &mut Notes) {
    for (path, method, operation) in schema::operations_mut(root) {
        let at = pointer::join(&pointer::join("/paths", path), method);
        if let Some(body) = operation.get_mut("requestBody").and_then(Value::as_object_mut) {
            choose(body, &REQUEST, &format!("{at}/requestBody"), notes);
        }
        let Some(Value::Object(responses)) = operation.get_mut("responses") else { continue };
        for (status, response) in responses.iter_mut() {
            let Some(response) = response.as_object_mut() else { continue };
            response.shift_remove("headers");
            response.shift_remove("links");
            let at = pointer::join(&format!("{at}/responses"), status);
            choose(response, &REPLY, &at, notes);
        }
    }
}

/// Returns whether bodies of this media type are JSON.
pub(crate) fn is_json(media: &str) -> bool {
    let essence = essence(media);
    essence == "*/*" || essence == "application/json" || essence.ends_with("+json")
}

/// Way of writing bodies: its word in the mark, and the check of a media type and schema.
type Kind = (&'static str, fn(&str, &Value) -> bool);

const REQUEST: [Kind; 5] = [
    ("json", is_json_value),
    ("form", |media, _| media == "application/x-www-form-urlencoded"),
    ("multipart", |media, _| media == "multipart/form-data"),
    ("text", is_text),
    ("bytes", |_, _| true),
];

const REPLY: [Kind; 4] = [
    ("json", is_json_value),
    ("stream", |media, _| media == "text/event-stream"),
    ("text", is_text),
    ("bytes", |_, _| true),
];

fn is_json_value(media: &str, entry: &Value) -> bool {
    let schema = entry.get("schema");
    let is_binary = schema.is_some_and(|schema| schema.get("format") == Some(&json!("binary")));
    // A wildcard is JSON if the schema is not of text.
    let is_any = media.contains('*');
    let is_text = schema.is_none_or(|schema| schema.get("type") == Some(&json!("string")));
    is_json(media) && !is_binary && !(is_any && is_text)
}

fn is_text(media: &str, _: &Value) -> bool {
    media.starts_with("text/")
        || ["xml", "yaml", "javascript", "x-ndjson"].iter().any(|end| media.ends_with(end))
}

fn choose(holder: &mut Map<String, Value>, kinds: &[Kind], at: &str, notes: &mut Notes) {
    holder.shift_remove(MARK);
    let Some(Value::Object(content)) = holder.shift_remove("content") else { return };
    let of_kind =
        |(_, accepts): &Kind| content.iter().find(|(media, entry)| accepts(&essence(media), entry));
    let Some((kind, (media_name, entry))) =
        kinds.iter().find_map(|kind| Some((kind.0, of_kind(kind)?)))
    else {
        return;
    };
    let encoding = entry.get("encoding").and_then(Value::as_object);
    let mut parts = Map::new();
    for (name, said) in encoding.into_iter().flatten() {
        let media = said.get("contentType").and_then(Value::as_str);
        // A part with several media types has the default one: a caller would have to choose.
        match media.filter(|media| kind == "multipart" && !media.contains([',', '*'])) {
            Some(media) => {
                parts.insert(name.clone(), json!(media));
            }
            None => {
                let at = pointer::join(&format!("{at}/content"), media_name);
                let at = pointer::join(&format!("{at}/encoding"), name);
                notes.detail(&at, "the part is sent in the default encoding");
            }
        }
    }
    if !matches!(kind, "stream" | "text" | "bytes") {
        let schema = entry.get("schema").cloned().unwrap_or_else(|| json!({}));
        holder.insert("content".to_owned(), json!({ "application/json": { "schema": schema } }));
    }
    let wildcard = media_name.contains('*');
    let plain = match kind {
        "json" => "application/json",
        "text" => "text/plain",
        _ => "application/octet-stream",
    };
    let media = if wildcard { plain } else { media_name.trim() };
    holder.insert(MARK.to_owned(), json!({ "kind": kind, "type": media, "parts": parts }));
}

/// Returns a media type without its parameters.
fn essence(media: &str) -> String {
    media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}
