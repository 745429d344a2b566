//! Operations, their parameters, bodies and responses.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::schemas::{Comparison, Direction};
use super::{Diff, Effect, Kind};
use crate::passes::schema;

pub(super) fn compare(old: &Value, new: &Value, diff: &mut Diff) {
    let mut schemas = Comparison::new(old, new);
    let (old_operations, new_operations) = (by_place(old), by_place(new));
    for (key, (place, operation)) in &old_operations {
        match new_operations.get(key) {
            Some((_, other)) => compare_one(place, (operation, other), &mut schemas, diff),
            None => diff.push(Effect::Breaking, Kind::Removed, place, "operation"),
        }
    }
    for (_, (place, _)) in
        new_operations.iter().filter(|(key, _)| !old_operations.contains_key(*key))
    {
        diff.push(Effect::Compatible, Kind::Added, place, "operation");
    }
}

type Object = Map<String, Value>;

/// The operations, found by method and path without the names of parameters.
fn by_place(root: &Value) -> BTreeMap<String, (String, &Object)> {
    let place = |at: &str| {
        let (path, method) = at.trim_start_matches("/paths/").rsplit_once('/').unwrap_or_default();
        format!("{} {}", method.to_uppercase(), path.replace("~1", "/").replace("~0", "~"))
    };
    let mut found = BTreeMap::new();
    for (at, operation) in schema::operations(root) {
        let place = place(&at);
        let mut key = unnamed(&place);
        // Paths that differ in names alone are told apart by them.
        if found.contains_key(&key) {
            key.clone_from(&place);
        }
        found.insert(key, (place, operation));
    }
    found
}

/// A path template without the names of its parameters.
fn unnamed(path: &str) -> String {
    let mut result = String::new();
    let mut is_name = false;
    for c in path.chars() {
        is_name &= c != '}';
        if !is_name {
            result.push(c);
        }
        is_name |= c == '{';
    }
    result
}

fn compare_one<'c>(
    place: &str,
    (old, new): (&'c Object, &'c Object),
    schemas: &mut Comparison<'c>,
    diff: &mut Diff,
) {
    if old.get("operationId") != new.get("operationId") {
        let what = format!(
            "name from {} to {}",
            shown(old.get("operationId")),
            shown(new.get("operationId"))
        );
        diff.push(Effect::Breaking, Kind::Changed, place, what);
    }
    security(place, (old, new), schemas, diff);
    let deprecated = |operation: &Object| operation.get("deprecated") == Some(&Value::Bool(true));
    if deprecated(old) != deprecated(new) {
        diff.push(Effect::Compatible, Kind::Changed, place, "deprecated");
    }
    parameters(place, (old, new), schemas, diff);
    body(place, (old.get("requestBody"), new.get("requestBody")), schemas, diff);
    responses(place, (old, new), schemas, diff);
}

/// An alternative that is gone breaks those who use it; one more does not.
fn security(
    place: &str,
    (old, new): (&Object, &Object),
    schemas: &Comparison<'_>,
    diff: &mut Diff,
) {
    let of = |operation: &Object, root: &Value| -> BTreeSet<String> {
        let list = operation.get("security").or(root.get("security")).and_then(Value::as_array);
        let list: BTreeSet<String> = list.into_iter().flatten().map(Value::to_string).collect();
        // None is the alternative without anything.
        if list.is_empty() { BTreeSet::from(["{}".to_owned()]) } else { list }
    };
    let (old, new) = (of(old, schemas.old_root), of(new, schemas.new_root));
    if old != new {
        let effect = Effect::breaking_if(!old.is_subset(&new));
        diff.push(effect, Kind::Changed, place, "security");
    }
}

fn parameters<'c>(
    place: &str,
    (old, new): (&'c Object, &'c Object),
    schemas: &mut Comparison<'c>,
    diff: &mut Diff,
) {
    let (old, new) = (by_label(old, place), by_label(new, place));
    let text = |parameter: &Value, key: &str| {
        parameter.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let named = |parameter: &Value| {
        format!("{} parameter {}", text(parameter, "in"), text(parameter, "name"))
    };
    for (label, parameter) in &old {
        let Some(other) = new.get(label) else {
            diff.push(Effect::Breaking, Kind::Removed, place, named(parameter));
            continue;
        };
        let at = format!("{place} {}", named(parameter));
        requiredness(&at, parameter, other, diff);
        if let (Some(old), Some(new)) = (parameter.get("schema"), other.get("schema")) {
            schemas.run(&at, (old, new), Direction::Request, diff);
        }
        for key in ["style", "explode", "allowReserved"] {
            if said(parameter, key) != said(other, key) {
                diff.push(Effect::Breaking, Kind::Changed, &at, key);
            }
        }
        let deprecated = |parameter: &Value| is_true(parameter, "deprecated");
        if deprecated(parameter) != deprecated(other) {
            diff.push(Effect::Compatible, Kind::Changed, &at, "deprecated");
        }
    }
    for (_, parameter) in new.iter().filter(|(label, _)| !old.contains_key(*label)) {
        let required = is_true(parameter, "required");
        let needed = if required { "required" } else { "optional" };
        let what = format!("{needed} {}", named(parameter));
        diff.push(Effect::breaking_if(required), Kind::Added, place, what);
    }
}

/// The parameters of an operation, those of a path by position, whose names are
/// never sent, and those of headers whatever their case.
fn by_label<'c>(operation: &'c Object, place: &str) -> BTreeMap<String, &'c Value> {
    let list = operation.get("parameters").and_then(Value::as_array);
    let list: Vec<&Value> = list.into_iter().flatten().collect();
    let text = |parameter: &Value, key: &str| {
        parameter.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let in_path: Vec<&Value> =
        list.iter().copied().filter(|parameter| text(parameter, "in") == "path").collect();
    // By the template of this document, if it is at hand, else as they are listed.
    let mut ordered = in_path.clone();
    ordered.sort_by_key(|parameter| place.find(&format!("{{{}}}", text(parameter, "name"))));
    let label = |parameter: &'c Value| {
        let name = text(parameter, "name");
        let position = ordered.iter().position(|other| std::ptr::eq(*other, parameter));
        let name = match text(parameter, "in").as_str() {
            "path" => position.unwrap_or_default().to_string(),
            "header" => name.to_lowercase(),
            _ => name,
        };
        (format!("{} {name}", text(parameter, "in")), parameter)
    };
    list.into_iter().map(label).collect()
}

