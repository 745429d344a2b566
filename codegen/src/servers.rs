//! Servers: the URLs that requests are sent to.

use serde_json::{Map, Value};

/// Returns the URL of the document's first server, with the defaults of its variables. Empty if the
/// document has no server.
pub(crate) fn base_url(root: &Value) -> String {
    root.pointer("/servers/0").map(url).unwrap_or_default()
}

/// Returns the pointer and the URL of the server of the operation at the pointer `at`: the first of
/// its own list, or else of its path's. None if it is sent to the base URL, as one of its servers or
/// because it has none.
pub(crate) fn own(
    root: &Value,
    at: &str,
    operation: &Map<String, Value>,
) -> Option<(String, String)> {
    let path = at.rsplit_once('/').map(|(path, _)| path).unwrap_or_default();
    let of_path = || root.pointer(path)?.get("servers");
    let (at, servers) = match operation.get("servers") {
        Some(servers) => (at, servers),
        None => (path, of_path()?),
    };
    let servers: Vec<String> = servers.as_array()?.iter().map(url).collect();
    let is_same = |one: &str, other: &str| one.trim_end_matches('/') == other.trim_end_matches('/');
    let base = base_url(root);
    let first = servers.first().filter(|_| !servers.iter().any(|server| is_same(server, &base)))?;
    // An empty URL is that of the root.
    let url = if first.is_empty() { "/" } else { first };
    Some((format!("{at}/servers/0/url"), url.to_owned()))
}

/// Returns whether requests can be sent to a URL: an absolute one of HTTP, or one that is relative to
/// the base URL. A variable without a default is in neither.
pub(crate) fn is_usable(url: &str) -> bool {
    let is_known = url.starts_with("https://") || url.starts_with("http://");
    let has_scheme = url.split(['/', '?', '#']).next().unwrap_or_default().contains(':');
    (is_known || !has_scheme)
        && url.chars().all(|c| c.is_ascii_graphic() && !"{}<>\"\\^`|?#@".contains(c))
}

/// Returns the URL of a server, with the defaults of its variables.
fn url(server: &Value) -> String {
    let url = server.get("url").and_then(Value::as_str);
    let mut url = url.unwrap_or_default().trim().to_owned();
    let variables = server.get("variables").and_then(Value::as_object);
    for (name, variable) in variables.into_iter().flatten() {
        if let Some(default) = variable.get("default").and_then(Value::as_str) {
            url = url.replace(&format!("{{{name}}}"), default);
        }
    }
    url
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Returns the server of an operation with these lists of the document, the path and itself.
    fn server(root: &Value, path: &Value, own: &Value) -> Option<(String, String)> {
        let mut document = json!({ "servers": root, "paths": { "/a": { "get": {} } } });
        if !path.is_null() {
            document["paths"]["/a"]["servers"] = path.clone();
        }
        if !own.is_null() {
            document["paths"]["/a"]["get"]["servers"] = own.clone();
        }
        let operation = document["paths"]["/a"]["get"].as_object().unwrap().clone();
        super::own(&document, "/paths/~1a/get", &operation)
    }

    fn urls(urls: &[&str]) -> Value {
        urls.iter().map(|url| json!({ "url": url })).collect()
    }

    #[test]
    fn an_operation_has_its_own_server_or_its_paths() {
        let root = urls(&["https://a.example/v1"]);
        let of = |path: &Value, own: &Value| server(&root, path, own);
        let (path, own) = (urls(&["https://p.example"]), urls(&["https://o.example", "/x"]));
        assert_eq!(of(&Value::Null, &Value::Null), None);
        let found = |at: &str, url: &str| Some((at.to_owned(), url.to_owned()));
        let at_path = found("/paths/~1a/servers/0/url", "https://p.example");
        assert_eq!(of(&path, &Value::Null), at_path);
        let at_own = found("/paths/~1a/get/servers/0/url", "https://o.example");
        assert_eq!(of(&path, &own), at_own);
        // The base URL is one of its servers.
        assert_eq!(of(&path, &urls(&["https://o.example", "https://a.example/v1/"])), None);
        assert_eq!(of(&path, &json!([])), None);
    }

    #[test]
    fn variables_have_their_defaults() {
        let variables = json!({ "origin": { "default": "https://uploads.a.example" } });
        let own = json!([{ "url": "{origin}/{left}", "variables": variables }]);
        let (_, url) = server(&urls(&["https://a.example"]), &Value::Null, &own).unwrap();
        assert_eq!(url, "https://uploads.a.example/{left}");
    }

    #[test]
    fn requests_go_to_urls_of_http_and_to_relative_ones() {
        for url in
            ["https://a.example/v1", "http://127.0.0.1:80", "", "/", "/v2", "v2", "//b.example"]
        {
            assert!(is_usable(url), "{url}");
        }
        for url in
            ["wss://a.example", "https://{a}.example", "mailto:a", "/v1?x=1", "https://u@a.example"]
        {
            assert!(!is_usable(url), "{url}");
        }
    }
}
