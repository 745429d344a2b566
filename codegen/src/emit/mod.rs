//! Writes the [model](crate::model) as Rust.

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

use crate::left_out::{LeftOut, Part};
use crate::model::Model;

/// Text of the client, and what it uses.
pub(crate) struct Parts {
    pub(crate) items: TokenStream,
    /// Modules of the run-time that not every client uses.
    pub(crate) extras: Vec<&'static str>,
}

/// The whole client but for what every client has.
pub(crate) fn run(model: &Model, left_out: &[LeftOut]) -> Parts {
    let client = client::items(model);
    let methods = model.operations.iter().map(request::method);
    // A macro call stands where a comment is going to.
    let missing =
        (0..left_out.len()).filter(|index| left_out[*index].part == Part::Operation).map(|index| {
            let index = proc_macro2::Literal::usize_unsuffixed(index);
            quote!(left_out!(#index);)
        });
    let types = types::items(model);
    let operations = operations::items(model);
    let unused = model.operations.is_empty().then(|| quote!(#[allow(unused_imports)]));
    let items = quote! {
        #client
        impl Client { #(#methods)* #(#missing)* }
        /// What requests and replies are made of.
        pub mod types {
            #[allow(unused_imports)]
            use serde::{Deserialize, Serialize};

            #[allow(unused_imports)]
            use super::runtime;
            #types
        }
        /// Requests that are ready to be completed and sent.
        pub mod operations {
            #unused
            use super::{Client, runtime, types};
            #unused
            use runtime::error::OperationError;
            #operations
        }
    };
    Parts { items, extras: needs::extras(model) }
}

/// An identifier; `name` comes from [`names`](crate::names) and is valid.
fn ident(name: &str) -> Ident {
    Ident::new(name, Span::call_site())
}
