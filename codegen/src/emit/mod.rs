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

/// The parts of the client in the order in which they are read.
pub(crate) struct Parts {
    pub(crate) imports: TokenStream,
    pub(crate) items: TokenStream,
    pub(crate) needs: needs::Needs,
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
            use serde::{Deserialize, Deserializer, Serialize, Serializer};
            #[allow(unused_imports)]
            use std::{
                cmp::Ordering,
                fmt,
                hash::{Hash, Hasher},
            };
            #types
        }
        /// Requests that are ready to be completed and sent.
        pub mod operations {
            #[allow(unused_imports)]
            use super::{segment, types};
            #unused
            use super::{Client, OperationError};
            #operations
        }
    };
    Parts { imports: client::imports(), items, needs: needs::Needs::of(model) }
}

/// An identifier; `name` comes from [`names`](crate::names) and is valid.
fn ident(name: &str) -> Ident {
    Ident::new(name, Span::call_site())
}
