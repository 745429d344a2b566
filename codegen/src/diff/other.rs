//! Facts that no client's program depends on: servers, tags, examples, …

use serde_json::Value;

use super::{Diff, Effect, Kind};
use crate::pointer;

/// Keywords whose changes are reported by their place alone.
const KEYS: [&str; 8] =
    ["openapi", "info", "externalDocs", "servers", "tags", "example", "examples", "headers"];

pub(super) fn compare(old: &Value, new: &Value, diff: &mut Diff) {
    descend(old, new, "", diff);
    let schemes = |root: &Value| {
        let schemes = root.pointer("/components/securitySchemes").and_then(Value::as_object);
        schemes.cloned().unwrap_or_default()
    };
    let (before, after) = (schemes(old), schemes(new));
    // One more is used by nobody yet.
    if before.iter().any(|(name, scheme)| after.get(name) != Some(scheme)) {
        diff.push(Effect::Breaking, Kind::Changed, "document", "security");
    }
}

fn descend(old: &Value, new: &Value, at: &str, diff: &mut Diff) {
    match (old, new) {
        (Value::Object(before), Value::Object(after)) => {
            // Fields have names, which are no keywords.
            let names = at.ends_with("/properties") || at.ends_with("/schemas");
            for (key, value) in
                before.iter().chain(after.iter().filter(|(key, _)| !before.contains_key(*key)))
            {
                let at = pointer::join(at, key);
                let (old, new) = (before.get(key), after.get(key));
                if KEYS.contains(&key.as_str()) && !names {
                    let kind = match (old, new) {
                        (Some(_), None) => Kind::Removed,
                        (None, Some(_)) => Kind::Added,
                        _ => Kind::Changed,
                    };
                    if old != new {
                        diff.push(Effect::Compatible, kind, at, key);
                    }
                } else if let (Some(_), Some(new)) = (old, new) {
                    descend(value, new, &at, diff);
                }
            }
        }
        (Value::Array(before), Value::Array(after)) => {
            for (index, (old, new)) in before.iter().zip(after).enumerate() {
                descend(old, new, &pointer::join(at, &index.to_string()), diff);
            }
        }
        _ => {}
    }
}
