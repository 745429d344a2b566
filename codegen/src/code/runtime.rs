//! Adds what every operation needs, and puts the items in the order in which
//! they are read: imports, client, types, operations, the rest.

use syn::{Item, Visibility, parse_quote};

use super::tree;
use crate::model::Model;

/// Real Rust in files of its own, so that the generated text stands alone.
const SOURCES: [&str; 4] = [
    include_str!("../../runtime/macros.rs"),
    include_str!("../../runtime/error.rs"),
    include_str!("../../runtime/id.rs"),
    include_str!("../../runtime/exchange.rs"),
];

pub(super) fn run(file: &mut syn::File, _: &Model) -> syn::Result<()> {
    for source in SOURCES {
        file.items.extend(syn::parse_file(source)?.items);
    }
    for name in ["types", "operations"] {
        let items = tree::module(file, name);
        items.sort_by_key(own_name);
        let imports: [Item; 2] = match name {
            "types" => [
                parse_quote!(#[allow(unused_imports)] use serde::{Deserialize, Deserializer, Serialize, Serializer};),
                parse_quote!(#[allow(unused_imports)] use std::fmt;),
            ],
            _ => [
                parse_quote!(#[allow(unused_imports)] use super::{segment, types};),
                parse_quote!(use super::{Client, OperationError};),
            ],
        };
        items.splice(..0, imports);
    }
    for item in &mut file.items {
        if let Item::Mod(module) = item {
            let text = match module.ident == "types" {
                true => " What requests and replies are made of.",
                false => " Requests that are ready to be completed and sent.",
            };
            module.attrs = vec![parse_quote!(#[doc = #text])];
        }
    }
    file.items.sort_by_key(rank);
    Ok(())
}

/// The type that an item declares or is for, so that they stand together.
fn own_name(item: &Item) -> (String, u8) {
    match item {
        Item::Struct(item) => (item.ident.to_string(), 0),
        Item::Enum(item) => (item.ident.to_string(), 0),
        Item::Type(item) => (item.ident.to_string(), 0),
        Item::Macro(item) => (item.mac.tokens.to_string(), 1),
        Item::Impl(imp) if imp.trait_.is_none() => (tree::implemented(item).unwrap_or_default(), 1),
        _ => (tree::implemented(item).unwrap_or_default(), 2),
    }
}

/// Public items first.
fn rank(item: &Item) -> u8 {
    let public = |visibility: &Visibility| matches!(visibility, Visibility::Public(_));
    match item {
        Item::Use(_) => 0,
        // A macro is known from its definition on.
        Item::Macro(_) => 1,
        Item::Const(item) if public(&item.vis) => 1,
        Item::Struct(item) if public(&item.vis) => 2,
        Item::Impl(_) if matches!(tree::implemented(item).as_deref(), Some("Client" | "ClientBuilder")) => 2,
        Item::Mod(_) => 3,
        Item::Enum(_) | Item::Trait(_) => 4,
        Item::Impl(_)
            if matches!(
                tree::implemented(item).as_deref(),
                Some("ConfigError" | "OperationError" | "InvalidRequest" | "InvalidId")
            ) =>
        {
            4
        }
        _ => 5,
    }
}
