//! Removal of keywords that a client's types should not insist on.
//!
//! A constraint such as `minLength` would become a type that refuses replies (the API sends
//! empty mids in failed items). A `default` would be sent although the caller did not set it.
//! Both move into the documentation. Numbers that count or identify become integers.

use serde_json::{Map, Value};

use crate::schema;

/// Removed keywords with their words in the documentation.
const DOCUMENTED: [(&str, &str); 9] = [
    ("default", "Default"),
    ("minLength", "Minimum length"),
    ("maxLength", "Maximum length"),
    ("pattern", "Pattern"),
    ("minItems", "Minimum number of entries"),
    ("maxItems", "Maximum number of entries"),
    ("minimum", "Minimum"),
    ("maximum", "Maximum"),
    ("multipleOf", "Multiple of"),
];

/// Keywords that are removed without a word in the documentation: they concern tools, not
/// values.
const SILENT: [&str; 13] = [
    "title",
    "example",
    "examples",
    "externalDocs",
    "readOnly",
    "writeOnly",
    "xml",
    "deprecated",
    "uniqueItems",
    "not",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "minProperties",
];

/// Formats of integers that are their width.
const WIDTHS: [&str; 8] =
    ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"];

/// Other formats that choose a Rust type. `decimal` is that of an integer that may need more
/// than 64 bits. Further formats only describe.
const FORMATS: [&str; 8] =
    ["binary", "byte", "date", "date-time", "decimal", "double", "float", "uuid"];

/// Parts of the names of formats whose integers need more than 64 bits, such as `uint128` and
/// `bigint`.
const WIDE: [&str; 3] = ["128", "256", "big"];

pub(super) fn run(root: &mut Value) {
    // Bounds help to choose the integer, so they are removed afterwards.
    schema::every_mut(root, &mut |map| {
        let properties = map.get_mut("properties").and_then(Value::as_object_mut);
        properties.into_iter().flatten().for_each(|(name, property)| count(name, property));
    });
    schema::every_mut(root, &mut loosen);
    for (_, _, operation) in schema::operations_mut(root) {
        let Some(Value::Array(parameters)) = operation.get_mut("parameters") else { continue };
        for parameter in parameters {
            let name = parameter.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
            if let Some(schema) = parameter.get_mut("schema") {
                count(&name, schema);
            }
        }
    }
}

fn loosen(map: &mut Map<String, Value>) {
    let notes: Vec<String> = DOCUMENTED
        .iter()
        .filter_map(|(key, words)| {
            let value = map.get(*key)?;
            let note = match value {
                Value::String(text) => format!("{words}: `{text}`."),
                Value::Null | Value::Array(_) | Value::Object(_) => return None,
                other => format!("{words}: `{other}`."),
            };
            Some(note)
        })
        .collect();
    integer_format(map);
    DOCUMENTED.iter().map(|(key, _)| key).chain(&SILENT).for_each(|key| {
        map.shift_remove(*key);
    });
    map.shift_remove("maxProperties");
    let chooses = |format: &str| WIDTHS.contains(&format) || FORMATS.contains(&format);
    if map.get("format").and_then(Value::as_str).is_some_and(|format| !chooses(format)) {
        map.shift_remove("format");
    }
    // `false` would refuse a field that the API adds later.
    if map.get("additionalProperties") == Some(&Value::Bool(false)) {
        map.shift_remove("additionalProperties");
    }
    only_declared(map);
    open_enum(map);
    if !notes.is_empty() {
        let text = map.get("description").and_then(Value::as_str).unwrap_or_default();
        let text = [text.trim_end(), &notes.join(" ")].join("\n\n");
        map.insert("description".to_owned(), Value::String(text.trim_start().to_owned()));
    }
}

/// Gives a format to an integer without a width: 64 bits, unsigned if it cannot be negative.
/// The bounds do not choose a smaller width, because they may change. An integer that may need
/// more than 64 bits keeps its digits.
fn integer_format(map: &mut Map<String, Value>) {
    let format = map.get("format").and_then(Value::as_str).unwrap_or_default();
    if map.get("type").is_none_or(|kind| kind != "integer") || WIDTHS.contains(&format) {
        return;
    }
    let bound = |key: &str| map.get(key).and_then(Value::as_f64);
    let (least, most) = (bound("minimum"), bound("maximum").unwrap_or(0.0));
    let unsigned = least.map_or(format.starts_with('u'), |least| least >= 0.0);
    // The nearest numbers that an `f64` has: a bound is as coarse.
    let fits = match unsigned {
        true => most <= u64::MAX as f64,
        false => most <= i64::MAX as f64 && least.is_none_or(|least| least >= i64::MIN as f64),
    };
    let format = match (fits && !WIDE.iter().any(|part| format.contains(part)), unsigned) {
        (false, _) => "decimal",
        (true, true) => "uint64",
        (true, false) => "int64",
    };
    map.insert("format".to_owned(), format.into());
}

