//! Puts the items in the order in which they are read: imports, client, types,
//! operations. What every operation needs follows when the text is
//! [printed](crate::print).

use syn::{Item, parse_quote};

use super::tree;
use crate::model::Model;

pub(super) fn run(file: &mut syn::File, _: &Model) -> syn::Result<()> {
    for name in ["types", "operations"] {
        let items = tree::module(file, name);
        items.sort_by_key(own_name);
        let imports: [Item; 2] = match name {
            "types" => [
                parse_quote!(
                    #[allow(unused_imports)]
                    use serde::{Deserialize, Deserializer, Serialize, Serializer};
                ),
                parse_quote!(
                    #[allow(unused_imports)]
                    use std::{
                        cmp::Ordering,
                        fmt,
                        hash::{Hash, Hasher},
                    };
                ),
            ],
            _ => [
                parse_quote!(
                    #[allow(unused_imports)]
                    use super::{segment, types};
                ),
                parse_quote!(
                    use super::{Client, OperationError};
                ),
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

fn rank(item: &Item) -> u8 {
    match item {
        Item::Use(_) => 0,
        Item::Const(_) => 1,
        Item::Mod(_) => 3,
        _ => 2,
    }
}
