//! The module for browsers: `calls.js`, and the files that it is made of.

use axum::http::header;
use axum::response::{IntoResponse, Response};

use super::parts::Path;
use crate::refusal::Refused;

/// The files, by name.
const FILES: [(&str, &str); 5] = [
    ("calls.js", include_str!("../../web/calls.js")),
    ("calls.d.ts", include_str!("../../web/calls.d.ts")),
    ("connection.js", include_str!("../../web/connection.js")),
    ("measure.js", include_str!("../../web/measure.js")),
    ("parts.js", include_str!("../../web/parts.js")),
];

/// A file of the module.
pub(super) async fn file(Path(name): Path<String>) -> Result<Response, Refused> {
    let (name, content) =
        FILES.into_iter().find(|(file, _)| *file == name).ok_or(Refused::NotFound)?;
    let kind = if name.ends_with(".js") { "text/javascript" } else { "text/plain" };
    let kind = (header::CONTENT_TYPE, format!("{kind}; charset=utf-8"));
    // A cached copy is asked about each time: it belongs to this version of the server.
    let cached = (header::CACHE_CONTROL, "no-cache".to_owned());
    Ok(([kind, cached], content).into_response())
}
