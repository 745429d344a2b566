//! OpenAPI Overlay 1.0: additions and corrections to a published document.

use std::collections::BTreeMap;
use std::path::Path;
use std::{fmt, ptr};

use serde::Deserialize;
use serde_json::Value;
use serde_json_path::{JsonPath, NormalizedPath};

use crate::walk::{self, Step};
use crate::{Document, Result, document, load, validate::fault};

/// Parsed [OpenAPI Overlay 1.0](https://spec.openapis.org/overlay/v1.0.0.html).
#[derive(Debug)]
pub struct Overlay {
    file: String,
    actions: Vec<Action>,
}

/// Action whose target matches nothing in the document at hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stale {
    /// Position in the overlay's `actions`, from 0.
    pub index: usize,
    /// Action's JSONPath, as written.
    pub target: String,
    /// Reason for the action, if the overlay gives it.
    pub reason: Option<String>,
}

impl fmt::Display for Stale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/actions/{}: {}", self.index, self.target)?;
        self.reason.iter().try_for_each(|reason| write!(f, " ({reason})"))
    }
}

#[derive(Debug)]
struct Action {
    target: String,
    path: JsonPath,
    reason: Option<String>,
    change: Change,
}

#[derive(Debug)]
enum Change {
    Update(Value),
    Remove,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAction {
    target: String,
    description: Option<String>,
    update: Option<Value>,
    #[serde(default)]
    remove: bool,
}

impl Overlay {
    /// Creates an overlay that changes nothing.
    pub fn empty() -> Self {
        Self { file: "(no overlay)".to_owned(), actions: Vec::new() }
    }

    /// Reads the file at `path`. Messages call it by its file name.
    ///
    /// # Errors
    /// Those of [`from_bytes`](Self::from_bytes), and
    /// [`Error::Read`](crate::Error::Read).
    pub fn from_path(path: &Path) -> Result<Self> {
        let file = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let bytes = document::read_bounded(path, &file)?;
        Self::from_bytes(&file, &bytes)
    }

    /// Parses JSON or YAML. `file` is the name that messages use.
    ///
    /// # Errors
    /// [`Error::TooLarge`](crate::Error::TooLarge),
    /// [`Error::Syntax`](crate::Error::Syntax), and
    /// [`Error::Document`](crate::Error::Document) with the place that does not follow
    /// Overlay 1.0.
    pub fn from_bytes(file: &str, bytes: &[u8]) -> Result<Self> {
        let mut root = load::parse(file, bytes)?;
        match root.get("overlay").and_then(Value::as_str) {
            Some(version) if version == "1.0.0" || version.starts_with("1.0.") => {}
            _ => return Err(fault(file, "/overlay", "expected an Overlay of version 1.0")),
        }
        let Some(Value::Array(list)) = root.get_mut("actions").map(Value::take) else {
            return Err(fault(file, "/actions", "expected an array"));
        };
        let actions = list
            .into_iter()
            .enumerate()
            .map(|(index, action)| {
                parse_action(action)
                    .map_err(|reason| fault(file, &format!("/actions/{index}"), reason))
            })
            .collect::<Result<_>>()?;
        Ok(Self { file: file.to_owned(), actions })
    }

    /// Returns the name that messages use.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Returns the number of actions.
    pub fn len(&self) -> usize {
        self.actions.len()
    }

    /// Returns whether there is no action.
    pub fn is_empty(&self) -> bool {
        self.actions.is_empty()
    }

    /// Applies the actions in order. Returns the new document, and the actions that matched
    /// nothing.
    ///
    /// # Errors
    /// [`Error::Document`](crate::Error::Document) if an action makes the document invalid.
    pub fn apply_to(&self, document: &Document) -> Result<(Document, Vec<Stale>)> {
        let mut root = document.root().clone();
        let stale = self.apply(&mut root);
        Ok((Document::from_root(document.file(), root)?, stale))
    }

    /// Applies the actions in order, and returns those that matched nothing.
    fn apply(&self, root: &mut Value) -> Vec<Stale> {
        let mut stale = Vec::new();
        for (index, action) in self.actions.iter().enumerate() {
            let mut targets = action.targets(root);
            if targets.is_empty() {
                stale.push(Stale {
                    index,
                    target: action.target.clone(),
                    reason: action.reason.clone(),
                });
            }
            match &action.change {
                Change::Update(update) => {
                    for target in targets {
                        if let Some(target) = root.pointer_mut(&target) {
                            merge(target, update);
                        }
                    }
                }
                Change::Remove => {
                    // Later elements of an array first, so that no index moves.
                    targets.reverse();
                    for target in targets {
                        remove(root, &target);
                    }
                }
            }
        }
        stale
    }
}

impl Action {
    /// Lists the JSON pointers of the values at the target, in the order of JSONPath.
    fn targets(&self, root: &Value) -> Vec<String> {
        // A descent with locations makes one for each part of the document. A search for the few
        // values that it finds takes a third of the time.
        if self.target.contains("..") {
            return pointers(root, &self.path.query(root).all());
        }
        let found = self.path.query_located(root);
        found.locations().map(NormalizedPath::to_json_pointer).collect()
    }
}

/// Lists the JSON pointers of `parts`, which are values inside of `root`.
fn pointers(root: &Value, parts: &[&Value]) -> Vec<String> {
    let mut found = parts.iter().map(|part| (ptr::from_ref(*part), String::new())).collect();
    if !parts.is_empty() {
        locate(root, &mut Vec::new(), &mut found);
    }
    parts.iter().filter_map(|part| found.get(&ptr::from_ref(*part)).cloned()).collect()
}

/// Writes the pointer of each value that is in `found` by its address. `value` is at these steps.
fn locate<'v>(
    value: &'v Value,
    at: &mut Vec<Step<'v>>,
    found: &mut BTreeMap<*const Value, String>,
) {
    if let Some(pointer) = found.get_mut(&ptr::from_ref(value)) {
        *pointer = match at.as_slice() {
            [] => String::new(),
            [above @ .., Step::Key(key)] => walk::pointer(above, key),
            [above @ .., Step::Index(index)] => walk::pointer(above, &index.to_string()),
        };
    }
    let mut part = |step, part| {
        at.push(step);
        locate(part, at, found);
        at.pop();
    };
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| part(Step::Key(key), value)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| part(Step::Index(index), item));
        }
        _ => {}
    }
}

