//! Rust of a [model](crate::model).

mod client;
mod doc;
mod enums;
mod fields;
mod needs;
mod operations;
mod outcomes;
mod request;
mod structs;
mod ty;
mod types;
mod unions;

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;

pub(crate) use self::doc::Docs;
pub(crate) use self::needs::extras;
use crate::left_out::{LeftOut, Part};
use crate::model::Model;

/// Writes the client with a method for each operation.
pub(crate) fn client(model: &Model, left_out: &[LeftOut], docs: &Docs) -> TokenStream {
    let client = client::items(model, docs);
    let methods = model.operations.iter().map(|operation| request::method(operation, docs));
    // A macro call marks the place of a comment, which the printer writes.
    let missing =
        (0..left_out.len()).filter(|index| left_out[*index].part == Part::Operation).map(|index| {
            let index = proc_macro2::Literal::usize_unsuffixed(index);
            quote!(left_out!(#index);)
        });
    quote! {
        #client
        impl Client { #(#methods)* #(#missing)* }
    }
}

/// Writes the module of types.
pub(crate) fn types(model: &Model, docs: &Docs) -> TokenStream {
    let types = types::items(model, docs);
    quote! {
        /// Parts of requests and replies.
        pub mod types {
            #[allow(unused_imports)]
            use serde::{Deserialize, Serialize};

            #[allow(unused_imports)]
            use super::runtime;
            #types
        }
    }
}

/// Writes the module of requests.
pub(crate) fn operations(model: &Model, docs: &Docs) -> TokenStream {
    let operations = operations::items(model, docs);
    let unused = model.operations.is_empty().then(|| quote!(#[allow(unused_imports)]));
    quote! {
        /// Requests that are ready to be completed and sent.
        pub mod operations {
            #unused
            use super::{Client, runtime, types};
            #unused
            use runtime::error::OperationError;
            #operations
        }
    }
}

/// Creates an identifier. `name` comes from [`names`](crate::names) and is valid.
fn ident(name: &str) -> Ident {
    Ident::new(name, Span::call_site())
}
