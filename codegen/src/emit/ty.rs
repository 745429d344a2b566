//! Spelling of types in Rust, and passing of their values.

use proc_macro2::{Ident, TokenStream};
use quote::quote;

use super::{Docs, ident};
use crate::model::{Format, Named, Schema, Ty};

/// Spells `ty` behind `path`, which leads to the module of types.
pub(super) fn spelled(ty: &Ty, path: &TokenStream) -> TokenStream {
    match ty {
        Ty::Text => quote!(String),
        Ty::Bool => quote!(bool),
        Ty::Number(name) => {
            let name = ident(name);
            quote!(#name)
        }
        Ty::Format(format) => match format {
            Format::DateTime => quote!(runtime::formatted::Formatted<jiff::Timestamp>),
            Format::Date => quote!(runtime::formatted::Formatted<jiff::civil::Date>),
            Format::Uuid => quote!(runtime::formatted::Formatted<uuid::Uuid>),
            Format::Base64 => quote!(runtime::encoded::Base64),
            Format::Decimal => quote!(runtime::decimal::Decimal),
        },
        Ty::File => quote!(runtime::forms::File),
        Ty::Any => quote!(serde_json::Value),
        Ty::Object => quote!(serde_json::Map<String, serde_json::Value>),
        Ty::Named(name) => {
            let name = ident(name);
            quote!(#path #name)
        }
        Ty::Boxed(inner) => wrapped(&quote!(Box), inner, path),
        Ty::List(inner) => wrapped(&quote!(Vec), inner, path),
        Ty::Option(inner) => wrapped(&quote!(Option), inner, path),
        Ty::Map(inner) => {
            let inner = spelled(inner, path);
            quote!(std::collections::HashMap<String, #inner>)
        }
    }
}

fn wrapped(outer: &TokenStream, inner: &Ty, path: &TokenStream) -> TokenStream {
    let inner = spelled(inner, path);
    quote!(#outer<#inner>)
}

/// Passing of a value to a setter or constructor: the type of the argument, and its conversion.
pub(super) struct Argument {
    pub(super) ty: TokenStream,
    conversion: Conversion,
}

enum Conversion {
    None,
    Into,
    Redact,
    Collect,
    Box,
}

/// Returns the argument for a type. Text is any value that becomes a `String`, and so are formats.
/// A list is any iterator.
pub(super) fn argument(ty: &Ty, path: &TokenStream) -> Argument {
    let (ty, conversion) = match ty {
        Ty::Text => (quote!(impl Into<String>), Conversion::Into),
        Ty::Format(_) => {
            let ty = spelled(ty, path);
            (quote!(impl Into<#ty>), Conversion::Into)
        }
        Ty::List(inner) => {
            let inner = spelled(inner, path);
            (quote!(impl IntoIterator<Item = #inner>), Conversion::Collect)
        }
        Ty::Boxed(inner) => (spelled(inner, path), Conversion::Box),
        other => (spelled(other, path), Conversion::None),
    };
    Argument { ty, conversion }
}

impl Argument {
    /// Converts the argument for a field whose type redacts it.
    pub(super) fn redacted(self) -> Self {
        Self { conversion: Conversion::Redact, ..self }
    }

    pub(super) fn value(&self, ident: &Ident) -> TokenStream {
        match self.conversion {
            Conversion::None => quote!(#ident),
            Conversion::Into => quote!(#ident.into()),
            Conversion::Redact => quote!(#ident.into().into()),
            Conversion::Collect => quote!(#ident.into_iter().collect()),
            Conversion::Box => quote!(Box::new(#ident)),
        }
    }

    /// Writes the initializer of a field from the argument of the same name.
    pub(super) fn initialize(&self, ident: &Ident) -> TokenStream {
        let value = self.value(ident);
        match self.conversion {
            Conversion::None => quote!(#ident),
            _ => quote!(#ident: #value),
        }
    }
}

/// Writes the documentation of a named type.
pub(super) fn docs(named: &Named, docs: &Docs) -> TokenStream {
    let name = &named.name;
    let summary = match (named.description.is_empty(), &named.schema) {
        (false, _) => String::new(),
        (true, Schema::OpenEnum(_)) => format!("The values of `{name}`."),
        (true, _) => format!("The API's `{name}`."),
    };
    docs.paragraphs(&[&summary, &named.description, &origin(named), deprecation(named.deprecated)])
}

/// Returns the sentence that names the schema of a type.
pub(super) fn origin(named: &Named) -> String {
    named.origin.as_ref().map(|name| format!("OpenAPI schema: `{name}`.")).unwrap_or_default()
}

/// Returns the documentation of a deprecated item. With an attribute the generated text would
/// warn of itself.
pub(super) fn deprecation(deprecated: bool) -> &'static str {
    if deprecated { "Deprecated: the API's document says so." } else { "" }
}
