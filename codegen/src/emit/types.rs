//! Module of types, sorted by name.

use proc_macro2::TokenStream;
use quote::quote;

use super::{Docs, enums, ident, outcomes, structs, ty, unions};
use crate::model::{Model, Named, Schema, Ty};

pub(super) fn items(model: &Model, docs: &Docs) -> impl Iterator<Item = TokenStream> {
    let mut items: Vec<(String, TokenStream)> = Vec::new();
    for named in model.types.values() {
        items.push((named.name.clone(), item(named, docs)));
    }
    items.extend(outcomes::items(model));
    // The sort is stable: items of one name stay in their order.
    items.sort_by(|a, b| a.0.cmp(&b.0));
    items.into_iter().map(|(_, tokens)| tokens)
}

fn item(named: &Named, docs: &Docs) -> TokenStream {
    match &named.schema {
        Schema::Struct(body) => structs::items(named, body, docs),
        Schema::OpenEnum(values) => enums::items(named, values, docs),
        Schema::Union(union) => unions::items(named, union, docs),
        Schema::Id => id(named, docs),
        Schema::Alias(target) => alias(named, &Ty::Named(target.clone()), docs),
        Schema::Other(inner) => alias(named, inner, docs),
        Schema::Wrapper(inner) => wrapper(named, inner, docs),
    }
}

fn id(named: &Named, docs: &Docs) -> TokenStream {
    let summary = match named.description.is_empty() {
        true => format!("The API's `{}`.", named.name),
        false => String::new(),
    };
    let rule = "Opaque, but safe to be part of a path: see `InvalidId` for the rule.";
    let docs = docs.paragraphs(&[&summary, &named.description, rule, &ty::origin(named)]);
    let name = ident(&named.name);
    quote! {
        #docs
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
        #[serde(transparent)]
        pub struct #name(String);
        runtime::id::id! { #name }
    }
}

fn alias(named: &Named, target: &Ty, docs: &Docs) -> TokenStream {
    let summary = match (named.description.is_empty(), &named.origin) {
        (true, None) => format!("The API's `{}`.", named.name),
        _ => String::new(),
    };
    let docs = docs.paragraphs(&[&summary, &named.description, &ty::origin(named)]);
    let (alias, target) = (ident(&named.name), ty::spelled(target, &quote!()));
    quote! { #docs pub type #alias = #target; }
}

fn wrapper(named: &Named, inner: &Ty, docs: &Docs) -> TokenStream {
    let docs = ty::docs(named, docs);
    let (name, inner) = (ident(&named.name), ty::spelled(inner, &quote!()));
    quote! {
        #docs
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct #name(
            /// The value itself.
            pub #inner,
        );
        impl std::ops::Deref for #name {
            type Target = #inner;
            fn deref(&self) -> &Self::Target {
                &self.0
            }
        }
        impl From<#inner> for #name {
            fn from(value: #inner) -> Self {
                Self(value)
            }
        }
    }
}
