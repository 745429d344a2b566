//! Reduction of each body to one media type: JSON if there is one, else a form, text or bytes. A
//! stream of events is kept beside it.
//!
//! A body that is a value of a type has a schema afterwards, and no other body has one.

use serde_json::{Map, Value, json};

use crate::left_out::Notes;
use crate::pointer;
use crate::schema;

/// Media type of server-sent events.
pub(crate) const EVENTS: &str = "text/event-stream";

/// Way in which a body is written, the preferred first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Json,
    Form,
    Multipart,
    /// Events, which are handed out while they arrive.
    Stream,
    Text,
    Bytes,
}

impl Kind {
    /// Returns the kind of a request body of this media type.
    pub(crate) fn of_request(media: &str, entry: &Value) -> Self {
        match essence(media).as_str() {
            "application/x-www-form-urlencoded" => Self::Form,
            "multipart/form-data" => Self::Multipart,
            media => Self::of_any(media, entry),
        }
    }

    /// Returns the kind of a reply of this media type.
    pub(crate) fn of_reply(media: &str, entry: &Value) -> Self {
        match essence(media).as_str() {
            EVENTS => Self::Stream,
            media => Self::of_any(media, entry),
        }
    }

    fn of_any(media: &str, entry: &Value) -> Self {
        let texts = ["xml", "yaml", "javascript", "x-ndjson"];
        if is_json_value(media, entry) {
            Self::Json
        } else if media.starts_with("text/") || texts.iter().any(|end| media.ends_with(end)) {
            Self::Text
        } else {
            Self::Bytes
        }
    }

    fn has_type(self) -> bool {
        matches!(self, Self::Json | Self::Form | Self::Multipart)
    }

    /// Returns the media type that is sent where the document has a wildcard.
    fn plain(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Text => "text/plain",
            _ => "application/octet-stream",
        }
    }
}

pub(super) fn run(root: &mut Value, notes: &mut Notes) {
    for (path, method, operation) in schema::operations_mut(root) {
        let at = pointer::operation(path, method);
        if let Some(body) = operation.get_mut("requestBody").and_then(Value::as_object_mut) {
            choose(body, Kind::of_request, &format!("{at}/requestBody"), notes);
        }
        let Some(Value::Object(responses)) = operation.get_mut("responses") else { continue };
        for (status, response) in responses.iter_mut() {
            let Some(response) = response.as_object_mut() else { continue };
            response.shift_remove("headers");
            response.shift_remove("links");
            let at = pointer::join(&format!("{at}/responses"), status);
            choose(response, Kind::of_reply, &at, notes);
        }
    }
}

/// Returns whether bodies of this media type are JSON.
pub(crate) fn is_json(media: &str) -> bool {
    let essence = essence(media);
    essence == "*/*" || essence == "application/json" || essence.ends_with("+json")
}

/// Returns whether a body is a value of its schema, in JSON. A wildcard is JSON if the schema is
/// not of text.
fn is_json_value(media: &str, entry: &Value) -> bool {
    let is_value = |schema: &Value| {
        let is_text = schema.get("type") == Some(&json!("string"));
        schema.get("format") != Some(&json!("binary")) && !(media.contains('*') && is_text)
    };
    is_json(media) && entry.get("schema").is_some_and(is_value)
}

fn choose(
    holder: &mut Map<String, Value>,
    kind_of: fn(&str, &Value) -> Kind,
    at: &str,
    notes: &mut Notes,
) {
    let Some(Value::Object(mut content)) = holder.shift_remove("content") else { return };
    for (media, entry) in &mut content {
        // JSON without a schema is any value.
        if let Value::Object(entry) = entry
            && is_json(media)
            && !media.contains('*')
        {
            entry.entry("schema").or_insert_with(|| json!({}));
        }
    }
    let mut kinds = content.iter().map(|(media, entry)| (kind_of(media, entry), media, entry));
    let Some((kind, media, entry)) = kinds.clone().min_by_key(|(kind, ..)| *kind) else { return };
    let streams = kind != Kind::Stream && kinds.any(|(kind, ..)| kind == Kind::Stream);
    let mut kept = Map::new();
    if kind.has_type() {
        let schema = entry.get("schema").cloned().unwrap_or_else(|| json!({}));
        kept.insert("schema".to_owned(), schema);
    }
    let encoding = entry.get("encoding").and_then(Value::as_object);
    for (name, said) in encoding.into_iter().flatten() {
        match encoded(kind, said) {
            Some(said) => {
                if let Some(parts) = schema::object_at(&mut kept, "encoding") {
                    parts.insert(name.clone(), said);
                }
            }
            None => {
                let at = pointer::join(&format!("{at}/content"), media);
                let at = pointer::join(&format!("{at}/encoding"), name);
                notes.detail(&at, "the part is sent in the default encoding");
            }
        }
    }
    let sent = if media.contains('*') { kind.plain() } else { media.trim() };
    let mut reduced = json!({ sent: kept });
    if streams {
        reduced[EVENTS] = json!({});
    }
    holder.insert("content".to_owned(), reduced);
}

/// Returns the part of an encoding that the client keeps to: the media type of a part of a multipart
/// body, the style of a property of a form.
pub(crate) fn encoded(kind: Kind, said: &Value) -> Option<Value> {
    let text = |key: &str| said.get(key).and_then(Value::as_str);
    match kind {
        // A part with several media types has the default one: a caller would have to choose.
        Kind::Multipart => {
            let media = text("contentType").filter(|media| !media.contains([',', '*']))?;
            Some(json!({ "contentType": media }))
        }
        Kind::Form => {
            let explode = said.get("explode").and_then(Value::as_bool);
            let style = text("style").or(explode.map(|_| "form"))?;
            let explode = explode.unwrap_or(style == "form");
            query_style(style).map(|_| json!({ "style": style, "explode": explode }))
        }
        _ => None,
    }
}

/// Returns the run-time's name of a style that a query or a form can have.
pub(crate) fn query_style(style: &str) -> Option<&'static str> {
    match style {
        "form" => Some("Form"),
        "spaceDelimited" => Some("Space"),
        "pipeDelimited" => Some("Pipe"),
        "deepObject" => Some("Deep"),
        _ => None,
    }
}

/// Returns a media type without its parameters.
fn essence(media: &str) -> String {
    media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}
