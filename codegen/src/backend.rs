//! progenitor's part: schemas to Rust types, operations to signatures.

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::{Map, Value, json};

use crate::model::{Model, Place, Status};
use crate::path_template::Segment;
use crate::{Error, Result, pointer, walk};

/// Runs progenitor on the prepared document called `file`.
pub(crate) fn run(model: &Model, root: &Value, file: &str) -> Result<syn::File> {
    let refused = |reason: String| Error::Backend { file: file.to_owned(), reason };
    let spec: openapiv3::OpenAPI =
        serde_json::from_value(input(model, root)).map_err(|error| refused(error.to_string()))?;
    let mut settings = progenitor_impl::GenerationSettings::new();
    settings.with_interface(progenitor_impl::InterfaceStyle::Positional);
    let mut generator = progenitor_impl::Generator::new(&settings);
    // progenitor has assertions on documents that it does not like.
    let tokens = catch_unwind(AssertUnwindSafe(|| generator.generate_tokens(&spec)))
        .map_err(|panic| refused(panic_text(panic.as_ref())))?
        .map_err(|error| refused(error.to_string()))?;
    syn::parse2(tokens).map_err(|error| refused(error.to_string()))
}

/// The part of the document that decides on types: aliases resolved,
/// parameters by their position, one success and no errors.
fn input(model: &Model, root: &Value) -> Value {
    let mut schemas = model.schemas.clone();
    schemas.retain(|_, schema| schema.get("x-rust-alias").is_none());
    let mut paths = Map::new();
    for operation in &model.operations {
        let at = pointer::join("/paths", &operation.path);
        let source =
            root.pointer(&pointer::join(&at, operation.method)).cloned().unwrap_or_default();
        let parameters: Vec<Value> = operation
            .parameters
            .iter()
            .enumerate()
            .map(|(index, parameter)| {
                let place = match parameter.place {
                    Place::Path => "path",
                    // Only the type is of interest.
                    Place::Query | Place::Header => "query",
                };
                json!({
                    "name": argument(index),
                    "in": place,
                    "required": parameter.required,
                    "schema": source.pointer(&format!("/parameters/{index}/schema")),
                })
            })
            .collect();
        let in_path = |name: &str| {
            let mut parameters = operation.parameters.iter();
            parameters.position(|p| p.place == Place::Path && p.name == name).map(argument)
        };
        let path: String = operation
            .segments
            .iter()
            .map(|segment| match segment {
                Segment::Literal(text) => format!("/{text}"),
                Segment::Parameter(name) => format!("/{{{}}}", in_path(name).unwrap_or_default()),
            })
            .collect();
        let success =
            operation.successes.first().map_or(Status::Exactly(204), |outcome| outcome.status);
        let status = match success {
            Status::Exactly(status) => status.to_string(),
            Status::Class(class) => format!("{class}XX"),
            Status::Default => "default".to_owned(),
        };
        let item = paths.entry(path).or_insert_with(|| json!({}));
        item[operation.method] = json!({
            "operationId": operation.name,
            "parameters": parameters,
            "responses": { status: { "description": "" } },
        });
    }
    let mut spec = json!({
        "openapi": "3.0.3",
        "info": { "title": model.title, "version": "1" },
        "paths": paths,
        "components": { "schemas": schemas },
    });
    walk::objects_mut(&mut spec, &mut |object| {
        object.retain(|key, _| !key.starts_with("x-"));
    });
    spec
}

/// What progenitor calls the parameter at this position: a name that it does
/// not change.
pub(crate) fn argument(index: usize) -> String {
    format!("p{index}")
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it panicked").to_owned()
}
