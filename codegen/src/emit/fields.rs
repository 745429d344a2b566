//! Fields of structs: documentation, and leniency towards values that services are known to
//! send.

use proc_macro2::TokenStream;
use quote::quote;

use super::{Docs, ident, ty};
use crate::model::{Debug, Field, Presence, Ty};

/// Writes the field's declaration.
pub(super) fn declared(field: &Field, docs: &Docs) -> TokenStream {
    let fallback = format!("The API's `{}`.", field.wire);
    let text = if field.description.is_empty() { &fallback } else { &field.description };
    let docs = docs.paragraphs(&[text, ty::deprecation(field.deprecated)]);
    let (serde, ident, ty) = (serde(field), ident(&field.ident), spelled(field));
    quote! { #docs #serde pub #ident: #ty }
}

/// Writes the field's type.
pub(super) fn spelled(field: &Field) -> TokenStream {
    let inner = match field.debug {
        Debug::Show => ty::spelled(&field.ty, &quote!()),
        Debug::Hide => quote!(runtime::redaction::Hidden),
        Debug::Scrub => quote!(runtime::redaction::Scrubbed),
    };
    match field.presence {
        Presence::Optional | Presence::Nullable => quote!(Option<#inner>),
        Presence::OptionalNullable => quote!(Option<Option<#inner>>),
        Presence::Required | Presence::Empty => inner,
    }
}

/// Returns the argument that sets the field.
pub(super) fn argument(field: &Field) -> ty::Argument {
    let argument = ty::argument(&field.ty, &quote!());
    if field.debug == Debug::Show { argument } else { argument.redacted() }
}

/// Writes the field's value from a value of the type without `Option`.
pub(super) fn some(field: &Field, value: TokenStream) -> TokenStream {
    match field.presence {
        Presence::Optional | Presence::Nullable => quote!(Some(#value)),
        Presence::OptionalNullable => quote!(Some(Some(#value))),
        Presence::Required | Presence::Empty => value,
    }
}

/// Returns whether the constructor of the struct takes the field.
pub(super) fn is_needed(field: &Field) -> bool {
    field.presence == Presence::Required
}

fn serde(field: &Field) -> TokenStream {
    let mut options = Vec::new();
    if field.ident != field.wire {
        let wire = &field.wire;
        options.push(quote!(rename = #wire));
    }
    // A value of any type may be null, which is not the same as none.
    let has_null = match field.presence {
        Presence::OptionalNullable => true,
        presence => presence == Presence::Optional && field.ty == Ty::Any,
    };
    if has_null || field.presence == Presence::Empty {
        options.push(quote!(default));
    }
    let skip = match (field.presence, &field.ty) {
        (Presence::Optional | Presence::OptionalNullable, _) => Some("Option::is_none"),
        (Presence::Empty, Ty::List(_)) => Some("Vec::is_empty"),
        (Presence::Empty, Ty::Map(_)) => Some("std::collections::HashMap::is_empty"),
        (Presence::Empty, _) => Some("serde_json::Map::is_empty"),
        _ => None,
    };
    options.extend(skip.map(|skip| quote!(skip_serializing_if = #skip)));
    let options = (!options.is_empty()).then(|| quote!(#[serde(#(#options),*)]));
    let aliases = field.aliases.iter().map(|alias| quote!(#[serde(alias = #alias)]));
    let reader = match (&field.ty, field.presence) {
        _ if has_null => {
            Some(quote!(#[serde(deserialize_with = "runtime::lenient::null_as_value")]))
        }
        (_, Presence::Optional | Presence::Nullable) if field.is_id => {
            Some(quote!(#[serde(default, deserialize_with = "runtime::lenient::empty_as_none")]))
        }
        (Ty::List(_), Presence::Required | Presence::Empty) => {
            Some(quote!(#[serde(deserialize_with = "runtime::lenient::list")]))
        }
        (_, Presence::Empty) => {
            Some(quote!(#[serde(deserialize_with = "runtime::lenient::null_as_default")]))
        }
        _ => None,
    };
    quote! { #options #(#aliases)* #reader }
}
