//! Page at `/`. Its files are part of the program.

use axum::Router;
use axum::http::{HeaderValue, header};
use axum::response::IntoResponse;
use axum::routing::get;

use super::Shared;

/// Policy of the page: it may load its own files and ask its own origin. Code and style within the
/// document are forbidden, so that a name of a track can never become code.
pub(super) const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

macro_rules! files {
    ($($path:literal $kind:ident $name:literal,)*) => {
        /// Files of the page: path, content type and text.
        const FILES: &[(&str, &str, &str)] =
            &[$(($path, $kind, include_str!(concat!("../page/", $name))),)*];
    };
}

files! {
    "/" HTML "index.html",
    "/page/icon.svg" SVG "icon.svg",
    "/page/base.css" CSS "base.css",
    "/page/parts.css" CSS "parts.css",
    "/page/drawing.css" CSS "drawing.css",
    "/page/timeline.css" CSS "timeline.css",
    "/page/api.js" SCRIPT "api.js",
    "/page/copy.js" SCRIPT "copy.js",
    "/page/details.js" SCRIPT "details.js",
    "/page/dom.js" SCRIPT "dom.js",
    "/page/drawing.js" SCRIPT "drawing.js",
    "/page/faults.js" SCRIPT "faults.js",
    "/page/filter.js" SCRIPT "filter.js",
    "/page/graph.js" SCRIPT "graph.js",
    "/page/links.js" SCRIPT "links.js",
    "/page/main.js" SCRIPT "main.js",
    "/page/matrix.js" SCRIPT "matrix.js",
    "/page/names.js" SCRIPT "names.js",
    "/page/network.js" SCRIPT "network.js",
    "/page/rates.js" SCRIPT "rates.js",
    "/page/requests.js" SCRIPT "requests.js",
    "/page/sessions.js" SCRIPT "sessions.js",
    "/page/timeline.js" SCRIPT "timeline.js",
    "/page/tip.js" SCRIPT "tip.js",
    "/page/violations.js" SCRIPT "violations.js",
}

/// Serves the files.
pub(super) fn router() -> Router<Shared> {
    FILES.iter().fold(Router::new(), |router, &(path, kind, text)| {
        let file = move || async move {
            // Another version of the emulator on the same port has other files.
            let head = [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-cache")];
            (head, text).into_response()
        };
        router.route(path, get(file))
    })
}
