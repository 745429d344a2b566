//! Names for inline objects and enums, each of which becomes a schema of its own. Schemas of
//! the same meaning become one type.
//!
//! The name that an inline schema asks for comes from the schema, never from the order of the
//! document: its `x-rust-name`; `OperationRequest` or `OperationResponse` for a request or
//! response; else the (singular) name of the property. Schemas that ask for one name share it if
//! they have the same meaning: enums with a common value, objects of one shape, and objects with
//! an `x-rust-name`. Their values and fields are united. Among schemas of different meanings, a
//! named one keeps the name, else one with an `x-rust-name`, else the most used. The others are
//! qualified by their places.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value;

use super::alias_duplicates::is_alias;
use super::clusters::{Cluster, Group, Occurrence};
use super::shape::shape;
use crate::schema::{self, Link, Slot};
use crate::{names, pointer};

/// Extension with the name of a type.
pub(super) const PIN: &str = "x-rust-name";
/// Extension with the overlay's documentation of the type that an inline string becomes.
pub(super) const TYPE_DOC: &str = "x-rust-type-description";
/// Keys that belong to a place, and stay there when its schema gets a name.
const OF_PLACE: [&str; 3] = ["description", "nullable", "x-rust-wire-names"];

pub(super) fn run(root: &mut Value) {
    let mut shapes = Shapes::new();
    // Enums and marked strings have no parts. Each round of objects makes the next outer ones
    // free of inline parts. Depth is bounded by validation.
    replace(root, &mut shapes, &|schema, _| is_named_string(schema));
    let is_next = |schema: &Value, _| is_own_type(schema) && parts_are_named(schema);
    while replace(root, &mut shapes, &is_next) {}
    // A whole body gets a name even if it is an array or a map.
    replace(root, &mut shapes, &|_, is_body| is_body);
    schema::every_mut(root, &mut |map| {
        map.shift_remove(PIN);
    });
}

/// Choice of the inline schemas that get a name. The flag is true for a whole body.
type Wanted<'w> = dyn Fn(&Value, bool) -> bool + 'w;

/// Known [`shape`]s of named schemas.
type Shapes = HashMap<String, String>;

/// Replaces all inline schemas that `wanted` accepts. Returns false if there are none.
fn replace(root: &mut Value, shapes: &mut Shapes, wanted: &Wanted<'_>) -> bool {
    let occurrences = collect(root, wanted);
    let Some(named) = schema::named(root).filter(|_| !occurrences.is_empty()) else { return false };
    for (name, schema) in named {
        if !shapes.contains_key(name) {
            shapes.insert(name.clone(), shape(schema));
        }
    }
    let by_shape: HashMap<&String, &String> =
        named.keys().rev().filter_map(|name| Some((shapes.get(name)?, name))).collect();
    let mut by_wish: BTreeMap<String, Group> = BTreeMap::new();
    for occurrence in occurrences {
        // A named schema of the same shape is used, whatever its name. But ids have one
        // shape and different meanings.
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
    let mut taken: BTreeSet<String> = named.keys().cloned().collect();
    let by_wish =
        by_wish.into_iter().map(|(wish, group)| (wish, group.clusters.into_iter().flatten()));
    let clusters = merge_equal(by_wish);
    for (wish, mut clusters) in clusters {
        clusters.sort_by_cached_key(rank);
        let mut number = 2;
        for cluster in clusters {
            let free = || free_name(&wish, &cluster, &taken, &mut number);
            let name = cluster.existing.clone().unwrap_or_else(free);
            taken.insert(name.clone());
            for member in &cluster.members {
                if let Some(around) = &member.around {
                    shapes.remove(around);
                }
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
                // The description of a string is about the property, not about the type.
                let is_text = map.get("type").is_some_and(|kind| kind == "string");
                if is_text && cluster.existing.is_none() {
                    map.shift_remove("description");
                    map.extend(
                        map.get(TYPE_DOC).cloned().map(|text| ("description".to_owned(), text)),
                    );
                }
                [PIN, "nullable"].iter().for_each(|key| drop(map.shift_remove(*key)));
            }
            shapes.remove(&name);
            if let Some(schemas) = schema::components(root) {
                schemas.insert(name, schema);
            }
        }
    }
    true
}

/// Joins equal clusters of different wishes to one type, with the first of the names.
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

/// Ranks a cluster among those that ask for one name: the smallest rank keeps it.
fn rank(cluster: &Cluster) -> (bool, bool, usize, String) {
    let owner = cluster.members.iter().map(|member| member.owner.clone()).min().unwrap_or_default();
    (
        cluster.existing.is_none(),
        !cluster.members.iter().any(|member| member.pinned),
        usize::MAX - cluster.members.len(),
        owner,
    )
}

/// Finds a free name. `number` is the next to try, because those before it are taken.
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

/// Lists the places of schemas that `wanted` accepts, in any order.
fn collect(root: &Value, wanted: &Wanted<'_>) -> Vec<Occurrence> {
    let mut search = Search { wanted, found: Vec::new() };
    for (name, schema) in schema::named(root).into_iter().flatten() {
        let start = Start {
            around: Some(name),
            at: &|| pointer::component(name),
            thing: &|| name.clone(),
            owner: &|| name.clone(),
        };
        search.descend(schema, &Way::Start(&start));
    }
    for (at, operation) in schema::operations(root) {
        let id = operation.get("operationId").and_then(Value::as_str).unwrap_or_default();
        let owner = || names::type_name(id);
        for (slot, inner) in schema::slots(operation) {
            let thing = || match slot {
                Slot::Parameter(name) => names::type_name(name),
                Slot::Request => format!("{}Request", owner()),
                Slot::Response(status) if status.starts_with('2') => format!("{}Response", owner()),
                Slot::Response(_) => format!("{}ErrorBody", owner()),
            };
            let at = format!("{at}{inner}");
            let Some(schema) = root.pointer(&at) else { continue };
            let at = || at.clone();
            let start = Start { around: None, at: &at, thing: &thing, owner: &owner };
            let way = Way::Start(&start);
            search.take(schema, !matches!(slot, Slot::Parameter(_)), &way);
            search.descend(schema, &way);
        }
    }
    search.found
}

/// Schema at which a search begins. Its names are made on demand, because few are needed.
struct Start<'s> {
    /// Name of the schema, if it has one.
    around: Option<&'s String>,
    at: &'s dyn Fn() -> String,
    thing: &'s dyn Fn() -> String,
    owner: &'s dyn Fn() -> String,
}

