//! Writes `Option<String>` instead of `::std::option::Option<…>`: the names
//! that are shortened cannot be taken by a type of the document.

use syn::Attribute;
use syn::parse::Parser;
use syn::visit_mut::{self, VisitMut};

use crate::model::Model;

/// Fully qualified paths of the standard prelude.
const PRELUDE: [[&str; 3]; 6] = [
    ["std", "option", "Option"],
    ["std", "string", "String"],
    ["std", "vec", "Vec"],
    ["std", "boxed", "Box"],
    ["std", "convert", "From"],
    ["std", "default", "Default"],
];

pub(super) fn run(file: &mut syn::File, _: &Model) -> syn::Result<()> {
    Shorten.visit_file_mut(file);
    Ok(())
}

struct Shorten;

impl VisitMut for Shorten {
    fn visit_path_mut(&mut self, path: &mut syn::Path) {
        visit_mut::visit_path_mut(self, path);
        if path.leading_colon.is_none() {
            return;
        }
        let begins = |known: &[&str; 3]| {
            path.segments.len() >= 3
                && path.segments.iter().zip(known).all(|(segment, word)| segment.ident == word)
        };
        if PRELUDE.iter().any(begins) {
            path.segments = std::mem::take(&mut path.segments).into_iter().skip(2).collect();
        }
        path.leading_colon = None;
    }

    fn visit_attribute_mut(&mut self, attribute: &mut Attribute) {
        if !attribute.path().is_ident("serde") {
            return;
        }
        let text = quote::quote!(#attribute).to_string();
        let shorter = text
            .replace("::std::option::Option", "Option")
            .replace("::std::vec::Vec", "Vec")
            .replace(":: std :: collections :: ", "std::collections::")
            .replace("\"::std::", "\"std::")
            .replace("\"::serde_json::", "\"serde_json::");
        if shorter != text
            && let Ok(attributes) = Attribute::parse_outer.parse_str(&shorter)
            && let Some(new) = attributes.into_iter().next()
        {
            *attribute = new;
        }
    }
}
