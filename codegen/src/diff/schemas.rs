//! Comparison of schemas, once for each pair and each direction.

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

use super::collect::Collector;
use super::place::{Place, Step};
use super::view::{Property, View};
use super::{Change, Effect, Kind, shown};
use crate::schema;

/// Direction in which the values of a schema go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Direction {
    Request,
    Response,
}

/// Reports the named schemas that are new or gone. This alone breaks nothing, because used
/// schemas are compared at their places.
pub(super) fn names(old: &Value, new: &Value, found: &mut Collector) {
    let named = |root: &Value| -> BTreeSet<String> {
        let schemas = schema::named(root);
        schemas.into_iter().flat_map(|map| map.keys().cloned()).collect()
    };
    let (old, new) = (named(old), named(new));
    for name in old.difference(&new) {
        found.say(Effect::Compatible, Kind::Removed, &Place::schema(name), "schema");
    }
    for name in new.difference(&old) {
        found.say(Effect::Compatible, Kind::Added, &Place::schema(name), "schema");
    }
}

/// Comparison of all schemas of two documents.
pub(super) struct Comparison<'c> {
    pub(super) old_root: &'c Value,
    pub(super) new_root: &'c Value,
    /// Compared pairs with their numbers in the [`Collector`]. They end the comparison of a
    /// schema that contains itself.
    seen: HashMap<(usize, usize, Direction), usize>,
}

impl<'c> Comparison<'c> {
    pub(super) fn new(old_root: &'c Value, new_root: &'c Value) -> Self {
        Self { old_root, new_root, seen: HashMap::new() }
    }

    /// Compares two schemas of the same place, each a part of its document.
    pub(super) fn run(
        &mut self,
        at: &Place,
        (old, new): (&'c Value, &'c Value),
        direction: Direction,
        found: &mut Collector,
    ) {
        let address = |value: &Value| std::ptr::from_ref(value) as usize;
        let pair = (address(old), address(new), direction);
        if let Some(number) = self.seen.get(&pair) {
            return found.ask(*number);
        }
        let number = found.number();
        self.seen.insert(pair, number);
        found.ask(number);
        let before = View::of(old, self.old_root, direction);
        let after = View::of(new, self.new_root, direction);
        // A schema with the same name in both documents is reported once, under its name.
        let named = match (before.name, after.name) {
            (Some(one), Some(other)) if one == other => Some(Place::schema(one)),
            _ => None,
        };
        let at = named.as_ref().unwrap_or(at);
        found.on_behalf(number, |found| {
            let mut facts = Facts { at, request: direction == Direction::Request, found };
            facts.keywords(&before, &after);
            self.properties(at, &before, &after, direction, found);
            self.parts(at, &before, &after, direction, found);
        });
    }

    fn properties(
        &mut self,
        at: &Place,
        old: &View<'c>,
        new: &View<'c>,
        direction: Direction,
        found: &mut Collector,
    ) {
        let request = direction == Direction::Request;
        // A field of an extended schema is reported at that schema, if both sides extend it.
        let owner = |property: &Property<'c>, other: &View<'_>| match property.origin {
            Some(origin) if other.extends.contains(origin) => Place::schema(origin),
            _ => at.clone(),
        };
        for (name, property) in &old.properties {
            let owner = owner(property, new);
            let at = owner.field(name);
            let Some(other) = new.properties.get(name) else {
                let what = format!("field {name}");
                found.push(Change::new(Effect::Breaking, Kind::Removed, &owner, &what).of(at));
                continue;
            };
            match (old.required.contains(name), new.required.contains(name)) {
                (false, true) => {
                    found.say(Effect::breaking_if(request), Kind::Changed, &at, "became required");
                }
                (true, false) => {
                    found.say(Effect::breaking_if(!request), Kind::Changed, &at, "became optional");
                }
                _ => {}
            }
            self.run(&at, (property.schema, other.schema), direction, found);
        }
        for (name, property) in
            new.properties.iter().filter(|(name, _)| !old.properties.contains_key(*name))
        {
            let required = new.required.contains(name);
            let effect = Effect::breaking_if(required && request);
            let what = format!("{} field {name}", if required { "required" } else { "optional" });
            let owner = owner(property, old);
            let field = owner.field(name);
            found.push(Change::new(effect, Kind::Added, &owner, &what).of(field));
        }
    }

