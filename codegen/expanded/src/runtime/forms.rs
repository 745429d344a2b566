//! Forms, and files in them.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use super::error::InvalidRequest;
use super::exchange::Request;
use super::redaction::Length;

/// File of a form.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct File {
    /// Name that is sent to the server.
    pub name: String,
    /// Media type of the content.
    pub media_type: String,
    /// Content of the file.
    pub content: Vec<u8>,
}

impl File {
    /// Creates a file of unknown kind (`application/octet-stream`).
    pub fn new(name: impl Into<String>, content: impl Into<Vec<u8>>) -> Self {
        let media_type = "application/octet-stream".to_owned();
        Self { name: name.into(), media_type, content: content.into() }
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("File")
            .field("name", &self.name)
            .field("media_type", &self.media_type)
            .field("content", &Length(self.content.len()))
            .finish()
    }
}

/// JSON of a file: a text.
impl Serialize for File {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&String::from_utf8_lossy(&self.content))
    }
}

impl<'de> Deserialize<'de> for File {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self::new("", text))
    }
}

/// Properties of an object, as JSON. A number keeps its digits there.
type Properties = BTreeMap<String, Box<RawValue>>;

/// Writes a value as a form does: a text as it is, other values as JSON.
fn form_text(value: &RawValue) -> String {
    serde_json::from_str(value.get()).unwrap_or_else(|_| value.get().to_owned())
}

/// Adds the pairs that a property becomes by default: one for each element of a list.
pub(super) fn form_pairs(name: &str, value: &RawValue, found: &mut Vec<(String, String)>) {
    let pair = |value: &RawValue| (name.to_owned(), form_text(value));
    match serde_json::from_str::<Vec<Box<RawValue>>>(value.get()) {
        Ok(items) => found.extend(items.iter().map(|item| pair(item))),
        Err(_) => found.push(pair(value)),
    }
}

/// Returns the properties of a body, none of which is null.
pub(super) fn properties(
    operation: &'static str,
    body: &impl Serialize,
) -> Result<Properties, InvalidRequest> {
    let body = serde_json::value::to_raw_value(body);
    let body = body.map_err(|_| InvalidRequest::Body { operation })?;
    // A body without properties is empty.
    let mut all: Properties = serde_json::from_str(body.get()).unwrap_or_default();
    all.retain(|_, value| value.get() != "null");
    Ok(all)
}

/// Parts of a multipart body.
#[derive(Default)]
pub(crate) struct Multipart {
    /// Headers and content of each part.
    parts: Vec<(String, Vec<u8>)>,
}

impl Multipart {
    fn push(&mut self, name: &str, file: Option<&str>, media: Option<&str>, content: Vec<u8>) {
        let quoted =
            |text: &str| text.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A");
        let mut head = format!("Content-Disposition: form-data; name=\"{}\"", quoted(name));
        if let Some(file) = file {
            head.push_str(&format!("; filename=\"{}\"", quoted(file)));
        }
        if let Some(media) = media.filter(|media| !media.contains(['\r', '\n'])) {
            head.push_str(&format!("\r\nContent-Type: {media}"));
        }
        self.parts.push((head, content));
    }

    pub(crate) fn file(&mut self, name: &str, file: &File) {
        self.push(name, Some(&file.name), Some(&file.media_type), file.content.clone());
    }

    /// Adds a part: a text, or JSON.
    pub(crate) fn value(
        &mut self,
        operation: &'static str,
        name: &str,
        value: &impl Serialize,
        media: Option<&str>,
    ) -> Result<(), InvalidRequest> {
        let value = serde_json::value::to_raw_value(value);
        let value = value.map_err(|_| InvalidRequest::Body { operation })?;
        let is_json = value.get().starts_with(['{', '[']);
        let media = media.or(is_json.then_some("application/json"));
        if value.get() != "null" {
            self.push(name, None, media, form_text(&value).into_bytes());
        }
        Ok(())
    }

    /// Adds a part for each property of an object.
    pub(crate) fn all(
        &mut self,
        operation: &'static str,
        value: &impl Serialize,
    ) -> Result<(), InvalidRequest> {
        for (name, value) in properties(operation, value)? {
            self.value(operation, &name, &value, None)?;
        }
        Ok(())
    }
}

impl Request<'_> {
    pub(crate) fn form(&mut self, body: &impl Serialize) -> Result<(), InvalidRequest> {
        let mut found = Vec::new();
        for (name, value) in properties(self.operation, body)? {
            form_pairs(&name, &value, &mut found);
        }
        self.put_form(&found);
        Ok(())
    }

    pub(super) fn put_form(&mut self, pairs: &[(String, String)]) {
        // A query has the encoding of a form, so the URL writes it.
        let mut url = self.inner.url().clone();
        url.set_query(None);
        url.query_pairs_mut().extend_pairs(pairs);
        let body = url.query().unwrap_or_default().to_owned();
        *self.inner.body_mut() = Some(body.into());
        let form = "application/x-www-form-urlencoded";
        let form = reqwest::header::HeaderValue::from_static(form);
        self.inner.headers_mut().insert(reqwest::header::CONTENT_TYPE, form);
    }

    pub(crate) fn multipart(&mut self, form: Multipart) {
        // The line between the parts must stand in none of them.
        let stands = |boundary: &String| {
            form.parts.iter().any(|(head, content)| {
                let boundary = boundary.as_bytes();
                head.as_bytes().windows(boundary.len()).any(|bytes| bytes == boundary)
                    || content.windows(boundary.len()).any(|bytes| bytes == boundary)
            })
        };
        let mut boundaries = (0_u64..).map(|number| format!("part-boundary-{number}"));
        let boundary = boundaries.find(|boundary| !stands(boundary)).unwrap_or_default();
        let mut body = Vec::new();
        for (head, content) in &form.parts {
            body.extend_from_slice(format!("--{boundary}\r\n{head}\r\n\r\n").as_bytes());
            body.extend_from_slice(content);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
        *self.inner.body_mut() = Some(body.into());
        let media = format!("multipart/form-data; boundary={boundary}");
        if let Ok(media) = reqwest::header::HeaderValue::from_str(&media) {
            self.inner.headers_mut().insert(reqwest::header::CONTENT_TYPE, media);
        }
    }
}
