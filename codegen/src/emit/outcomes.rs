//! Replies of an operation: the bodies of errors, and an enum if the operation documents
//! several bodies for one outcome.

use std::collections::BTreeSet;

use proc_macro2::{Ident, TokenStream};
use quote::quote;

use super::{fields, ident};
use crate::model::{Field, Model, Operation, Outcome, Payload, Presence, Schema, Status, Ty};

/// Writes the enums of outcomes, and the `ErrorBody` of each body that can be an error.
pub(super) fn items(model: &Model) -> Vec<(String, TokenStream)> {
    let mut items = Vec::new();
    let mut bodies: BTreeSet<&str> = BTreeSet::from([model.error.as_str()]);
    for operation in &model.operations {
        let failure = Failure::of(operation, model);
        bodies.extend(failure.schemas.iter().copied());
        for success in &operation.successes {
            if let Payload::Json(name) = &success.payload
                && model.carries_error(name)
            {
                bodies.insert(name);
            }
        }
        if failure.is_enum() {
            items.push((operation.error_name.clone(), failure_enum(&failure, operation)));
        }
        let success = Success::of(operation);
        if success.is_enum() {
            items.push((operation.success_name.clone(), success_enum(&success, operation)));
        }
    }
    let bodies: BTreeSet<&str> = bodies
        .into_iter()
        .filter_map(|name| model.canonical(name))
        // A body without a type of its own has its `ErrorBody` in the run-time.
        .filter(|named| !matches!(named.schema, Schema::Other(_)))
        .map(|named| named.name.as_str())
        .collect();
    items.extend(bodies.into_iter().map(|name| (name.to_owned(), body_impl(name, model))));
    items
}

/// Error bodies of an operation, the general one last.
pub(super) struct Failure<'m> {
    pub(super) schemas: Vec<&'m str>,
    name: Ident,
}

impl<'m> Failure<'m> {
    pub(super) fn of(operation: &'m Operation, model: &'m Model) -> Self {
        let documented = operation.failures.iter().filter_map(|outcome| json(&outcome.payload));
        let mut schemas: Vec<&str> = documented.filter(|name| *name != model.error).collect();
        schemas.sort_unstable();
        schemas.dedup();
        schemas.push(&model.error);
        Self { schemas, name: ident(&operation.error_name) }
    }

    fn is_enum(&self) -> bool {
        self.schemas.len() > 1
    }

    /// Writes the operation's `E` of `OperationError`, seen from outside of `types`.
    pub(super) fn ty(&self) -> TokenStream {
        let name = if self.is_enum() { self.name.clone() } else { ident(self.schemas[0]) };
        quote!(types::#name)
    }

    /// Writes the function that makes the operation's error of a body of this schema.
    pub(super) fn wrap(&self, schema: &str) -> TokenStream {
        if !self.is_enum() {
            return quote!(std::convert::identity);
        }
        let (name, variant) = (&self.name, ident(schema));
        quote!(types::#name::#variant)
    }
}

/// Returns the name of the type of a JSON body.
pub(super) fn json(payload: &Payload) -> Option<&str> {
    match payload {
        Payload::Json(name) => Some(name),
        _ => None,
    }
}

/// Bodies of an operation's successes.
pub(super) struct Success<'m> {
    payloads: Vec<&'m Payload>,
    name: Ident,
}

impl<'m> Success<'m> {
    pub(super) fn of(operation: &'m Operation) -> Self {
        let mut payloads: Vec<&Payload> =
            operation.successes.iter().map(|outcome| &outcome.payload).collect();
        payloads.sort_unstable();
        payloads.dedup();
        if payloads.is_empty() {
            payloads.push(&Payload::Empty);
        }
        Self { payloads, name: ident(&operation.success_name) }
    }

    pub(super) fn is_enum(&self) -> bool {
        self.payloads.len() > 1
    }

