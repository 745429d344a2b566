//! What comes back from an operation: the bodies of errors, and an enum where
//! an operation documents several bodies for one outcome.

use syn::{Ident, Item, Type, parse_quote};

use super::tree;
use crate::model::{Model, Operation, Outcome, Status};
use crate::names;

pub(super) fn run(file: &mut syn::File, model: &Model) -> syn::Result<()> {
    let mut items = Vec::new();
    let mut bodies: Vec<&str> = vec![&model.error];
    for operation in &model.operations {
        let failure = Failure::of(operation, model);
        bodies.extend(failure.schemas.iter().copied());
        let successes = operation.successes.iter().filter_map(|success| success.schema.as_deref());
        bodies.extend(successes.filter(|schema| carries_error(schema, model)));
        if failure.is_enum() {
            items.extend(failure_enum(&failure, operation));
        }
        let success = Success::of(operation);
        if success.is_enum() {
            items.push(success_enum(&success, operation));
        }
    }
    let mut bodies: Vec<&str> = bodies.into_iter().map(|name| canonical(name, model)).collect();
    bodies.sort_unstable();
    bodies.dedup();
    let types = tree::types(file);
    let impls: Vec<Item> = bodies.into_iter().map(|name| body_impl(name, types, model)).collect();
    items.extend(impls);
    tree::types(file).append(&mut items);
    Ok(())
}

/// The error bodies of an operation, the general one last.
pub(super) struct Failure<'m> {
    pub(super) schemas: Vec<&'m str>,
    name: Ident,
}

impl<'m> Failure<'m> {
    pub(super) fn of(operation: &'m Operation, model: &'m Model) -> Self {
        let documented = operation.failures.iter().filter_map(|outcome| outcome.schema.as_deref());
        let mut schemas: Vec<&str> = documented.filter(|name| *name != model.error).collect();
        schemas.sort_unstable();
        schemas.dedup();
        schemas.push(&model.error);
        Self { schemas, name: tree::ident(&names::type_name(&format!("{}_error", operation.name))) }
    }

    pub(super) fn is_enum(&self) -> bool {
        self.schemas.len() > 1
    }

    /// The operation's `E` of `OperationError`, seen from outside of `types`.
    pub(super) fn ty(&self) -> Type {
        let name = if self.is_enum() { self.name.clone() } else { tree::ident(self.schemas[0]) };
        parse_quote!(types::#name)
    }

    /// How a body of this schema becomes the operation's error.
    pub(super) fn wrap(&self, schema: &str) -> syn::Expr {
        if !self.is_enum() {
            return parse_quote!(std::convert::identity);
        }
        let (name, variant) = (&self.name, tree::ident(schema));
        parse_quote!(types::#name::#variant)
    }
}

/// The bodies of an operation's successes.
pub(super) struct Success<'m> {
    /// `None` stands for no body.
    pub(super) schemas: Vec<Option<&'m str>>,
    name: Ident,
}

impl<'m> Success<'m> {
    pub(super) fn of(operation: &'m Operation) -> Self {
        let mut schemas: Vec<Option<&str>> =
            operation.successes.iter().map(|outcome| outcome.schema.as_deref()).collect();
        schemas.sort_unstable();
        schemas.dedup();
        if schemas.is_empty() {
            schemas.push(None);
        }
        Self {
            schemas,
            name: tree::ident(&names::type_name(&format!("{}_success", operation.name))),
        }
    }

    pub(super) fn is_enum(&self) -> bool {
        self.schemas.len() > 1
    }

