//! Structs, and constructors and setters for parts of requests.
//!
//! All structs are `#[non_exhaustive]`, so that a new field is no break. Replies are only
//! read, so only parts of requests have constructors. A new field of replies, required or
//! not, changes nothing for a caller.

use proc_macro2::{Ident, TokenStream};
use quote::quote;

use super::{Docs, fields, ident, ty};
use crate::model::{Field, Named, Presence, Struct};

pub(super) fn items(named: &Named, body: &Struct, docs: &Docs) -> TokenStream {
    let (name, own) = (ident(&named.name), ty::docs(named, docs));
    let fields = body.fields.iter().map(|field| fields::declared(field, docs));
    let extra = extra(body);
    let rest = extra.as_ref().map(|(extra, values)| {
        quote! {
            /// Properties without a field of their own.
            #[serde(flatten)]
            pub #extra: #values,
        }
    });
    let all_optional = !body.fields.iter().any(fields::is_needed);
    let default = (named.requested && all_optional).then(|| quote!(Default,));
    let constructors = named.requested.then(|| constructors(&name, body, docs));
    quote! {
        #own
        #[derive(Clone, Debug, #default PartialEq, Serialize, Deserialize)]
        #[non_exhaustive]
        pub struct #name { #(#fields,)* #rest }
        #constructors
    }
}

/// Returns the name and type of the field for properties without a field. No other field has
/// the name.
fn extra(body: &Struct) -> Option<(Ident, TokenStream)> {
    let values = ty::spelled(body.rest.as_ref()?, &quote!());
    let mut name = "extra".to_owned();
    while body.fields.iter().any(|field| field.ident == name) {
        name.insert_str(0, "more_");
    }
    Some((ident(&name), quote!(std::collections::HashMap<String, #values>)))
}

fn constructors(name: &Ident, body: &Struct, docs: &Docs) -> TokenStream {
    let (needed, others): (Vec<&Field>, Vec<&Field>) =
        body.fields.iter().partition(|field| fields::is_needed(field));
    let arguments = needed.iter().map(|field| {
        let (ident, argument) = (ident(&field.ident), fields::argument(field));
        let ty = &argument.ty;
        quote!(#ident: #ty)
    });
    let values =
        needed.iter().map(|field| fields::argument(field).initialize(&ident(&field.ident)));
    let mut rest: Vec<Ident> = others.iter().map(|field| ident(&field.ident)).collect();
    rest.extend(extra(body).map(|(extra, _)| extra));
    let new = match needed.is_empty() {
        true => quote! {
            /// Returns an empty value.
            pub fn new() -> Self {
                Self::default()
            }
        },
        false => quote! {
            /// Returns a value with the required fields set.
            pub fn new(#(#arguments),*) -> Self {
                Self { #(#values,)* #(#rest: Default::default(),)* }
            }
        },
    };
    // Each required field is an argument, so there may be many.
    let many = (needed.len() > 7).then(|| quote!(#[allow(clippy::too_many_arguments)]));
    let setters = others.into_iter().map(|field| setter(field, body, docs));
    quote! { impl #name { #many #new #(#setters)* } }
}

fn setter(field: &Field, body: &Struct, docs: &Docs) -> TokenStream {
    let ident = ident(&field.ident);
    let argument = fields::argument(field);
    let (ty, value) = (&argument.ty, fields::some(field, argument.value(&ident)));
    let docs_of = |text: &str| docs.paragraphs(&[&format!("Sets `{}`{text}.", field.wire)]);
    let (docs, method) = (docs_of(""), method(&field.ident, field, body));
    let null = (field.presence == Presence::OptionalNullable).then(|| {
        let method = self::method(&format!("null_{}", field.ident), field, body);
        let docs = docs_of(" to null");
        quote! {
            #docs
            pub fn #method(mut self) -> Self {
                self.#ident = Some(None);
                self
            }
        }
    });
    quote! {
        #docs
        pub fn #method(mut self, #ident: #ty) -> Self {
            self.#ident = #value;
            self
        }
        #null
    }
}

/// Returns the name of a setter. It is neither that of the constructor or `Default` nor that of
/// another field.
fn method(wish: &str, field: &Field, body: &Struct) -> Ident {
    let mut method = wish.to_owned();
    while matches!(method.as_str(), "new" | "default")
        || body.fields.iter().any(|other| other.ident == method && other.ident != field.ident)
    {
        method.insert_str(0, "with_");
    }
    ident(&method)
}
