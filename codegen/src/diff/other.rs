//! Facts that no program depends on: servers, tags, examples, …

use serde_json::Value;

use super::collect::Collector;
use super::place::{Part, Place};
use super::{Change, Effect, Kind, operations, shown};
use crate::pointer;

/// Keywords whose changes are reported, each at its place.
const KEYS: [&str; 6] = ["openapi", "info", "externalDocs", "servers", "tags", "headers"];

/// Keywords whose changes are counted: there is one for almost every schema.
const EXAMPLES: [&str; 2] = ["example", "examples"];

pub(super) fn compare(old: &Value, new: &Value, found: &mut Collector) {
    let mut examples = 0;
    descend(old, new, "", &mut examples, found);
    if examples > 0 {
        let what = if examples == 1 { "1 example" } else { &format!("{examples} examples") };
        found.say(Effect::Compatible, Kind::Changed, &Place::default(), what);
    }
    let schemes = |root: &Value| {
        let schemes = root.pointer("/components/securitySchemes").and_then(Value::as_object);
        schemes.cloned().unwrap_or_default()
    };
    let (before, after) = (schemes(old), schemes(new));
    // Added schemes are not reported, because no program uses them yet.
    for (name, scheme) in before.iter().filter(|(name, scheme)| after.get(*name) != Some(scheme)) {
        let what = format!("security scheme {name}");
        let kind = if after.contains_key(name) { Kind::Changed } else { Kind::Removed };
        let change = Change::new(Effect::Breaking, kind, &Place::default(), &what);
        found.push(change.values(shown(Some(scheme)), shown(after.get(name))));
    }
}

fn descend(old: &Value, new: &Value, at: &str, examples: &mut usize, found: &mut Collector) {
    match (old, new) {
        (Value::Object(before), Value::Object(after)) => {
            // Names of fields and schemas are no keywords.
            let names = at.ends_with("/properties") || at.ends_with("/schemas");
            for (key, value) in
                before.iter().chain(after.iter().filter(|(key, _)| !before.contains_key(*key)))
            {
                let (old, new) = (before.get(key), after.get(key));
                if EXAMPLES.contains(&key.as_str()) && !names {
                    *examples += usize::from(old != new);
                } else if KEYS.contains(&key.as_str()) && !names {
                    if old != new {
                        report(at, key, (old, new), found);
                    }
                } else if let (Some(_), Some(new)) = (old, new) {
                    descend(value, new, &pointer::join(at, key), examples, found);
                }
            }
        }
        (Value::Array(before), Value::Array(after)) => {
            for (index, (old, new)) in before.iter().zip(after).enumerate() {
                let at = pointer::join(at, &index.to_string());
                descend(old, new, &at, examples, found);
            }
        }
        _ => {}
    }
}

/// Reports a keyword at the pointer `at`, under its operation if it has one.
fn report(at: &str, key: &str, values: (Option<&Value>, Option<&Value>), found: &mut Collector) {
    let kind = match values {
        (Some(_), None) => Kind::Removed,
        (None, Some(_)) => Kind::Added,
        _ => Kind::Changed,
    };
    let words: Vec<&str> = at.split('/').collect();
    let (place, within) = match words.as_slice() {
        ["", "paths", path, method, rest @ ..] => {
            let name = operations::name(path, method);
            found.begin(&name);
            (Place::operation(&name, Part::Whole), rest.join("/"))
        }
        _ => (Place::default(), at.trim_start_matches('/').to_owned()),
    };
    let what = if within.is_empty() { key.to_owned() } else { format!("{within}/{key}") };
    let change = Change::new(Effect::Compatible, kind, &place, &what);
    found.push(change.values(shown(values.0), shown(values.1)));
    found.end();
}