    /// What the operation returns, seen from outside of `types`.
    pub(super) fn ty(&self) -> Type {
        let name = match self.schemas.as_slice() {
            [None] => return parse_quote!(()),
            [Some(name)] => tree::ident(name),
            _ => self.name.clone(),
        };
        parse_quote!(types::#name)
    }

    /// The expression that makes a reply the operation's result. A body that can
    /// carry an error at its top is looked at for one, which is the general one.
    pub(super) fn decode(
        &self,
        schema: Option<&str>,
        failure: &Failure<'_>,
        model: &Model,
    ) -> syn::Expr {
        let name = &self.name;
        let decoded = |schema: &str| -> syn::Expr {
            if !carries_error(schema, model) {
                return parse_quote!(reply.decode());
            }
            let wrap = failure.wrap(&model.error);
            parse_quote!(reply.accept(#wrap))
        };
        match (schema, self.is_enum()) {
            (Some(schema), false) => decoded(schema),
            (None, false) => parse_quote!(Ok(())),
            (Some(schema), true) => {
                let (variant, decoded) = (tree::ident(schema), decoded(schema));
                parse_quote!(#decoded.map(types::#name::#variant))
            }
            (None, true) => parse_quote!(Ok(types::#name::Empty)),
        }
    }
}

/// Whether a body has a place for an error at its top.
fn carries_error(name: &str, model: &Model) -> bool {
    let schema = model.schemas.get(canonical(name, model));
    schema.is_some_and(|schema| schema.pointer("/properties/errorCode").is_some())
}

/// The type that a schema's name stands for.
fn canonical<'m>(name: &'m str, model: &'m Model) -> &'m str {
    let target = model.schemas.get(name).and_then(|schema| schema.get("x-rust-alias")?.as_str());
    // Aliases of aliases end at a type.
    target.map_or(name, |target| canonical(target, model))
}

fn success_enum(success: &Success<'_>, operation: &Operation) -> Item {
    let name = &success.name;
    let summary = format!(" What `{}` can answer with.", operation.name);
    let variants = success.schemas.iter().map(|schema| match schema {
        Some(schema) => {
            let text = format!(" The reply of {}.", statuses(&operation.successes, Some(schema)));
            let schema = tree::ident(schema);
            quote::quote!(#[doc = #text] #schema(#schema))
        }
        None => {
            let text = format!(" No body, as of {}.", statuses(&operation.successes, None));
            quote::quote!(#[doc = #text] Empty)
        }
    });
    parse_quote! {
        #[doc = #summary]
        #[derive(Clone, Debug, PartialEq)]
        #[allow(clippy::large_enum_variant)] // Replies differ in size, and are moved once.
        #[non_exhaustive]
        pub enum #name { #(#variants,)* }
    }
}

fn failure_enum(failure: &Failure<'_>, operation: &Operation) -> [Item; 2] {
    let name = &failure.name;
    let summary = format!(" What `{}` is refused with.", operation.name);
    let variants = failure.schemas.iter().map(|schema| {
        let listed = statuses(&operation.failures, Some(schema));
        let text = match listed.is_empty() {
            true => " The API's general error.".to_owned(),
            false => format!(" The body of {listed}."),
        };
        let schema = tree::ident(schema);
        quote::quote!(#[doc = #text] #schema(#schema))
    });
    let variant_names: Vec<Ident> =
        failure.schemas.iter().map(|schema| tree::ident(schema)).collect();
    [
        parse_quote! {
            #[doc = #summary]
            #[derive(Clone, Debug, PartialEq)]
            #[allow(clippy::large_enum_variant)] // Replies differ in size, and are moved once.
            #[non_exhaustive]
            pub enum #name { #(#variants,)* }
        },
        parse_quote! {
            impl super::ErrorBody for #name {
                fn code(&self) -> Option<&str> {
                    match self { #(Self::#variant_names(body) => body.code(),)* }
                }

                fn description(&self) -> Option<&str> {
                    match self { #(Self::#variant_names(body) => body.description(),)* }
                }
            }
        },
    ]
}

/// `400 and 406`, for documentation.
fn statuses(outcomes: &[Outcome], schema: Option<&str>) -> String {
    let named: Vec<String> = outcomes
        .iter()
        .filter(|outcome| outcome.schema.as_deref() == schema)
        .map(|outcome| match outcome.status {
            Status::Exactly(status) => status.to_string(),
            Status::Class(class) => format!("{class}XX"),
            Status::Default => "any other status".to_owned(),
        })
        .collect();
    named.join(" and ")
}

/// Where the API's two error fields are in the body, if they are.
fn body_impl(name: &str, types: &[Item], model: &Model) -> Item {
    let fields = types.iter().find_map(|item| match item {
        Item::Struct(item) if item.ident == name => Some(&item.fields),
        _ => None,
    });
    let get = |wire: &str| -> syn::Expr {
        let ident = tree::ident(&names::field_name(wire));
        let field = fields.into_iter().flatten().find(|field| field.ident.as_ref() == Some(&ident));
        let Some(ty) = field.map(|field| &field.ty) else { return parse_quote!(None) };
        let (inner, optional) = match tree::generic(ty) {
            Some((outer, Some(inner))) if outer == "Option" => (tree::type_name(inner), true),
            _ => (tree::type_name(ty), false),
        };
        let is_enum = model.schemas.get(&inner).is_some_and(|schema| schema.get("enum").is_some());
        match (inner.as_str(), is_enum, optional) {
            (_, true, true) => parse_quote!(self.#ident.as_ref().map(|value| value.as_str())),
            (_, true, false) => parse_quote!(Some(self.#ident.as_str())),
            ("String", _, true) => parse_quote!(self.#ident.as_deref()),
            ("String", _, false) => parse_quote!(Some(&self.#ident)),
            _ => parse_quote!(None),
        }
    };
    let (code, description) = (get("errorCode"), get("errorDescription"));
    let name = tree::ident(name);
    parse_quote! {
        impl super::ErrorBody for #name {
            fn code(&self) -> Option<&str> { #code }

            fn description(&self) -> Option<&str> { #description }
        }
    }
}
