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

use std::iter;

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;

pub(crate) use self::doc::Docs;
pub(crate) use self::needs::extras;
use crate::left_out::{LeftOut, Part};
use crate::model::Model;

/// Items with braces around them.
pub(crate) struct Block {
    /// Tokens before the braces.
    pub(crate) head: TokenStream,
    pub(crate) items: Vec<TokenStream>,
}

/// Writes the client without the methods for operations.
pub(crate) fn client(model: &Model, docs: &Docs) -> TokenStream {
    client::items(model, docs)
}

/// Writes the methods of the client, one for each operation.
pub(crate) fn methods(model: &Model, left_out: &[LeftOut], docs: &Docs) -> Block {
    let methods = model.operations.iter().map(|operation| request::method(operation, docs));
    // A macro call marks the place of a comment, which the printer writes.
    let missing =
        (0..left_out.len()).filter(|index| left_out[*index].part == Part::Operation).map(|index| {
            let index = proc_macro2::Literal::usize_unsuffixed(index);
            quote!(left_out!(#index);)
        });
    Block { head: quote!(impl Client), items: methods.chain(missing).collect() }
}

/// Writes the module of types.
pub(crate) fn types(model: &Model, docs: &Docs) -> Block {
    let uses = quote! {
        #[allow(unused_imports)]
        use serde::{Deserialize, Serialize};

        #[allow(unused_imports)]
        use super::runtime;
    };
    let summary = docs.paragraphs(&["Parts of requests and replies."]);
    let items = iter::once(uses).chain(types::items(model, docs)).collect();
    Block { head: quote!(#summary pub mod types), items }
}

/// Writes the module of requests.
pub(crate) fn operations(model: &Model, docs: &Docs) -> Block {
    let unused = model.operations.is_empty().then(|| quote!(#[allow(unused_imports)]));
    let uses = quote! {
        #unused
        use super::{Client, runtime, types};
        #unused
        use runtime::error::OperationError;
    };
    let summary = docs.paragraphs(&["Requests that are ready to be completed and sent."]);
    let items = iter::once(uses).chain(operations::items(model, docs)).collect();
    Block { head: quote!(#summary pub mod operations), items }
}

/// Creates an identifier. `name` comes from [`names`](crate::names) and is valid.
fn ident(name: &str) -> Ident {
    Ident::new(name, Span::call_site())
}
