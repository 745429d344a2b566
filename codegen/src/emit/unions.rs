//! Enums of alternatives. A discriminating property decides between them. Without one, the
//! alternative is chosen that keeps most of a value.

use proc_macro2::TokenStream;
use quote::quote;

use super::{Docs, ident, ty};
use crate::model::{Named, Union};

pub(super) fn items(named: &Named, union: &Union, docs: &Docs) -> TokenStream {
    let (name, docs) = (ident(&named.name), ty::docs(named, docs));
    let idents: Vec<_> = union.variants.iter().map(|variant| ident(&variant.ident)).collect();
    let types: Vec<_> =
        union.variants.iter().map(|variant| ty::spelled(&variant.ty, &quote!())).collect();
    let variant_docs = union.variants.iter().map(|variant| match variant.tags.as_slice() {
        [] => " One of the alternatives.".to_owned(),
        tags => {
            let tags: Vec<String> = tags.iter().map(|tag| format!("`{}`", plain(tag))).collect();
            format!(" The alternative called {}.", tags.join(" or "))
        }
    });
    let conversions = match &union.tag {
        Some(tag) => {
            let tags = union.variants.iter().map(|variant| &variant.tags);
            quote!(runtime::unions::tagged! { #name #tag #(#idents [#(#tags)*])* })
        }
        None => quote!(runtime::unions::alternatives! { #name #(#idents)* }),
    };
    quote! {
        #docs
        #[derive(Clone, Debug, PartialEq)]
        #[allow(clippy::large_enum_variant)]
        #[non_exhaustive]
        pub enum #name {
            #(#[doc = #variant_docs] #idents(#types),)*
            /// None of them, as it was received.
            Other(serde_json::Value),
        }
        #conversions
    }
}

/// Returns text that can stand between backticks of documentation, at most 60 characters.
pub(super) fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() && *c != '`').take(60).collect()
}
