//! Modules of the run-time that a client needs beside those of every client.

use crate::model::{BodyKind, Format, Model, Operation, Payload, Schema, Ty, Writing};
use crate::security;

/// Lists the names of these modules.
pub(crate) fn extras(model: &Model) -> Vec<&'static str> {
    let any = |wanted: &dyn Fn(&Operation) -> bool| model.operations.iter().any(wanted);
    let is_plain = |payload: &Payload| match payload {
        Payload::Json(name) => {
            model.canonical(name).is_some_and(|named| matches!(named.schema, Schema::Other(_)))
        }
        _ => false,
    };
    let has_form = |operation: &Operation| {
        let kind = operation.body.as_ref().map(|body| body.kind);
        matches!(kind, Some(BodyKind::Form | BodyKind::Multipart))
    };
    let other_json = |operation: &Operation| {
        operation.body.as_ref().is_some_and(|body| body.media != "application/json")
    };
    let bodies =
        any(&|operation| operation.failures.iter().any(|outcome| is_plain(&outcome.payload)));
    let decimal = has_type(model, &|ty| *ty == Ty::Format(Format::Decimal));
    let encoded = has_type(model, &|ty| *ty == Ty::Format(Format::Base64));
    let formatted = [Format::DateTime, Format::Date, Format::Uuid].map(Ty::Format);
    let formatted = has_type(model, &|ty| formatted.contains(ty));
    let form_styles =
        any(&|operation| operation.body.as_ref().is_some_and(|body| !body.styles.is_empty()));
    let forms = any(&has_form) || has_type(model, &|ty| *ty == Ty::File);
    let media = any(&|operation| {
        other_json(operation) || has_other_reply(operation) || accepted(operation).is_some()
    });
    let security = any(&|operation| !security::is_bearer(&operation.security));
    let servers = !model.servers().is_empty();
    let may_stream = |operation: &Operation| operation.successes.iter().any(|one| one.streams);
    let streams = any(&|operation| has_stream(operation) || may_stream(operation));
    let styles = form_styles
        || any(&|operation| {
            let mut parameters = operation.parameters.iter();
            parameters.any(|parameter| matches!(parameter.writing, Writing::Styled(..)))
        });
    let unions = model.types.values().any(|named| matches!(named.schema, Schema::Union(_)));
    [
        (bodies, "bodies"),
        (decimal, "decimal"),
        (encoded, "encoded"),
        (formatted, "formatted"),
        (form_styles, "form_styles"),
        (forms, "forms"),
        (media, "media"),
        (decimal || unions, "raw"),
        (security, "security"),
        (servers, "servers"),
        (streams, "stream"),
        (styles, "styles"),
        (unions, "unions"),
    ]
    .into_iter()
    .filter_map(|(needed, name)| needed.then_some(name))
    .collect()
}

/// Returns whether a success is handed out while it arrives.
pub(super) fn has_stream(operation: &Operation) -> bool {
    operation.successes.iter().any(|outcome| outcome.payload == Payload::Stream)
}

/// Returns whether a success is text or bytes.
fn has_other_reply(operation: &Operation) -> bool {
    let other = |payload: &Payload| matches!(payload, Payload::Text | Payload::Bytes);
    operation.successes.iter().any(|outcome| other(&outcome.payload))
}

/// Returns the `Accept` of an operation whose replies of success are not `application/json` alone. A
/// reply that is a stream has one of its own.
pub(super) fn accepted(operation: &Operation) -> Option<String> {
    let mut accepted: Vec<&str> = Vec::new();
    for media in operation.successes.iter().filter_map(|outcome| outcome.media.as_deref()) {
        let is_json =
            media.split(';').next().is_some_and(|media| media.trim() == "application/json");
        let media = if is_json { "application/json" } else { media };
        if !accepted.contains(&media) {
            accepted.push(media);
        }
    }
    if has_stream(operation) || matches!(accepted.as_slice(), [] | ["application/json"]) {
        return None;
    }
    // Text and bytes are read whatever they are.
    let any = has_other_reply(operation).then_some("*/*;q=0.1");
    Some(accepted.into_iter().chain(any).collect::<Vec<_>>().join(", "))
}

/// Returns whether some type, field or parameter is of a wanted type, or holds one.
fn has_type(model: &Model, wanted: &dyn Fn(&Ty) -> bool) -> bool {
    let of_schema = |schema: &Schema| match schema {
        Schema::Struct(body) => {
            body.fields.iter().map(|field| &field.ty).chain(&body.rest).any(|ty| holds(ty, wanted))
        }
        Schema::Union(union) => union.variants.iter().any(|variant| holds(&variant.ty, wanted)),
        Schema::Other(ty) | Schema::Wrapper(ty) => holds(ty, wanted),
        _ => false,
    };
    let mut parameters = model.operations.iter().flat_map(|operation| &operation.parameters);
    model.types.values().any(|named| of_schema(&named.schema))
        || parameters.any(|parameter| holds(&parameter.ty, wanted))
}

fn holds(ty: &Ty, wanted: &dyn Fn(&Ty) -> bool) -> bool {
    match ty {
        Ty::Boxed(inner) | Ty::List(inner) | Ty::Map(inner) | Ty::Option(inner) => {
            holds(inner, wanted)
        }
        ty => wanted(ty),
    }
}
