//! Enums of strings. A value that the document does not know is kept, and written back as it
//! was.

use proc_macro2::TokenStream;
use quote::quote;

use super::{Docs, ident, ty};
use crate::model::{EnumValue, Named};

pub(super) fn items(named: &Named, values: &[EnumValue], docs: &Docs) -> TokenStream {
    let (name, own) = (ident(&named.name), ty::docs(named, docs));
    let idents: Vec<_> = values.iter().map(|value| ident(&value.ident)).collect();
    let texts: Vec<&str> = values.iter().map(|value| value.value.as_str()).collect();
    let value_docs = values
        .iter()
        .map(|value| docs.paragraphs(&[&format!("`{}`", value.value), &value.description]));
    quote! {
        #own
        #[derive(Clone)]
        #[non_exhaustive]
        pub enum #name {
            #(#value_docs #idents,)*
            /// A value that the document does not know, as it was received.
            Other(String),
        }
        impl #name {
            /// Returns the value as the API spells it.
            pub fn as_str(&self) -> &str {
                match self {
                    #(Self::#idents => #texts,)*
                    Self::Other(value) => value,
                }
            }

            fn known(value: &str) -> Option<Self> {
                match value {
                    #(#texts => Some(Self::#idents),)*
                    _ => None,
                }
            }
        }
        runtime::open_enum::open_enum! { #name }
    }
}
