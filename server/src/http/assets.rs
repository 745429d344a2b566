//! Module for browsers: `calls.js` and its parts.

use axum::http::header;
use axum::response::{IntoResponse, Response};

use super::parts::Path;
use crate::refusal::Refused;

/// Files, by name.
const FILES: [(&str, &str); 5] = [
    ("calls.js", include_str!("../../web/calls.js")),
    ("calls.d.ts", include_str!("../../web/calls.d.ts")),
    ("connection.js", include_str!("../../web/connection.js")),
    ("measure.js", include_str!("../../web/measure.js")),
    ("parts.js", include_str!("../../web/parts.js")),
];

/// Returns a file of the module.
pub(super) async fn file(Path(name): Path<String>) -> Result<Response, Refused> {
    let (name, content) =
        FILES.into_iter().find(|(file, _)| *file == name).ok_or(Refused::NotFound)?;
    let kind = if name.ends_with(".js") { "text/javascript" } else { "text/plain" };
    let kind = (header::CONTENT_TYPE, format!("{kind}; charset=utf-8"));
    // A cached copy is checked each time, because it belongs to one version of the server.
    let cached = (header::CACHE_CONTROL, "no-cache".to_owned());
    Ok(([kind, cached], content).into_response())
}
