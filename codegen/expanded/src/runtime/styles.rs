//! Styles of parameters, as OpenAPI has them.

use serde::Serialize;

use super::error::InvalidRequest;
use super::exchange::{Request, segment};

/// Way in which OpenAPI writes a value that is no plain text into a request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    Simple,
    Label,
    Matrix,
    Form,
    Space,
    Pipe,
    Deep,
    Json,
}

impl Request<'_> {
    pub(crate) fn styled_query(
        &mut self,
        name: &str,
        value: &impl Serialize,
        style: Style,
        explode: bool,
    ) -> Result<(), InvalidRequest> {
        for (name, value) in self.pairs(name, value, style, explode)? {
            self.query(&name, value);
        }
        Ok(())
    }

    pub(crate) fn styled_header(
        &mut self,
        name: &'static str,
        value: &impl Serialize,
        style: Style,
        explode: bool,
    ) -> Result<(), InvalidRequest> {
        let value = as_json(self.operation, value)?;
        self.header(name, in_one(name, &value, style, explode))
    }

    pub(crate) fn styled_cookie(
        &mut self,
        name: &'static str,
        value: &impl Serialize,
        style: Style,
        explode: bool,
    ) -> Result<(), InvalidRequest> {
        let operation = self.operation;
        let found = self.pairs(name, value, style, explode)?;
        let invalid = || InvalidRequest::HeaderParameter { operation, name };
        // A semicolon in a value would end the cookie, and make another one of the rest.
        if found.iter().any(|(name, value)| name.contains([';', '=']) || value.contains(';')) {
            return Err(invalid());
        }
        let headers = self.inner.headers_mut();
        let before = headers.get(reqwest::header::COOKIE).and_then(|value| value.to_str().ok());
        let own = found.iter().map(|(name, value)| format!("{name}={value}"));
        let all: Vec<String> = before.map(str::to_owned).into_iter().chain(own).collect();
        let mut cookies: reqwest::header::HeaderValue =
            all.join("; ").try_into().map_err(|_| invalid())?;
        cookies.set_sensitive(true);
        headers.insert(reqwest::header::COOKIE, cookies);
        Ok(())
    }

    /// Returns the names and values that a parameter becomes.
    fn pairs(
        &self,
        name: &str,
        value: &impl Serialize,
        style: Style,
        explode: bool,
    ) -> Result<Vec<(String, String)>, InvalidRequest> {
        let value = as_json(self.operation, value)?;
        let mut found = Vec::new();
        pairs(name, &value, style, explode, &mut found);
        Ok(found)
    }
}

/// Writes the value of a path parameter, which is one segment whatever its characters.
pub(crate) fn styled_segment(
    operation: &'static str,
    name: &str,
    value: &impl Serialize,
    style: Style,
    explode: bool,
) -> Result<String, InvalidRequest> {
    segment(operation, in_one(name, &as_json(operation, value)?, style, explode))
}

fn as_json(
    operation: &'static str,
    value: &impl Serialize,
) -> Result<serde_json::Value, InvalidRequest> {
    serde_json::to_value(value).map_err(|_| InvalidRequest::Request { operation })
}

/// Writes a value without structure: a text as it is, other values as JSON.
fn plain_text(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// Lists names and values of a query or a form. OpenAPI leaves open how a list is written in the style
/// `deepObject`: its positions are the keys.
pub(super) fn pairs(
    name: &str,
    value: &serde_json::Value,
    style: Style,
    explode: bool,
    found: &mut Vec<(String, String)>,
) {
    use serde_json::Value;
    let between = match style {
        Style::Space => " ",
        Style::Pipe => "|",
        _ => ",",
    };
    match value {
        _ if style == Style::Json => found.push((name.to_owned(), value.to_string())),
        Value::Null => {}
        Value::Object(map) => {
            let entries = map.iter().filter(|(_, value)| !value.is_null());
            if style == Style::Deep {
                for (key, value) in entries {
                    pairs(&format!("{name}[{key}]"), value, style, true, found);
                }
            } else if explode {
                for (key, value) in entries {
                    found.push((key.clone(), plain_text(value)));
                }
            } else {
                let words = entries.flat_map(|(key, value)| [key.clone(), plain_text(value)]);
                found.push((name.to_owned(), words.collect::<Vec<_>>().join(between)));
            }
        }
        Value::Array(items) if style == Style::Deep => {
            for (position, item) in items.iter().enumerate() {
                pairs(&format!("{name}[{position}]"), item, style, explode, found);
            }
        }
        Value::Array(items) if explode => {
            found.extend(items.iter().map(|item| (name.to_owned(), plain_text(item))));
        }
        Value::Array(items) => {
            let words: Vec<String> = items.iter().map(plain_text).collect();
            found.push((name.to_owned(), words.join(between)));
        }
        scalar => found.push((name.to_owned(), plain_text(scalar))),
    }
}

/// Writes a value for a path or a header.
fn in_one(name: &str, value: &serde_json::Value, style: Style, explode: bool) -> String {
    use serde_json::Value;
    if style == Style::Json {
        return value.to_string();
    }
    let (before, between) = match (style, explode) {
        (Style::Label, true) => (".".to_owned(), "."),
        (Style::Label, false) => (".".to_owned(), ","),
        (Style::Matrix, true) => (";".to_owned(), ";"),
        (Style::Matrix, false) => (format!(";{name}="), ","),
        _ => (String::new(), ","),
    };
    let words: Vec<String> = match value {
        Value::Object(map) if explode => {
            map.iter().map(|(key, value)| format!("{key}={}", plain_text(value))).collect()
        }
        Value::Object(map) => {
            map.iter().flat_map(|(key, value)| [key.clone(), plain_text(value)]).collect()
        }
        Value::Array(items) if style == Style::Matrix && explode => {
            items.iter().map(|item| format!("{name}={}", plain_text(item))).collect()
        }
        Value::Array(items) => items.iter().map(plain_text).collect(),
        scalar if style == Style::Matrix && explode => {
            vec![format!("{name}={}", plain_text(scalar))]
        }
        scalar => vec![plain_text(scalar)],
    };
    before + &words.join(between)
}
