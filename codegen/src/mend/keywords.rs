//! Keywords of JSON Schema that a client's types do not express, noted while the document is
//! as it was published.

use serde_json::{Map, Value};

use crate::left_out::Notes;
use crate::{lower, walk};

const RESTRICTS: &str = "the types do not check this restriction";
const CONDITION: &str = "the type has no fields that depend on a condition";

/// Keywords, each with the reason.
const LEFT_OUT: [(&str, &str); 14] = [
    ("$dynamicRef", "a reference that depends on its place is read as any value"),
    ("contains", RESTRICTS),
    ("contentSchema", "the content of a text is not decoded"),
    ("dependentRequired", RESTRICTS),
    ("dependentSchemas", CONDITION),
    ("else", CONDITION),
    ("if", CONDITION),
    ("not", RESTRICTS),
    ("patternProperties", "names are not checked: the values are those of any other property"),
    ("prefixItems", "the entries of a list are of one type, whatever their positions"),
    ("propertyNames", RESTRICTS),
    ("then", CONDITION),
    ("unevaluatedItems", RESTRICTS),
    ("unevaluatedProperties", RESTRICTS),
];

/// Keywords that only OpenAPI 3.1 has, of those that this crate reads there.
const OF_3_1: [&str; 3] = ["const", "patternProperties", "prefixItems"];

/// Notes each keyword of a schema that is left out.
pub(super) fn note(root: &Value, notes: &mut Notes) {
    let is_3_1 = lower::is_3_1(root);
    walk::objects_at(root, &mut |at, map: &Map<String, Value>| {
        let reason = |key: &str| match OF_3_1.contains(&key) && !is_3_1 {
            true => Some("OpenAPI 3.0 does not have this keyword"),
            false => LEFT_OUT.iter().find(|(known, _)| *known == key).map(|(_, reason)| *reason),
        };
        let mut found =
            map.iter().filter_map(|(key, value)| Some((key, value, reason(key)?))).peekable();
        if found.peek().is_none() || !lower::is_schema(map) {
            return;
        }
        // `true` restricts nothing.
        for (key, _, reason) in found.filter(|(_, value, _)| **value != Value::Bool(true)) {
            notes.detail(&walk::pointer(at, key), reason);
        }
    });
}