    /// Writes the type that the operation returns, seen from outside of `types`.
    pub(super) fn ty(&self) -> TokenStream {
        let name = match self.payloads.as_slice() {
            [Payload::Empty] => return quote!(()),
            [Payload::Text] => return quote!(String),
            [Payload::Bytes] => return quote!(Vec<u8>),
            [Payload::Stream] => return quote!(runtime::stream::Stream),
            [Payload::Json(name)] => ident(name),
            [Payload::Nullable(name)] => {
                let name = ident(name);
                return quote!(Option<types::#name>);
            }
            _ => self.name.clone(),
        };
        quote!(types::#name)
    }

    /// Writes the expression that makes a reply the operation's result. A body that can carry
    /// an error at its top is checked for the general error.
    pub(super) fn decode(
        &self,
        payload: &Payload,
        failure: &Failure<'_>,
        model: &Model,
    ) -> TokenStream {
        let decoded = match payload {
            Payload::Empty => quote!(Ok(())),
            Payload::Text => quote!(Ok(reply.text())),
            Payload::Bytes => quote!(Ok(reply.bytes())),
            Payload::Stream => quote!(Ok(reply.stream())),
            Payload::Json(name) if model.carries_error(name) => {
                let wrap = failure.wrap(&model.error);
                quote!(reply.accept(#wrap))
            }
            Payload::Json(_) | Payload::Nullable(_) => quote!(reply.decode()),
        };
        if !self.is_enum() {
            return decoded;
        }
        let (name, variant) = (&self.name, variant(payload));
        match payload {
            Payload::Empty => quote!(Ok(types::#name::#variant)),
            Payload::Text => quote!(Ok(types::#name::#variant(reply.text()))),
            Payload::Bytes => quote!(Ok(types::#name::#variant(reply.bytes()))),
            Payload::Stream => quote!(Ok(types::#name::#variant(reply.stream()))),
            Payload::Json(_) | Payload::Nullable(_) => {
                quote!(#decoded.map(types::#name::#variant))
            }
        }
    }
}

/// Returns the variant of a payload. No type of a document has one of the fixed names.
fn variant(payload: &Payload) -> Ident {
    ident(match payload {
        Payload::Empty => "Empty",
        Payload::Text => "PlainText",
        Payload::Bytes => "RawBytes",
        Payload::Stream => "ByteStream",
        Payload::Json(name) | Payload::Nullable(name) => name,
    })
}

fn success_enum(success: &Success<'_>, operation: &Operation) -> TokenStream {
    let name = &success.name;
    let summary = format!(" Replies of `{}`.", operation.name);
    let variants = success.payloads.iter().map(|payload| {
        let statuses = statuses(&operation.successes, payload);
        let variant = variant(payload);
        let (text, content) = match payload {
            Payload::Empty => (format!(" No body, as of {statuses}."), None),
            Payload::Text => (format!(" The text of {statuses}."), Some(quote!((String)))),
            Payload::Bytes => (format!(" The bytes of {statuses}."), Some(quote!((Vec<u8>)))),
            Payload::Stream => {
                (format!(" The stream of {statuses}."), Some(quote!((runtime::stream::Stream))))
            }
            Payload::Json(name) => {
                let name = ident(name);
                (format!(" The reply of {statuses}."), Some(quote!((#name))))
            }
            Payload::Nullable(name) => {
                let name = ident(name);
                (format!(" The reply of {statuses}, or null."), Some(quote!((Option<#name>))))
            }
        };
        quote!(#[doc = #text] #variant #content)
    });
    // A stream is read once, and compared with nothing.
    let is_value =
        (!success.payloads.contains(&&Payload::Stream)).then(|| quote!(Clone, PartialEq,));
    quote! {
        #[doc = #summary]
        #[derive(#is_value Debug)]
        #[allow(clippy::large_enum_variant)]
        #[non_exhaustive]
        pub enum #name { #(#variants,)* }
    }
}

fn failure_enum(failure: &Failure<'_>, operation: &Operation) -> TokenStream {
    let name = &failure.name;
    let summary = format!(" Errors of `{}`.", operation.name);
    let variants = failure.schemas.iter().map(|schema| {
        let listed = statuses(&operation.failures, &Payload::Json((*schema).to_owned()));
        let text = match listed.is_empty() {
            true => " The API's general error.".to_owned(),
            false => format!(" The body of {listed}."),
        };
        let schema = ident(schema);
        quote!(#[doc = #text] #schema(#schema))
    });
    let idents: Vec<Ident> = failure.schemas.iter().map(|schema| ident(schema)).collect();
    quote! {
        #[doc = #summary]
        #[derive(Clone, Debug, PartialEq)]
        #[allow(clippy::large_enum_variant)]
        #[non_exhaustive]
        pub enum #name { #(#variants,)* }
        impl runtime::error::ErrorBody for #name {
            fn code(&self) -> Option<&str> {
                match self { #(Self::#idents(body) => body.code(),)* }
            }

            fn description(&self) -> Option<&str> {
                match self { #(Self::#idents(body) => body.description(),)* }
            }
        }
    }
}

/// Lists statuses for documentation: `400 and 406`.
fn statuses(outcomes: &[Outcome], payload: &Payload) -> String {
    let named: Vec<String> = outcomes
        .iter()
        .filter(|outcome| outcome.payload == *payload)
        .map(|outcome| match outcome.status {
            Status::Exactly(status) => status.to_string(),
            Status::Class(class) => format!("{class}XX"),
            Status::Default => "any other status".to_owned(),
        })
        .collect();
    named.join(" and ")
}

/// Writes `ErrorBody` of a body: the places of the API's two error fields, if it has them.
fn body_impl(name: &str, model: &Model) -> TokenStream {
    let all: &[Field] = match model.types.get(name).map(|named| &named.schema) {
        Some(Schema::Struct(body)) => &body.fields,
        _ => &[],
    };
    let get = |wire: &str| {
        let field = all.iter().find(|field| field.wire == wire)?;
        let is_enum = match &field.ty {
            Ty::Named(name) => model
                .canonical(name)
                .is_some_and(|named| matches!(named.schema, Schema::OpenEnum(_))),
            _ => false,
        };
        if !is_enum && field.ty != Ty::Text {
            return None;
        }
        let ident = ident(&field.ident);
        let of_option = |option: TokenStream| match is_enum {
            true => quote!(#option.as_ref().map(|value| value.as_str())),
            false => quote!(#option.as_deref()),
        };
        Some(match field.presence {
            Presence::Required | Presence::Empty if is_enum => quote!(Some(self.#ident.as_str())),
            Presence::Required | Presence::Empty => quote!(Some(&self.#ident)),
            Presence::Optional | Presence::Nullable => of_option(quote!(self.#ident)),
            Presence::OptionalNullable => {
                let inner = of_option(quote!(value));
                quote!(self.#ident.as_ref().and_then(|value| #inner))
            }
        })
    };
    let code = get("errorCode").map(|code| quote!(fn code(&self) -> Option<&str> { #code }));
    let description =
        get("errorDescription").map(|text| quote!(fn description(&self) -> Option<&str> { #text }));
    let is_error = all.iter().find(|field| field.is_verdict).map(|field| {
        let verdict = ident(&field.ident);
        let is_error = match field.presence {
            Presence::Required => quote!(!self.#verdict),
            _ => {
                let refused = fields::some(field, quote!(false));
                quote!(self.#verdict == #refused)
            }
        };
        quote!(fn is_error(&self) -> bool { #is_error })
    });
    let name = ident(name);
    quote! {
        impl runtime::error::ErrorBody for #name {
            #code
            #description
            #is_error
        }
    }
}
