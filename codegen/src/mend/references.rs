//! References. Those with percent-escapes lose them. Those into the middle of a schema or
//! operation get a schema of their own as the target. Those that lead nowhere or in circles are
//! found.

use std::collections::{BTreeSet, HashMap, HashSet};

use serde_json::{Map, Value, json};

use crate::left_out::Notes;
use crate::pointer::{self, unescape};
use crate::walk;

/// Pointers to which a reference may lead.
pub(super) type Targets = HashSet<String>;

/// Decodes the percent-escapes of references, which are URIs (RFC 6901, section 6). A reference
/// that leads somewhere with them stays.
pub(super) fn decode(root: &mut Value) {
    let mut decoded = HashMap::new();
    walk::objects(root, &mut |object| {
        let reference = object.get("$ref").and_then(Value::as_str);
        if let Some(reference) = reference.filter(|reference| reference.contains('%'))
            && let Ok(plain) = percent_encoding::percent_decode_str(reference).decode_utf8()
            && pointer::local(reference).is_some_and(|target| root.pointer(target).is_none())
        {
            decoded.insert(reference.to_owned(), Value::from(plain));
        }
    });
    if decoded.is_empty() {
        return;
    }
    walk::objects_mut(root, &mut |object| {
        if let Some(reference) = object.get_mut("$ref")
            && let Some(plain) = reference.as_str().and_then(|text| decoded.get(text))
        {
            *reference = plain.clone();
        }
    });
}

/// Returns the pointer of a reference into the same document.
fn target(object: &Map<String, Value>) -> Option<&str> {
    pointer::local(object.get("$ref")?.as_str()?)
}

/// Lists the pointers of all references of the document that lead to an object.
pub(super) fn targets(root: &Value) -> Targets {
    let mut found = Targets::new();
    walk::objects(root, &mut |object| {
        let target = target(object);
        if let Some(target) =
            target.filter(|target| root.pointer(target).is_some_and(Value::is_object))
        {
            found.insert(target.to_owned());
        }
    });
    found
}

/// Moves each referenced schema that is inside another, or inside an operation, to a schema
/// of its own.
pub(super) fn hoist(root: &mut Value) {
    // A schema that is hoisted may refer into the middle of another.
    for _ in 0..16 {
        let wanted = inner_targets(root);
        if wanted.is_empty() {
            return;
        }
        let mut names = HashMap::new();
        for target in wanted {
            let Some(schema) = root.pointer(&target).cloned() else { continue };
            let Some(schemas) = schemas_mut(root) else { return };
            let words: Vec<&str> = target.split('/').filter(|word| is_telling(word)).collect();
            let wish = words.iter().rev().take(2).rev().copied().collect::<Vec<_>>().join("_");
            let free = |name: &String| !schemas.contains_key(name);
            let numbered = (2..).map(|number| format!("{wish}_{number}"));
            let Some(name) = [wish.clone()].into_iter().chain(numbered).find(free) else { return };
            schemas.insert(name.clone(), schema);
            names.insert(target, name);
        }
        walk::objects_mut(root, &mut |object| {
            let target = target(object);
            if let Some(name) = target.and_then(|target| names.get(target)) {
                pointer::refer(object, name);
            }
        });
    }
}

/// Returns whether a word of a pointer is a name, rather than a key of the format.
fn is_telling(word: &str) -> bool {
    const FORMAT: [&str; 15] = [
        "",
        "components",
        "schemas",
        "$defs",
        "properties",
        "items",
        "paths",
        "content",
        "schema",
        "responses",
        "application~1json",
        "allOf",
        "oneOf",
        "anyOf",
        "additionalProperties",
    ];
    !FORMAT.contains(&word) && word.contains(|c: char| c.is_ascii_alphabetic())
}

fn schemas_mut(root: &mut Value) -> Option<&mut Map<String, Value>> {
    let components = root.as_object_mut()?.entry("components").or_insert_with(|| json!({}));
    let schemas = components.as_object_mut()?.entry("schemas").or_insert_with(|| json!({}));
    schemas.as_object_mut()
}

