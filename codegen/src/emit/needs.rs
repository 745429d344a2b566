//! Which sources of the run-time a client needs beside those of every client.

use crate::model::{BodyKind, Model, Operation, Payload, Schema, Ty, Writing};

/// Parts of the run-time that the client of a document uses.
pub(crate) struct Needs {
    bodies: bool,
    forms: bool,
    media: bool,
    styles: bool,
    unions: bool,
}

impl Needs {
    pub(super) fn of(model: &Model) -> Self {
        let any = |wanted: &dyn Fn(&Operation) -> bool| model.operations.iter().any(wanted);
        let is_plain = |payload: &Payload| match payload {
            Payload::Json(name) => {
                model.canonical(name).is_some_and(|named| matches!(named.schema, Schema::Other(_)))
            }
            _ => false,
        };
        let kind = |kinds: &[BodyKind], operation: &Operation| {
            operation.body.as_ref().is_some_and(|body| kinds.contains(&body.kind))
        };
        let other_json = |operation: &Operation| {
            operation.body.as_ref().is_some_and(|body| body.media != "application/json")
        };
        Self {
            bodies: any(&|operation| {
                operation.failures.iter().any(|outcome| is_plain(&outcome.payload))
            }),
            forms: any(&|operation| kind(&[BodyKind::Form, BodyKind::Multipart], operation))
                || has_file(model),
            media: any(&|operation| other_json(operation) || has_other_reply(operation)),
            styles: any(&|operation| {
                let mut parameters = operation.parameters.iter();
                parameters.any(|parameter| matches!(parameter.writing, Writing::Styled(..)))
            }),
            unions: model.types.values().any(|named| matches!(named.schema, Schema::Union(_))),
        }
    }

    /// Sources that stand before what uses them.
    pub(crate) fn macros(&self) -> impl Iterator<Item = &'static str> {
        self.unions.then_some(include_str!("../../runtime/extra/unions.rs")).into_iter()
    }

    /// Sources that stand behind those of every client.
    pub(crate) fn sources(&self) -> impl Iterator<Item = &'static str> + use<> {
        [
            (self.bodies, include_str!("../../runtime/extra/bodies.rs")),
            (self.forms, include_str!("../../runtime/extra/forms.rs")),
            (self.media, include_str!("../../runtime/extra/media.rs")),
            (self.styles, include_str!("../../runtime/extra/styles.rs")),
        ]
        .into_iter()
        .filter_map(|(needed, source)| needed.then_some(source))
    }
}

/// Whether a success is text or bytes.
pub(super) fn has_other_reply(operation: &Operation) -> bool {
    let other = |payload: &Payload| matches!(payload, Payload::Text | Payload::Bytes);
    operation.successes.iter().any(|outcome| other(&outcome.payload))
}

fn has_file(model: &Model) -> bool {
    let of_schema = |schema: &Schema| match schema {
        Schema::Struct(body) => {
            body.fields.iter().map(|field| &field.ty).chain(&body.rest).any(is_file)
        }
        Schema::Union(union) => union.variants.iter().any(|variant| is_file(&variant.ty)),
        Schema::Other(ty) | Schema::Wrapper(ty) => is_file(ty),
        _ => false,
    };
    let mut parameters = model.operations.iter().flat_map(|operation| &operation.parameters);
    model.types.values().any(|named| of_schema(&named.schema))
        || parameters.any(|parameter| is_file(&parameter.ty))
}

fn is_file(ty: &Ty) -> bool {
    match ty {
        Ty::File => true,
        Ty::Boxed(inner) | Ty::List(inner) | Ty::Map(inner) | Ty::Option(inner) => is_file(inner),
        _ => false,
    }
}