/// Style of a parameter, or the default if it says nothing.
fn said(parameter: &Value, key: &str) -> Value {
    if let Some(value) = parameter.get(key) {
        return value.clone();
    }
    let place = parameter.get("in").and_then(Value::as_str).unwrap_or_default();
    let style = match place {
        "path" | "header" => json!("simple"),
        _ => json!("form"),
    };
    match key {
        "style" => style,
        "explode" => json!(parameter.get("style").unwrap_or(&style) == "form"),
        _ => json!(false),
    }
}

fn body<'c>(
    place: &str,
    bodies: (Option<&'c Value>, Option<&'c Value>),
    schemas: &mut Comparison<'c>,
    diff: &mut Diff,
) {
    match bodies {
        (None, None) => {}
        (Some(_), None) => diff.push(Effect::Breaking, Kind::Removed, place, "request body"),
        (None, Some(body)) => {
            let required = is_true(body, "required");
            let what = format!("{} request body", if required { "required" } else { "optional" });
            diff.push(Effect::breaking_if(required), Kind::Added, place, what);
        }
        (Some(old), Some(new)) => {
            let at = format!("{place} request");
            requiredness(&at, old, new, diff);
            content(&at, (old, new), Direction::Request, schemas, diff);
        }
    }
}

fn requiredness(at: &str, old: &Value, new: &Value, diff: &mut Diff) {
    match (is_true(old, "required"), is_true(new, "required")) {
        (false, true) => diff.push(Effect::Breaking, Kind::Changed, at, "became required"),
        (true, false) => diff.push(Effect::Compatible, Kind::Changed, at, "became optional"),
        _ => {}
    }
}

fn responses<'c>(
    place: &str,
    (old, new): (&'c Object, &'c Object),
    schemas: &mut Comparison<'c>,
    diff: &mut Diff,
) {
    let of = |operation: &'c Object| -> BTreeMap<&'c String, &'c Value> {
        let responses = operation.get("responses").and_then(Value::as_object);
        responses.into_iter().flatten().collect()
    };
    let (old, new) = (of(old), of(new));
    let is_success = |status: &str| status.starts_with('2');
    for (status, response) in &old {
        match new.get(status) {
            Some(other) => {
                let at = format!("{place} response {status}");
                content(&at, (response, other), Direction::Response, schemas, diff);
            }
            None => {
                let effect = Effect::breaking_if(is_success(status));
                diff.push(effect, Kind::Removed, place, format!("response {status}"));
            }
        }
    }
    for (status, response) in new.iter().filter(|(status, _)| !old.contains_key(*status)) {
        let known = old
            .iter()
            .any(|(status, known)| is_success(status) && bodies(known) == bodies(response));
        let effect = Effect::breaking_if(is_success(status) && !known);
        diff.push(effect, Kind::Added, place, format!("response {status}"));
    }
}

/// The entry of each media type, whatever the charset.
fn bodies(holder: &Value) -> BTreeMap<String, Option<&Value>> {
    let plain = |media: &String| {
        let parameters = media.split(';').map(str::trim);
        let told: Vec<String> = parameters
            .map(str::to_ascii_lowercase)
            .filter(|part| !part.starts_with("charset="))
            .collect();
        told.join("; ")
    };
    let content = holder.get("content").and_then(Value::as_object);
    content
        .into_iter()
        .flatten()
        .map(|(media, entry)| (plain(media), entry.get("schema")))
        .collect()
}

/// Compares the bodies of each media type.
fn content<'c>(
    at: &str,
    (old, new): (&'c Value, &'c Value),
    direction: Direction,
    schemas: &mut Comparison<'c>,
    diff: &mut Diff,
) {
    let (old, new) = (bodies(old), bodies(new));
    for (media, schema) in &old {
        match (schema, new.get(media)) {
            (Some(schema), Some(Some(other))) => {
                schemas.run(at, (schema, other), direction, diff);
            }
            (None, Some(None)) => {}
            (_, Some(_)) => diff.push(Effect::Breaking, Kind::Changed, at, "schema"),
            (_, None) => {
                diff.push(Effect::Breaking, Kind::Removed, at, format!("media type {media}"));
            }
        }
    }
    for media in new.keys().filter(|media| !old.contains_key(*media)) {
        diff.push(Effect::Compatible, Kind::Added, at, format!("media type {media}"));
    }
}

fn is_true(value: &Value, key: &str) -> bool {
    value.get(key) == Some(&Value::Bool(true))
}

fn shown(value: Option<&Value>) -> String {
    value.map_or_else(|| "none".to_owned(), Value::to_string)
}
