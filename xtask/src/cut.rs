//! Part of a document that some of its paths need.

use std::collections::BTreeSet;

use serde_json::Value;

/// Keeps the paths that begin with `prefix`, and the components that they refer to, directly
/// or through others. Security schemes are named without a reference, so all of them stay.
pub(crate) fn cut(root: &mut Value, prefix: &str) {
    if let Some(paths) = root.get_mut("paths").and_then(Value::as_object_mut) {
        paths.retain(|path, _| path.starts_with(prefix));
    }
    let mut needed = BTreeSet::new();
    let mut next = references(root.get("paths"));
    while let Some(reference) = next.pop() {
        let target = reference.strip_prefix('#').and_then(|pointer| root.pointer(pointer));
        if needed.insert(reference) {
            next.extend(references(target));
        }
    }
    let Some(components) = root.get_mut("components").and_then(Value::as_object_mut) else {
        return;
    };
    for (kind, named) in components.iter_mut().filter(|(kind, _)| *kind != "securitySchemes") {
        if let Some(named) = named.as_object_mut() {
            named.retain(|name, _| needed.contains(&format!("#/components/{kind}/{name}")));
        }
    }
    components.retain(|_, named| named.as_object().is_none_or(|named| !named.is_empty()));
}

/// Lists the targets of all references in a value.
fn references(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::Object(map)) => {
            let own = map.get("$ref").and_then(Value::as_str).map(str::to_owned);
            own.into_iter().chain(map.values().flat_map(|value| references(Some(value)))).collect()
        }
        Some(Value::Array(items)) => items.iter().flat_map(|item| references(Some(item))).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn components_stay_that_the_paths_need_through_others() {
        let schema = |name: &str| json!({ "$ref": format!("#/components/schemas/{name}") });
        let mut root = json!({
            "paths": { "/a/b": { "get": { "x": [schema("one")] } }, "/c": { "get": schema("four") } },
            "components": {
                "schemas": { "one": { "y": schema("two") }, "two": schema("one"), "four": {} },
                "examples": { "five": {} },
                "securitySchemes": { "token": {} },
            },
        });
        let expected = json!({
            "paths": { "/a/b": { "get": { "x": [schema("one")] } } },
            "components": {
                "schemas": { "one": { "y": schema("two") }, "two": schema("one") },
                "securitySchemes": { "token": {} },
            },
        });
        cut(&mut root, "/a/");
        assert_eq!(root, expected);
        cut(&mut root, "/a/");
        assert_eq!(root, expected);
    }
}