/// Removes names from `required` that are no properties.
fn only_declared(map: &mut Map<String, Value>) {
    let declared: Vec<String> = match map.get("properties") {
        Some(Value::Object(properties)) => properties.keys().cloned().collect(),
        _ => Vec::new(),
    };
    if let Some(Value::Array(required)) = map.get_mut("required") {
        required
            .retain(|name| name.as_str().is_some_and(|name| declared.iter().any(|d| d == name)));
        if required.is_empty() {
            map.shift_remove("required");
        }
    }
}

/// Keeps the strings of an enum. A `null` among them makes it nullable. An enum of other values
/// is only documented.
fn open_enum(map: &mut Map<String, Value>) {
    let kind = map.get("type").cloned();
    let Some(Value::Array(values)) = map.get_mut("enum") else { return };
    let had_null = values.iter().any(Value::is_null);
    // An overlay may list values for a field that is no longer a string.
    let may_be_text = kind.is_none_or(|kind| kind == "string");
    let all_text = may_be_text && values.iter().all(|value| value.is_string() || value.is_null());
    let mut seen = std::collections::HashSet::new();
    values.retain(|value| value.as_str().is_some_and(|text| seen.insert(text.to_owned())));
    let keep = all_text && !values.is_empty();
    if keep {
        map.entry("type").or_insert_with(|| "string".into());
        // The list of values says more than the alternatives.
        for key in ["allOf", "anyOf", "oneOf"] {
            map.shift_remove(key);
        }
    } else {
        map.shift_remove("enum");
    }
    if had_null {
        map.insert("nullable".to_owned(), true.into());
    }
}

/// Makes an integer of a `number` whose name is that of an identifier or a count.
fn count(name: &str, schema: &mut Value) {
    if schema.get("type").is_none_or(|kind| kind != "number") {
        return;
    }
    let words = heck::AsSnakeCase(name).to_string();
    let words: Vec<&str> = words.split('_').collect();
    let last = words.last().copied().unwrap_or_default();
    let counts = ["id", "count", "bytes", "packets"].contains(&last);
    let counted = ["bytes", "packets"].contains(&words.first().copied().unwrap_or_default());
    if let (true, Some(map)) = (counts || counted, schema.as_object_mut()) {
        map.insert("type".to_owned(), "integer".into());
        map.shift_remove("format");
        integer_format(map);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn loosened(schema: Value) -> Value {
        let mut root = json!({ "components": { "schemas": { "A": schema } } });
        run(&mut root);
        root["components"]["schemas"]["A"].take()
    }

    #[test]
    fn constraints_and_defaults_become_documentation() {
        let schema = json!({ "type": "string", "minLength": 1, "default": "x", "format": "uri" });
        assert_eq!(
            loosened(schema),
            json!({ "type": "string", "description": "Default: `x`. Minimum length: `1`." })
        );
    }

    #[test]
    fn numbers_that_identify_or_count_become_integers() {
        let schema = json!({ "properties": {
            "id": { "type": "number" },
            "bytesProcessed": { "type": "number", "minimum": 0 },
            "volume": { "type": "number" },
        }});
        let properties = &loosened(schema)["properties"];
        assert_eq!(properties["id"], json!({ "type": "integer", "format": "int64" }));
        assert_eq!(properties["bytesProcessed"]["format"], "uint64");
        assert_eq!(properties["volume"], json!({ "type": "number" }));
    }

    #[test]
    fn enums_stay_open_and_nullable() {
        let schema = json!({ "enum": ["a", null] });
        assert_eq!(loosened(schema), json!({ "enum": ["a"], "type": "string", "nullable": true }));
        let text = json!([{ "type": "string" }]);
        assert_eq!(
            loosened(
                json!({ "type": "string", "enum": ["a"], "oneOf": text, "allOf": text, "anyOf": text })
            ),
            json!({ "type": "string", "enum": ["a"] })
        );
        assert_eq!(loosened(json!({ "type": "integer", "enum": [1, 2] }))["enum"], Value::Null);
        assert_eq!(loosened(json!({ "type": "object", "enum": ["a"] }))["enum"], Value::Null);
    }

    #[test]
    fn objects_stay_open_and_required_names_their_properties() {
        let schema = json!({ "type": "object", "properties": { "a": {} },
            "additionalProperties": false, "required": ["a", "b"] });
        assert_eq!(
            loosened(schema),
            json!({ "type": "object", "properties": { "a": {} }, "required": ["a"] })
        );
    }
}
