//! Makes every enum of strings open: a value that the document does not know
//! is kept, and written back as it was.

use syn::{Item, ItemEnum, parse_quote};

use super::{doc, tree, type_items};
use crate::model::Model;

pub(super) fn run(file: &mut syn::File, model: &Model) -> syn::Result<()> {
    let items = tree::types(file);
    let open =
        |name: &str| model.schemas.get(name).is_some_and(|schema| schema.get("enum").is_some());
    // What progenitor implements for them is replaced as a whole.
    items.retain(|item| !tree::implemented(item).is_some_and(|name| open(&name)));
    for item in std::mem::take(items) {
        match item {
            Item::Enum(item) if open(&item.ident.to_string()) => {
                items.extend(rewrite(&item, model))
            }
            other => items.push(other),
        }
    }
    Ok(())
}

fn rewrite(item: &ItemEnum, model: &Model) -> [Item; 3] {
    let name = &item.ident;
    let schema = &model.schemas[&name.to_string()];
    let text = schema.get("description").and_then(|text| text.as_str()).unwrap_or_default();
    let summary = if text.is_empty() { format!("The values of `{name}`.") } else { String::new() };
    let docs = doc::paragraphs(&[&summary, text, &type_items::origin(schema)]);
    let (mut idents, mut values, mut value_docs) = (Vec::new(), Vec::new(), Vec::new());
    for variant in &item.variants {
        let value =
            tree::serde_text(&variant.attrs, "rename").unwrap_or_else(|| variant.ident.to_string());
        let said = schema.pointer(&crate::pointer::join("/x-enum-descriptions", &value));
        let said = said.and_then(|text| text.as_str()).unwrap_or_default();
        value_docs.push(doc::paragraphs(&[&format!("`{value}`"), said]));
        // The open variant has its name in every enum of every document.
        let ident = variant.ident.to_string();
        idents.push(tree::ident(if ident == "Other" { "OtherValue" } else { &ident }));
        values.push(value);
    }
    [
        parse_quote! {
            #(#docs)*
            #[derive(Clone)]
            #[non_exhaustive]
            pub enum #name {
                #(#(#value_docs)* #idents,)*
                /// A value that the document does not know, as it was received.
                Other(String),
            }
        },
        parse_quote! {
            impl #name {
                /// The value as the API spells it.
                pub fn as_str(&self) -> &str {
                    match self {
                        #(Self::#idents => #values,)*
                        Self::Other(value) => value,
                    }
                }

                fn known(value: &str) -> Option<Self> {
                    match value {
                        #(#values => Some(Self::#idents),)*
                        _ => None,
                    }
                }
            }
        },
        parse_quote!(open_enum! { #name }),
    ]
}
