//! Gives every inline object and enum a name and makes it a schema of its
//! own, so that what means the same becomes one type.
//!
//! The name that an inline schema asks for comes from the thing itself, never
//! from the order of the document: the overlay's `x-rust-name`; for an
//! extension of `Base` by the two error fields `BaseResult`; for a request or
//! response `OperationRequest` or `OperationResponse`; else the (singular)
//! name of the property. Schemas that ask for one name share it when they
//! mean the same: enums that have a value in common, objects of one shape, and
//! objects that the overlay pins. Their values and fields are united. Of those
//! that mean different things, a named schema keeps the name, then the pinned
//! ones, then the most used; the others are qualified by where they stand.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::{Value, json};

use super::clusters::{Cluster, Group, Occurrence};
use super::schema::{self, Link, Slot};
use super::shape::shape;
use crate::left_out::Notes;
use crate::{names, pointer};

const PIN: &str = "x-rust-name";
/// What the overlay says of the type that an inline string becomes.
pub(super) const TYPE_DOC: &str = "x-rust-type-description";
const BASE: &str = "x-rust-base";
/// Keys that belong to a place, and stay there when its schema gets a name.
const OF_PLACE: [&str; 2] = ["description", "x-rust-wire-names"];

pub(super) fn run(root: &mut Value, _: &mut Notes) {
    // Enums and marked strings have no parts; each round of objects makes the
    // next outer ones free of inline parts. Depth is bounded by validation.
    replace(root, is_named_string);
    loop {
        let found = replace(root, |schema| is_own_type(schema) && parts_are_named(schema));
        if !found {
            break;
        }
    }
    replace(root, |schema| schema.get("$ref").is_none() && schema.get(TOP).is_some());
    for at in schema::roots(root) {
        if let Some(schema) = root.pointer_mut(&at) {
            schema::each_mut(schema, &mut |part| {
                if let Some(map) = part.as_object_mut() {
                    [PIN, BASE, TOP].iter().for_each(|key| {
                        map.shift_remove(*key);
                    });
                }
            });
        }
    }
}

/// Marks the whole of a request or response body, which gets a name even if
/// it is an array or a map.
const TOP: &str = "x-rust-top";

/// Replaces all inline schemas that `wanted` accepts; false if there are none.
fn replace(root: &mut Value, wanted: impl Fn(&Value) -> bool) -> bool {
    let occurrences = collect(root, &wanted);
    if occurrences.is_empty() {
        return false;
    }
    let named = schema::components(root).clone();
    let by_shape: HashMap<String, &String> =
        named.iter().rev().map(|(name, schema)| (shape(schema), name)).collect();
    let mut by_wish: BTreeMap<String, Group> = BTreeMap::new();
    for occurrence in occurrences {
        // A named schema of just this shape is what is meant, whatever it is
        // called. Ids are all of one shape and mean different things.
        let alone = Cluster::of(occurrence);
        let first = &alone.members[0];
        let may_join = !first.pinned && !is_id(&alone.schema);
        let same = by_shape.get(&alone.shape).filter(|_| may_join);
        let wish = same.map_or_else(|| first.wish.clone(), |name| (*name).clone());
        let group = by_wish.entry(wish.clone()).or_insert_with(|| {
            let existing = named.get(&wish).filter(|schema| !is_alias(schema));
            let mut group = Group::default();
            group.extend(existing.map(|schema| Cluster::existing(&wish, schema)));
            group
        });
        group.join(alone);
    }
    let by_wish =
        by_wish.into_iter().map(|(wish, group)| (wish, group.clusters.into_iter().flatten()));
    let clusters = merge_equal(by_wish);
    let mut taken: BTreeSet<String> = named.keys().cloned().collect();
    for (wish, mut clusters) in clusters {
        clusters.sort_by_cached_key(rank);
        let mut number = 2;
        for cluster in clusters {
            let free = || free_name(&wish, &cluster, &taken, &mut number);
            let name = cluster.existing.clone().unwrap_or_else(free);
            taken.insert(name.clone());
            for member in &cluster.members {
                if let Some(slot) = root.pointer_mut(&member.at) {
                    let of_place = OF_PLACE.map(|key| Some((key, slot.get(key)?.clone())));
                    *slot = pointer::schema_ref(&name);
                    if let Some(map) = slot.as_object_mut() {
                        let kept = of_place.into_iter().flatten();
                        map.extend(kept.map(|(key, value)| (key.to_owned(), value)));
                    }
                }
            }
            let mut schema = cluster.schema;
            if let Some(map) = schema.as_object_mut() {
                // What is said of a string says what it is for, not what it is.
                let is_text = map.get("type").is_some_and(|kind| kind == "string");
                if is_text && cluster.existing.is_none() {
                    map.shift_remove("description");
                    map.extend(
                        map.get(TYPE_DOC).cloned().map(|text| ("description".to_owned(), text)),
                    );
                }
                [PIN, BASE, TOP, "nullable"].iter().for_each(|key| {
                    map.shift_remove(*key);
                });
            }
            schema::components(root).insert(name, schema);
        }
    }
    true
}

