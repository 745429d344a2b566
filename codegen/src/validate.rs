//! Refusal of text that is no OpenAPI document of version 3.0 or 3.1, with a JSON pointer to
//! the place. Other faults of a document are [mended](crate::mend).

use serde_json::Value;

use crate::{Error, Result, walk};

/// HTTP methods that a path item may have, as OpenAPI spells them.
pub(crate) const METHODS: [&str; 8] =
    ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/// Largest number of objects that is accepted, which bounds time and memory.
const MAX_OBJECTS: usize = 2_000_000;

/// Checks the parts that cannot be left out with an operation. The first fault ends the check.
pub(crate) fn validate(file: &str, root: &Value) -> Result<()> {
    version(file, root)?;
    let mut count = 0;
    walk::objects(root, &mut |_| count += 1);
    if count > MAX_OBJECTS {
        return Err(fault(file, "", format!("more than {MAX_OBJECTS} objects")));
    }
    for at in ["/components", "/components/schemas", "/paths"] {
        if root.pointer(at).is_some_and(|part| !part.is_object()) {
            return Err(fault(file, at, "expected an object"));
        }
    }
    let Some(paths) = root.get("paths").and_then(Value::as_object) else {
        return Err(fault(file, "", "there are no `paths`"));
    };
    let has_operation = |item: &Value| {
        item.get("$ref").is_some() || METHODS.iter().any(|method| item.get(method).is_some())
    };
    if !paths.iter().any(|(path, item)| !path.starts_with("x-") && has_operation(item)) {
        return Err(fault(file, "/paths", "there is no operation in this document"));
    }
    Ok(())
}

fn version(file: &str, root: &Value) -> Result<()> {
    let Some(root) = root.as_object() else { return Err(fault(file, "", "expected an object")) };
    let unsupported = |pointer: &str, found: String| {
        Err(Error::Version { file: file.to_owned(), pointer: pointer.to_owned(), found })
    };
    if let Some(version) = root.get("swagger") {
        return unsupported("/swagger", format!("Swagger {}", plain(version)));
    }
    match root.get("openapi") {
        None => {
            let reason = "there is no `openapi` version: this is not an OpenAPI document";
            Err(fault(file, "", reason))
        }
        Some(Value::String(version)) if is_known(version) => Ok(()),
        Some(version) => unsupported("/openapi", format!("OpenAPI {}", plain(version))),
    }
}

fn is_known(version: &str) -> bool {
    let of = |known: &str| {
        version.strip_prefix(known).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    of("3.0") || of("3.1")
}

/// Creates an [`Error::Document`].
pub(crate) fn fault(file: &str, pointer: &str, reason: impl Into<String>) -> Error {
    Error::Document { file: file.to_owned(), pointer: pointer.to_owned(), reason: reason.into() }
}

fn plain(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    text.chars().take(60).collect()
}
