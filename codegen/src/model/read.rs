//! Named types of the schemas of a prepared document.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::{Map, Value};

use super::types::{
    Debug, EnumValue, Field, Format, Named, Presence, Schema, Struct, Ty, Union, Variant,
};
use crate::schema;
use crate::{names, pointer};

/// Reads the named types of the document. `published` has the names in the document as published.
pub(super) fn types(root: &Value, published: &HashMap<String, String>) -> BTreeMap<String, Named> {
    let empty = Map::new();
    let schemas = schema::named(root).unwrap_or(&empty);
    let requested = schema::reached(root, schema::used(root, &["requestBody", "parameters"]));
    let named = |(name, value): (&String, &Value)| {
        let requested = requested.contains(name);
        let named = Named {
            name: name.clone(),
            origin: published.get(name).cloned(),
            description: text(value, "description"),
            deprecated: schema::is_true(value, "deprecated"),
            requested,
            schema: read(value, requested, schemas),
        };
        (name.clone(), named)
    };
    schemas.iter().map(named).collect()
}

/// Reads the type of a schema at its place.
pub(super) fn ty(value: &Value) -> Ty {
    if let Some(name) = pointer::schema_name(value) {
        return Ty::Named(name.to_owned());
    }
    let may_be_null = |inner: &Value| match schema::is_true(inner, "nullable") {
        true => Ty::Option(Box::new(ty(inner))),
        false => ty(inner),
    };
    let format = value.get("format").and_then(Value::as_str).unwrap_or_default();
    match value.get("type").and_then(Value::as_str).unwrap_or_default() {
        "string" if format == "binary" => Ty::File,
        // A text that `Debug` does not show is of the type that hides it.
        "string" if value.get("x-rust-debug").is_some() => Ty::Text,
        "string" => text_format(format).map_or(Ty::Text, Ty::Format),
        "boolean" => Ty::Bool,
        "integer" => integer(format),
        "number" => match format {
            "float" => Ty::Number("f32"),
            "double" => Ty::Number("f64"),
            _ => Ty::Format(Format::Decimal),
        },
        "array" => Ty::List(Box::new(value.get("items").map_or(Ty::Any, may_be_null))),
        "object" => match value.get("additionalProperties") {
            Some(Value::Object(map)) if map.keys().any(|key| !schema::is_annotation(key)) => {
                Ty::Map(Box::new(may_be_null(&value["additionalProperties"])))
            }
            _ => Ty::Object,
        },
        _ => Ty::Any,
    }
}

fn text_format(format: &str) -> Option<Format> {
    Some(match format {
        "date-time" => Format::DateTime,
        "date" => Format::Date,
        "uuid" => Format::Uuid,
        "byte" => Format::Base64,
        _ => return None,
    })
}

fn integer(format: &str) -> Ty {
    Ty::Number(match format {
        "int8" => "i8",
        "uint8" => "u8",
        "int16" => "i16",
        "uint16" => "u16",
        "int32" => "i32",
        "uint32" => "u32",
        "uint64" => "u64",
        "decimal" => return Ty::Format(Format::Decimal),
        _ => "i64",
    })
}

fn read(value: &Value, requested: bool, schemas: &Map<String, Value>) -> Schema {
    if let Some(target) = pointer::schema_name(value) {
        return Schema::Alias(target.to_owned());
    }
    if let Some(values) = value.get("enum").and_then(Value::as_array) {
        return Schema::OpenEnum(enum_values(value, values));
    }
    if schema::is_true(value, "x-rust-id") && value.get("type").is_some_and(|kind| kind == "string")
    {
        return Schema::Id;
    }
    if let Some(properties) = value.get("properties").and_then(Value::as_object)
        && !properties.is_empty()
    {
        return Schema::Struct(structure(value, properties, requested, schemas));
    }
    if let Some(list) = value.get("oneOf").and_then(Value::as_array) {
        return union(value, list);
    }
    Schema::Other(ty(value))
}

fn enum_values(schema: &Value, values: &[Value]) -> Vec<EnumValue> {
    let mut taken = HashSet::from(["Other".to_owned()]);
    let mut seen = HashSet::new();
    let values = values.iter().filter_map(Value::as_str).filter(|value| seen.insert(*value));
    values
        .map(|value| EnumValue {
            ident: names::free(&names::variant_name(value), names::variant_name, &mut taken),
            value: value.to_owned(),
            description: schema
                .pointer(&pointer::join("/x-enum-descriptions", value))
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned(),
        })
        .collect()
}

