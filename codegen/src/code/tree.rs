//! Small helpers on the syntax tree, shared by the passes.

use proc_macro2::Span;
use syn::punctuated::Punctuated;
use syn::{Ident, Item};

/// The items of the module `types`.
pub(super) fn types(file: &mut syn::File) -> &mut Vec<Item> {
    module(file, "types")
}

/// The items of the module called `name`, which is created if need be.
pub(super) fn module<'f>(file: &'f mut syn::File, name: &str) -> &'f mut Vec<Item> {
    let is_it = |item: &Item| matches!(item, Item::Mod(module) if module.ident == name);
    let at = match file.items.iter().position(is_it) {
        Some(at) => at,
        None => {
            let name = ident(name);
            file.items.push(syn::parse_quote! { pub mod #name {} });
            file.items.len() - 1
        }
    };
    match &mut file.items[at] {
        Item::Mod(module) => &mut module.content.get_or_insert_default().1,
        _ => unreachable!("the position is that of a module"),
    }
}

/// An identifier; `name` comes from [`names`](crate::names) and is valid.
pub(super) fn ident(name: &str) -> Ident {
    Ident::new(name, Span::call_site())
}

/// The name of the type that an `impl` is for.
pub(crate) fn implemented(item: &Item) -> Option<String> {
    let Item::Impl(item) = item else { return None };
    match &*item.self_ty {
        syn::Type::Path(path) => path.path.segments.last().map(|segment| segment.ident.to_string()),
        _ => None,
    }
}

/// The value of `#[serde(key = "…")]` among the attributes.
pub(super) fn serde_text(attrs: &[syn::Attribute], key: &str) -> Option<String> {
    let mut found = None;
    for attr in attrs.iter().filter(|attr| attr.path().is_ident("serde")) {
        let _ = attr.parse_nested_meta(|meta| {
            let is_it = meta.path.is_ident(key);
            if let Ok(value) = meta.value() {
                let text: syn::LitStr = value.parse()?;
                if is_it {
                    found = Some(text.value());
                }
            }
            Ok(())
        });
    }
    found
}

/// Whether `#[serde(flag)]` is among the attributes.
pub(super) fn serde_flag(attrs: &[syn::Attribute], flag: &str) -> bool {
    let mut found = false;
    for attr in attrs.iter().filter(|attr| attr.path().is_ident("serde")) {
        let _ = attr.parse_nested_meta(|meta| {
            found |= meta.path.is_ident(flag);
            if let Ok(value) = meta.value() {
                let _: syn::LitStr = value.parse()?;
            }
            Ok(())
        });
    }
    found
}

/// Removes `key` from the `#[serde(…)]` among the attributes.
pub(super) fn remove_serde(attrs: &mut Vec<syn::Attribute>, key: &str) {
    attrs.retain_mut(|attr| {
        if !attr.path().is_ident("serde") {
            return true;
        }
        let parse = Punctuated::<syn::Meta, syn::Token![,]>::parse_terminated;
        let Ok(options) = attr.parse_args_with(parse) else { return true };
        let others: Vec<_> = options.iter().filter(|one| !one.path().is_ident(key)).collect();
        if others.len() < options.len() {
            *attr = syn::parse_quote!(#[serde(#(#others),*)]);
        }
        !others.is_empty()
    });
}

/// The last segment's name and its first generic argument: `Option` and `T`.
pub(super) fn generic(ty: &syn::Type) -> Option<(String, Option<&syn::Type>)> {
    let syn::Type::Path(path) = ty else { return None };
    let segment = path.path.segments.last()?;
    let inner = match &segment.arguments {
        syn::PathArguments::AngleBracketed(arguments) => {
            arguments.args.iter().find_map(|argument| match argument {
                syn::GenericArgument::Type(ty) => Some(ty),
                _ => None,
            })
        }
        _ => None,
    };
    Some((segment.ident.to_string(), inner))
}

/// The type's name, if `ty` is a plain path.
pub(super) fn type_name(ty: &syn::Type) -> String {
    generic(ty).map(|(name, _)| name).unwrap_or_default()
}
