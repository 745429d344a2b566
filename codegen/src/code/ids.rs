//! Gives the strings that become part of a path a type that can only hold a
//! safe one, wherever it comes from.

use syn::{Item, parse_quote};

use super::{doc, tree, type_items};
use crate::model::Model;

pub(super) fn run(file: &mut syn::File, model: &Model) -> syn::Result<()> {
    let items = tree::types(file);
    for (name, schema) in model.schemas.iter().filter(|(_, schema)| is_id(schema)) {
        items.retain(|item| {
            let declares = matches!(item, Item::Struct(item) if item.ident == name);
            let implements = tree::implemented(item).as_deref() == Some(name);
            !declares && !implements
        });
        items.extend(id_type(name, schema));
    }
    Ok(())
}

/// Whether the schema is that of an id which becomes part of a path.
pub(super) fn is_id(schema: &serde_json::Value) -> bool {
    schema.get("x-rust-id") == Some(&serde_json::Value::Bool(true))
        && schema.get("x-rust-alias").is_none()
}

fn id_type(name: &str, schema: &serde_json::Value) -> [Item; 2] {
    let text = schema.get("description").and_then(|text| text.as_str()).unwrap_or_default();
    let summary = if text.is_empty() { format!("The API's `{name}`.") } else { String::new() };
    let rule = "Opaque, but safe to be part of a path: see `InvalidId` for the rule.";
    let docs = doc::paragraphs(&[&summary, text, rule, &type_items::origin(schema)]);
    let name = tree::ident(name);
    [
        parse_quote! {
            #(#docs)*
            #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
            #[serde(transparent)]
            pub struct #name(String);
        },
        parse_quote!(id! { #name }),
    ]
}
