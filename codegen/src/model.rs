//! The small model that code is generated from, read from a document that has
//! been through the [passes](crate::passes).

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::passes::{request_errors, schema};
use crate::path_template::{self, Segment};
use crate::{Result, names, pointer, validate::fault};

/// What a generated operation has beside its parameters.
const RESERVED: [&str; 3] = ["body", "client", "send"];

/// Everything that the generated client is made of.
#[derive(Debug)]
pub(crate) struct Model {
    /// The document's `info.title`.
    pub(crate) title: String,
    /// The first server's URL, if there is one.
    pub(crate) base_url: String,
    /// In the document's order.
    pub(crate) operations: Vec<Operation>,
    /// Path parameters that the client holds, so that no call repeats them.
    pub(crate) held: Vec<Parameter>,
    /// Named schemas, sorted by name.
    pub(crate) schemas: Map<String, Value>,
    /// Names of schemas that requests are made of.
    pub(crate) requested: BTreeSet<String>,
    /// Name of the schema of a refused request.
    pub(crate) error: String,
}

#[derive(Debug)]
pub(crate) struct Operation {
    /// A Rust identifier in snake case, unique in the document.
    pub(crate) name: String,
    /// Lower case, as OpenAPI spells it.
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) segments: Vec<Segment>,
    pub(crate) summary: String,
    pub(crate) description: String,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) body: Option<Body>,
    /// Documented outcomes in the order of status, `default` last.
    pub(crate) successes: Vec<Outcome>,
    pub(crate) failures: Vec<Outcome>,
}

#[derive(Clone, Debug)]
pub(crate) struct Parameter {
    /// As the document and HTTP spell it.
    pub(crate) name: String,
    /// The argument or setter.
    pub(crate) ident: String,
    pub(crate) place: Place,
    pub(crate) required: bool,
    pub(crate) description: String,
    /// The schema of its type, if it has a named one.
    pub(crate) schema: Option<String>,
    /// Array elements in one value with commas, rather than a value each.
    pub(crate) joined: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Path,
    Query,
    Header,
}

#[derive(Debug)]
pub(crate) struct Body {
    pub(crate) schema: String,
    pub(crate) required: bool,
}

#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) status: Status,
    /// The schema of the JSON body, `None` where no body is documented.
    pub(crate) schema: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Status {
    Exactly(u16),
    /// 4 for `4XX`.
    Class(u16),
    Default,
}

impl Model {
    /// Reads the prepared document called `file`.
    pub(crate) fn read(root: &Value, file: &str) -> Result<Self> {
        let text =
            |at: &str| root.pointer(at).and_then(Value::as_str).unwrap_or_default().to_owned();
        let mut held: Vec<Parameter> = Vec::new();
        let mut operations = Vec::new();
        for (at, object) in schema::operations(root) {
            let (operation, from_client) = Operation::read(root, &at, object, file)?;
            for parameter in from_client {
                if held.iter().all(|known| known.name != parameter.name) {
                    held.push(parameter);
                }
            }
            operations.push(operation);
        }
        let mut schemas = root
            .pointer("/components/schemas")
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default();
        schemas.sort_keys();
        unique_fields(&schemas, file)?;
        let requested = requested(root, &schemas);
        let error = request_errors::name(root).unwrap_or_default();
        Ok(Self {
            title: text("/info/title"),
            base_url: text("/servers/0/url"),
            operations,
            held,
            schemas,
            requested,
            error,
        })
    }
}

impl Operation {
    fn read(
        root: &Value,
        at: &str,
        object: &Map<String, Value>,
        file: &str,
    ) -> Result<(Self, Vec<Parameter>)> {
        let text = |key: &str| {
            object.get(key).and_then(Value::as_str).unwrap_or_default().trim().to_owned()
        };
        let (path, method) = place(at);
        let mut parameters = Vec::new();
        let mut held = Vec::new();
        let list = object.get("parameters").and_then(Value::as_array);
        for (index, value) in list.into_iter().flatten().enumerate() {
            let parameter = Parameter::read(value);
            let at = format!("{at}/parameters/{index}");
            plain_enough(root, value, &parameter, &at, file)?;
            if value.get("x-rust-client") == Some(&Value::Bool(true)) && is_id(root, &parameter) {
                held.push(parameter.clone());
            }
            parameters.push(parameter);
        }
        let body_at = format!("{at}/requestBody");
        let body = root.pointer(&body_at).and_then(|body| {
            let schema = body_schema(root, &body_at)?;
            Some(Body { schema, required: body.get("required") == Some(&Value::Bool(true)) })
        });
        unique_idents(&parameters, at, file)?;
        let mut outcomes: Vec<Outcome> = object
            .get("responses")
            .and_then(Value::as_object)
            .into_iter()
            .flat_map(Map::keys)
            .map(|key| Outcome {
                status: Status::read(key),
                schema: body_schema(root, &pointer::join(&format!("{at}/responses"), key)),
            })
            .collect();
        outcomes.sort_by_key(|outcome| outcome.status);
        // `default` alone describes success as well as failure.
        let only_default = outcomes.iter().all(|outcome| outcome.status == Status::Default);
        let (mut successes, failures): (Vec<_>, Vec<_>) =
            outcomes.into_iter().partition(|outcome| outcome.status.is_success());
        if only_default {
            successes.extend(failures.iter().map(|default| Outcome {
                status: Status::Class(2),
                schema: default.schema.clone(),
            }));
        }
        let operation = Self {
            name: text("operationId"),
            method,
            segments: path_template::parse(&path).unwrap_or_default(),
            path,
            summary: text("summary"),
            description: text("description"),
            parameters,
            body,
            successes,
            failures,
        };
        Ok((operation, held))
    }
}

