//! Names of operations: the `operationId`, else a name of method and path.
//!
//! The rule for the others looks at the literal segments behind the last path
//! parameter, `tracks/new` of `/apps/{appId}/sessions/{sessionId}/tracks/new`:
//!
//! | method and path                    | name                  | because                                   |
//! |------------------------------------|-----------------------|-------------------------------------------|
//! | `POST …/{sessionId}/tracks/new`    | `new_tracks`          | the last word acts on the words before it |
//! | `POST …/adapters/websocket/new`    | `new_websocket_adapters` | nouns in the order of speech           |
//! | `PUT …/sessions/{id}/renegotiate`  | `renegotiate_session` | the last word acts on what the parameter names |
//! | `GET …/sessions/{sessionId}`       | `get_session`         | the method acts on one of the collection  |
//! | `GET …/sessions`                   | `list_sessions`       | the method acts on the collection         |
//! | `POST …/sessions`                  | `create_session`      | the method acts on the collection         |
//!
//! A name depends only on its own method and path, so it stays when the document grows. If two
//! operations get the same name, one of them gets another; an `operationId` in the overlay
//! settles it.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::names;
use crate::path_template::{self, Segment};
use crate::schema;

/// Names that no operation may have: methods of the generated client, and types beside those of
/// operations.
const TAKEN: [&str; 5] = ["base_url", "builder", "client", "new", "operation_error"];

pub(super) fn run(root: &mut Value) {
    let held = held(root);
    let mut order: Vec<(bool, String, String, &mut serde_json::Map<String, Value>)> = Vec::new();
    for (path, method, operation) in schema::operations_mut(root) {
        let derived = derive(method, &path_template::parse(path).unwrap_or_default().segments);
        let id = operation.get("operationId").and_then(Value::as_str);
        let named = id.map(names::field_name).filter(|name| !name.is_empty());
        let is_derived = named.is_none();
        let name = named.unwrap_or(derived);
        order.push((is_derived, name, format!("{path} {method}"), operation));
    }
    // Among operations that ask for one name an `operationId` gets it, else the shortest path,
    // else the first in the alphabet.
    order.sort_by(|a, b| (a.0, a.2.len(), &a.2).cmp(&(b.0, b.2.len(), &b.2)));
    let mut taken: HashSet<String> = TAKEN.iter().map(|name| names::type_name(name)).collect();
    taken.extend(held.iter().map(|name| names::type_name(name)));
    for (_, name, place, operation) in order {
        let is_taken = |name: &str| taken.contains(&names::type_name(name));
        let method = place.rsplit(' ').next().unwrap_or_default();
        let wishes = [name.clone(), format!("{name}_operation"), format!("{method}_{name}")];
        let numbered = (2..).map(|number| format!("{name}_operation_{number}"));
        let name = wishes
            .into_iter()
            .chain(numbered)
            .map(|name| names::field_name_or(&name, "operation"))
            .find(|name| !is_taken(name))
            .unwrap_or_default();
        // Two names of methods may be one of types.
        taken.insert(names::type_name(&name));
        operation.insert("operationId".to_owned(), json!(name));
    }
}

/// Lists the getters of the parameters that the client holds.
fn held(root: &Value) -> HashSet<String> {
    let operations = schema::operations(root);
    let parameters = operations
        .iter()
        .filter_map(|(_, operation)| operation.get("parameters").and_then(Value::as_array))
        .flatten();
    parameters
        .filter(|parameter| schema::is_true(parameter, "x-rust-client"))
        .filter_map(|parameter| parameter.get("name").and_then(Value::as_str))
        .map(names::field_name)
        .collect()
}

fn derive(method: &str, path: &[Segment]) -> String {
    let tail_start = path.iter().rposition(|segment| segment.parameter().is_some());
    let tail: Vec<&str> = path[tail_start.map_or(0, |at| at + 1)..]
        .iter()
        .filter_map(Segment::literal)
        .filter(|literal| !literal.is_empty())
        .collect();
    // Collection of the last parameter: `sessions` of `sessions/{sessionId}`.
    let picked = tail_start
        .and_then(|at| path[..at].iter().rev().find_map(Segment::literal))
        .map(names::singular);
    let words = match (tail.as_slice(), picked) {
        ([], picked) => {
            vec![on_one(method).to_owned(), picked.unwrap_or_else(|| "root".to_owned())]
        }
        ([noun], _) if method == "get" || names::is_plural(noun) => {
            let (verb, noun) = on_collection(method, noun);
            vec![verb.to_owned(), noun]
        }
        ([verb], picked) => [Some((*verb).to_owned()), picked].into_iter().flatten().collect(),
        (nouns, _) if method == "get" => spoken("get", nouns),
        ([nouns @ .., verb], _) if !names::is_plural(verb) => spoken(verb, nouns),
        (nouns, _) => spoken(on_one(method), nouns),
    };
    names::field_name(&words.join("_"))
}

fn on_one(method: &str) -> &str {
    match method {
        "put" => "replace",
        "patch" => "update",
        "post" => "create",
        other => other,
    }
}

fn on_collection(method: &str, noun: &str) -> (&'static str, String) {
    match method {
        "get" if names::is_plural(noun) => ("list", noun.to_owned()),
        "get" => ("get", noun.to_owned()),
        "post" => ("create", names::singular(noun)),
        "put" => ("replace", noun.to_owned()),
        "patch" => ("update", noun.to_owned()),
        "delete" => ("delete", noun.to_owned()),
        "head" => ("head", noun.to_owned()),
        "trace" => ("trace", noun.to_owned()),
        _ => ("options", noun.to_owned()),
    }
}

/// Puts words in the order of speech: `adapters/websocket` is "websocket adapters".
fn spoken(verb: &str, nouns: &[&str]) -> Vec<String> {
    [verb].iter().chain(nouns.iter().rev()).map(|&word| word.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_from_method_and_path_alone() {
        for (method, path, name) in [
            ("post", "/apps/{appId}/sessions/new", "new_sessions"),
            ("post", "/apps/{appId}/sessions/{sessionId}/tracks/new", "new_tracks"),
            ("put", "/apps/{appId}/sessions/{sessionId}/renegotiate", "renegotiate_session"),
            ("put", "/apps/{appId}/sessions/{sessionId}/tracks/close", "close_tracks"),
            ("get", "/apps/{appId}/sessions/{sessionId}", "get_session"),
            ("delete", "/apps/{appId}/sessions/{sessionId}", "delete_session"),
            ("get", "/apps/{appId}/sessions", "list_sessions"),
            ("post", "/apps/{appId}/sessions", "create_session"),
            (
                "post",
                "/apps/{appId}/sessions/{s}/datachannels/establish",
                "establish_data_channels",
            ),
            ("post", "/apps/{appId}/adapters/websocket/new", "new_websocket_adapters"),
            ("get", "/apps/{appId}/sessions/{s}/tracks/{t}/stats", "list_stats"),
            ("get", "/apps/{appId}/usage", "get_usage"),
            ("post", "/keys/{k}/credentials/{u}/revoke", "revoke_credential"),
            ("get", "/", "get_root"),
            ("put", "/a/{b}/", "replace_a"),
        ] {
            let path = path_template::parse(path).expect("a path").segments;
            assert_eq!(derive(method, &path), name, "{method} {path:?}");
        }
    }
}
