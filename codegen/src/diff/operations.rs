//! Operations, their parameters, bodies and responses.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::schemas::{self, Use};
use super::{Diff, Effect, Kind};
use crate::passes::schema;

pub(super) fn compare(old: &Value, new: &Value, diff: &mut Diff) {
    let (old_operations, new_operations) = (by_place(old), by_place(new));
    for (place, operation) in &old_operations {
        match new_operations.get(place) {
            Some(other) => compare_one(place, (old, operation), (new, other), diff),
            None => diff.push(Effect::Breaking, Kind::Removed, place, "operation"),
        }
    }
    for place in new_operations.keys().filter(|place| !old_operations.contains_key(*place)) {
        diff.push(Effect::Compatible, Kind::Added, place, "operation");
    }
}

type Object = Map<String, Value>;

fn by_place(root: &Value) -> BTreeMap<String, &Object> {
    let place = |at: &str| {
        let (path, method) = at.trim_start_matches("/paths/").rsplit_once('/').unwrap_or_default();
        format!("{} {}", method.to_uppercase(), path.replace("~1", "/").replace("~0", "~"))
    };
    schema::operations(root).into_iter().map(|(at, operation)| (place(&at), operation)).collect()
}

fn compare_one(
    place: &str,
    (old_root, old): (&Value, &Object),
    (new_root, new): (&Value, &Object),
    diff: &mut Diff,
) {
    let roots = (old_root, new_root);
    if old.get("operationId") != new.get("operationId") {
        let what = format!(
            "name from {} to {}",
            shown(old.get("operationId")),
            shown(new.get("operationId"))
        );
        diff.push(Effect::Breaking, Kind::Changed, place, what);
    }
    if old.get("security") != new.get("security") {
        diff.push(Effect::Breaking, Kind::Changed, place, "security");
    }
    parameters(place, roots, (old, new), diff);
    body(place, roots, (old.get("requestBody"), new.get("requestBody")), diff);
    responses(place, roots, (old, new), diff);
}

fn parameters(
    place: &str,
    roots: (&Value, &Value),
    (old, new): (&Object, &Object),
    diff: &mut Diff,
) {
    let collect = |operation: &Object| -> BTreeMap<String, Value> {
        let list = operation.get("parameters").and_then(Value::as_array);
        let label = |parameter: &Value| {
            let text = |key: &str| {
                parameter.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
            };
            format!("{} parameter {}", text("in"), text("name"))
        };
        list.into_iter().flatten().map(|parameter| (label(parameter), parameter.clone())).collect()
    };
    let (old, new) = (collect(old), collect(new));
    for (label, parameter) in &old {
        let Some(other) = new.get(label) else {
            diff.push(Effect::Breaking, Kind::Removed, place, label);
            continue;
        };
        requiredness(&format!("{place} {label}"), parameter, other, diff);
        let at = format!("{place} {label}");
        schemas::compare_schemas(
            &at,
            roots,
            (&parameter["schema"], &other["schema"]),
            Use::REQUEST,
            diff,
        );
        for key in ["style", "explode"] {
            if parameter.get(key) != other.get(key) {
                diff.push(Effect::Breaking, Kind::Changed, &at, key);
            }
        }
    }
    for (label, parameter) in new.iter().filter(|(label, _)| !old.contains_key(*label)) {
        let required = is_true(parameter, "required");
        let what = format!("{} {label}", if required { "required" } else { "optional" });
        diff.push(Effect::breaking_if(required), Kind::Added, place, what);
    }
}

fn body(
    place: &str,
    roots: (&Value, &Value),
    bodies: (Option<&Value>, Option<&Value>),
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
            content(&at, roots, (old, new), Use::REQUEST, diff);
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

fn responses(
    place: &str,
    roots: (&Value, &Value),
    (old, new): (&Object, &Object),
    diff: &mut Diff,
) {
    let empty = Object::new();
    let of = |operation: &'_ Object| operation.get("responses").and_then(Value::as_object).cloned();
    let (old, new) = (of(old).unwrap_or(empty.clone()), of(new).unwrap_or(empty));
    let is_success = |status: &str| status.starts_with('2');
    for (status, response) in &old {
        match new.get(status) {
            Some(other) => {
                let at = format!("{place} response {status}");
                content(&at, roots, (response, other), Use::RESPONSE, diff);
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

/// The schema of each media type, without examples.
fn bodies(response: &Value) -> BTreeMap<&String, Option<&Value>> {
    let content = response.get("content").and_then(Value::as_object);
    content.into_iter().flatten().map(|(media, entry)| (media, entry.get("schema"))).collect()
}

/// Compares the bodies of each media type.
fn content(
    at: &str,
    roots: (&Value, &Value),
    (old, new): (&Value, &Value),
    usage: Use,
    diff: &mut Diff,
) {
    let of = |holder: &Value| {
        holder.get("content").and_then(Value::as_object).cloned().unwrap_or_default()
    };
    let (old, new) = (of(old), of(new));
    for (media, entry) in &old {
        match new.get(media) {
            Some(other) => {
                let empty = Value::Object(Object::new());
                let schema = |entry: &Value| entry.get("schema").unwrap_or(&empty).clone();
                schemas::compare_schemas(at, roots, (&schema(entry), &schema(other)), usage, diff);
            }
            None => diff.push(Effect::Breaking, Kind::Removed, at, format!("media type {media}")),
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