fn parse_action(action: Value) -> Result<Action, String> {
    let raw = RawAction::deserialize(action).map_err(|error| error.to_string())?;
    let path = JsonPath::parse(&raw.target)
        .map_err(|error| format!("target is not a JSONPath of RFC 9535: {error}"))?;
    let change = match (raw.update, raw.remove) {
        (Some(update), false) => Change::Update(update),
        (None, true) => Change::Remove,
        _ => return Err("an action either has `update` or `remove: true`".to_owned()),
    };
    Ok(Action { target: raw.target, path, reason: raw.description, change })
}

/// Merges an update into its target. Objects merge key by key, an array takes the update as
/// further elements, other values are replaced.
fn merge(target: &mut Value, update: &Value) {
    match (target, update) {
        (Value::Object(target), Value::Object(update)) => {
            for (key, value) in update {
                match target.get_mut(key) {
                    Some(old) => merge(old, value),
                    None => {
                        target.insert(key.clone(), value.clone());
                    }
                }
            }
        }
        (Value::Array(target), Value::Array(update)) => target.extend(update.iter().cloned()),
        (Value::Array(target), update) => target.push(update.clone()),
        (target, update) => *target = update.clone(),
    }
}

fn remove(root: &mut Value, target: &str) {
    let Some((parent, token)) = target.rsplit_once('/') else { return };
    match root.pointer_mut(parent) {
        Some(Value::Object(map)) => {
            map.shift_remove(&crate::pointer::unescape(token));
        }
        Some(Value::Array(items)) => {
            if let Ok(index) = token.parse::<usize>()
                && index < items.len()
            {
                items.remove(index);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn overlay(actions: Value) -> Overlay {
        let text = json!({ "overlay": "1.0.0", "info": {}, "actions": actions }).to_string();
        Overlay::from_bytes("test.overlay.json", text.as_bytes()).expect("a valid overlay")
    }

    #[test]
    fn updates_merge_objects_and_extend_arrays() {
        let mut root = json!({ "a": { "b": 1, "list": [1] } });
        let stale = overlay(json!([{ "target": "$.a", "update": { "c": 2, "list": [2] } }]))
            .apply(&mut root);
        assert_eq!(root, json!({ "a": { "b": 1, "c": 2, "list": [1, 2] } }));
        assert_eq!(stale, []);
    }

    #[test]
    fn removes_every_match_of_a_filter() {
        let mut root = json!({ "required": ["a", "b", "a"] });
        overlay(json!([{ "target": "$.required[?@ == 'a']", "remove": true }])).apply(&mut root);
        assert_eq!(root, json!({ "required": ["b"] }));
    }

    #[test]
    fn a_descent_finds_what_jsonpath_locates() {
        let part = json!({ "properties": { "a/b": 1, "c~": [{ "properties": { "a/b": 2 } }] } });
        let root = json!({ "z": part, "properties": part, "list": [[part], part, 3] });
        for target in
            ["$..properties", "$..properties['a/b','c~','a/b']", "$..[?@ > 1]", "$..no", "$..*"]
        {
            let overlay = overlay(json!([{ "target": target, "remove": true }]));
            let action = &overlay.actions[0];
            let located = action.path.query_located(&root);
            let expected: Vec<String> =
                located.locations().map(NormalizedPath::to_json_pointer).collect();
            assert_eq!(action.targets(&root), expected, "{target}");
        }
    }

    #[test]
    fn an_action_without_a_match_is_named_with_its_reason() {
        let stale =
            overlay(json!([{ "target": "$.gone", "description": "was wrong", "remove": true }]))
                .apply(&mut json!({}));
        assert_eq!(stale[0].to_string(), "/actions/0: $.gone (was wrong)");
    }

    #[test]
    fn a_file_that_is_no_overlay_is_refused_with_its_place() {
        for (text, place) in [
            (r#"{"actions": []}"#, "/overlay"),
            (r#"{"overlay": "2.0.0", "actions": []}"#, "/overlay"),
            (r#"{"overlay": "1.0.0"}"#, "/actions"),
            (r#"{"overlay": "1.0.0", "actions": [{"target": "$"}]}"#, "/actions/0"),
            (r#"{"overlay": "1.0.0", "actions": [{"target": "a", "remove": true}]}"#, "/actions/0"),
        ] {
            let error = Overlay::from_bytes("o.json", text.as_bytes()).expect_err(text);
            assert!(error.to_string().starts_with(&format!("o.json: {place}: ")), "{error}");
        }
    }
}
