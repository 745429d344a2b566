//! Schemas, once for each place where they are used and for each direction.

use std::collections::{BTreeSet, HashSet};

use serde_json::Value;

use super::view::{Property, View};
use super::{Diff, Effect, Kind};

/// Directions in which the values of a schema go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Direction {
    Request,
    Response,
}

/// Reports which named schemas are new or gone: those that are used are compared
/// where they are, so this alone breaks nothing.
pub(super) fn names(old: &Value, new: &Value, diff: &mut Diff) {
    let named = |root: &Value| -> BTreeSet<String> {
        let schemas = root.pointer("/components/schemas").and_then(Value::as_object);
        schemas.into_iter().flat_map(|map| map.keys().cloned()).collect()
    };
    let (old, new) = (named(old), named(new));
    for name in old.difference(&new) {
        diff.push(Effect::Compatible, Kind::Removed, name, "schema");
    }
    for name in new.difference(&old) {
        diff.push(Effect::Compatible, Kind::Added, name, "schema");
    }
}

/// The comparison of all schemas of two documents.
pub(super) struct Comparison<'c> {
    pub(super) old_root: &'c Value,
    pub(super) new_root: &'c Value,
    /// Pairs that were compared, so that what contains itself comes to an end.
    seen: HashSet<(usize, usize, Direction)>,
}

impl<'c> Comparison<'c> {
    pub(super) fn new(old_root: &'c Value, new_root: &'c Value) -> Self {
        Self { old_root, new_root, seen: HashSet::new() }
    }

    /// Compares two schemas of the same place, each a part of its document.
    pub(super) fn run(
        &mut self,
        at: &str,
        (old, new): (&'c Value, &'c Value),
        direction: Direction,
        diff: &mut Diff,
    ) {
        let address = |value: &Value| std::ptr::from_ref(value) as usize;
        if !self.seen.insert((address(old), address(new), direction)) {
            return;
        }
        let before = View::of(old, self.old_root, direction);
        let after = View::of(new, self.new_root, direction);
        // A schema of the same name in both documents is reported under it, once.
        let at = match (before.name, after.name) {
            (Some(one), Some(other)) if one == other => one,
            _ => at,
        };
        let mut place = Place { at, request: direction == Direction::Request, diff };
        place.keywords(&before, &after);
        self.properties(at, &before, &after, direction, diff);
        self.parts(at, &before, &after, direction, diff);
    }

    fn properties(
        &mut self,
        at: &str,
        old: &View<'c>,
        new: &View<'c>,
        direction: Direction,
        diff: &mut Diff,
    ) {
        let request = direction == Direction::Request;
        // A field of an extended schema is reported there, if both extend it.
        let owner = |property: &Property<'c>, other: &View<'_>| match property.origin {
            Some(origin) if other.extends.contains(origin) => origin.to_owned(),
            _ => at.to_owned(),
        };
        for (name, property) in &old.properties {
            let owner = owner(property, new);
            let Some(other) = new.properties.get(name) else {
                diff.push(Effect::Breaking, Kind::Removed, owner, format!("field {name}"));
                continue;
            };
            let at = format!("{owner}.{name}");
            match (old.required.contains(name), new.required.contains(name)) {
                (false, true) => {
                    let effect = Effect::breaking_if(request);
                    diff.push(effect, Kind::Changed, &at, "became required");
                }
                (true, false) => {
                    let effect = Effect::breaking_if(!request);
                    diff.push(effect, Kind::Changed, &at, "became optional");
                }
                _ => {}
            }
            self.run(&at, (property.schema, other.schema), direction, diff);
        }
        for (name, property) in
            new.properties.iter().filter(|(name, _)| !old.properties.contains_key(*name))
        {
            let required = new.required.contains(name);
            let effect = Effect::breaking_if(required && request);
            let what = format!("{} field {name}", if required { "required" } else { "optional" });
            diff.push(effect, Kind::Added, owner(property, old), what);
        }
    }

