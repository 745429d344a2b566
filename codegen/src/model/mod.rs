//! Document as typed parts. Code is written from them alone.

mod boxes;
mod operations;
mod read;
mod types;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value;

pub(crate) use operations::{
    Body, BodyKind, Operation, Outcome, Parameter, Payload, Place, Status, Writing,
};
pub(crate) use types::{
    Debug, EnumValue, Field, Format, Named, Presence, Schema, Struct, Ty, Union,
};

use crate::left_out::Notes;
use crate::passes::request_errors;
use crate::security::{self, Scheme, Way};
use crate::{Document, mend, passes, schema, servers};

/// Fields of the client and its builder beside held parameters.
const TAKEN: [&str; 7] = ["core", "scheme", "secret", "secrets", "servers", "setup", "timeout"];

/// Parts of the generated client.
#[derive(Debug)]
pub(crate) struct Model {
    /// Document's `info.title`.
    pub(crate) title: String,
    /// First server's URL, if there is one.
    pub(crate) base_url: String,
    /// Operations in the document's order.
    pub(crate) operations: Vec<Operation>,
    /// Path parameters that the client holds, so that no call repeats them.
    pub(crate) held: Vec<Parameter>,
    /// Named types.
    pub(crate) types: BTreeMap<String, Named>,
    /// Name of the type of a refused request.
    pub(crate) error: String,
}

impl Model {
    /// Prepares and reads a document. Notes the parts that the model lacks.
    pub(crate) fn of(document: Document, notes: &mut Notes) -> Self {
        let mut root = document.into_root();
        mend::mend(&mut root, notes);
        let published = passes::run(&mut root, notes);
        Self::read(&root, &published)
    }

    fn read(root: &Value, published: &HashMap<String, String>) -> Self {
        let mut types = read::types(root, published);
        boxes::place(&mut types);
        let mut held: Vec<Parameter> = Vec::new();
        let mut operations = Vec::new();
        for (at, object) in schema::operations(root) {
            let operation = Operation::read(root, &at, object, &types);
            for parameter in operation.parameters.iter().filter(|parameter| parameter.held) {
                if held.iter().all(|known| known.name != parameter.name) {
                    held.push(parameter.clone());
                }
            }
            operations.push(operation);
        }
        for held in &mut held {
            if TAKEN.contains(&held.ident.as_str()) {
                held.ident.push('_');
            }
        }
        for parameter in operations.iter_mut().flat_map(|operation| &mut operation.parameters) {
            // A parameter of the same name and another type is an argument of its own.
            let same =
                |known: &&Parameter| known.name == parameter.name && known.ty == parameter.ty;
            match held.iter().find(same).filter(|_| parameter.held) {
                Some(known) => parameter.ident.clone_from(&known.ident),
                None => parameter.held = false,
            }
        }
        let title = root.pointer("/info/title").and_then(Value::as_str).unwrap_or("API");
        let mut model = Self {
            title: title.to_owned(),
            base_url: servers::base_url(root),
            operations: Vec::new(),
            held,
            types,
            error: request_errors::name(root).unwrap_or_default(),
        };
        operations.iter_mut().for_each(|operation| model.settle_null(&mut operation.successes));
        model.operations = operations;
        model
    }

    /// Decides which bodies may be null. One that is checked for an error may not. If one body of a
    /// type may, each body of the type may.
    fn settle_null(&self, successes: &mut [Outcome]) {
        let nullable = |outcome: &Outcome| match &outcome.payload {
            Payload::Nullable(name) => Some(name.clone()),
            _ => None,
        };
        let nullable: BTreeSet<String> = successes.iter().filter_map(nullable).collect();
        for outcome in successes {
            outcome.payload = match &outcome.payload {
                Payload::Json(name) | Payload::Nullable(name) if nullable.contains(name) => {
                    match self.carries_error(name) {
                        true => Payload::Json(name.clone()),
                        false => Payload::Nullable(name.clone()),
                    }
                }
                _ => continue,
            };
        }
    }

    /// Returns the type that a name stands for, through aliases.
    pub(crate) fn canonical(&self, name: &str) -> Option<&Named> {
        let mut named = self.types.get(name)?;
        while let Schema::Alias(target) | Schema::Other(Ty::Named(target)) = &named.schema {
            named = self.types.get(target)?;
        }
        Some(named)
    }

    /// Returns whether some operation takes one secret in several ways.
    pub(crate) fn has_choice_of_schemes(&self) -> bool {
        let several = |ways: &[Way]| ways.iter().filter(|way| way.len() == 1).count() > 1;
        self.operations.iter().any(|operation| several(&operation.security))
    }

    /// Lists the schemes that can have a secret of their own, by name. Empty if one secret is
    /// all that the operations want.
    pub(crate) fn schemes(&self) -> BTreeMap<&str, &Scheme> {
        security::own_secrets(self.operations.iter().flat_map(|operation| &operation.security))
    }

    /// Lists the servers that operations have instead of the base URL.
    pub(crate) fn servers(&self) -> BTreeSet<&str> {
        self.operations.iter().filter_map(|operation| operation.server.as_deref()).collect()
    }

    /// Returns whether the schema has a place for an error at its top.
    pub(crate) fn carries_error(&self, name: &str) -> bool {
        match self.canonical(name).map(|named| &named.schema) {
            Some(Schema::Struct(body)) => {
                body.fields.iter().any(|field| field.wire == "errorCode" || field.is_verdict)
            }
            _ => false,
        }
    }
}
