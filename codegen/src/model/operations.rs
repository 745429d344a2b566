//! Operations with their parameters, bodies and outcomes.

use std::collections::{BTreeMap, HashSet};

use serde_json::{Map, Value};

use super::read;
use super::types::{Named, Schema, Ty};
use crate::passes::{EVENTS, Kind, query_style};
use crate::path_template::{self, Piece, Segment};
use crate::security::{self, Way};
use crate::servers;
use crate::validate::METHODS;
use crate::{names, pointer, schema};

/// Parts of a generated operation beside its parameters.
const RESERVED: [&str; 4] = ["body", "client", "send", "send_as_stream"];

#[derive(Clone, Debug)]
pub(crate) struct Operation {
    /// Rust identifier in snake case, unique in the document.
    pub(crate) name: String,
    /// HTTP method in lower case, as OpenAPI spells it.
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) segments: Vec<Segment>,
    /// Keys and values of the path's query that are no parameters.
    pub(crate) constants: Vec<(String, String)>,
    pub(crate) summary: String,
    pub(crate) description: String,
    pub(crate) deprecated: bool,
    /// Ways of sending secrets, the first by default.
    pub(crate) security: Vec<Way>,
    /// URL of a server that the operation has instead of the base URL.
    pub(crate) server: Option<String>,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) body: Option<Body>,
    /// Documented outcomes in the order of status, `default` last.
    pub(crate) successes: Vec<Outcome>,
    pub(crate) failures: Vec<Outcome>,
    /// Name of the type of the successes, if there are several.
    pub(crate) success_name: String,
    /// Name of the type of the errors, if there are several.
    pub(crate) error_name: String,
}

#[derive(Clone, Debug)]
pub(crate) struct Parameter {
    /// Name as the document and HTTP spell it.
    pub(crate) name: String,
    /// Identifier of the argument or setter.
    pub(crate) ident: String,
    pub(crate) place: Place,
    pub(crate) required: bool,
    pub(crate) description: String,
    pub(crate) ty: Ty,
    pub(crate) writing: Writing,
    /// True if the client holds the value.
    pub(crate) held: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Path,
    Query,
    Header,
    Cookie,
}