    /// Elements, values of maps, alternatives.
    fn parts(
        &mut self,
        at: &str,
        old: &View<'c>,
        new: &View<'c>,
        direction: Direction,
        diff: &mut Diff,
    ) {
        let get = |key: &str| (old.rest.get(key).copied(), new.rest.get(key).copied());
        match get("items") {
            (Some(before), Some(after)) => {
                self.run(&format!("{at}[]"), (before, after), direction, diff);
            }
            (before, after) if before != after => {
                diff.push(Effect::Breaking, Kind::Changed, at, from_to("items", before, after));
            }
            _ => {}
        }
        let any = |values: Option<&Value>| values.is_none_or(|values| *values == Value::Bool(true));
        match get("additionalProperties") {
            (before, after) if any(before) && any(after) => {}
            (Some(before), Some(after)) if before.is_object() && after.is_object() => {
                self.run(&format!("{at}{{}}"), (before, after), direction, diff);
            }
            (before, after) if before != after => {
                let closes = after == Some(&Value::Bool(false));
                let opens = before == Some(&Value::Bool(false));
                let breaks = match direction {
                    Direction::Request => !opens,
                    Direction::Response => !closes && !opens,
                };
                let what = from_to("additionalProperties", before, after);
                diff.push(Effect::breaking_if(breaks), Kind::Changed, at, what);
            }
            _ => {}
        }
        self.alternatives(at, old, new, direction, diff);
        if get("discriminator").0 != get("discriminator").1 {
            diff.push(Effect::Breaking, Kind::Changed, at, "discriminator");
        }
    }

    /// Alternatives are paired if they mean the same, else by the names of their
    /// schemas, else in their order.
    fn alternatives(
        &mut self,
        at: &str,
        old: &View<'c>,
        new: &View<'c>,
        direction: Direction,
        diff: &mut Diff,
    ) {
        let list = |view: &View<'c>| -> Vec<(String, &'c Value)> {
            let lists = ["oneOf", "anyOf"].iter().filter_map(|key| view.rest.get(key)?.as_array());
            let label = |(index, branch): (usize, &'c Value)| {
                let name = crate::pointer::schema_name(branch);
                (name.map_or_else(|| (index + 1).to_string(), str::to_owned), branch)
            };
            lists.flatten().enumerate().map(label).collect()
        };
        let (mut old, mut new) = (list(old), list(new));
        if old.is_empty() != new.is_empty() {
            diff.push(Effect::Breaking, Kind::Changed, at, "alternatives");
            return;
        }
        old.retain(|(_, branch)| {
            let same = new.iter().position(|(_, other)| self.is_same((branch, other), direction));
            same.map(|index| new.remove(index)).is_none()
        });
        old.retain(|(label, branch)| {
            let same = new.iter().position(|(other, _)| other == label);
            let Some((_, other)) = same.map(|index| new.remove(index)) else { return true };
            self.run(&format!("{at}|{label}"), (branch, other), direction, diff);
            false
        });
        for ((label, branch), (_, other)) in old.iter().zip(&new) {
            self.run(&format!("{at}|{label}"), (branch, other), direction, diff);
        }
        let request = direction == Direction::Request;
        for (label, _) in old.iter().skip(new.len()) {
            let effect = Effect::breaking_if(request);
            diff.push(effect, Kind::Removed, at, format!("alternative {label}"));
        }
        for (label, _) in new.iter().skip(old.len()) {
            let effect = Effect::breaking_if(!request);
            diff.push(effect, Kind::Added, at, format!("alternative {label}"));
        }
    }

    /// Whether two schemas mean the same; those that contain themselves are taken
    /// to where they meet again.
    fn is_same(&self, pair: (&'c Value, &'c Value), direction: Direction) -> bool {
        let mut scratch = Diff::default();
        let mut inner = Self { seen: self.seen.clone(), ..Self::new(self.old_root, self.new_root) };
        inner.run("", pair, direction, &mut scratch);
        scratch.changes.is_empty()
    }
}

/// The keywords of one place.
struct Place<'p> {
    at: &'p str,
    request: bool,
    diff: &'p mut Diff,
}