fn structure(
    value: &Value,
    properties: &Map<String, Value>,
    requested: bool,
    schemas: &Map<String, Value>,
) -> Struct {
    let required: HashSet<&str> = value
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let mut sorted: Vec<(&String, &Value)> = properties.iter().collect();
    sorted.sort_by_key(|(name, _)| *name);
    let mut taken = HashSet::new();
    // A field that already is spelled as an identifier gets it first, whatever the order.
    let mut idents: BTreeMap<&String, String> = BTreeMap::new();
    let spell = |name: &str| names::field_name_or(name, "field");
    let mut by_wish = sorted.clone();
    by_wish.sort_by_key(|(name, _)| (spell(name) != **name, *name));
    for (name, _) in by_wish {
        idents.insert(name, names::free(&spell(name), spell, &mut taken));
    }
    let fields = sorted
        .into_iter()
        .map(|(name, property)| {
            let ident = idents.remove(name).unwrap_or_default();
            let presence = presence(property, required.contains(name.as_str()), requested);
            field(name, ident, property, presence, schemas)
        })
        .collect();
    let rest = match value.get("additionalProperties") {
        Some(Value::Bool(true)) => Some(Ty::Any),
        Some(values @ Value::Object(_)) => Some(match ty(values) {
            inner if schema::is_true(values, "nullable") => Ty::Option(Box::new(inner)),
            inner => inner,
        }),
        _ => None,
    };
    Struct { fields, rest }
}

fn presence(property: &Value, required: bool, requested: bool) -> Presence {
    let nullable = schema::is_true(property, "nullable");
    let is_collection = || matches!(ty(property), Ty::List(_) | Ty::Map(_) | Ty::Object);
    // In a request, an empty list can mean something else than none.
    let is_absent = !requested || schema::is_true(property, "x-rust-empty-is-absent");
    match (required, nullable) {
        (true, false) => Presence::Required,
        (true, true) => Presence::Nullable,
        (false, true) if requested => Presence::OptionalNullable,
        (false, false) if is_absent && is_collection() => Presence::Empty,
        (false, _) => Presence::Optional,
    }
}

fn field(
    name: &str,
    ident: String,
    property: &Value,
    presence: Presence,
    schemas: &Map<String, Value>,
) -> Field {
    let ty = ty(property);
    let target = schema::follow(property, schemas).1;
    let own = text(property, "description");
    let is_text = property.get("type").is_some_and(|kind| kind == "string");
    let debug = property.get("x-rust-debug").filter(|_| is_text && ty == Ty::Text);
    let aliases = property.get("x-rust-wire-names").and_then(Value::as_array);
    Field {
        ident,
        wire: name.to_owned(),
        aliases: aliases
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .filter(|alias| *alias != name)
            .map(str::to_owned)
            .collect(),
        presence,
        description: if own.is_empty() { text(target, "description") } else { own },
        deprecated: schema::is_true(property, "deprecated"),
        debug: match debug.and_then(Value::as_str) {
            Some("hide") => Debug::Hide,
            Some("scrub") => Debug::Scrub,
            _ => Debug::Show,
        },
        is_id: matches!(ty, Ty::Named(_)) && schema::is_true(target, "x-rust-id"),
        is_verdict: ty == Ty::Bool && schema::is_true(property, "x-rust-success"),
        ty,
    }
}

fn union(value: &Value, list: &[Value]) -> Schema {
    let property = value.pointer("/discriminator/propertyName").and_then(Value::as_str);
    let tags = |index: usize| -> Vec<String> {
        let tags = value.pointer(&format!("/discriminator/tags/{index}")).and_then(Value::as_array);
        tags.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let mut taken = HashSet::from(["Other".to_owned()]);
    let mut variants: Vec<Variant> = Vec::new();
    let mut seen = HashSet::new();
    for (index, branch) in list.iter().enumerate() {
        let (ty, mut tags) = (ty(branch), tags(index));
        // A tag of several alternatives counts for the first.
        tags.retain(|tag| seen.insert(tag.clone()));
        if ty == Ty::Any {
            return Schema::Other(Ty::Any);
        }
        let known = variants.iter_mut().find(|variant| variant.ty == ty);
        match (known, property) {
            (Some(known), None) => known.tags.extend(tags),
            (_, Some(_)) | (None, None) => {
                // Alternatives of one type are named by their tags.
                let twin = variants.iter().any(|variant| variant.ty == ty);
                let wish = match tags.first().filter(|_| twin) {
                    Some(tag) => names::variant_name(tag),
                    None => variant_name(&ty),
                };
                let ident = names::free(&wish, names::variant_name, &mut taken);
                variants.push(Variant { ident, ty, tags });
            }
        }
    }
    Schema::Union(Union { tag: property.map(str::to_owned), variants })
}

fn variant_name(ty: &Ty) -> String {
    match ty {
        Ty::Number("f32" | "f64") | Ty::Format(Format::Decimal) => "Number".to_owned(),
        Ty::Text | Ty::Format(_) => "Text".to_owned(),
        Ty::Bool => "Boolean".to_owned(),
        Ty::Number(_) => "Integer".to_owned(),
        Ty::File => "File".to_owned(),
        Ty::Any => "Any".to_owned(),
        Ty::Object => "Object".to_owned(),
        Ty::Named(name) => name.clone(),
        Ty::Boxed(inner) | Ty::Option(inner) => variant_name(inner),
        Ty::List(inner) => format!("{}List", variant_name(inner)),
        Ty::Map(inner) => format!("{}Map", variant_name(inner)),
    }
}

fn text(value: &Value, key: &str) -> String {
    value.get(key).and_then(Value::as_str).unwrap_or_default().trim().to_owned()
}