/// Way in which a value becomes text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Writing {
    /// By `Display`.
    Plain,
    /// Value for each element of a list.
    Each,
    /// Elements of a list with this separator.
    Joined(&'static str),
    /// By a style of OpenAPI, which the run-time knows by this name.
    Styled(&'static str, bool),
}

#[derive(Clone, Debug)]
pub(crate) struct Body {
    pub(crate) kind: BodyKind,
    /// Value of `Content-Type`.
    pub(crate) media: String,
    /// Name of its type, if it has one.
    pub(crate) schema: String,
    pub(crate) required: bool,
    /// Media types of the parts of a multipart body, of those that have one.
    pub(crate) parts: BTreeMap<String, String>,
    /// Styles of the properties of a form, of those that have one, and whether they are exploded.
    pub(crate) styles: BTreeMap<String, (&'static str, bool)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyKind {
    Json,
    Form,
    Multipart,
    Text,
    Bytes,
}

#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) status: Status,
    pub(crate) payload: Payload,
    /// Media type of the body, if there is one.
    pub(crate) media: Option<String>,
    /// True if the body may be a stream of events instead.
    pub(crate) streams: bool,
}

/// Body of a reply.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Payload {
    /// No body is documented.
    Empty,
    /// JSON of the named type.
    Json(String),
    /// JSON of the named type, or null.
    Nullable(String),
    Text,
    Bytes,
    /// Bytes that are handed out while they arrive.
    Stream,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Status {
    Exactly(u16),
    /// 4 for `4XX`.
    Class(u16),
    Default,
}

impl Operation {
    /// Returns the operation with streams of events as its successes. `None` if no success can be
    /// one instead of another body.
    pub(crate) fn as_stream(&self) -> Option<Self> {
        let successes = self.successes.iter().filter(|outcome| outcome.streams);
        let successes: Vec<Outcome> = successes
            .map(|outcome| Outcome { payload: Payload::Stream, ..outcome.clone() })
            .collect();
        (!successes.is_empty()).then(|| Self { successes, ..self.clone() })
    }

    pub(super) fn read(
        root: &Value,
        at: &str,
        object: &Map<String, Value>,
        types: &BTreeMap<String, Named>,
    ) -> Self {
        let text = |key: &str| {
            object.get(key).and_then(Value::as_str).unwrap_or_default().trim().to_owned()
        };
        let (path, method) = pointer::path_and_method(at);
        let method = METHODS.into_iter().find(|known| *known == method).unwrap_or_default();
        let list = object.get("parameters").and_then(Value::as_array);
        let mut parameters: Vec<Parameter> =
            list.into_iter().flatten().map(|value| Parameter::read(value, types)).collect();
        unique_idents(&mut parameters);
        let mut outcomes: Vec<Outcome> = object
            .get("responses")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .map(|(key, response)| Outcome {
                status: Status::read(key),
                payload: payload(response),
                media: schema::content(response).map(|(media, _)| media.to_owned()),
                streams: has_stream(response),
            })
            .collect();
        outcomes.sort_by_key(|outcome| outcome.status);
        // `default` as the only outcome describes success as well as failure.
        let only_default = outcomes.iter().all(|outcome| outcome.status == Status::Default);
        let (mut successes, mut failures): (Vec<_>, Vec<_>) =
            outcomes.into_iter().partition(|outcome| outcome.status.is_success());
        if only_default {
            let success =
                |default: &Outcome| Outcome { status: Status::Class(2), ..default.clone() };
            successes.extend(failures.iter().map(success));
        }
        // An error is never null.
        failures.iter_mut().for_each(|outcome| outcome.payload.forbid_null());
        let name = text("operationId");
        let template = path_template::parse(&path).unwrap_or_default();
        let is_declared = |key: &str| {
            let mut own = parameters.iter().filter(|parameter| parameter.place == Place::Query);
            own.any(|parameter| parameter.name == key)
        };
        let constant = |(key, value): (String, Piece)| match value {
            Piece::Literal(value) if !is_declared(&key) => Some((key, value)),
            _ => None,
        };
        let type_name = |what: &str| {
            let numbered = (2..).map(|number| format!("{name}_{what}{number}"));
            let names = [format!("{name}_{what}")].into_iter().chain(numbered);
            let mut names = names.map(|name| names::type_name(&name));
            names.find(|name| !types.contains_key(name)).unwrap_or_default()
        };
        Self {
            success_name: type_name("success"),
            error_name: type_name("error"),
            method,
            constants: template.query.into_iter().filter_map(constant).collect(),
            segments: template.segments,
            path,
            summary: text("summary"),
            description: text("description"),
            deprecated: object.get("deprecated") == Some(&Value::Bool(true)),
            security: security::of(root, object).ways,
            server: servers::own(root, at, object)
                .map(|(_, url)| url)
                .filter(|url| servers::is_usable(url)),
            parameters,
            body: root.pointer(&format!("{at}/requestBody")).and_then(Body::read),
            successes,
            failures,
            name,
        }
    }
}

impl Body {
    fn read(value: &Value) -> Option<Self> {
        let (media, entry) = schema::content(value)?;
        let kind = match Kind::of_request(media, entry) {
            Kind::Json => BodyKind::Json,
            Kind::Form => BodyKind::Form,
            Kind::Multipart => BodyKind::Multipart,
            Kind::Text => BodyKind::Text,
            Kind::Stream | Kind::Bytes => BodyKind::Bytes,
        };
        let encoding = entry.get("encoding").and_then(Value::as_object);
        let encoding = || encoding.into_iter().flatten();
        let of_part = |(name, part): (&String, &Value)| {
            Some((name.clone(), part.get("contentType")?.as_str()?.to_owned()))
        };
        let style = |(name, property): (&String, &Value)| {
            let style = query_style(property.get("style")?.as_str()?)?;
            let explode = schema::is_true(property, "explode");
            Some((name.clone(), (style, explode)))
        };
        Some(Self {
            parts: encoding().filter_map(of_part).collect(),
            styles: encoding().filter_map(style).collect(),
            kind,
            media: media.to_owned(),
            schema: schema_name(entry).unwrap_or_default(),
            required: schema::is_true(value, "required"),
        })
    }
}

impl Parameter {
    fn read(value: &Value, types: &BTreeMap<String, Named>) -> Self {
        let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default();
        let place = match text("in") {
            "path" => Place::Path,
            "header" => Place::Header,
            "cookie" => Place::Cookie,
            _ => Place::Query,
        };
        let mut ident = names::field_name_or(text("name"), "parameter");
        if RESERVED.contains(&ident.as_str()) {
            ident.push('_');
        }
        let schema = value.get("schema").cloned().unwrap_or_default();
        let ty = read::ty(&schema);
        let is_id = matches!(&ty, Ty::Named(name)
            if types.get(name).is_some_and(|named| matches!(named.schema, Schema::Id)));
        Self {
            name: text("name").to_owned(),
            ident,
            place,
            required: place == Place::Path || schema::is_true(value, "required"),
            description: text("description").trim().to_owned(),
            writing: Writing::of(&ty, place, value, types),
            held: is_id && place == Place::Path && schema::is_true(value, "x-rust-client"),
            ty,
        }
    }
}

impl Payload {
    /// Turns a body that may be null into one that may not.
    pub(super) fn forbid_null(&mut self) {
        if let Self::Nullable(name) = self {
            *self = Self::Json(std::mem::take(name));
        }
    }
}

impl Writing {
    fn of(ty: &Ty, place: Place, value: &Value, types: &BTreeMap<String, Named>) -> Self {
        let own = match place {
            Place::Path | Place::Header => "Simple",
            Place::Query | Place::Cookie => "Form",
        };
        let style = match (value.get("style").and_then(Value::as_str), place) {
            (Some("json"), _) => return Self::Styled("Json", false),
            (Some("label"), Place::Path) => "Label",
            (Some("matrix"), Place::Path) => "Matrix",
            (Some(style), Place::Query) => query_style(style).unwrap_or(own),
            _ => own,
        };
        let explode = value.get("explode").and_then(Value::as_bool).unwrap_or(style == "Form");
        let is_plain_place = !matches!(style, "Label" | "Matrix");
        if has_text(ty, types) && is_plain_place && place != Place::Cookie {
            return Self::Plain;
        }
        if let Ty::List(inner) = ty
            && has_text(inner, types)
            && matches!(place, Place::Query | Place::Header)
            && style != "Deep"
        {
            return match (style, explode) {
                ("Form" | "Space" | "Pipe", true) => Self::Each,
                ("Space", false) => Self::Joined(" "),
                ("Pipe", false) => Self::Joined("|"),
                _ => Self::Joined(","),
            };
        }
        Self::Styled(style, explode)
    }
}

/// Returns whether values of the type implement `Display` as they are sent.
fn has_text(ty: &Ty, types: &BTreeMap<String, Named>) -> bool {
    let Ty::Named(name) = ty else { return ty.is_scalar() };
    let mut named = types.get(name);
    while let Some(Named {
        schema: Schema::Alias(target) | Schema::Other(Ty::Named(target)), ..
    }) = named
    {
        named = types.get(target);
    }
    match named.map(|named| &named.schema) {
        Some(Schema::OpenEnum(_) | Schema::Id) => true,
        Some(Schema::Other(ty)) => ty.is_scalar(),
        _ => false,
    }
}

impl Status {
    pub(crate) fn read(key: &str) -> Self {
        match key.strip_suffix("XX").map(str::parse) {
            Some(Ok(class)) => Status::Class(class),
            _ => key.parse().map_or(Status::Default, Status::Exactly),
        }
    }

    fn is_success(self) -> bool {
        matches!(self, Status::Exactly(200..=299) | Status::Class(2))
    }
}

fn payload(response: &Value) -> Payload {
    let Some((media, entry)) = schema::content(response) else { return Payload::Empty };
    match Kind::of_reply(media, entry) {
        Kind::Stream => Payload::Stream,
        Kind::Text => Payload::Text,
        Kind::Bytes => Payload::Bytes,
        _ => match schema_name(entry) {
            Some(name) if schema::is_true(&entry["schema"], "nullable") => Payload::Nullable(name),
            name => name.map_or(Payload::Empty, Payload::Json),
        },
    }
}

/// Returns whether a reply has a stream of events beside another body.
fn has_stream(response: &Value) -> bool {
    let content = response.get("content").and_then(Value::as_object);
    content.is_some_and(|content| content.len() > 1 && content.contains_key(EVENTS))
}

/// Returns the name of the type of a body.
fn schema_name(entry: &Value) -> Option<String> {
    pointer::schema_name(entry.get("schema")?).map(str::to_owned)
}

/// Makes the identifiers unique: parameters of one name get their place in it.
fn unique_idents(parameters: &mut [Parameter]) {
    let mut taken: HashSet<String> = RESERVED.map(str::to_owned).into();
    for parameter in parameters.iter_mut() {
        if taken.contains(&parameter.ident) {
            parameter.ident.push_str(match parameter.place {
                Place::Path => "_path",
                Place::Query => "_query",
                Place::Header => "_header",
                Place::Cookie => "_cookie",
            });
        }
        parameter.ident = names::free(&parameter.ident, str::to_owned, &mut taken);
    }
}