impl Parameter {
    fn read(value: &Value) -> Self {
        let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default();
        let place = match text("in") {
            "path" => Place::Path,
            "header" => Place::Header,
            _ => Place::Query,
        };
        let joined = match value.get("explode").and_then(Value::as_bool) {
            Some(explode) => !explode,
            None => place == Place::Header,
        };
        let mut ident = names::field_name(text("name"));
        if RESERVED.contains(&ident.as_str()) {
            ident.push('_');
        }
        Self {
            name: text("name").to_owned(),
            ident,
            place,
            required: place == Place::Path || value.get("required") == Some(&Value::Bool(true)),
            description: text("description").trim().to_owned(),
            schema: pointer::schema_name(&value["schema"]).map(str::to_owned),
            joined,
        }
    }
}

impl Status {
    fn read(key: &str) -> Self {
        match key.strip_suffix("XX").map(str::parse) {
            Some(Ok(class)) => Status::Class(class),
            _ => key.parse().map_or(Status::Default, Status::Exactly),
        }
    }

    fn is_success(self) -> bool {
        matches!(self, Status::Exactly(200..=299) | Status::Class(2))
    }
}

/// Whether the parameter's type is one that is safe in a path.
fn is_id(root: &Value, parameter: &Parameter) -> bool {
    let schema = parameter.schema.as_deref().map(|name| pointer::join("/components/schemas", name));
    let schema = schema.and_then(|at| root.pointer(&at));
    parameter.place == Place::Path && schema.is_some_and(|schema| schema.get("x-rust-id").is_some())
}

/// `/paths/~1apps~1{appId}/get` to its path and method.
fn place(at: &str) -> (String, &'static str) {
    let (path, method) = at.rsplit_once('/').unwrap_or_default();
    let path = path.trim_start_matches("/paths/").replace("~1", "/").replace("~0", "~");
    let method = crate::validate::METHODS.into_iter().find(|known| *known == method);
    (path, method.unwrap_or_default())
}

fn body_schema(root: &Value, at: &str) -> Option<String> {
    let schema = root.pointer(at)?.pointer("/content/application~1json/schema")?;
    pointer::schema_name(schema).map(str::to_owned)
}

/// A parameter is a scalar, or in a query or header an array of scalars.
fn plain_enough(
    root: &Value,
    value: &Value,
    parameter: &Parameter,
    at: &str,
    file: &str,
) -> Result<()> {
    let empty = Map::new();
    let schemas = root.pointer("/components/schemas").and_then(Value::as_object).unwrap_or(&empty);
    let scalar = |schema: &Value| {
        let kind = schema::follow(schema, schemas).1.get("type").and_then(Value::as_str);
        matches!(kind, Some("string" | "integer" | "number" | "boolean"))
    };
    let in_array = value["schema"].get("items").is_some_and(scalar);
    let supported = match parameter.place {
        Place::Path => "only scalars are supported as path parameters",
        _ if in_array => return Ok(()),
        _ => "only scalars and arrays of scalars are supported as query and header parameters",
    };
    if !scalar(&value["schema"]) {
        return Err(fault(file, at, format!("{supported}, unlike `{}`", parameter.name)));
    }
    Ok(())
}

fn unique_idents(parameters: &[Parameter], at: &str, file: &str) -> Result<()> {
    let mut seen = BTreeSet::new();
    match parameters.iter().find(|parameter| !seen.insert(parameter.ident.as_str())) {
        Some(parameter) => {
            let reason = format!("the argument `{}` would stand twice", parameter.ident);
            Err(fault(file, at, reason))
        }
        None => Ok(()),
    }
}

fn unique_fields(schemas: &Map<String, Value>, file: &str) -> Result<()> {
    for (name, schema) in schemas {
        let mut seen = BTreeSet::new();
        let properties = schema.get("properties").and_then(Value::as_object);
        for property in properties.into_iter().flat_map(Map::keys) {
            if !seen.insert(names::field_name(property)) {
                let at = pointer::join(&format!("/components/schemas/{name}/properties"), property);
                return Err(fault(file, &at, "another property would be the same field"));
            }
        }
    }
    Ok(())
}

/// The schemas that request bodies are made of.
fn requested(root: &Value, schemas: &Map<String, Value>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut next: Vec<String> = schema::operations(root)
        .into_iter()
        .filter_map(|(at, _)| body_schema(root, &format!("{at}/requestBody")))
        .collect();
    while let Some(name) = next.pop() {
        if !found.insert(name.clone()) {
            continue;
        }
        next.extend(schemas.get(&name).map(schema::references).unwrap_or_default());
    }
    found
}
