//! Public names and signatures of generated text, to find those that a new generation
//! takes away from its users.

use std::collections::BTreeMap;

use quote::ToTokens;
use syn::{Fields, Item, Visibility};

/// Lists the items of the public API of `old` that are gone or changed in `new`, a line each.
/// Text that is not Rust has no API.
pub fn lost(old: &str, new: &str) -> Vec<String> {
    let (old, new) = (items(old), items(new));
    old.iter()
        .filter_map(|(name, shape)| match new.get(name) {
            None => Some(format!("{name} is gone")),
            Some(other) if other != shape => Some(format!("{name} was `{shape}`, is `{other}`")),
            Some(_) => None,
        })
        .collect()
}

/// Checks that generated text is Rust.
///
/// # Errors
/// The parser's message, with line and column.
pub fn check(text: &str) -> Result<(), String> {
    let place = |error: syn::Error| {
        let start = error.span().start();
        format!("the generated text is not Rust: {}:{}: {error}", start.line, start.column + 1)
    };
    syn::parse_file(text).map(drop).map_err(place)
}

/// Returns the name of the type that an `impl` is for.
fn implemented(item: &Item) -> Option<String> {
    let Item::Impl(item) = item else { return None };
    match &*item.self_ty {
        syn::Type::Path(path) => path.path.segments.last().map(|segment| segment.ident.to_string()),
        _ => None,
    }
}

/// Lists the public items by path, each with the part of its text that callers depend on.
fn items(text: &str) -> BTreeMap<String, String> {
    let (mut found, mut aliases) = (BTreeMap::new(), Vec::new());
    if let Ok(file) = syn::parse_file(text) {
        collect("", &file.items, &mut found, &mut aliases);
    }
    // Items of an alias are those of the type that it stands for.
    for (alias, target) in aliases {
        let begins = |name: &str| {
            name.strip_prefix(&target)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '.']))
        };
        let reached: Vec<(String, String)> = found
            .iter()
            .filter(|(name, _)| begins(name))
            .map(|(name, shape)| (name.replacen(&target, &alias, 1), shape.clone()))
            .collect();
        found.extend(reached);
    }
    found
}

fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

fn shape(tokens: &impl ToTokens) -> String {
    tokens.to_token_stream().to_string()
}

fn collect(
    at: &str,
    items: &[Item],
    found: &mut BTreeMap<String, String>,
    aliases: &mut Vec<(String, String)>,
) {
    for item in items {
        match item {
            Item::Mod(module) => {
                let inner = module.content.as_ref().map(|(_, items)| items.as_slice());
                collect(
                    &format!("{at}{}::", module.ident),
                    inner.unwrap_or_default(),
                    found,
                    aliases,
                );
            }
            Item::Struct(item) if is_public(&item.vis) => {
                let at = format!("{at}{}", item.ident);
                if let Fields::Named(fields) = &item.fields {
                    for field in fields.named.iter().filter(|field| is_public(&field.vis)) {
                        let name = shape(&field.ident);
                        found.insert(format!("{at}.{name}"), shape(&field.ty));
                    }
                }
                found.insert(at, "struct".to_owned());
            }
            Item::Enum(item) if is_public(&item.vis) => {
                let at = format!("{at}{}", item.ident);
                for variant in &item.variants {
                    found.insert(format!("{at}::{}", variant.ident), shape(&variant.fields));
                }
                found.insert(at, "enum".to_owned());
            }
            Item::Type(item) if is_public(&item.vis) => {
                let (name, target) = (format!("{at}{}", item.ident), shape(&item.ty));
                aliases.push((name.clone(), format!("{at}{target}")));
                found.insert(name, target);
            }
            Item::Const(item) if is_public(&item.vis) => {
                found.insert(format!("{at}{}", item.ident), shape(&item.ty));
            }
            Item::Impl(imp) if imp.trait_.is_none() => {
                let at = format!("{at}{}", implemented(item).unwrap_or_default());
                for item in &imp.items {
                    if let syn::ImplItem::Fn(method) = item
                        && is_public(&method.vis)
                    {
                        found.insert(format!("{at}::{}", method.sig.ident), shape(&method.sig));
                    }
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::lost;

    #[test]
    fn additions_lose_nothing_and_removals_are_named() {
        let old = "pub struct A { pub b: u8 } impl A { pub fn c(&self) {} } pub enum D { E }";
        let grown = "pub struct A { pub b: u8, pub x: u8 } impl A { pub fn c(&self) {} pub fn y() {} } pub enum D { E, F }";
        assert_eq!(lost(old, grown), Vec::<String>::new());
        let other = "pub struct A { pub b: u16 } pub enum D {}";
        assert_eq!(lost(old, other), ["A.b was `u8`, is `u16`", "A::c is gone", "D::E is gone"]);
    }

    #[test]
    fn an_alias_is_the_type_that_it_stands_for() {
        let (old, other) = ("pub type A = String;", "pub type A = Time;");
        assert_eq!(lost(old, other), ["A was `String`, is `Time`"]);
        let (own, shared) =
            ("pub struct A { pub b: u8 }", "pub struct B { pub b: u8 } pub type A = B;");
        assert_eq!(lost(own, shared), Vec::<String>::new());
    }
}
