//! Keeps of progenitor's `types` the types themselves: the conversions that
//! come with them serve constraints and builders that this client doesn't have.

use syn::{Item, parse_quote};

use super::{doc, tree};
use crate::model::Model;

pub(super) fn run(file: &mut syn::File, model: &Model) -> syn::Result<()> {
    let items = tree::types(file);
    items.retain(|item| match item {
        Item::Struct(_) | Item::Enum(_) => true,
        Item::Impl(imp) => imp.trait_.as_ref().is_some_and(|(of_trait, _)| keeps_meaning(of_trait)),
        _ => false,
    });
    items.retain(|item| !matches!(item, Item::Impl(imp) if from_reference(imp)));
    let is_own = |name: &str| model.schemas.contains_key(name);
    items.retain(|item| tree::implemented(item).is_none_or(|name| is_own(&name)));
    for (name, schema) in &model.schemas {
        let Some(target) = schema.get("x-rust-alias").and_then(|target| target.as_str()) else {
            continue;
        };
        let (alias, target) = (tree::ident(name), tree::ident(target));
        let text = schema.get("description").and_then(|text| text.as_str()).unwrap_or_default();
        let docs = doc::paragraphs(&[text, &origin(schema)]);
        items.push(parse_quote! { #(#docs)* pub type #alias = #target; });
    }
    Ok(())
}

/// The sentence that says where a type comes from.
pub(super) fn origin(schema: &serde_json::Value) -> String {
    match schema.get("x-rust-schema").and_then(|name| name.as_str()) {
        Some(name) => format!("OpenAPI schema: `{name}`."),
        None => String::new(),
    }
}

/// Newtypes are reached through `Deref` and `From`.
fn keeps_meaning(of_trait: &syn::Path) -> bool {
    let name = of_trait.segments.last().map(|segment| segment.ident.to_string());
    matches!(name.as_deref(), Some("Deref" | "From"))
}

/// `From<&T>` clones, which is better seen where it happens.
fn from_reference(imp: &syn::ItemImpl) -> bool {
    let Some((of_trait, _)) = &imp.trait_ else { return false };
    let Some(segment) = of_trait.segments.last() else { return false };
    matches!(&segment.arguments, syn::PathArguments::AngleBracketed(arguments)
        if arguments.args.iter().any(|argument| matches!(argument, syn::GenericArgument::Type(syn::Type::Reference(_)))))
}
