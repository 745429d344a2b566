//! Security schemes: the ways in which an operation takes the client's secret.

use std::collections::BTreeMap;

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

/// Way of satisfying an operation: schemes that are wanted together, each with its name. The
/// name is empty if the document declares no scheme.
pub(crate) type Way = Vec<(String, Scheme)>;

/// Requirements of an operation.
pub(crate) struct Security<'d> {
    /// Ways among which the caller chooses, the first by default. Empty if the operation
    /// needs no secret.
    pub(crate) ways: Vec<Way>,
    /// Schemes that the operation needs and the client does not have.
    pub(crate) missing: Vec<&'d str>,
}

/// Returns whether the only way is a bearer token.
pub(crate) fn is_bearer(ways: &[Way]) -> bool {
    matches!(ways, [way] if matches!(way.as_slice(), [(_, Scheme::Bearer)]))
}

/// Returns the alternatives of `operation`, or else those of the document `root`.
pub(crate) fn declared<'d>(
    root: &'d Value,
    operation: &'d Map<String, Value>,
) -> Option<&'d Vec<Value>> {
    operation.get("security").or(root.get("security"))?.as_array()
}

/// Reads the requirements of `operation` of the document `root`. A bearer token is sent if the
/// document has no requirement, or none that the client can satisfy.
pub(crate) fn of<'d>(root: &'d Value, operation: &'d Map<String, Value>) -> Security<'d> {
    let bearer = |missing| Security { ways: vec![vec![(String::new(), Scheme::Bearer)]], missing };
    let Some(declared) = declared(root, operation) else { return bearer(Vec::new()) };
    let alternatives = || declared.iter().filter_map(Value::as_object);
    let mut ways: Vec<Way> = Vec::new();
    for alternative in alternatives().filter(|alternative| !alternative.is_empty()) {
        let named = |name: &String| Some((name.clone(), scheme(root, name)?));
        let way: Option<Way> = alternative.keys().map(named).collect();
        let is_new = |way: &Way| !ways.iter().any(|known| is_same(known, way));
        ways.extend(way.filter(|way| is_possible(way) && is_new(way)));
    }
    let is_open = declared.is_empty() || alternatives().any(Map::is_empty);
    if !ways.is_empty() || is_open {
        return Security { ways, missing: Vec::new() };
    }
    let mut missing = Vec::new();
    for alternative in alternatives() {
        let known = alternative.keys().all(|name| scheme(root, name).is_some());
        let names = alternative.keys().map(String::as_str);
        missing.extend(names.filter(|name| known || scheme(root, name).is_none()));
    }
    bearer(missing)
}

/// Returns whether each scheme has a place of its own in a request.
fn is_possible(way: &Way) -> bool {
    let place = |scheme: &Scheme| match scheme {
        Scheme::Bearer | Scheme::Basic => Scheme::Header("authorization".to_owned()),
        other => other.clone(),
    };
    let places: Vec<Scheme> = way.iter().map(|(_, scheme)| place(scheme)).collect();
    places.iter().enumerate().all(|(index, place)| !places[..index].contains(place))
}

fn is_same(one: &Way, other: &Way) -> bool {
    one.iter().map(|(_, scheme)| scheme).eq(other.iter().map(|(_, scheme)| scheme))
}

/// Lists the schemes that can have a secret of their own, by name. Empty if one secret is all that
/// the operations want.
pub(crate) fn own_secrets<'w>(
    ways: impl IntoIterator<Item = &'w Way>,
) -> BTreeMap<&'w str, &'w Scheme> {
    let all = ways.into_iter().flatten();
    let all: BTreeMap<&str, &Scheme> = all.map(|(name, scheme)| (name.as_str(), scheme)).collect();
    let is_one = all.values().all(|scheme| **scheme == Scheme::Bearer) || all.len() < 2;
    all.into_iter().filter(|(name, _)| !is_one && !name.is_empty()).collect()
}

/// Returns the way in which the secret of a scheme is sent, if the client has it.
pub(crate) fn scheme(root: &Value, name: &str) -> Option<Scheme> {
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

    fn ways(security: Value) -> (Vec<Vec<Scheme>>, Vec<String>) {
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
        let schemes = |way: Way| way.into_iter().map(|(_, scheme)| scheme).collect();
        let missing = security.missing.into_iter().map(str::to_owned).collect();
        (security.ways.into_iter().map(schemes).collect(), missing)
    }

    fn key() -> Scheme {
        Scheme::Header("x-key".to_owned())
    }

    #[test]
    fn each_scheme_is_a_way_and_alternatives_are_several() {
        let all = json!([{ "key": [] }, { "token": [] }, { "login": [] }, { "query": [] },
            { "cookie": [] }, { "token": [] }, { "mutual": [] }]);
        let expected = [
            vec![key()],
            vec![Scheme::Bearer],
            vec![Scheme::Basic],
            vec![Scheme::Query("key".to_owned())],
            vec![Scheme::Cookie("sid".to_owned())],
        ];
        assert_eq!(ways(all), (expected.to_vec(), Vec::new()));
    }

    #[test]
    fn schemes_that_are_wanted_together_are_one_way() {
        let both = vec![key(), Scheme::Bearer];
        let found = ways(json!([{ "key": [], "token": [] }, { "login": [] }]));
        assert_eq!(found, (vec![both, vec![Scheme::Basic]], Vec::new()));
    }

    #[test]
    fn an_operation_that_asks_for_nothing_gets_no_secret() {
        assert_eq!(ways(json!([])), (Vec::new(), Vec::new()));
        assert_eq!(ways(json!([{}])), (Vec::new(), Vec::new()));
        assert_eq!(ways(json!([{}, { "login": [] }])).0, [[Scheme::Basic]]);
    }

    #[test]
    fn schemes_that_the_client_cannot_send_are_missing() {
        for (security, missing) in [
            (json!([{ "mutual": [] }]), vec!["mutual"]),
            (json!([{ "bad": [] }]), vec!["bad"]),
            (json!([{ "unknown": [] }]), vec!["unknown"]),
            (json!([{ "key": [], "mutual": [] }]), vec!["mutual"]),
            // Both are the header `Authorization`.
            (json!([{ "login": [], "token": [] }]), vec!["login", "token"]),
        ] {
            assert_eq!(ways(security.clone()).0, [[Scheme::Bearer]]);
            assert_eq!(ways(security.clone()).1, missing);
            let mut either = security;
            either.as_array_mut().unwrap().push(json!({ "key": [] }));
            assert_eq!(ways(either), (vec![vec![key()]], Vec::new()));
        }
    }
}