    /// Compares elements, values of maps and alternatives.
    fn parts(
        &mut self,
        at: &Place,
        old: &View<'c>,
        new: &View<'c>,
        direction: Direction,
        found: &mut Collector,
    ) {
        let get = |key: &str| (old.rest.get(key).copied(), new.rest.get(key).copied());
        match get("items") {
            (Some(before), Some(after)) => {
                self.run(&at.to(Step::Items), (before, after), direction, found);
            }
            (before, after) if before != after => {
                let change = Change::new(Effect::Breaking, Kind::Changed, at, "items");
                found.push(change.values(shown(before), shown(after)));
            }
            _ => {}
        }
        let any = |values: Option<&Value>| values.is_none_or(|values| *values == Value::Bool(true));
        match get("additionalProperties") {
            (before, after) if any(before) && any(after) => {}
            (Some(before), Some(after)) if before.is_object() && after.is_object() => {
                self.run(&at.to(Step::Values), (before, after), direction, found);
            }
            (before, after) if before != after => {
                let closes = after == Some(&Value::Bool(false));
                let opens = before == Some(&Value::Bool(false));
                let breaks = match direction {
                    Direction::Request => !opens,
                    Direction::Response => !closes && !opens,
                };
                let effect = Effect::breaking_if(breaks);
                let change = Change::new(effect, Kind::Changed, at, "additionalProperties");
                found.push(change.values(shown(before), shown(after)));
            }
            _ => {}
        }
        self.alternatives(at, old, new, direction, found);
        let (before, after) = get("discriminator");
        if before != after {
            let change = Change::new(Effect::Breaking, Kind::Changed, at, "discriminator");
            found.push(change.values(shown(before), shown(after)));
        }
    }

    /// Compares alternatives. Those with the same meaning are a pair, then those whose
    /// schemas have the same name, then the rest in order.
    fn alternatives(
        &mut self,
        at: &Place,
        old: &View<'c>,
        new: &View<'c>,
        direction: Direction,
        found: &mut Collector,
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
            found.say(Effect::Breaking, Kind::Changed, at, "alternatives");
            return;
        }
        old.retain(|(_, branch)| {
            let same = new.iter().position(|(_, other)| self.is_same((branch, other), direction));
            same.map(|index| new.remove(index)).is_none()
        });
        old.retain(|(label, branch)| {
            let same = new.iter().position(|(other, _)| other == label);
            let Some((_, other)) = same.map(|index| new.remove(index)) else { return true };
            self.run(&at.to(Step::Alternative(label.clone())), (branch, other), direction, found);
            false
        });
        for ((label, branch), (_, other)) in old.iter().zip(&new) {
            self.run(&at.to(Step::Alternative(label.clone())), (branch, other), direction, found);
        }
        let request = direction == Direction::Request;
        let one = |effect, kind, label: &str| {
            let subject = at.to(Step::Alternative(label.to_owned()));
            Change::new(effect, kind, at, &format!("alternative {label}")).of(subject)
        };
        for (label, _) in old.iter().skip(new.len()) {
            found.push(one(Effect::breaking_if(request), Kind::Removed, label));
        }
        for (label, _) in new.iter().skip(old.len()) {
            found.push(one(Effect::breaking_if(!request), Kind::Added, label));
        }
    }

    /// Returns whether two schemas mean the same. A pair that contains itself is compared
    /// until it comes up again.
    fn is_same(&self, pair: (&'c Value, &'c Value), direction: Direction) -> bool {
        let mut scratch = Collector::default();
        let mut inner = Self { seen: self.seen.clone(), ..Self::new(self.old_root, self.new_root) };
        inner.run(&Place::default(), pair, direction, &mut scratch);
        scratch.is_empty()
    }
}