/// Clusters of different wishes that turned out equal are one type, under the
/// first of the names.
fn merge_equal(
    by_wish: impl Iterator<Item = (String, impl Iterator<Item = Cluster>)>,
) -> BTreeMap<String, Vec<Cluster>> {
    let mut result: BTreeMap<String, Vec<Cluster>> = BTreeMap::new();
    let mut places: HashMap<String, (String, usize)> = HashMap::new();
    for (wish, clusters) in by_wish {
        for cluster in clusters {
            let is_free = cluster.existing.is_none() && !is_id(&cluster.schema);
            let place = places.get(&cluster.shape).filter(|_| is_free);
            let twin = place.and_then(|(wish, index)| result.get_mut(wish)?.get_mut(*index));
            if let Some(twin) = twin {
                twin.members.extend(cluster.members);
                continue;
            }
            let list = result.entry(wish.clone()).or_default();
            if is_free {
                places.insert(cluster.shape.clone(), (wish.clone(), list.len()));
            }
            list.push(cluster);
        }
    }
    result
}

/// The one who keeps the name that several ask for: smallest first.
fn rank(cluster: &Cluster) -> (bool, bool, usize, String) {
    let owner = cluster.members.iter().map(|member| member.owner.clone()).min().unwrap_or_default();
    (
        cluster.existing.is_none(),
        !cluster.members.iter().any(|member| member.pinned),
        usize::MAX - cluster.members.len(),
        owner,
    )
}

/// `number` is the next to try: those before it are taken.
fn free_name(
    wish: &str,
    cluster: &Cluster,
    taken: &BTreeSet<String>,
    number: &mut usize,
) -> String {
    let owners: BTreeSet<&str> =
        cluster.members.iter().map(|member| member.owner.as_str()).collect();
    let qualified = owners.iter().map(|owner| format!("{owner}{wish}"));
    let numbered = std::iter::from_fn(|| {
        *number += 1;
        Some(format!("{wish}{}", *number - 1))
    });
    [wish.to_owned()]
        .into_iter()
        .chain(qualified)
        .chain(numbered)
        // Words that meet may be split in another way.
        .map(|name| names::type_name(&name))
        .find(|name| !name.is_empty() && !taken.contains(name))
        .unwrap_or_default()
}

/// Every place that holds what `wanted` accepts, in no order that matters.
fn collect(root: &mut Value, wanted: &impl Fn(&Value) -> bool) -> Vec<Occurrence> {
    let mut found = Vec::new();
    let names: Vec<String> = schema::components(root).keys().cloned().collect();
    for name in names {
        let at = pointer::join("/components/schemas", &name);
        if let Some(schema) = root.pointer(&at) {
            descend(schema, &at, &name, &name, &mut |o| found.push(o), wanted);
        }
    }
    let mut tops = Vec::new();
    for (at, operation) in schema::operations(root) {
        let id = operation.get("operationId").and_then(Value::as_str).unwrap_or_default();
        let owner = names::type_name(id);
        for (slot, inner) in schema::slots(operation) {
            let at = format!("{at}{inner}");
            let wish = match slot {
                Slot::Parameter(name) => names::type_name(name),
                Slot::Request => format!("{owner}Request"),
                Slot::Response(status) if status.starts_with('2') => format!("{owner}Response"),
                Slot::Response(_) => format!("{owner}ErrorBody"),
            };
            let Some(schema) = root.pointer(&at) else { continue };
            if !matches!(slot, Slot::Parameter(_))
                && schema.get("$ref").is_none()
                && schema.get(TOP).is_none()
            {
                tops.push(at.clone());
            }
            if schema.get("$ref").is_none() && wanted(schema) {
                found.push(occurrence(schema, &at, wish.clone(), &owner));
            }
            descend(schema, &at, &wish, &owner, &mut |o| found.push(o), wanted);
        }
    }
    for at in tops {
        if let Some(map) = root.pointer_mut(&at).and_then(Value::as_object_mut) {
            map.insert(TOP.to_owned(), json!(true));
        }
    }
    found
}