impl Place<'_> {
    fn push(&mut self, effect: Effect, kind: Kind, what: impl Into<String>) {
        self.diff.push(effect, kind, self.at, what);
    }

    fn keywords(&mut self, old: &View<'_>, new: &View<'_>) {
        if old.kind() != new.kind() {
            let shown = |view: &View<'_>| {
                view.kind().map_or_else(|| "none".to_owned(), |kind| format!("{kind:?}"))
            };
            let what = format!("type from {} to {}", shown(old), shown(new));
            self.push(Effect::Breaking, Kind::Changed, what);
        }
        let get = |key: &str| (old.rest.get(key).copied(), new.rest.get(key).copied());
        if let (before, after) = get("format")
            && before != after
        {
            self.push(Effect::Breaking, Kind::Changed, from_to("format", before, after));
        }
        if old.nullable != new.nullable {
            let breaks = if new.nullable { !self.request } else { self.request };
            let shown = |nullable: bool| if nullable { "true" } else { "none" };
            let what = format!("nullable from {} to {}", shown(old.nullable), shown(new.nullable));
            self.push(Effect::breaking_if(breaks), Kind::Changed, what);
        }
        self.values(get("enum"));
        match get("default") {
            (before, after) if before == after => {}
            (None, Some(value)) => {
                self.push(Effect::Compatible, Kind::Added, format!("default {value}"));
            }
            (before, after) => {
                let effect = Effect::breaking_if(self.request);
                self.push(effect, Kind::Changed, from_to("default", before, after));
            }
        }
        let is_true = |value: Option<&Value>| value == Some(&Value::Bool(true));
        let (before, after) = get("deprecated");
        if is_true(before) != is_true(after) {
            self.push(Effect::Compatible, Kind::Changed, "deprecated");
        }
        self.constraints(old, new);
    }

    fn values(&mut self, enums: (Option<&Value>, Option<&Value>)) {
        let request = self.request;
        match enums {
            (Some(Value::Array(old)), Some(Value::Array(new))) => {
                for value in old.iter().filter(|value| !new.contains(value)) {
                    let effect = Effect::breaking_if(request);
                    self.push(effect, Kind::Removed, format!("value {value}"));
                }
                for value in new.iter().filter(|value| !old.contains(value)) {
                    self.push(Effect::Compatible, Kind::Added, format!("value {value}"));
                }
            }
            (None, Some(new)) => {
                self.push(Effect::breaking_if(request), Kind::Added, format!("enum {new}"));
            }
            (Some(old), None) => {
                self.push(Effect::Compatible, Kind::Removed, format!("enum {old}"))
            }
            _ => {}
        }
    }

    fn constraints(&mut self, old: &View<'_>, new: &View<'_>) {
        for key in LOWER.iter().chain(&UPPER).chain(&EXACT) {
            // An explicit default says nothing.
            let said = |view: &View<'_>| {
                let value = view.rest.get(key).copied();
                let zero = |value: &Value| value.as_f64() == Some(0.0);
                let by_default = |value: &&Value| {
                    **value == Value::Bool(false)
                        || (key.starts_with("min") && *key != "minimum" && zero(value))
                };
                value.filter(|value| !by_default(value)).cloned()
            };
            let (before, after) = (said(old), said(new));
            if before == after {
                continue;
            }
            let number = |value: &Option<Value>| value.as_ref().and_then(Value::as_f64);
            let tightened = match (&after, number(&before), number(&after)) {
                (None, ..) => false,
                (_, Some(before), Some(after)) if LOWER.contains(key) => after > before,
                (_, Some(before), Some(after)) if UPPER.contains(key) => after < before,
                _ => true,
            };
            let effect = Effect::breaking_if(tightened && self.request);
            let (before, after) = (old.rest.get(key).copied(), new.rest.get(key).copied());
            self.push(effect, Kind::Changed, from_to(key, before, after));
        }
    }
}

/// Lower bounds are tightened by growing, upper bounds by shrinking.
const LOWER: [&str; 4] = ["minimum", "minLength", "minItems", "minProperties"];
const UPPER: [&str; 4] = ["maximum", "maxLength", "maxItems", "maxProperties"];
/// Constraints that are another whenever they differ.
const EXACT: [&str; 5] =
    ["pattern", "multipleOf", "uniqueItems", "exclusiveMinimum", "exclusiveMaximum"];

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
