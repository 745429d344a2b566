//! Operations with their parameters, bodies and replies.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::references::Targets;
use super::{schemas, shorten};
use crate::left_out::Notes;
use crate::path_template::{self, Piece, Segment, Template};
use crate::validate::METHODS;
use crate::{passes, pointer};

/// Headers that the standard reserves: a parameter of such a name is ignored.
const OWN_HEADERS: [&str; 3] = ["accept", "authorization", "content-type"];

/// Copies shared parts to the places of their use, and mends each operation.
pub(super) fn run(root: &mut Value, known: &Targets, notes: &mut Notes) {
    path_items(root, notes);
    super::inline::run(root);
    let Some(Value::Object(paths)) = root.get_mut("paths") else { return };
    for (path, item) in paths.iter_mut() {
        let Some(item) = item.as_object_mut() else { continue };
        let template = path_template::parse(path);
        for method in METHODS {
            let Some(operation) = item.get_mut(method) else { continue };
            let at = pointer::operation(path, method);
            let mended = match &template {
                Ok(template) => mend(operation, &at, template, known, notes),
                Err(reason) => Err((at.clone(), reason.clone())),
            };
            if let Err((place, reason)) = mended {
                item.shift_remove(method);
                notes.operation(&place, reason);
            }
        }
    }
}

/// Follows path items that are references. Path items that are no objects are left out.
fn path_items(root: &mut Value, notes: &mut Notes) {
    let Some(Value::Object(paths)) = root.get("paths") else { return };
    let refers = paths.values().any(|item| item.get("$ref").is_some());
    let source = if refers { root.clone() } else { Value::Null };
    let Some(Value::Object(paths)) = root.get_mut("paths") else { return };
    paths.retain(|path, item| {
        if path.starts_with("x-") {
            return false;
        }
        let at = pointer::path(path);
        for _ in 0..8 {
            let Some(reference) = item.get("$ref").and_then(Value::as_str) else { break };
            match pointer::local(reference).and_then(|target| source.pointer(target)) {
                Some(target) => *item = target.clone(),
                None => break,
            }
        }
        let fine = item.is_object() && item.get("$ref").is_none();
        if !fine {
            notes.operation(&at, "expected an object or a reference to one in this document");
        }
        fine
    });
}

type Fault = (String, String);

fn mend(
    operation: &mut Value,
    at: &str,
    template: &Template,
    known: &Targets,
    notes: &mut Notes,
) -> Result<(), Fault> {
    let fault = |reason: &str| Err((at.to_owned(), reason.to_owned()));
    let Some(map) = operation.as_object_mut() else { return fault("expected an object") };
    for key in ["operationId", "summary", "description"] {
        if map.get(key).is_some_and(|value| !value.is_string()) {
            super::drop_key(map, key, at, "a string", notes);
        }
    }
    parameters(map, at, template, known, notes)?;
    if let Some(body) = map.get_mut("requestBody") {
        content(body, &format!("{at}/requestBody"), known, notes)?;
    }
    let responses_at = format!("{at}/responses");
    let Some(responses) = map.get_mut("responses") else {
        return fault("there are no `responses`");
    };
    let Some(responses) = responses.as_object_mut() else {
        return Err((responses_at, "expected an object".to_owned()));
    };
    let mut statuses: Map<String, Value> = Map::new();
    for (status, mut response) in std::mem::take(responses) {
        let at = pointer::join(&responses_at, &status);
        let Some(normal) = normal_status(&status) else {
            notes.detail(&at, "expected a status such as `200`, `4XX` or `default`");
            continue;
        };
        match content(&mut response, &at, known, notes) {
            Ok(()) => {
                statuses.insert(normal, response);
            }
            Err((place, reason)) => notes.detail(&place, reason),
        }
    }
    *responses = statuses;
    Ok(())
}

/// Returns a status in the standard's spelling: `4xx` is `4XX`.
fn normal_status(text: &str) -> Option<String> {
    let upper = text.to_ascii_uppercase();
    let fine = matches!(upper.as_bytes(), [b'1'..=b'5', b'0'..=b'9', b'0'..=b'9'])
        || matches!(upper.as_bytes(), [b'1'..=b'5', b'X', b'X']);
    match text {
        "default" => Some(text.to_owned()),
        _ => fine.then_some(upper),
    }
}

/// Mends the body of a request or reply: an object with schemas under `content`.
fn content(value: &mut Value, at: &str, known: &Targets, notes: &mut Notes) -> Result<(), Fault> {
    let fault = |at: &str, reason: &str| Err((at.to_owned(), reason.to_owned()));
    let Some(map) = value.as_object_mut() else { return fault(at, "expected an object") };
    if let Some(reference) = map.get("$ref") {
        let shown = shorten(reference.as_str().unwrap_or_default());
        return Err((format!("{at}/$ref"), format!("`{shown}` leads nowhere")));
    }
    let at = format!("{at}/content");
    match map.get_mut("content") {
        None => {}
        Some(Value::Object(content)) => {
            for (media, entry) in content.iter_mut() {
                let at = pointer::join(&at, media);
                let Some(entry) = entry.as_object_mut() else {
                    notes.detail(&at, "expected an object");
                    *entry = json!({});
                    continue;
                };
                if let Some(value) = entry.get_mut("schema") {
                    schemas::schema(value, &format!("{at}/schema"), known, notes);
                }
            }
        }
        Some(_) => return fault(&at, "expected an object"),
    }
    Ok(())
}