/// Keywords of one place.
struct Facts<'p> {
    at: &'p Place,
    request: bool,
    found: &'p mut Collector,
}

impl Facts<'_> {
    fn say(&mut self, effect: Effect, kind: Kind, what: &str) {
        self.found.say(effect, kind, self.at, what);
    }

    /// Reports a keyword whose value has changed.
    fn another(&mut self, effect: Effect, key: &str, old: Option<&Value>, new: Option<&Value>) {
        let change = Change::new(effect, Kind::Changed, self.at, key);
        self.found.push(change.values(shown(old), shown(new)));
    }

    fn keywords(&mut self, old: &View<'_>, new: &View<'_>) {
        if old.kind() != new.kind() {
            let kind = |view: &View<'_>| view.kind().map(Value::from);
            self.another(Effect::Breaking, "type", kind(old).as_ref(), kind(new).as_ref());
        }
        let get = |key: &str| (old.rest.get(key).copied(), new.rest.get(key).copied());
        if let (before, after) = get("format")
            && before != after
        {
            self.another(Effect::Breaking, "format", before, after);
        }
        if old.nullable != new.nullable {
            let breaks = if new.nullable { !self.request } else { self.request };
            let said = |nullable: bool| nullable.then_some(Value::Bool(true));
            let (before, after) = (said(old.nullable), said(new.nullable));
            self.another(Effect::breaking_if(breaks), "nullable", before.as_ref(), after.as_ref());
        }
        self.values(get("enum"));
        match get("default") {
            (before, after) if before == after => {}
            (None, Some(value)) => {
                self.say(Effect::Compatible, Kind::Added, &format!("default {value}"));
            }
            (before, after) => {
                self.another(Effect::breaking_if(self.request), "default", before, after);
            }
        }
        let is_true = |value: Option<&Value>| value == Some(&Value::Bool(true));
        let (before, after) = get("deprecated");
        if is_true(before) != is_true(after) {
            self.say(Effect::Compatible, Kind::Changed, "deprecated");
        }
        self.constraints(old, new);
    }

    fn values(&mut self, enums: (Option<&Value>, Option<&Value>)) {
        let removed = Effect::breaking_if(self.request);
        match enums {
            (Some(Value::Array(old)), Some(Value::Array(new))) => {
                for value in old.iter().filter(|value| !new.contains(value)) {
                    self.value(removed, Kind::Removed, value);
                }
                for value in new.iter().filter(|value| !old.contains(value)) {
                    self.value(Effect::Compatible, Kind::Added, value);
                }
            }
            (None, Some(new)) => self.say(removed, Kind::Added, &format!("enum {new}")),
            (Some(old), None) => {
                self.say(Effect::Compatible, Kind::Removed, &format!("enum {old}"));
            }
            _ => {}
        }
    }

    fn value(&mut self, effect: Effect, kind: Kind, value: &Value) {
        let text = value.as_str().unwrap_or_default().to_owned();
        let change = Change::new(effect, kind, self.at, &format!("value {value}"));
        self.found.push(change.of(self.at.to(Step::Value(text))));
    }

    fn constraints(&mut self, old: &View<'_>, new: &View<'_>) {
        for key in LOWER.iter().chain(&UPPER).chain(&EXACT) {
            // An explicit default counts as absent.
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
            self.another(effect, key, old.rest.get(key).copied(), new.rest.get(key).copied());
        }
    }
}

/// Lower bounds, which are tightened by growing. Upper bounds are tightened by shrinking.
const LOWER: [&str; 4] = ["minimum", "minLength", "minItems", "minProperties"];
const UPPER: [&str; 4] = ["maximum", "maxLength", "maxItems", "maxProperties"];
/// Constraints without an order, so that each difference may tighten.
const EXACT: [&str; 5] =
    ["pattern", "multipleOf", "uniqueItems", "exclusiveMinimum", "exclusiveMaximum"];
