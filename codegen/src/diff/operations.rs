//! Operations, their parameters, bodies and responses.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::collect::Collector;
use super::place::{Part, Place};
use super::schemas::{Comparison, Direction};
use super::security::Security;
use super::{Change, Effect, Kind, shown};
use crate::passes;
use crate::pointer;
use crate::schema;

pub(super) fn compare(
    (old, new): (&Value, &Value),
    security: &Security<'_>,
    found: &mut Collector,
) {
    let mut schemas = Comparison::new(old, new);
    let (old_operations, new_operations) = (by_place(old), by_place(new));
    for (key, (name, operation)) in &old_operations {
        found.begin(name);
        match new_operations.get(key) {
            Some((_, other)) => {
                compare_one(name, (operation, other), security, &mut schemas, found);
            }
            None => whole(name, Effect::Breaking, Kind::Removed, found),
        }
    }
    for (_, (name, _)) in
        new_operations.iter().filter(|(key, _)| !old_operations.contains_key(*key))
    {
        found.begin(name);
        whole(name, Effect::Compatible, Kind::Added, found);
    }
    found.end();
}

fn whole(name: &str, effect: Effect, kind: Kind, found: &mut Collector) {
    found.say(effect, kind, &Place::operation(name, Part::Whole), "operation");
}

type Object = Map<String, Value>;

/// Returns the name of an operation in a report, from the tokens of its pointer.
pub(super) fn name(path: &str, method: &str) -> String {
    format!("{} {}", method.to_uppercase(), pointer::unescape(path))
}

/// Lists the operations by method and path without the names of parameters.
fn by_place(root: &Value) -> BTreeMap<String, (String, &Object)> {
    let place = |at: &str| {
        let (path, method) = at.trim_start_matches("/paths/").rsplit_once('/').unwrap_or_default();
        name(path, method)
    };
    let mut found = BTreeMap::new();
    for (at, operation) in schema::operations(root) {
        let place = place(&at);
        let mut key = unnamed(&place);
        // Paths that differ only in names of parameters keep the names.
        if found.contains_key(&key) {
            key.clone_from(&place);
        }
        found.insert(key, (place, operation));
    }
    found
}

/// Returns a path template without the names of its parameters.
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
    name: &str,
    (old, new): (&'c Object, &'c Object),
    security: &Security<'_>,
    schemas: &mut Comparison<'c>,
    found: &mut Collector,
) {
    let place = Place::operation(name, Part::Whole);
    let ids = (old.get("operationId"), new.get("operationId"));
    if ids.0 != ids.1 {
        let change = Change::new(Effect::Breaking, Kind::Changed, &place, "name");
        found.push(change.values(shown(ids.0), shown(ids.1)));
    }
    security.operation(&place, (old, new), found);
    let deprecated = |operation: &Object| operation.get("deprecated") == Some(&Value::Bool(true));
    if deprecated(old) != deprecated(new) {
        found.say(Effect::Compatible, Kind::Changed, &place, "deprecated");
    }
    parameters(name, (old, new), schemas, found);
    body(name, (old.get("requestBody"), new.get("requestBody")), schemas, found);
    responses(name, (old, new), schemas, found);
}

fn parameters<'c>(
    operation: &str,
    (old, new): (&'c Object, &'c Object),
    schemas: &mut Comparison<'c>,
    found: &mut Collector,
) {
    let whole = Place::operation(operation, Part::Whole);
    let (old, new) = (by_label(old, operation), by_label(new, operation));
    let place = |parameter: &Value| {
        let text =
            |key: &str| parameter.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        Place::operation(operation, Part::Parameter(text("in"), text("name")))
    };
    let named = |place: &Place| place.within(operation).unwrap_or_default();
    for (label, parameter) in &old {
        let at = place(parameter);
        let Some(other) = new.get(label) else {
            let change = Change::new(Effect::Breaking, Kind::Removed, &whole, &named(&at));
            found.push(change.of(at));
            continue;
        };
        requiredness(&at, parameter, other, found);
        if let (Some(old), Some(new)) = (parameter.get("schema"), other.get("schema")) {
            schemas.run(&at, (old, new), Direction::Request, found);
        }
        for key in ["style", "explode", "allowReserved"] {
            let (old, new) = (said(parameter, key), said(other, key));
            if old != new {
                let change = Change::new(Effect::Breaking, Kind::Changed, &at, key);
                found.push(change.values(shown(Some(&old)), shown(Some(&new))));
            }
        }
        let deprecated = |parameter: &Value| schema::is_true(parameter, "deprecated");
        if deprecated(parameter) != deprecated(other) {
            found.say(Effect::Compatible, Kind::Changed, &at, "deprecated");
        }
    }
    for (_, parameter) in new.iter().filter(|(label, _)| !old.contains_key(*label)) {
        let required = schema::is_true(parameter, "required");
        let needed = if required { "required" } else { "optional" };
        let at = place(parameter);
        let what = format!("{needed} {}", named(&at));
        let change = Change::new(Effect::breaking_if(required), Kind::Added, &whole, &what);
        found.push(change.of(at));
    }
}

