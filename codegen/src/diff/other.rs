//! Facts that no program depends on, such as servers, tags and examples.

use std::collections::BTreeMap;

use serde_json::Value;

use super::collect::Collector;
use super::place::{Part, Place};
use super::{Change, Effect, Kind, operations, shown};
use crate::pointer;

/// Keywords whose changes are reported, each at its place.
const KEYS: [&str; 5] = ["openapi", "info", "servers", "tags", "headers"];

/// Keywords whose changes are counted, because almost every schema or operation has one. Each
/// has its word in the report.
const COUNTED: [(&str, &str); 3] =
    [("example", "example"), ("examples", "example"), ("externalDocs", "link")];

type Counts = BTreeMap<&'static str, usize>;

pub(super) fn compare(old: &Value, new: &Value, found: &mut Collector) {
    let mut counts = Counts::new();
    descend(old, new, "", &mut counts, found);
    for (word, count) in counts {
        let what = format!("{count} {word}{}", if count == 1 { "" } else { "s" });
        found.say(Effect::Compatible, Kind::Changed, &Place::default(), &what);
    }
}

fn descend(old: &Value, new: &Value, at: &str, counts: &mut Counts, found: &mut Collector) {
    match (old, new) {
        (Value::Object(before), Value::Object(after)) => {
            // Names of fields and schemas are no keywords.
            let names = at.ends_with("/properties") || at.ends_with("/schemas");
            for key in before.keys().chain(after.keys().filter(|key| !before.contains_key(*key))) {
                let (old, new) = (before.get(key), after.get(key));
                // An extension is no fact of the API.
                if old == new || (!names && key.starts_with("x-")) {
                    continue;
                }
                let is = |known: &&(&str, &'static str)| known.0 == key && !names;
                if let Some((_, word)) = COUNTED.iter().find(is) {
                    *counts.entry(word).or_default() += 1;
                } else if KEYS.contains(&key.as_str()) && !names {
                    report(at, key, (old, new), found);
                } else if let (Some(old), Some(new)) = (old, new) {
                    descend(old, new, &pointer::join(at, key), counts, found);
                }
            }
        }
        (Value::Array(before), Value::Array(after)) => {
            for (index, (old, new)) in before.iter().zip(after).enumerate() {
                let at = pointer::join(at, &index.to_string());
                descend(old, new, &at, counts, found);
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
