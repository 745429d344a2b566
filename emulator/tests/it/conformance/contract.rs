//! Document as a contract: the replies that it allows, and its own examples.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use jsonschema::{Draft, Validator};
use serde_json::{Map, Value, json};

/// Operation of the document.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Operation {
    pub(crate) path: &'static str,
    pub(crate) method: &'static str,
}

macro_rules! operations {
    ($($name:ident: $method:literal $path:literal;)*) => {
        $(pub(crate) const $name: Operation =
            Operation { path: concat!("/apps/{appId}", $path), method: $method };)*
        pub(crate) const ALL: &[Operation] = &[$($name),*];
    };
}

operations! {
    NEW_SESSION: "post" "/sessions/new";
    GET_SESSION: "get" "/sessions/{sessionId}";
    NEW_TRACKS: "post" "/sessions/{sessionId}/tracks/new";
    RENEGOTIATE: "put" "/sessions/{sessionId}/renegotiate";
    CLOSE_TRACKS: "put" "/sessions/{sessionId}/tracks/close";
    UPDATE_TRACKS: "put" "/sessions/{sessionId}/tracks/update";
    ESTABLISH: "post" "/sessions/{sessionId}/datachannels/establish";
    NEW_CHANNELS: "post" "/sessions/{sessionId}/datachannels/new";
    UPDATE_CHANNELS: "put" "/sessions/{sessionId}/datachannels/update";
    CLOSE_CHANNELS: "put" "/sessions/{sessionId}/datachannels/close";
    NEW_ADAPTERS: "post" "/adapters/websocket/new";
    CLOSE_ADAPTERS: "post" "/adapters/websocket/close";
}

static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../../../openapi.json")).unwrap());

/// Validators of replies, for each path and status of the document.
static REPLIES: LazyLock<BTreeMap<(&'static str, u16), Validator>> = LazyLock::new(|| {
    documented()
        .map(|(operation, status)| {
            // Pointer within a URI.
            let path = operation.path.replace('/', "~1").replace('{', "%7B").replace('}', "%7D");
            let media = format!("{status}/content/application~1json/schema");
            let pointer = format!("#/paths/{path}/{}/responses/{media}", operation.method);
            ((operation.path, status), validator(&pointer))
        })
        .collect()
});

/// Validator of errors that the document does not describe.
static ERROR: LazyLock<Validator> =
    LazyLock::new(|| validator("#/components/schemas/AdapterRequestError"));

impl Operation {
    /// Returns whether its path names a session.
    pub(crate) fn is_on_session(&self) -> bool {
        self.path.contains("{sessionId}")
    }

    /// Returns whether it takes a body.
    pub(crate) fn has_body(&self) -> bool {
        self.method != "get"
    }

    /// Returns a request of the document. An empty name stands for the only one.
    pub(crate) fn example(&self, name: &str) -> Value {
        let content = &self.entry()["requestBody"]["content"]["application/json"];
        let example = match name {
            "" => content.get("example").or_else(|| content.pointer("/schema/allOf/1/example")),
            name => content.pointer(&format!("/examples/{name}/value")),
        };
        example.unwrap_or_else(|| panic!("{self:?} has no example {name}")).clone()
    }

    /// Returns the parts of a reply that the document, or the shape of errors, does not allow.
    pub(crate) fn faults(&self, status: u16, body: &Value) -> Vec<String> {
        let validator = match REPLIES.get(&(self.path, status)) {
            Some(validator) => validator,
            None if status == 429 && body.is_null() => return Vec::new(),
            None if status >= 400 => &*ERROR,
            None => return vec![format!("no status {status}")],
        };
        let errors = validator.iter_errors(body);
        errors.map(|error| format!("{}: {error}", error.instance_path())).collect()
    }

    fn entry(&self) -> &'static Value {
        &DOCUMENT["paths"][self.path][self.method]
    }
}

/// Returns all statuses of all operations that the document has.
pub(crate) fn documented() -> impl Iterator<Item = (&'static Operation, u16)> {
    ALL.iter().flat_map(|operation| {
        let responses = operation.entry()["responses"].as_object().unwrap();
        responses.keys().map(move |status| (operation, status.parse().unwrap()))
    })
}

