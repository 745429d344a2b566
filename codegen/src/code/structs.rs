//! Rewrites structs: documentation, what is derived, how strict serde is, and
//! constructors and setters for what requests are made of.
//!
//! All structs are `#[non_exhaustive]`, so that a new field is no break.
//! Replies are only read, so only parts of requests can be constructed: a
//! field that replies gain, required or not, changes nothing for a caller.

use proc_macro2::TokenStream;
use quote::quote;
use serde_json::Value;
use syn::{Field, Fields, Item, ItemStruct, Type, parse_quote};

use super::{doc, ids, tree, type_items};
use crate::model::Model;

pub(super) fn run(file: &mut syn::File, model: &Model) -> syn::Result<()> {
    let items = tree::types(file);
    let mut result = Vec::new();
    for item in std::mem::take(items) {
        match item {
            Item::Struct(item)
                if model.schemas.get(&item.ident.to_string()).is_some_and(ids::is_id) =>
            {
                result.push(Item::Struct(item));
            }
            Item::Struct(item) => result.extend(rewrite(item, model)),
            Item::Enum(item) => result.push(Item::Enum(document_enum(item, model))),
            other => result.push(other),
        }
    }
    *items = result;
    Ok(())
}

fn rewrite(mut item: ItemStruct, model: &Model) -> Vec<Item> {
    let name = item.ident.to_string();
    let empty = Value::Null;
    let schema = model.schemas.get(&name).unwrap_or(&empty);
    let requested = model.requested.contains(&name);
    let Fields::Named(fields) = &mut item.fields else {
        // A newtype of an array or a map.
        item.attrs = type_docs(&name, schema);
        item.attrs.push(parse_quote!(#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]));
        item.attrs.push(parse_quote!(#[serde(transparent)]));
        if let Fields::Unnamed(fields) = &mut item.fields {
            for field in &mut fields.unnamed {
                field.attrs = doc::paragraphs(&["The value itself."]);
            }
        }
        return vec![Item::Struct(item)];
    };
    for field in &mut fields.named {
        rewrite_field(field, schema, model);
    }
    let fields: Vec<Field> = fields.named.iter().cloned().collect();
    let all_optional = fields.iter().all(|field| !is_required(field));
    item.attrs = type_docs(&name, schema);
    let debug = debug_impl(&item.ident, &fields, schema);
    item.attrs.push(match (&debug, requested && all_optional) {
        (None, true) => {
            parse_quote!(#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)])
        }
        (None, false) => parse_quote!(#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]),
        (Some(_), true) => {
            parse_quote!(#[derive(Clone, Default, PartialEq, Serialize, Deserialize)])
        }
        (Some(_), false) => parse_quote!(#[derive(Clone, PartialEq, Serialize, Deserialize)]),
    });
    item.attrs.push(parse_quote!(#[non_exhaustive]));
    let constructors = requested.then(|| constructors(&item, &fields));
    let mut items = vec![Item::Struct(item)];
    items.extend(debug);
    items.extend(constructors);
    items
}

fn type_docs(name: &str, schema: &Value) -> Vec<syn::Attribute> {
    let text = schema.get("description").and_then(Value::as_str).unwrap_or_default();
    let summary = if text.is_empty() { format!("The API's `{name}`.") } else { String::new() };
    doc::paragraphs(&[&summary, text, &type_items::origin(schema)])
}

/// The field's name in JSON.
fn wire_name(field: &Field) -> String {
    let ident = field.ident.as_ref().map(ToString::to_string).unwrap_or_default();
    tree::serde_text(&field.attrs, "rename").unwrap_or(ident)
}

/// The other names under which the field may come.
fn wire_names<'s>(schema: &'s Value, field: &Field) -> Vec<&'s str> {
    let names = property(schema, field).and_then(|property| property.get("x-rust-wire-names"));
    names.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

fn property<'s>(schema: &'s Value, field: &Field) -> Option<&'s Value> {
    schema.pointer(&crate::pointer::join("/properties", &wire_name(field)))
}

fn is_required(field: &Field) -> bool {
    let optional =
        tree::type_name(&field.ty) == "Option" || tree::serde_flag(&field.attrs, "default");
    !optional && !tree::serde_flag(&field.attrs, "flatten")
}

/// Documentation, and leniency towards what the service is known to send.
fn rewrite_field(field: &mut Field, schema: &Value, model: &Model) {
    let wire = wire_name(field);
    let described = property(schema, field).and_then(|property| {
        let own = property.get("description").and_then(Value::as_str);
        let referred = crate::pointer::schema_name(property)
            .and_then(|name| model.schemas.get(name)?.get("description")?.as_str());
        own.or(referred)
    });
    let fallback = format!("The API's `{wire}`.");
    field.attrs.retain(|attr| !attr.path().is_ident("doc"));
    let mut attrs = doc::paragraphs(&[described.unwrap_or(&fallback)]);
    attrs.append(&mut field.attrs);
    field.attrs = attrs;
    for name in wire_names(schema, field) {
        field.attrs.push(parse_quote!(#[serde(alias = #name)]));
    }
    let (outer, inner) = match tree::generic(&field.ty) {
        Some((outer, inner)) => (outer, inner.map(tree::type_name).unwrap_or_default()),
        None => return,
    };
    let optional = tree::serde_flag(&field.attrs, "default");
    if outer == "Option" && model.schemas.get(&inner).is_some_and(ids::is_id) {
        // A required one that may be null has another way to be read.
        tree::remove_serde(&mut field.attrs, "deserialize_with");
        field
            .attrs
            .push(parse_quote!(#[serde(default, deserialize_with = "super::empty_as_none")]));
    } else if outer == "Vec" {
        field.attrs.push(parse_quote!(#[serde(deserialize_with = "super::list")]));
    } else if optional && matches!(outer.as_str(), "HashMap" | "Map") {
        field.attrs.push(parse_quote!(#[serde(deserialize_with = "super::null_as_default")]));
    }
}

/// A `Debug` that hides what the overlay marks: `x-rust-debug: hide` shows the
/// length only, `scrub` the text without session descriptions.
fn debug_impl(name: &syn::Ident, fields: &[Field], schema: &Value) -> Option<Item> {
    let mark = |field: &Field| {
        let property = property(schema, field)?;
        let is_text = property.get("type").is_some_and(|kind| kind == "string");
        property.get("x-rust-debug").filter(|_| is_text)?.as_str()
    };
    if fields.iter().all(|field| mark(field).is_none()) {
        return None;
    }
    let text = name.to_string();
    let shown = fields.iter().map(|field| {
        let ident = &field.ident;
        let label = ident.as_ref().map(ToString::to_string).unwrap_or_default();
        let optional = tree::type_name(&field.ty) == "Option";
        let value: syn::Expr = match (mark(field), optional) {
            (Some("hide"), true) => {
                parse_quote!(self.#ident.as_ref().map(|hidden| super::Hidden(hidden.len())))
            }
            (Some("hide"), false) => parse_quote!(super::Hidden(self.#ident.len())),
            (Some(_), true) => parse_quote!(super::scrub_some(&self.#ident)),
            (Some(_), false) => parse_quote!(super::scrub(&self.#ident)),
            (None, _) => parse_quote!(self.#ident),
        };
        quote!(.field(#label, &#value))
    });
    Some(parse_quote! {
        impl fmt::Debug for #name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(#text) #(#shown)* .finish()
            }
        }
    })
}

fn constructors(item: &ItemStruct, fields: &[Field]) -> Item {
    let name = &item.ident;
    let required: Vec<&Field> = fields.iter().filter(|field| is_required(field)).collect();
    let optional = fields.iter().filter(|field| !is_required(field));
    let idents = required.iter().map(|field| &field.ident);
    let arguments =
        required.iter().map(|field| &field.ident).zip(required.iter().map(|f| argument(&f.ty)));
    let arguments = arguments.map(|(ident, argument)| {
        let ty = &argument.ty;
        quote!(#ident: #ty)
    });
    let values = required.iter().filter_map(|field| {
        field.ident.as_ref().map(|ident| argument(&field.ty).initialize(ident))
    });
    let rest = fields.iter().filter(|field| !is_required(field)).map(|field| &field.ident);
    let setters = optional.map(setter);
    let summary = match idents.clone().count() {
        0 => " Nothing set.",
        _ => " The required fields set, no other.",
    };
    let new: syn::ImplItem = if required.is_empty() {
        parse_quote! {
            #[doc = #summary]
            pub fn new() -> Self {
                Self::default()
            }
        }
    } else {
        parse_quote! {
            #[doc = #summary]
            pub fn new(#(#arguments),*) -> Self {
                Self { #(#values,)* #(#rest: Default::default(),)* }
            }
        }
    };
    parse_quote! {
        impl #name {
            #new
            #(#setters)*
        }
    }
}

fn setter(field: &Field) -> syn::ImplItem {
    let ident = &field.ident;
    let is_option = tree::type_name(&field.ty) == "Option";
    let inner = match tree::generic(&field.ty) {
        Some((outer, Some(inner))) if outer == "Option" => inner.clone(),
        _ => field.ty.clone(),
    };
    let argument = argument(&inner);
    let ty = &argument.ty;
    let value = argument.value(&parse_quote!(#ident));
    let value: syn::Expr = if is_option { parse_quote!(Some(#value)) } else { value };
    let docs = doc::paragraphs(&[&format!("Sets `{}`.", wire_name(field))]);
    // Fields of these names would meet the constructor and `Default`.
    let method = match ident {
        Some(ident) if ident == "new" || ident == "default" => {
            tree::ident(&format!("with_{ident}"))
        }
        Some(ident) => ident.clone(),
        None => tree::ident("set"),
    };
    parse_quote! {
        #(#docs)*
        pub fn #method(mut self, #ident: #ty) -> Self {
            self.#ident = #value;
            self
        }
    }
}

/// How a value of some type is passed.
pub(super) struct Argument {
    pub(super) ty: Type,
    conversion: Conversion,
}

enum Conversion {
    None,
    Into,
    Collect,
}

impl Argument {
    pub(super) fn value(&self, ident: &syn::Expr) -> syn::Expr {
        match self.conversion {
            Conversion::None => ident.clone(),
            Conversion::Into => parse_quote!(#ident.into()),
            Conversion::Collect => parse_quote!(#ident.into_iter().collect()),
        }
    }

    /// The initializer of a field from the argument of the same name.
    pub(super) fn initialize(&self, ident: &syn::Ident) -> TokenStream {
        let value = self.value(&parse_quote!(#ident));
        match self.conversion {
            Conversion::None => quote!(#ident),
            _ => quote!(#ident: #value),
        }
    }
}

/// Text comes as anything that becomes a `String`, a list as anything that
/// can be gone through.
pub(super) fn argument(ty: &Type) -> Argument {
    match tree::generic(ty) {
        Some((name, _)) if name == "String" => {
            Argument { ty: parse_quote!(impl Into<String>), conversion: Conversion::Into }
        }
        Some((name, Some(inner))) if name == "Vec" => Argument {
            ty: parse_quote!(impl IntoIterator<Item = #inner>),
            conversion: Conversion::Collect,
        },
        _ => Argument { ty: ty.clone(), conversion: Conversion::None },
    }
}

/// An enum that is not of strings: its alternatives are what the document's
/// `oneOf` or `anyOf` lists.
fn document_enum(mut item: syn::ItemEnum, model: &Model) -> syn::ItemEnum {
    let name = item.ident.to_string();
    if model.schemas.get(&name).is_some_and(|schema| schema.get("enum").is_some()) {
        return item;
    }
    let empty = Value::Null;
    item.attrs.retain(|attr| attr.path().is_ident("serde"));
    let mut attrs = type_docs(&name, model.schemas.get(&name).unwrap_or(&empty));
    attrs.push(parse_quote!(#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]));
    attrs.append(&mut item.attrs);
    attrs.push(parse_quote!(#[non_exhaustive]));
    item.attrs = attrs;
    for variant in &mut item.variants {
        variant.attrs.retain(|attr| !attr.path().is_ident("doc"));
        variant.attrs.insert(0, parse_quote!(#[doc = " One of the alternatives."]));
        for field in &mut variant.fields {
            field.attrs.retain(|attr| !attr.path().is_ident("doc"));
            if field.ident.is_some() {
                let text = format!("The API's `{}`.", wire_name(field));
                field.attrs.splice(..0, doc::paragraphs(&[&text]));
            }
        }
    }
    item
}
