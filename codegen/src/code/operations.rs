//! Replaces progenitor's methods by operations in builder style.
//!
//! What an operation cannot do without is an argument of the method, so that
//! it cannot be forgotten; the rest is chained, so that a new optional
//! parameter is no break; nothing is sent before `send`.

use std::collections::HashMap;

use proc_macro2::TokenStream;
use quote::quote;
use syn::{FnArg, Item, Type, parse_quote};

use super::error_types::{Failure, Success};
use super::{doc, structs, tree};
use crate::backend;
use crate::model::{Model, Operation, Outcome, Parameter, Place, Status};
use crate::names;
use crate::path_template::Segment;

pub(super) fn run(file: &mut syn::File, model: &Model) -> syn::Result<()> {
    let signatures = signatures(file);
    file.items.retain(|item| matches!(item, Item::Mod(module) if module.ident == "types"));
    let mut methods = Vec::new();
    for operation in &model.operations {
        let Some(types) = signatures.get(&operation.name) else {
            let message = format!("progenitor left out the operation {}", operation.name);
            return Err(syn::Error::new(proc_macro2::Span::call_site(), message));
        };
        let arguments = Arguments::of(operation, model, types)?;
        methods.push(method(operation, &arguments));
        tree::module(file, "operations").extend(builder(operation, model, &arguments));
    }
    let parts = parse_quote! { impl Client { #(#methods)* } };
    file.items.push(parts);
    Ok(())
}

/// The types of the arguments of progenitor's methods.
fn signatures(file: &syn::File) -> HashMap<String, HashMap<String, Type>> {
    let methods = file.items.iter().filter_map(|item| match item {
        Item::Impl(item) if item.trait_.is_none() => Some(&item.items),
        _ => None,
    });
    methods
        .flatten()
        .filter_map(|item| match item {
            syn::ImplItem::Fn(method) => Some(&method.sig),
            _ => None,
        })
        .map(|signature| {
            let arguments = signature.inputs.iter().filter_map(|input| match input {
                FnArg::Typed(typed) => match &*typed.pat {
                    syn::Pat::Ident(pat) => Some((pat.ident.to_string(), owned(&typed.ty))),
                    _ => None,
                },
                FnArg::Receiver(_) => None,
            });
            (signature.ident.to_string(), arguments.collect())
        })
        .collect()
}

/// The type behind `Option` and references, `String` for `str`.
fn owned(ty: &Type) -> Type {
    match ty {
        Type::Reference(reference) => owned(&reference.elem),
        Type::Path(_) => match tree::generic(ty) {
            Some((name, Some(inner))) if name == "Option" => owned(inner),
            Some((name, _)) if name == "str" => parse_quote!(String),
            _ => ty.clone(),
        },
        _ => ty.clone(),
    }
}

/// A parameter with its type.
struct Typed<'m> {
    parameter: &'m Parameter,
    ident: syn::Ident,
    ty: Type,
}

/// The parameters of an operation by how they are given.
struct Arguments<'m> {
    /// Taken from the client.
    held: Vec<Typed<'m>>,
    required: Vec<Typed<'m>>,
    optional: Vec<Typed<'m>>,
}

impl<'m> Arguments<'m> {
    fn of(
        operation: &'m Operation,
        model: &Model,
        types: &HashMap<String, Type>,
    ) -> syn::Result<Self> {
        let (mut held, mut required, mut optional) = (Vec::new(), Vec::new(), Vec::new());
        for (index, parameter) in operation.parameters.iter().enumerate() {
            let Some(ty) = types.get(&backend::argument(index)) else {
                let message = format!("progenitor left out the parameter {}", parameter.name);
                return Err(syn::Error::new(proc_macro2::Span::call_site(), message));
            };
            let typed = Typed { parameter, ident: tree::ident(&parameter.ident), ty: ty.clone() };
            let is_held = model
                .held
                .iter()
                .any(|known| known.name == parameter.name && known.schema == parameter.schema);
            match (is_held && parameter.place == Place::Path, parameter.required) {
                (true, _) => held.push(typed),
                (false, true) => required.push(typed),
                (false, false) => optional.push(typed),
            }
        }
        Ok(Self { held, required, optional })
    }
}