/// Lists the targets of references to schemas that are not among the components.
fn inner_targets(root: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    walk::objects(root, &mut |object| {
        let target = target(object);
        let Some(target) = target else { return };
        let mut words = target.split('/').skip(1);
        let (first, section) = (words.next(), words.next());
        let is_part = match (first, section) {
            (Some("components"), Some("schemas")) => target.matches('/').count() > 3,
            (Some("components"), _) => target.matches('/').count() > 3 && !is_whole(target),
            (Some("paths"), _) => !is_whole(target),
            _ => false,
        };
        if is_part && root.pointer(target).is_some_and(Value::is_object) {
            found.insert(target.to_owned());
        }
    });
    found
}

/// Returns whether the pointer leads to another part than a schema: a parameter, a response,
/// a body or a whole path.
fn is_whole(target: &str) -> bool {
    let Some((rest, last)) = target.rsplit_once('/') else { return true };
    let holder = rest.rsplit('/').next().unwrap_or_default();
    let names_schema = matches!(last, "schema" | "items" | "additionalProperties" | "not");
    let holds_schemas =
        matches!(holder, "properties" | "schemas" | "$defs" | "allOf" | "oneOf" | "anyOf");
    !names_schema && !holds_schemas
}

/// Cuts circles of which no type can be made: a chain of references that returns to its start,
/// and a schema that is its own branch.
pub(super) fn cut_circles(root: &mut Value, notes: &mut Notes) {
    let Some(Value::Object(schemas)) = root.pointer_mut(pointer::COMPONENTS) else { return };
    let mut branches: HashMap<String, Vec<String>> = HashMap::new();
    for (name, schema) in schemas.iter() {
        branches.insert(name.clone(), branch_names(schema));
    }
    let names: Vec<String> = schemas.keys().cloned().collect();
    for name in names {
        let mut seen = HashSet::new();
        let mut next = branches.get(&name).cloned().unwrap_or_default();
        let mut returns = false;
        while let Some(branch) = next.pop() {
            returns |= branch == name;
            if seen.insert(branch.clone()) {
                next.extend(branches.get(&branch).cloned().unwrap_or_default());
            }
        }
        if !returns {
            continue;
        }
        let at = pointer::component(&name);
        let Some(schema) = schemas.get_mut(&name) else { continue };
        let cut = |branch: &str| {
            let mut next = vec![branch.to_owned()];
            let mut seen = HashSet::new();
            while let Some(one) = next.pop() {
                if one == name {
                    return true;
                }
                if seen.insert(one.clone()) {
                    next.extend(branches.get(&one).cloned().unwrap_or_default());
                }
            }
            false
        };
        cut_branches(schema, &cut);
        branches.insert(name.clone(), branch_names(schema));
        let reason = match schema.as_object().is_some_and(Map::is_empty) {
            true => "this chain of references leads back to itself",
            false => "the schema is made of itself by `allOf`, `oneOf` or `anyOf`",
        };
        notes.detail(&at, reason);
    }
}

/// Lists the named schemas that `schema` is made of: references and branches, not properties.
fn branch_names(schema: &Value) -> Vec<String> {
    let mut found: Vec<String> = pointer::schema_name(schema).map(unescape).into_iter().collect();
    for key in ["allOf", "oneOf", "anyOf"] {
        let list = schema.get(key).and_then(Value::as_array);
        found.extend(list.into_iter().flatten().flat_map(branch_names));
    }
    found
}

fn cut_branches(schema: &mut Value, cut: &impl Fn(&str) -> bool) {
    if pointer::schema_name(schema).map(unescape).is_some_and(|name| cut(&name)) {
        *schema = json!({});
        return;
    }
    for key in ["allOf", "oneOf", "anyOf"] {
        let Some(Value::Array(list)) = schema.get_mut(key) else { continue };
        list.retain(|branch| {
            !pointer::schema_name(branch).map(unescape).is_some_and(|name| cut(&name))
        });
        list.iter_mut().for_each(|branch| cut_branches(branch, cut));
        if list.is_empty()
            && let Some(map) = schema.as_object_mut()
        {
            map.shift_remove(key);
        }
    }
}
