//! Module of operations: builders, sorted by name.
//!
//! Required parts of an operation are arguments of the method, so that none can be forgotten.
//! Optional parts are chained, so that a new one is no break. No request is sent before `send`.

use proc_macro2::TokenStream;
use quote::quote;

use super::{Docs, ident, request, ty};
use crate::model::{Body, BodyKind, Model, Operation, Parameter, Place, Ty};
use crate::names;

pub(super) fn items(model: &Model, docs: &Docs) -> impl Iterator<Item = TokenStream> {
    let mut items: Vec<(String, TokenStream)> = model
        .operations
        .iter()
        .map(|operation| (names::type_name(&operation.name), builder(operation, model, docs)))
        .collect();
    items.sort_by(|a, b| a.0.cmp(&b.0));
    items.into_iter().map(|(_, tokens)| tokens)
}

/// Parameters of an operation: arguments of the method, and chained ones.
pub(super) struct Arguments<'m> {
    pub(super) required: Vec<&'m Parameter>,
    pub(super) optional: Vec<&'m Parameter>,
}

impl<'m> Arguments<'m> {
    pub(super) fn of(operation: &'m Operation) -> Self {
        let given = operation.parameters.iter().filter(|parameter| !parameter.held);
        let (required, optional) = given.partition(|parameter| parameter.required);
        Self { required, optional }
    }
}

/// Writes the type of a parameter, seen from outside of `types`.
pub(super) fn spelled(parameter: &Parameter) -> TokenStream {
    ty::spelled(&parameter.ty, &quote!(types::))
}

/// Returns whether the argument is borrowed: named values of a path, which are ids.
pub(super) fn is_borrowed(parameter: &Parameter) -> bool {
    parameter.place == Place::Path && matches!(parameter.ty, Ty::Named(_))
}

/// Writes the type of a body in the builder.
pub(super) fn body_type(body: &Body) -> TokenStream {
    match body.kind {
        BodyKind::Text => quote!(String),
        BodyKind::Bytes => quote!(Vec<u8>),
        BodyKind::Json | BodyKind::Form | BodyKind::Multipart => {
            let schema = ident(&body.schema);
            quote!(&'a types::#schema)
        }
    }
}

/// Writes the type of a body as an argument, and the expression that converts it.
pub(super) fn body_argument(body: &Body) -> (TokenStream, TokenStream) {
    match body.kind {
        BodyKind::Text => (quote!(impl Into<String>), quote!(body.into())),
        BodyKind::Bytes => (quote!(impl Into<Vec<u8>>), quote!(body.into())),
        _ => (body_type(body), quote!(body)),
    }
}

fn builder(operation: &Operation, model: &Model, docs: &Docs) -> TokenStream {
    let arguments = Arguments::of(operation);
    let name = ident(&names::type_name(&operation.name));
    let summary = format!(
        " A request of [`Client::{}`](super::Client::{}), to be sent.",
        operation.name, operation.name
    );
    let required = arguments.required.iter().map(|parameter| {
        let (ident, ty) = (ident(&parameter.ident), spelled(parameter));
        match is_borrowed(parameter) {
            true => quote!(pub(super) #ident: &'a #ty),
            false => quote!(pub(super) #ident: #ty),
        }
    });
    let optional = arguments.optional.iter().map(|parameter| {
        let (ident, ty) = (ident(&parameter.ident), spelled(parameter));
        quote!(pub(super) #ident: Option<#ty>)
    });
    let body = operation.body.as_ref().map(|body| {
        let ty = body_type(body);
        match body.required {
            true => quote!(pub(super) body: #ty,),
            false => quote!(pub(super) body: Option<#ty>,),
        }
    });
    let setters = arguments.optional.iter().map(|parameter| setter(parameter, docs));
    let body_setter = operation.body.as_ref().filter(|body| !body.required).map(|body| {
        let (ty, value) = body_argument(body);
        quote! {
            /// Sets the body of the request.
            pub fn body(mut self, body: #ty) -> Self {
                self.body = Some(#value);
                self
            }
        }
    });
    let send = request::send(operation, model, &arguments);
    quote! {
        #[doc = #summary]
        #[derive(Clone, Debug)]
        #[must_use = "nothing happens before `send`"]
        pub struct #name<'a> {
            pub(super) client: &'a Client,
            #(#required,)*
            #body
            #(#optional,)*
        }
        impl<'a> #name<'a> {
            #(#setters)*
            #body_setter
            #send
        }
    }
}

fn setter(parameter: &Parameter, docs: &Docs) -> TokenStream {
    let ident = ident(&parameter.ident);
    let fallback = format!("Sets `{}`.", parameter.name);
    let text = if parameter.description.is_empty() { &fallback } else { &parameter.description };
    let docs = docs.paragraphs(&[text]);
    let argument = ty::argument(&parameter.ty, &quote!(types::));
    let (ty, value) = (&argument.ty, argument.value(&ident));
    quote! {
        #docs
        pub fn #ident(mut self, #ident: #ty) -> Self {
            self.#ident = Some(#value);
            self
        }
    }
}