/// Ids are borrowed, other values are small.
fn argument(typed: &Typed<'_>) -> (TokenStream, TokenStream) {
    let (ident, ty) = (&typed.ident, &typed.ty);
    if typed.parameter.place == Place::Path && is_generated(ty) {
        return (quote!(#ident: &'a #ty), quote!(#ident));
    }
    let passed = structs::argument(ty);
    let ty = &passed.ty;
    (quote!(#ident: #ty), passed.initialize(ident))
}

fn is_generated(ty: &Type) -> bool {
    matches!(ty, Type::Path(path) if path.path.segments.first().is_some_and(|first| first.ident == "types"))
}

fn method(operation: &Operation, arguments: &Arguments<'_>) -> TokenStream {
    let name = tree::ident(&operation.name);
    let builder = tree::ident(&names::type_name(&operation.name));
    let docs = method_docs(operation, arguments);
    let (inputs, values): (Vec<_>, Vec<_>) = arguments.required.iter().map(argument).unzip();
    let optional = arguments.optional.iter().map(|typed| &typed.ident);
    let (body, body_value) = match &operation.body {
        Some(body) => {
            let schema = tree::ident(&body.schema);
            match body.required {
                true => (Some(quote!(body: &'a types::#schema)), quote!(body,)),
                false => (None, quote!(body: None,)),
            }
        }
        None => (None, quote!()),
    };
    let inputs = inputs.into_iter().chain(body);
    // A lifetime is only written out where an argument shares it.
    let inputs: Vec<TokenStream> = inputs.collect();
    let shares = inputs.iter().any(|input| input.to_string().contains("'a"));
    let (generics, receiver, output) = match shares {
        true => (quote!(<'a>), quote!(&'a self), quote!('a)),
        false => (quote!(), quote!(&self), quote!('_)),
    };
    quote! {
        #(#docs)*
        pub fn #name #generics(#receiver, #(#inputs),*) -> operations::#builder<#output> {
            operations::#builder { client: self, #(#values,)* #body_value #(#optional: None,)* }
        }
    }
}

fn method_docs(operation: &Operation, arguments: &Arguments<'_>) -> Vec<syn::Attribute> {
    let method = operation.method.to_uppercase();
    let line = format!("`{method} {}`", operation.path);
    let summary = match operation.summary.is_empty() {
        true => format!("The operation {line}."),
        false => operation.summary.clone(),
    };
    let line = if operation.summary.is_empty() { String::new() } else { line };
    let mut docs = doc::paragraphs(&[&summary, &operation.description, &line]);
    for Typed { parameter, .. } in &arguments.required {
        let text = parameter.description.split_whitespace().collect::<Vec<_>>().join(" ");
        if !text.is_empty() {
            docs.push(parse_quote!(#[doc = ""]));
            docs.extend(doc::attributes(&format!("`{}`: {text}", parameter.ident)));
        }
    }
    docs
}

fn builder(operation: &Operation, model: &Model, arguments: &Arguments<'_>) -> [Item; 2] {
    let name = tree::ident(&names::type_name(&operation.name));
    let summary = format!(
        " A request of [`Client::{}`](super::Client::{}), to be sent.",
        operation.name, operation.name
    );
    let required = arguments.required.iter().map(|typed| {
        let (ident, ty) = (&typed.ident, &typed.ty);
        match typed.parameter.place == Place::Path && is_generated(ty) {
            true => quote!(pub(super) #ident: &'a #ty),
            false => quote!(pub(super) #ident: #ty),
        }
    });
    let optional = arguments.optional.iter().map(|typed| {
        let (ident, ty) = (&typed.ident, &typed.ty);
        quote!(pub(super) #ident: Option<#ty>)
    });
    let body = operation.body.as_ref().map(|body| {
        let schema = tree::ident(&body.schema);
        match body.required {
            true => quote!(pub(super) body: &'a types::#schema,),
            false => quote!(pub(super) body: Option<&'a types::#schema>,),
        }
    });
    let setters = arguments.optional.iter().map(setter);
    let body_setter = operation.body.as_ref().filter(|body| !body.required).map(|body| {
        let schema = tree::ident(&body.schema);
        quote! {
            /// Sets the body of the request.
            pub fn body(mut self, body: &'a types::#schema) -> Self {
                self.body = Some(body);
                self
            }
        }
    });
    let send = send(operation, model, arguments);
    [
        parse_quote! {
            #[doc = #summary]
            #[derive(Clone, Debug)]
            #[must_use = "nothing happens before `send`"]
            pub struct #name<'a> {
                pub(super) client: &'a Client,
                #(#required,)*
                #body
                #(#optional,)*
            }
        },
        parse_quote! {
            impl<'a> #name<'a> {
                #(#setters)*
                #body_setter
                #send
            }
        },
    ]
}

fn setter(typed: &Typed<'_>) -> TokenStream {
    let ident = &typed.ident;
    let text = match typed.parameter.description.is_empty() {
        true => format!("Sets `{}`.", typed.parameter.name),
        false => typed.parameter.description.clone(),
    };
    let docs = doc::paragraphs(&[&text]);
    let argument = structs::argument(&typed.ty);
    let ty = &argument.ty;
    let value = argument.value(&parse_quote!(#ident));
    quote! {
        #(#docs)*
        pub fn #ident(mut self, #ident: #ty) -> Self {
            self.#ident = Some(#value);
            self
        }
    }
}

fn send(operation: &Operation, model: &Model, arguments: &Arguments<'_>) -> TokenStream {
    let (failure, success) = (Failure::of(operation, model), Success::of(operation));
    let (output, error) = (success.ty(), failure.ty());
    let name = &operation.name;
    let method = tree::ident(&operation.method.to_uppercase());
    let segments = operation.segments.iter().filter_map(|segment| match segment {
        Segment::Literal(text) if text.is_empty() => None,
        Segment::Literal(text) => Some(quote!(#text)),
        Segment::Parameter(name) => Some(path_value(name, arguments)),
    });
    let typed = || arguments.required.iter().chain(&arguments.optional);
    let parameters: Vec<TokenStream> = typed().filter_map(assign).collect();
    let body = operation.body.as_ref().map(|body| match body.required {
        true => quote!(request.json(self.body)?;),
        false => quote!(if let Some(body) = self.body {
            request.json(body)?;
        }),
    });
    let mutable = (!parameters.is_empty() || body.is_some()).then(|| quote!(mut));
    let replies = replies(operation, model, &success, &failure);
    quote! {
        /// Sends the request.
        ///
        /// # Errors
        /// See [`OperationError`] for the ways in which this can fail.
        pub async fn send(self) -> Result<#output, OperationError<#error>> {
            const OPERATION: &str = #name;
            let #mutable request =
                self.client.core.request(OPERATION, reqwest::Method::#method, &[#(#segments),*]);
            #(#parameters)*
            #body
            let reply = request.send().await?;
            #replies
        }
    }
}

fn path_value(name: &str, arguments: &Arguments<'_>) -> TokenStream {
    let matches =
        |typed: &&Typed<'_>| typed.parameter.place == Place::Path && typed.parameter.name == name;
    if let Some(held) = arguments.held.iter().find(matches) {
        let ident = &held.ident;
        return quote!(segment(OPERATION, self.client.#ident.as_str())?);
    }
    let Some(typed) = arguments.required.iter().find(matches) else { return quote!("") };
    let ident = &typed.ident;
    match is_generated(&typed.ty) || tree::type_name(&typed.ty) == "String" {
        true => quote!(segment(OPERATION, self.#ident.as_str())?),
        false => quote!(segment(OPERATION, &self.#ident.to_string())?),
    }
}

/// The statements that put a query or header parameter into the request.
fn assign(typed: &Typed<'_>) -> Option<TokenStream> {
    let (ident, name) = (&typed.ident, &typed.parameter.name);
    let header = name.to_lowercase();
    let put = match typed.parameter.place {
        Place::Path => return None,
        Place::Query => quote!(request.query(#name, value);),
        Place::Header => quote!(request.header(#header, value)?;),
    };
    let is_list = tree::type_name(&typed.ty) == "Vec";
    let put = match (is_list, typed.parameter.joined) {
        (false, _) => put,
        (true, false) => quote!(for value in value { #put }),
        (true, true) => quote! {
            let value = value.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
            #put
        },
    };
    Some(match typed.parameter.required {
        true => quote!({ let value = &self.#ident; #put }),
        false => quote!(if let Some(value) = &self.#ident { #put }),
    })
}

/// The `match` on the reply's status.
fn replies(
    operation: &Operation,
    model: &Model,
    success: &Success<'_>,
    failure: &Failure<'_>,
) -> TokenStream {
    let mut arms = Vec::new();
    // An unlisted status of success is taken for the first that is listed.
    let decode = |schema: Option<&str>| success.decode(schema, failure, model);
    let first = decode(operation.successes.first().and_then(|outcome| outcome.schema.as_deref()));
    if success.is_enum() {
        for outcome in &operation.successes {
            let (pattern, value) = (pattern(outcome), decode(outcome.schema.as_deref()));
            arms.push(quote!(#pattern => #value));
        }
        if operation.successes.iter().all(|outcome| outcome.status != Status::Class(2)) {
            arms.push(quote!(_ if reply.is_success() => #first));
        }
    } else {
        arms.push(quote!(200..=299 => #first));
    }
    let refuse = |schema: &str| {
        let wrap = failure.wrap(schema);
        quote!(Err(reply.refuse(#wrap)))
    };
    let mut fallback = model.error.as_str();
    for outcome in &operation.failures {
        let schema = outcome.schema.as_deref().unwrap_or(&model.error);
        match outcome.status {
            Status::Default => fallback = schema,
            _ if schema != model.error => {
                let (pattern, value) = (pattern(outcome), refuse(schema));
                arms.push(quote!(#pattern => #value));
            }
            _ => {}
        }
    }
    let fallback = refuse(fallback);
    quote! {
        match reply.status() {
            #(#arms,)*
            _ => #fallback,
        }
    }
}

fn pattern(outcome: &Outcome) -> TokenStream {
    match outcome.status {
        Status::Exactly(status) => {
            let status = proc_macro2::Literal::u16_unsuffixed(status);
            quote!(#status)
        }
        Status::Class(class) => {
            let first = proc_macro2::Literal::u16_unsuffixed(class * 100);
            let last = proc_macro2::Literal::u16_unsuffixed(class * 100 + 99);
            quote!(#first..=#last)
        }
        Status::Default => quote!(_),
    }
}