/// Lists the parameters of an operation by label. A path parameter goes by its position,
/// because its name is never sent. The name of a header has no case.
fn by_label<'c>(operation: &'c Object, place: &str) -> BTreeMap<String, &'c Value> {
    let list = operation.get("parameters").and_then(Value::as_array);
    let list: Vec<&Value> = list.into_iter().flatten().collect();
    let text = |parameter: &Value, key: &str| {
        parameter.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let in_path: Vec<&Value> =
        list.iter().copied().filter(|parameter| text(parameter, "in") == "path").collect();
    // Path parameters stand in the order of the template, if `place` has their names.
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

/// Returns a keyword of a parameter, or its default if the parameter has none.
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
    operation: &str,
    bodies: (Option<&'c Value>, Option<&'c Value>),
    schemas: &mut Comparison<'c>,
    found: &mut Collector,
) {
    let whole = Place::operation(operation, Part::Whole);
    let at = Place::operation(operation, Part::Request);
    match bodies {
        (None, None) => {}
        (Some(_), None) => {
            let change = Change::new(Effect::Breaking, Kind::Removed, &whole, "request body");
            found.push(change.of(at));
        }
        (None, Some(body)) => {
            let required = schema::is_true(body, "required");
            let what = format!("{} request body", if required { "required" } else { "optional" });
            let effect = Effect::breaking_if(required);
            found.push(Change::new(effect, Kind::Added, &whole, &what).of(at));
        }
        (Some(old), Some(new)) => {
            requiredness(&at, old, new, found);
            content(&at, (old, new), Direction::Request, schemas, found);
            encodings(&at, (old, new), found);
        }
    }
}

/// Compares the ways in which the properties of forms are written.
fn encodings(at: &Place, (old, new): (&Value, &Value), found: &mut Collector) {
    let of = |body: &Value| -> BTreeMap<String, Value> {
        let content = body.get("content").and_then(Value::as_object);
        let entries = content.into_iter().flatten().flat_map(|(media, entry)| {
            let properties = entry.get("encoding").and_then(Value::as_object);
            let kind = passes::Kind::of_request(media, entry);
            properties.into_iter().flatten().filter_map(move |(name, said)| {
                Some((format!("encoding of {name} in {media}"), passes::encoded(kind, said)?))
            })
        });
        // The default is no difference to nothing.
        entries.filter(|(_, said)| *said != json!({ "style": "form", "explode": true })).collect()
    };
    let (old, new) = (of(old), of(new));
    for what in old.keys().chain(new.keys().filter(|what| !old.contains_key(*what))) {
        let (before, after) = (old.get(what), new.get(what));
        if before != after {
            let change = Change::new(Effect::Breaking, Kind::Changed, at, what);
            found.push(change.values(shown(before), shown(after)));
        }
    }
}

fn requiredness(at: &Place, old: &Value, new: &Value, found: &mut Collector) {
    match (schema::is_true(old, "required"), schema::is_true(new, "required")) {
        (false, true) => found.say(Effect::Breaking, Kind::Changed, at, "became required"),
        (true, false) => found.say(Effect::Compatible, Kind::Changed, at, "became optional"),
        _ => {}
    }
}

fn responses<'c>(
    operation: &str,
    (old, new): (&'c Object, &'c Object),
    schemas: &mut Comparison<'c>,
    found: &mut Collector,
) {
    let of = |operation: &'c Object| -> BTreeMap<&'c String, &'c Value> {
        let responses = operation.get("responses").and_then(Value::as_object);
        responses.into_iter().flatten().collect()
    };
    let (old, new) = (of(old), of(new));
    let is_success = |status: &str| status.starts_with('2');
    let place = |status: &str| Place::operation(operation, Part::Response(status.to_owned()));
    let whole = Place::operation(operation, Part::Whole);
    let one = |effect, kind, status: &str| {
        let what = format!("response {status}");
        Change::new(effect, kind, &whole, &what).of(place(status))
    };
    for (status, response) in &old {
        match new.get(status) {
            Some(other) => {
                content(&place(status), (response, other), Direction::Response, schemas, found);
            }
            None => {
                let effect = Effect::breaking_if(is_success(status));
                found.push(one(effect, Kind::Removed, status));
            }
        }
    }
    for (status, response) in new.iter().filter(|(status, _)| !old.contains_key(*status)) {
        let known = old
            .iter()
            .any(|(status, known)| is_success(status) && bodies(known) == bodies(response));
        let effect = Effect::breaking_if(is_success(status) && !known);
        found.push(one(effect, Kind::Added, status));
    }
}

/// Lists the entry of each media type without its charset.
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
    at: &Place,
    (old, new): (&'c Value, &'c Value),
    direction: Direction,
    schemas: &mut Comparison<'c>,
    found: &mut Collector,
) {
    let (old, new) = (bodies(old), bodies(new));
    for (media, schema) in &old {
        match (schema, new.get(media)) {
            (Some(schema), Some(Some(other))) => {
                schemas.run(at, (schema, other), direction, found);
            }
            (None, Some(None)) => {}
            (_, Some(_)) => found.say(Effect::Breaking, Kind::Changed, at, "schema"),
            (_, None) => {
                let what = format!("media type {media}");
                found.say(Effect::Breaking, Kind::Removed, at, &what);
            }
        }
    }
    for media in new.keys().filter(|media| !old.contains_key(*media)) {
        found.say(Effect::Compatible, Kind::Added, at, &format!("media type {media}"));
    }
}