/// `thing` names what `schema` is, for parts that have no name of their own.
fn descend(
    schema: &Value,
    at: &str,
    thing: &str,
    owner: &str,
    push: &mut impl FnMut(Occurrence),
    wanted: &impl Fn(&Value) -> bool,
) {
    for (link, inner, child) in schema::children(schema) {
        let at = format!("{at}{inner}");
        let wish = match link {
            Link::Property(name) => names::type_name(name),
            Link::Items | Link::MapValue => names::type_name(&singular_words(thing)),
            Link::Branch => format!("{thing}{}", telling_part(schema, child)),
        };
        if child.get("$ref").is_none() && wanted(child) {
            push(occurrence(child, &at, wish.clone(), owner));
        }
        descend(child, &at, &wish, owner, push, wanted);
    }
}

/// `DataChannels` to `DataChannel`, `Usage` to `UsageItem`.
fn singular_words(thing: &str) -> String {
    let split = thing.rfind(|c: char| c.is_ascii_uppercase()).unwrap_or(0);
    let one = names::singular(&thing[split..]);
    let item = if one == thing[split..] { "Item" } else { "" };
    format!("{}{one}{item}", &thing[..split])
}

fn occurrence(schema: &Value, at: &str, wish: String, owner: &str) -> Occurrence {
    let text = |key: &str| schema.get(key).and_then(Value::as_str);
    let pin = text(PIN).map(names::type_name).filter(|pin| !pin.is_empty());
    let result = text(BASE)
        .filter(|_| has_error_fields(schema))
        .map(|base| format!("{}Result", base.strip_suffix("Object").unwrap_or(base)));
    Occurrence {
        at: at.to_owned(),
        pinned: pin.is_some(),
        wish: names::type_name_or(&pin.or(result).unwrap_or(wish), "Part"),
        owner: owner.to_owned(),
        schema: schema.clone(),
    }
}

/// Whether the schema has the two fields by which an item reports its failure.
fn has_error_fields(schema: &Value) -> bool {
    let has = |name: &str| schema.pointer(&pointer::join("/properties", name)).is_some();
    has("errorCode") && has("errorDescription")
}

fn is_named_string(schema: &Value) -> bool {
    let is_text = schema.get("type").is_some_and(|kind| kind == "string");
    is_text && (schema.get("enum").is_some() || is_id(schema))
}

fn is_id(schema: &Value) -> bool {
    schema.get("x-rust-id").is_some()
}

pub(super) fn is_inline_object(schema: &Value) -> bool {
    schema.get("properties").and_then(Value::as_object).is_some_and(|map| !map.is_empty())
}

/// Whether the schema becomes a type of its own: an object with properties, or
/// a choice.
fn is_own_type(schema: &Value) -> bool {
    is_inline_object(schema) || schema.get("oneOf").is_some()
}

/// The mark that tells an alternative of `whole` from the others: the first property
/// that it alone has to have, that it alone has, or that it has.
fn telling_part(whole: &Value, branch: &Value) -> String {
    let properties = |schema: &Value| -> Vec<String> {
        let map = schema.get("properties").and_then(Value::as_object);
        map.into_iter().flat_map(|map| map.keys().cloned()).collect()
    };
    let required = branch.get("required").and_then(Value::as_array);
    let required = required.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
    let own: Vec<String> = required.chain(properties(branch)).collect();
    let others: BTreeSet<String> = whole
        .get("oneOf")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter(|other| !std::ptr::eq(*other, branch))
        .flat_map(properties)
        .collect();
    let alone = own.iter().find(|name| !others.contains(*name));
    let word = alone.or(own.first()).map(String::as_str);
    names::type_name_or(word.unwrap_or_default(), "Alternative")
}

fn parts_are_named(schema: &Value) -> bool {
    schema::children(schema).into_iter().all(|(_, _, child)| {
        child.get("$ref").is_some()
            || (!is_named_string(child) && !is_own_type(child) && parts_are_named(child))
    })
}

fn is_alias(schema: &Value) -> bool {
    schema.get("$ref").is_some()
}
