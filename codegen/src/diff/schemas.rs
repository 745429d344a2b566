//! Named schemas, and schemas that stand inline.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::{Diff, Effect, Kind};
use crate::passes::schema;
use crate::pointer;

/// Where the values of a schema go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Use {
    pub(super) request: bool,
    pub(super) response: bool,
}

impl Use {
    pub(super) const REQUEST: Self = Self { request: true, response: false };
    pub(super) const RESPONSE: Self = Self { request: false, response: true };
}

type Object = Map<String, Value>;

pub(super) fn compare(old: &Value, new: &Value, diff: &mut Diff) {
    let named = |root: &Value| {
        root.pointer("/components/schemas").and_then(Value::as_object).cloned().unwrap_or_default()
    };
    let (old_schemas, new_schemas) = (named(old), named(new));
    let uses = uses(old, &old_schemas).into_iter().chain(uses(new, &new_schemas)).fold(
        BTreeMap::<String, Use>::new(),
        |mut all, (name, usage)| {
            let entry = all.entry(name).or_default();
            entry.request |= usage.request;
            entry.response |= usage.response;
            all
        },
    );
    for (name, schema) in &old_schemas {
        let usage = uses.get(name).copied().unwrap_or_default();
        match new_schemas.get(name) {
            Some(other) => compare_schemas(name, (old, new), (schema, other), usage, diff),
            None => diff.push(Effect::Breaking, Kind::Removed, name, "schema"),
        }
    }
    for name in new_schemas.keys().filter(|name| !old_schemas.contains_key(*name)) {
        diff.push(Effect::Compatible, Kind::Added, name, "schema");
    }
}

/// Which named schemas requests and responses reach.
fn uses(root: &Value, schemas: &Object) -> BTreeMap<String, Use> {
    let mut found: BTreeMap<String, Use> = BTreeMap::new();
    for (_, operation) in schema::operations(root) {
        for (key, usage) in [
            ("parameters", Use::REQUEST),
            ("requestBody", Use::REQUEST),
            ("responses", Use::RESPONSE),
        ] {
            let Some(part) = operation.get(key) else { continue };
            let mut next = schema::references(part);
            while let Some(name) = next.pop() {
                let entry = found.entry(name.clone()).or_default();
                let known =
                    (!usage.request || entry.request) && (!usage.response || entry.response);
                entry.request |= usage.request;
                entry.response |= usage.response;
                if !known {
                    next.extend(schemas.get(&name).map(schema::references).unwrap_or_default());
                }
            }
        }
    }
    found
}

/// A schema with the branches of its `allOf` taken together.
struct View {
    /// Schemas that it refers to or extends.
    extends: BTreeSet<String>,
    properties: Object,
    required: BTreeSet<String>,
    /// Every other keyword.
    rest: Object,
}

impl View {
    /// What stands in the schema itself.
    fn of(schema: &Value) -> Self {
        let mut view = Self {
            extends: BTreeSet::new(),
            properties: Object::new(),
            required: BTreeSet::new(),
            rest: Object::new(),
        };
        view.absorb(schema);
        view
    }

    fn absorb(&mut self, schema: &Value) {
        if let Some(name) = pointer::schema_name(schema) {
            self.extends.insert(name.to_owned());
            return;
        }
        for (key, value) in schema.as_object().into_iter().flatten() {
            match (key.as_str(), value) {
                ("allOf", Value::Array(branches)) => {
                    branches.iter().for_each(|branch| self.absorb(branch))
                }
                ("properties", Value::Object(properties)) => {
                    self.properties.extend(properties.clone())
                }
                ("required", Value::Array(names)) => {
                    self.required.extend(names.iter().filter_map(Value::as_str).map(str::to_owned));
                }
                (key, _) if schema::is_annotation(key) => {}
                (key, value) => {
                    self.rest.insert(key.to_owned(), value.clone());
                }
            }
        }
    }