fn parameters(
    map: &mut Map<String, Value>,
    at: &str,
    template: &Template,
    known: &Targets,
    notes: &mut Notes,
) -> Result<(), Fault> {
    let at = format!("{at}/parameters");
    let list = match map.shift_remove("parameters") {
        None => Vec::new(),
        Some(Value::Array(list)) => list,
        Some(_) => return Err((at, "expected an array".to_owned())),
    };
    let in_path = template.segments.iter().flat_map(Segment::pieces).filter_map(Piece::parameter);
    let in_path: Vec<&str> = in_path.collect();
    let in_query = template.query.iter().filter_map(|(key, value)| Some((key, value.parameter()?)));
    let in_query: Vec<(&String, &str)> = in_query.collect();
    let mut seen: HashSet<(String, String)> = HashSet::new();
    let mut result = Vec::new();
    for (index, mut value) in list.into_iter().enumerate() {
        let at = pointer::join(&at, &index.to_string());
        let Some((mut name, mut place)) = one(&mut value, &at, known, notes)? else { continue };
        // A parameter in the query of the path goes by the key that stands there.
        let key = in_query.iter().find(|(_, parameter)| *parameter == name);
        if let Some((key, _)) = key
            && (place == "query" || (place == "path" && !in_path.contains(&name.as_str())))
        {
            (name, place) = ((*key).clone(), "query".to_owned());
            value["name"] = json!(name);
            value["in"] = json!(place);
        }
        if place == "path" && !in_path.contains(&name.as_str()) {
            let reason = format!("path parameter `{}` does not stand in the path", shorten(&name));
            notes.detail(&at, reason);
            continue;
        }
        if !seen.insert((place.clone(), name.clone())) {
            let reason = format!("{place} parameter `{}` stands twice", shorten(&name));
            notes.detail(&at, reason);
            continue;
        }
        result.push(value);
    }
    let in_path = in_path.into_iter().map(|name| ("path", name));
    for (place, name) in in_path.chain(in_query.iter().map(|(key, _)| ("query", key.as_str()))) {
        if seen.insert((place.to_owned(), name.to_owned())) {
            let reason =
                format!("{place} parameter `{}` is not declared: taken for text", shorten(name));
            notes.detail(at.trim_end_matches("/parameters"), reason);
            let text = json!({ "type": "string" });
            result.push(json!({ "name": name, "in": place, "required": true, "schema": text }));
        }
    }
    if !result.is_empty() {
        map.insert("parameters".to_owned(), Value::Array(result));
    }
    Ok(())
}

/// Mends one parameter, and returns its name and place. `None` if the client does not have it.
fn one(
    value: &mut Value,
    at: &str,
    known: &Targets,
    notes: &mut Notes,
) -> Result<Option<(String, String)>, Fault> {
    let fault = |reason: &str| Err((at.to_owned(), reason.to_owned()));
    let Some(map) = value.as_object_mut() else { return fault("expected an object") };
    if let Some(reference) = map.get("$ref") {
        let shown = shorten(reference.as_str().unwrap_or_default());
        return Err((format!("{at}/$ref"), format!("`{shown}` leads nowhere")));
    }
    let text = |key: &str| map.get(key).and_then(Value::as_str).map(str::to_owned);
    let (Some(name), Some(place)) = (text("name"), text("in")) else {
        return fault("a parameter needs `name` and `in`");
    };
    if !["path", "query", "header", "cookie"].contains(&place.as_str()) {
        return fault("`in` is none of path, query, header, cookie");
    }
    if place == "header" && OWN_HEADERS.contains(&name.to_ascii_lowercase().as_str()) {
        return Ok(None);
    }
    let sendable = match place.as_str() {
        "header" | "cookie" => is_token(&name),
        _ => !name.is_empty(),
    };
    if !sendable {
        return fault("no parameter of this place can have this name");
    }
    // A parameter has its schema under `content` if the value is written without a style.
    if let Some(content) = map.shift_remove("content")
        && !map.contains_key("schema")
    {
        let entry = content.as_object().and_then(|content| content.iter().next());
        let is_json = entry.is_some_and(|(media, _)| passes::is_json(media));
        let schema = entry.and_then(|(_, entry)| entry.get("schema").cloned());
        map.insert("schema".to_owned(), schema.unwrap_or_else(|| json!({ "type": "string" })));
        if is_json {
            map.insert("style".to_owned(), json!("json"));
        }
    }
    let schema = map.entry("schema").or_insert_with(|| json!({ "type": "string" }));
    schemas::schema(schema, &format!("{at}/schema"), known, notes);
    Ok(Some((name, place)))
}

/// Returns whether a header or cookie can have this name (RFC 9110 section 5.6.2).
fn is_token(name: &str) -> bool {
    !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}
