//! Names every operation: by its `operationId`, else by method and path.
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
//! A name depends on nothing but its own method and path, so it stays when the
//! document grows. Two operations that come to the same name are an error,
//! which an `operationId` in the overlay settles.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::{Context, schema};
use crate::path_template::{self, Segment};
use crate::{Result, names, pointer, validate::fault};

/// Methods of the generated client that no operation may be called.
const TAKEN: [&str; 2] = ["builder", "new"];

pub(super) fn run(root: &mut Value, context: &Context<'_>) -> Result<()> {
    let mut seen: HashMap<String, String> = HashMap::new();
    for (path, method, operation) in schema::operations_mut(root) {
        let at = pointer::join(&pointer::join("/paths", path), method);
        let mut name = match operation.get("operationId").and_then(Value::as_str) {
            Some(id) => names::field_name(id),
            None => derive(method, &path_template::parse(path).unwrap_or_default()),
        };
        if name.is_empty() {
            return Err(fault(context.file, &at, "cannot derive a name: give it an `operationId`"));
        }
        if TAKEN.contains(&name.as_str()) {
            name.push_str("_operation");
        }
        if let Some(first) = seen.insert(name.clone(), at.clone()) {
            let reason = format!(
                "the operation at {first} is called `{name}` as well: give one an `operationId`"
            );
            return Err(fault(context.file, &at, reason));
        }
        operation.insert("operationId".to_owned(), json!(name));
    }
    Ok(())
}

fn derive(method: &str, path: &[Segment]) -> String {
    let tail_start = path.iter().rposition(|segment| segment.parameter().is_some());
    let tail: Vec<&str> = path[tail_start.map_or(0, |at| at + 1)..]
        .iter()
        .filter_map(Segment::literal)
        .filter(|literal| !literal.is_empty())
        .collect();
    // What the last parameter picks from: `sessions` of `sessions/{sessionId}`.
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

/// `adapters/websocket` is spoken "websocket adapters".
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
            let path = path_template::parse(path).expect("a path");
            assert_eq!(derive(method, &path), name, "{method} {path:?}");
        }
    }
}
