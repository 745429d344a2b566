//! Security schemes: the ways in which an operation takes the client's secret.

use serde_json::{Map, Value};

/// Way of sending the secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Bearer,
    /// Name and password with a colon between them.
    Basic,
    /// Header of this name.
    Header(String),
    /// Query parameter of this name.
    Query(String),
    /// Cookie of this name.
    Cookie(String),
}

/// Requirements of an operation.
pub(crate) struct Security<'d> {
    /// Ways among which the caller chooses, the first by default. Empty if the operation
    /// needs no secret.
    pub(crate) ways: Vec<Scheme>,
    /// Schemes that the operation needs and the client does not have.
    pub(crate) missing: Vec<&'d str>,
}

/// Reads the requirements of `operation` of the document `root`. A bearer token is sent if the
/// document has no requirement, or none that one secret can satisfy.
pub(crate) fn of<'d>(root: &'d Value, operation: &'d Map<String, Value>) -> Security<'d> {
    let bearer = |missing| Security { ways: vec![Scheme::Bearer], missing };
    let declared = operation.get("security").or(root.get("security")).and_then(Value::as_array);
    let Some(declared) = declared else { return bearer(Vec::new()) };
    let alternatives = || declared.iter().filter_map(Value::as_object);
    let mut ways = Vec::new();
    for alternative in alternatives().filter(|alternative| alternative.len() == 1) {
        for way in alternative.keys().filter_map(|name| scheme(root, name)) {
            if !ways.contains(&way) {
                ways.push(way);
            }
        }
    }
    let is_open = declared.is_empty() || alternatives().any(Map::is_empty);
    if !ways.is_empty() || is_open {
        return Security { ways, missing: Vec::new() };
    }
    let mut missing = Vec::new();
    for alternative in alternatives() {
        let names = alternative.keys().map(String::as_str);
        // The secret serves one of the schemes that are needed together.
        missing.extend(names.filter(|name| scheme(root, name) != Some(Scheme::Bearer)));
    }
    bearer(missing)
}

fn scheme(root: &Value, name: &str) -> Option<Scheme> {
    let scheme = root.pointer("/components/securitySchemes")?.get(name)?;
    let text = |key: &str| scheme.get(key).and_then(Value::as_str).unwrap_or_default();
    let parameter = || Some(text("name").to_owned()).filter(|name| is_token(name));
    match (text("type"), text("in")) {
        ("http", _) if text("scheme").eq_ignore_ascii_case("bearer") => Some(Scheme::Bearer),
        ("http", _) if text("scheme").eq_ignore_ascii_case("basic") => Some(Scheme::Basic),
        ("oauth2" | "openIdConnect", _) => Some(Scheme::Bearer),
        ("apiKey", "header") => parameter().map(|name| Scheme::Header(name.to_ascii_lowercase())),
        ("apiKey", "query") => parameter().map(Scheme::Query),
        ("apiKey", "cookie") => parameter().map(Scheme::Cookie),
        _ => None,
    }
}

/// Returns whether a header can have the name (RFC 9110 section 5.6.2).
fn is_token(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn ways(security: Value) -> (Vec<Scheme>, Vec<String>) {
        let root = json!({ "components": { "securitySchemes": {
            "token": { "type": "http", "scheme": "Bearer" },
            "login": { "type": "http", "scheme": "basic" },
            "key": { "type": "apiKey", "in": "header", "name": "X-Key" },
            "query": { "type": "apiKey", "in": "query", "name": "key" },
            "cookie": { "type": "apiKey", "in": "cookie", "name": "sid" },
            "bad": { "type": "apiKey", "in": "header", "name": "a b" },
            "mutual": { "type": "mutualTLS" },
        } } });
        let operation = json!({ "security": security });
        let security = of(&root, operation.as_object().unwrap());
        (security.ways, security.missing.into_iter().map(str::to_owned).collect())
    }

    #[test]
    fn each_scheme_is_a_way_and_alternatives_are_several() {
        let all = json!([{ "key": [] }, { "token": [] }, { "login": [] }, { "query": [] },
            { "cookie": [] }, { "token": [] }, { "mutual": [] }]);
        let expected = [
            Scheme::Header("x-key".to_owned()),
            Scheme::Bearer,
            Scheme::Basic,
            Scheme::Query("key".to_owned()),
            Scheme::Cookie("sid".to_owned()),
        ];
        assert_eq!(ways(all), (expected.to_vec(), Vec::new()));
    }

    #[test]
    fn an_operation_that_asks_for_nothing_gets_no_secret() {
        assert_eq!(ways(json!([])), (Vec::new(), Vec::new()));
        assert_eq!(ways(json!([{}])), (Vec::new(), Vec::new()));
        assert_eq!(ways(json!([{}, { "login": [] }])).0, [Scheme::Basic]);
    }

    #[test]
    fn schemes_that_one_secret_cannot_satisfy_are_missing() {
        for (security, missing) in [
            (json!([{ "mutual": [] }]), vec!["mutual"]),
            (json!([{ "bad": [] }]), vec!["bad"]),
            (json!([{ "key": [], "token": [] }]), vec!["key"]),
            (json!([{ "unknown": [] }]), vec!["unknown"]),
        ] {
            assert_eq!(ways(security).0, [Scheme::Bearer]);
            assert_eq!(ways(json!([{ missing[0]: [] }, { "key": [] }])).1, Vec::<String>::new());
        }
        assert_eq!(ways(json!([{ "key": [], "mutual": [] }])).1, ["key", "mutual"]);
    }
}