    /// Takes in the schemas that it extends, and those that they extend.
    fn resolve(&mut self, root: &Value) {
        let mut known = BTreeSet::new();
        while let Some(name) = self.extends.difference(&known).next().cloned() {
            if let Some(schema) = root.pointer(&pointer::join("/components/schemas", &name)) {
                self.absorb(schema);
            }
            known.insert(name);
        }
    }
}

/// Compares two schemas of the same place.
pub(super) fn compare_schemas(
    at: &str,
    (old_root, new_root): (&Value, &Value),
    schemas: (&Value, &Value),
    usage: Use,
    diff: &mut Diff,
) {
    Comparison { old_root, new_root, usage, diff, resolved: BTreeSet::new() }.run(at, schemas);
}

struct Comparison<'c> {
    old_root: &'c Value,
    new_root: &'c Value,
    usage: Use,
    diff: &'c mut Diff,
    /// Pairs of schemas that were compared by content, so that those which
    /// contain themselves come to an end.
    resolved: BTreeSet<(BTreeSet<String>, BTreeSet<String>)>,
}

impl Comparison<'_> {
    fn push(&mut self, effect: Effect, kind: Kind, at: impl Into<String>, what: impl Into<String>) {
        self.diff.push(effect, kind, at, what);
    }

    fn run(&mut self, at: &str, (old, new): (&Value, &Value)) {
        let (mut old, mut new) = (View::of(old), View::of(new));
        if old.extends != new.extends {
            // Another name for the same content is no change.
            if !self.resolved.insert((old.extends.clone(), new.extends.clone())) {
                return;
            }
            old.resolve(self.old_root);
            new.resolve(self.new_root);
        }
        self.properties(at, &old, &new);
        let get = |key: &str| (old.rest.get(key), new.rest.get(key));
        for key in ["type", "format"] {
            if let (before, after) = get(key)
                && before != after
                && !(key == "type" && means_object(&old) && means_object(&new))
            {
                self.push(Effect::Breaking, Kind::Changed, at, from_to(key, before, after));
            }
        }
        let (before, after) = get("nullable");
        if is_true(before) != is_true(after) {
            let breaks = if is_true(after) { self.usage.response } else { self.usage.request };
            self.push(
                Effect::breaking_if(breaks),
                Kind::Changed,
                at,
                from_to("nullable", before, after),
            );
        }
        self.values(at, get("enum"));
        match get("default") {
            (before, after) if before == after => {}
            (None, Some(value)) => {
                self.push(Effect::Compatible, Kind::Added, at, format!("default {value}"))
            }
            (before, after) => {
                self.push(Effect::Breaking, Kind::Changed, at, from_to("default", before, after))
            }
        }
        self.constraints(at, &old, &new);
        for (key, suffix) in [("items", "[]"), ("additionalProperties", "{}")] {
            match get(key) {
                (Some(before), Some(after)) if before.is_object() && after.is_object() => {
                    self.run(&format!("{at}{suffix}"), (before, after));
                }
                (before, after) if before != after => {
                    self.push(Effect::Breaking, Kind::Changed, at, from_to(key, before, after));
                }
                _ => {}
            }
        }
        for key in ["oneOf", "anyOf", "not", "discriminator"] {
            if let (before, after) = get(key)
                && before != after
            {
                let breaks = self.usage.request || after.is_some();
                self.push(Effect::breaking_if(breaks), Kind::Changed, at, key);
            }
        }
    }

    fn properties(&mut self, at: &str, old: &View, new: &View) {
        for (name, property) in &old.properties {
            let Some(other) = new.properties.get(name) else {
                self.push(Effect::Breaking, Kind::Removed, at, format!("field {name}"));
                continue;
            };
            self.run(&format!("{at}.{name}"), (property, other));
        }
        for name in new.properties.keys().filter(|name| !old.properties.contains_key(*name)) {
            let required = new.required.contains(name);
            let effect = Effect::breaking_if(required && self.usage.request);
            let what = format!("{} field {name}", if required { "required" } else { "optional" });
            self.push(effect, Kind::Added, at, what);
        }
        let Use { request, response } = self.usage;
        // A name may be required that only an extended schema declares.
        let declared = |name: &&String| {
            !new.properties.contains_key(*name) || old.properties.contains_key(*name)
        };
        for name in new.required.difference(&old.required).filter(declared) {
            self.push(
                Effect::breaking_if(request),
                Kind::Changed,
                format!("{at}.{name}"),
                "became required",
            );
        }
        let kept = |name: &&String| {
            !old.properties.contains_key(*name) || new.properties.contains_key(*name)
        };
        for name in old.required.difference(&new.required).filter(kept) {
            self.push(
                Effect::breaking_if(response),
                Kind::Changed,
                format!("{at}.{name}"),
                "became optional",
            );
        }
    }

    fn values(&mut self, at: &str, enums: (Option<&Value>, Option<&Value>)) {
        let request = self.usage.request;
        match enums {
            (Some(Value::Array(old)), Some(Value::Array(new))) => {
                for value in old.iter().filter(|value| !new.contains(value)) {
                    self.push(
                        Effect::breaking_if(request),
                        Kind::Removed,
                        at,
                        format!("value {value}"),
                    );
                }
                for value in new.iter().filter(|value| !old.contains(value)) {
                    self.push(Effect::Compatible, Kind::Added, at, format!("value {value}"));
                }
            }
            (None, Some(new)) => {
                self.push(Effect::breaking_if(request), Kind::Added, at, format!("enum {new}"));
            }
            (Some(old), None) => {
                self.push(Effect::Compatible, Kind::Removed, at, format!("enum {old}"))
            }
            _ => {}
        }
    }

    fn constraints(&mut self, at: &str, old: &View, new: &View) {
        for key in LOWER.iter().chain(&UPPER).chain(&EXACT) {
            let (before, after) = (old.rest.get(*key), new.rest.get(*key));
            if before == after {
                continue;
            }
            let numbers = (before.and_then(Value::as_f64), after.and_then(Value::as_f64));
            let tightened = match (after, numbers) {
                (None | Some(Value::Bool(false)), _) => false,
                (_, (Some(before), Some(after))) if LOWER.contains(key) => after > before,
                (_, (Some(before), Some(after))) if UPPER.contains(key) => after < before,
                _ => true,
            };
            let effect = Effect::breaking_if(tightened && self.usage.request);
            self.push(effect, Kind::Changed, at, from_to(key, before, after));
        }
    }
}

/// Lower bounds are tightened by growing, upper bounds by shrinking.
const LOWER: [&str; 4] = ["minimum", "minLength", "minItems", "minProperties"];
const UPPER: [&str; 4] = ["maximum", "maxLength", "maxItems", "maxProperties"];
/// Constraints that are another whenever they differ.
const EXACT: [&str; 5] =
    ["pattern", "multipleOf", "uniqueItems", "exclusiveMinimum", "exclusiveMaximum"];

/// An object with properties is one, whether it says so or not.
fn means_object(view: &View) -> bool {
    view.rest.get("type").is_some_and(|kind| kind == "object")
        || (!view.rest.contains_key("type") && !view.properties.is_empty())
}

fn is_true(value: Option<&Value>) -> bool {
    value == Some(&Value::Bool(true))
}

fn from_to(key: &str, before: Option<&Value>, after: Option<&Value>) -> String {
    let shown = |value: Option<&Value>| match value {
        Some(value @ (Value::Object(_) | Value::Array(_))) => {
            format!("{:.60}", value.to_string())
        }
        Some(value) => value.to_string(),
        None => "none".to_owned(),
    };
    format!("{key} from {} to {}", shown(before), shown(after))
}
