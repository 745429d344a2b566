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

use super::{
    Context,
    schema::{self, Link, Slot},
};
use crate::{Result, names, pointer};

const PIN: &str = "x-rust-name";
/// What the overlay says of the type that an inline string becomes.
const TYPE_DOC: &str = "x-rust-type-description";
const BASE: &str = "x-rust-base";
/// Keys that belong to a place, and stay there when its schema gets a name.
const OF_PLACE: [&str; 2] = ["description", "x-rust-wire-names"];

pub(super) fn run(root: &mut Value, _: &Context<'_>) -> Result<()> {
    // Enums and marked strings have no parts; each round of objects makes the
    // next outer ones free of inline parts. Depth is bounded by validation.
    replace(root, is_named_string);
    loop {
        let found = replace(root, |schema| is_inline_object(schema) && parts_are_named(schema));
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
    Ok(())
}

/// Marks the whole of a request or response body, which gets a name even if
/// it is an array or a map.
const TOP: &str = "x-rust-top";

/// One place that wants to be a reference.
struct Occurrence {
    at: String,
    wish: String,
    pinned: bool,
    /// Where it stands, as the beginning of a type's name.
    owner: String,
    schema: Value,
}

/// Occurrences that become one type.
struct Cluster {
    schema: Value,
    /// The [`shape`] of the schema, which is costly to find.
    shape: String,
    members: Vec<Occurrence>,
    /// The schema of this name exists and is what the members join.
    existing: Option<String>,
}

impl Cluster {
    fn of(occurrence: Occurrence) -> Self {
        let schema = occurrence.schema.clone();
        let shape = shape(&schema).to_string();
        Self { schema, shape, members: vec![occurrence], existing: None }
    }

    fn existing(name: &str, schema: &Value) -> Self {
        let shape = shape(schema).to_string();
        Self { schema: schema.clone(), shape, members: Vec::new(), existing: Some(name.to_owned()) }
    }

    /// Whether the two are one type, given that they ask for one name.
    fn means(&self, other: &Self) -> bool {
        let pinned = |cluster: &Self| {
            cluster.members.iter().all(|member| member.pinned) && is_inline_object(&cluster.schema)
        };
        self.shape == other.shape
            || (pinned(self) && pinned(other))
            || !values(&self.schema).is_disjoint(&values(&other.schema))
    }

    fn unite(mut self, other: Self) -> Self {
        if self.shape != other.shape {
            unite(&mut self.schema, &other.schema);
            self.shape = shape(&self.schema).to_string();
        } else {
            inherit(&mut self.schema, &other.schema);
        }
        self.members.extend(other.members);
        self.existing = self.existing.or(other.existing);
        self
    }
}

/// Replaces all inline schemas that `wanted` accepts; false if there are none.
fn replace(root: &mut Value, wanted: impl Fn(&Value) -> bool) -> bool {
    let occurrences = collect(root, &wanted);
    if occurrences.is_empty() {
        return false;
    }
    let named = schema::components(root).clone();
    let by_shape: HashMap<String, &String> =
        named.iter().rev().map(|(name, schema)| (shape(schema).to_string(), name)).collect();
    let mut by_wish: BTreeMap<String, Vec<Cluster>> = BTreeMap::new();
    for occurrence in occurrences {
        // A named schema of just this shape is what is meant, whatever it is
        // called. Ids are all of one shape and mean different things.
        let alone = Cluster::of(occurrence);
        let first = &alone.members[0];
        let may_join = !first.pinned && !is_id(&alone.schema);
        let same = by_shape.get(&alone.shape).filter(|_| may_join);
        let wish = same.map_or_else(|| first.wish.clone(), |name| (*name).clone());
        let clusters = by_wish.entry(wish.clone()).or_insert_with(|| {
            let existing = named.get(&wish).filter(|schema| !is_alias(schema));
            existing.map(|schema| Cluster::existing(&wish, schema)).into_iter().collect()
        });
        join(clusters, alone);
    }
    let clusters = merge_equal(by_wish);
    let mut taken: BTreeSet<String> = named.keys().cloned().collect();
    for (wish, mut clusters) in clusters {
        clusters.sort_by_key(rank);
        for cluster in clusters {
            let name =
                cluster.existing.clone().unwrap_or_else(|| free_name(&wish, &cluster, &taken));
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

/// Adds a cluster to those of its wish, or unites it with those that mean the
/// same: an enum may connect several that had nothing in common before.
fn join(clusters: &mut Vec<Cluster>, mut new: Cluster) {
    let mut others = Vec::new();
    for cluster in std::mem::take(clusters) {
        if cluster.means(&new) {
            new = cluster.unite(new);
        } else {
            others.push(cluster);
        }
    }
    others.push(new);
    *clusters = others;
}

/// Clusters of different wishes that turned out equal are one type, under the
/// first of the names.
fn merge_equal(by_wish: BTreeMap<String, Vec<Cluster>>) -> BTreeMap<String, Vec<Cluster>> {
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

/// Who keeps the name that several ask for: smallest first.
fn rank(cluster: &Cluster) -> (bool, bool, usize, String) {
    let owner = cluster.members.iter().map(|member| member.owner.clone()).min().unwrap_or_default();
    (
        cluster.existing.is_none(),
        !cluster.members.iter().any(|member| member.pinned),
        usize::MAX - cluster.members.len(),
        owner,
    )
}

fn free_name(wish: &str, cluster: &Cluster, taken: &BTreeSet<String>) -> String {
    let owners: BTreeSet<&str> =
        cluster.members.iter().map(|member| member.owner.as_str()).collect();
    let qualified = owners.iter().map(|owner| format!("{owner}{wish}"));
    let numbered = (2..).map(|number| format!("{wish}{number}"));
    [wish.to_owned()]
        .into_iter()
        .chain(qualified)
        .chain(numbered)
        // Words that meet may be split in another way.
        .map(|name| names::type_name(&name))
        .find(|name| !taken.contains(name))
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
            Link::Branch => thing.to_owned(),
        };
        let is_branch = matches!(link, Link::Branch);
        if !is_branch && child.get("$ref").is_none() && wanted(child) {
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
        wish: names::type_name(&pin.or(result).unwrap_or(wish)),
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

fn is_inline_object(schema: &Value) -> bool {
    schema.get("properties").and_then(Value::as_object).is_some_and(|map| !map.is_empty())
}

fn parts_are_named(schema: &Value) -> bool {
    schema::children(schema).into_iter().all(|(_, _, child)| {
        child.get("$ref").is_some()
            || (!is_named_string(child) && !is_inline_object(child) && parts_are_named(child))
    })
}

fn is_alias(schema: &Value) -> bool {
    schema.get("$ref").is_some()
}

/// The values of an enum, none for anything else.
fn values(schema: &Value) -> BTreeSet<&str> {
    schema
        .get("enum")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

/// What makes two schemas the same type: everything but annotations, and with
/// lists that have no order sorted.
pub(super) fn shape(schema: &Value) -> Value {
    match schema {
        Value::Object(map) => {
            let mut result: BTreeMap<&str, Value> = BTreeMap::new();
            for (key, value) in map {
                let value = match (key.as_str(), value) {
                    ("x-rust-id" | "x-rust-debug", _) => value.clone(),
                    ("nullable", _) => continue,
                    (key, _) if schema::is_annotation(key) => continue,
                    ("properties", Value::Object(map)) => {
                        let sorted: BTreeMap<&String, Value> =
                            map.iter().map(|(name, property)| (name, shape(property))).collect();
                        json!(sorted)
                    }
                    ("required" | "enum", Value::Array(items)) => {
                        let mut items: Vec<String> = items.iter().map(Value::to_string).collect();
                        items.sort();
                        json!(items)
                    }
                    _ => shape(value),
                };
                result.insert(key, value);
            }
            if !result.contains_key("type") && result.contains_key("properties") {
                result.insert("type", json!("object"));
            }
            json!(result)
        }
        Value::Array(items) => items.iter().map(shape).collect(),
        other => other.clone(),
    }
}

/// Adds the values or properties of `other`; what only one of them requires
/// is not required of both.
fn unite(schema: &mut Value, other: &Value) {
    let Some(map) = schema.as_object_mut() else { return };
    if let (Some(Value::Array(own)), Some(Value::Array(more))) =
        (map.get_mut("enum"), other.get("enum"))
    {
        let new: Vec<Value> = more.iter().filter(|value| !own.contains(value)).cloned().collect();
        own.extend(new);
    }
    if let (Some(Value::Object(own)), Some(Value::Object(more))) =
        (map.get_mut("properties"), other.get("properties"))
    {
        for (name, property) in more {
            own.entry(name).or_insert_with(|| property.clone());
        }
        let required = |of: Option<&Value>| -> Vec<Value> {
            of.and_then(Value::as_array).cloned().unwrap_or_default()
        };
        let theirs = required(other.get("required"));
        let mut both = required(map.get("required"));
        both.retain(|name| theirs.contains(name));
        if both.is_empty() {
            map.shift_remove("required");
        } else {
            map.insert("required".to_owned(), Value::Array(both));
        }
    }
    inherit(schema, other);
}

/// Takes over what is said of `other`, where nothing is said yet.
fn inherit(schema: &mut Value, other: &Value) {
    let Some(map) = schema.as_object_mut() else { return };
    for key in ["description", TYPE_DOC, "x-enum-descriptions"] {
        if let (false, Some(said)) = (map.contains_key(key), other.get(key)) {
            map.insert(key.to_owned(), said.clone());
        }
    }
}