/// Way to a schema.
enum Way<'w> {
    Start(&'w Start<'w>),
    Step { before: &'w Way<'w>, whole: &'w Value, link: Link<'w>, part: &'w Value },
}

impl<'w> Way<'w> {
    fn start(&self) -> &'w Start<'w> {
        match self {
            Way::Start(start) => start,
            Way::Step { before, .. } => before.start(),
        }
    }

    /// Returns the JSON pointer from the root of the document.
    fn at(&self) -> String {
        match self {
            Way::Start(start) => (start.at)(),
            Way::Step { before, link, .. } => before.at() + &link.pointer(),
        }
    }

    /// Returns the name of the schema, also for parts that have no name of their own.
    fn thing(&self) -> String {
        match self {
            Way::Start(start) => (start.thing)(),
            Way::Step { before, whole, link, part } => match link {
                Link::Property(name) => names::type_name(name),
                Link::Items | Link::MapValue => names::type_name(&singular_words(&before.thing())),
                Link::Branch(..) => format!("{}{}", before.thing(), telling_part(whole, part)),
            },
        }
    }
}

struct Search<'s> {
    wanted: &'s Wanted<'s>,
    found: Vec<Occurrence>,
}

impl Search<'_> {
    fn descend(&mut self, whole: &Value, way: &Way<'_>) {
        for (link, part) in schema::children(whole) {
            let way = Way::Step { before: way, whole, link, part };
            self.take(part, false, &way);
            self.descend(part, &way);
        }
    }

    fn take(&mut self, schema: &Value, is_body: bool, way: &Way<'_>) {
        if schema.get("$ref").is_none() && (self.wanted)(schema, is_body) {
            self.found.push(occurrence(schema, way));
        }
    }
}

/// Returns the singular: `DataChannel` of `DataChannels`, `UsageItem` of `Usage`.
fn singular_words(thing: &str) -> String {
    let split = thing.rfind(|c: char| c.is_ascii_uppercase()).unwrap_or(0);
    let one = names::singular(&thing[split..]);
    let item = if one == thing[split..] { "Item" } else { "" };
    format!("{}{one}{item}", &thing[..split])
}

fn occurrence(schema: &Value, way: &Way<'_>) -> Occurrence {
    let text = |key: &str| schema.get(key).and_then(Value::as_str);
    let pin = text(PIN).map(names::type_name).filter(|pin| !pin.is_empty());
    let start = way.start();
    Occurrence {
        at: way.at(),
        around: start.around.cloned(),
        pinned: pin.is_some(),
        wish: names::type_name_or(&pin.unwrap_or_else(|| way.thing()), "Part"),
        owner: (start.owner)(),
        schema: schema.clone(),
    }
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

/// Returns whether the schema becomes a type of its own: an object with properties, or
/// a choice.
fn is_own_type(schema: &Value) -> bool {
    is_inline_object(schema) || schema.get("oneOf").is_some()
}

/// Returns the name that tells an alternative of `whole` from the others: that of the first
/// property that it alone requires, else that it alone has, else that it has.
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
    schema::children(schema).into_iter().all(|(_, child)| {
        child.get("$ref").is_some()
            || (!is_named_string(child) && !is_own_type(child) && parts_are_named(child))
    })
}