/// Makes a validator from a schema of the document. The document is the root, so that its
/// references resolve.
fn validator(pointer: &str) -> Validator {
    let mut root = DOCUMENT.clone();
    translate(&mut root);
    root["$ref"] = pointer.into();
    // This closes the fields of the reply itself. `close` does so for those within.
    root["unevaluatedProperties"] = false.into();
    jsonschema::options().with_draft(Draft::Draft202012).build(&root).unwrap()
}

/// Turns OpenAPI 3.0 into a stricter JSON Schema: a field that the document does not know is an
/// error.
fn translate(value: &mut Value) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(translate),
        Value::Object(fields) => {
            fields.values_mut().for_each(translate);
            // These are not schemas, but could look so.
            fields.remove("example");
            fields.remove("examples");
            allow_null(fields);
            if let Some(items) = fields.get_mut("items") {
                close(items);
            }
            if let Some(Value::Object(properties)) = fields.get_mut("properties") {
                properties.values_mut().for_each(close);
            }
        }
        _ => {}
    }
}

fn allow_null(schema: &mut Map<String, Value>) {
    if schema.remove("nullable") == Some(Value::Bool(true)) {
        let rest = std::mem::take(schema);
        schema.insert("anyOf".to_owned(), json!([rest, { "type": "null" }]));
    }
}

/// Closes a schema from outside, for it can be a reference that is open elsewhere.
fn close(schema: &mut Value) {
    *schema = json!({ "allOf": [schema.take()], "unevaluatedProperties": false });
}

#[test]
fn the_operations_are_those_of_the_document() {
    let mut documented = Vec::new();
    for (path, methods) in DOCUMENT["paths"].as_object().unwrap() {
        documented.extend(methods.as_object().unwrap().keys().map(|method| (&**path, &**method)));
    }
    documented.sort_unstable();
    let mut known: Vec<(&str, &str)> = ALL.iter().map(|known| (known.path, known.method)).collect();
    known.sort_unstable();
    assert_eq!(known, documented);
    assert_eq!(known.len(), 12);
}

#[test]
fn the_replies_of_the_document_are_allowed() {
    let mut count = 0;
    for (operation, status) in documented() {
        let response = &operation.entry()["responses"][status.to_string()];
        let content = &response["content"]["application/json"];
        let several = content["examples"].as_object().into_iter().flat_map(Map::values);
        let several = several.map(|example| &example["value"]);
        let one = content.get("example").or_else(|| content.pointer("/schema/allOf/1/example"));
        for example in several.chain(one) {
            assert_eq!(operation.faults(status, example), [""; 0], "{operation:?} {status}");
            count += 1;
        }
    }
    assert_eq!(count, 29);
}

#[test]
fn wrong_replies_are_not_allowed() {
    let wrong = [
        (&NEW_SESSION, 201, json!({})),
        (&NEW_SESSION, 201, json!({ "sessionId": 1 })),
        (&NEW_SESSION, 201, json!({ "sessionId": "1", "unknown": 1 })),
        (&NEW_SESSION, 200, json!({ "sessionId": "1" })),
        (&NEW_TRACKS, 200, json!({ "tracks": [{ "unknown": 1 }] })),
        (&NEW_TRACKS, 200, json!({ "tracks": [{ "mid": null }] })),
        (&NEW_TRACKS, 200, json!({ "sessionDescription": { "type": "pranswer" } })),
        (&CLOSE_TRACKS, 200, json!({ "tracks": [{ "mid": "" }] })),
        (&GET_SESSION, 200, json!({ "tracks": [{ "status": "idle" }] })),
        (&NEW_TRACKS, 410, json!({ "errorCode": "session_error" })),
        (&NEW_TRACKS, 410, Value::Null),
    ];
    for (operation, status, body) in wrong {
        assert_ne!(operation.faults(status, &body), [""; 0], "{operation:?} {status} {body}");
    }
}

#[test]
fn schemas_can_allow_null() {
    let mut schema = json!({ "properties": { "a": { "type": "string", "nullable": true } } });
    translate(&mut schema);
    let validator = jsonschema::options().with_draft(Draft::Draft202012).build(&schema).unwrap();
    for (a, is_valid) in [(json!("text"), true), (Value::Null, true), (json!(1), false)] {
        assert_eq!(validator.is_valid(&json!({ "a": a })), is_valid, "{a}");
    }
}
