//! Random documents, each written in two random ways, with one change of a known class between
//! them. The difference must have the effect of the class.

use cloudflare_calls_codegen::diff::{Diff, Effect};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::diff_classes::{CHANGES, OUTER};
use super::load;

/// Meaning of a schema, independent of its form in a document.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) kind: Kind,
    /// Keywords beside those of the kind.
    pub(super) said: Map<String, Value>,
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    Scalar(&'static str),
    Enum(Vec<String>),
    List(Box<Node>),
    Object(Vec<(String, Node, bool)>),
    OneOf(Vec<Node>),
}

/// Effect that a change must have. `Nothing` expects no change at all.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Expected {
    Breaking,
    Compatible,
    Nothing,
}

use Expected::{Breaking, Compatible, Nothing};

pub(super) fn scalar(kind: &'static str) -> Node {
    Node { kind: Kind::Scalar(kind), said: Map::new() }
}

fn node() -> impl Strategy<Value = Node> {
    let leaf = prop_oneof![
        prop::sample::select(vec!["string", "integer", "number", "boolean"]).prop_map(scalar),
        Just(Node { kind: Kind::Enum(vec!["a".into(), "b".into(), "c".into()]), said: Map::new() }),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            inner
                .clone()
                .prop_map(|node| Node { kind: Kind::List(Box::new(node)), said: Map::new() }),
            object(inner.clone()),
            prop::collection::vec(object(inner), 2..4).prop_map(|mut list| {
                // A field of its own tells each alternative from the others.
                for (index, one) in list.iter_mut().enumerate() {
                    if let Kind::Object(fields) = &mut one.kind {
                        fields.push((format!("only{index}"), scalar("string"), true));
                    }
                }
                Node { kind: Kind::OneOf(list), said: Map::new() }
            }),
        ]
    })
}

fn object(inner: impl Strategy<Value = Node>) -> impl Strategy<Value = Node> {
    prop::collection::vec((inner, any::<bool>()), 0..4).prop_map(|fields| {
        let named = |(index, (node, required))| (format!("f{index}"), node, required);
        let mut fields: Vec<_> = fields.into_iter().enumerate().map(named).collect();
        // Fields that the changes of the classes need.
        let with = |kind: &'static str, said: Value| Node {
            kind: Kind::Scalar(kind),
            said: said.as_object().cloned().unwrap_or_default(),
        };
        let text = with(
            "string",
            json!({ "minLength": 2, "maxLength": 9, "pattern": "^a", "default": "ab" }),
        );
        let number = with("integer", json!({ "minimum": 2, "maximum": 9, "multipleOf": 2 }));
        let list = Node {
            kind: Kind::List(Box::new(scalar("string"))),
            said: json!({ "minItems": 1, "maxItems": 5 }).as_object().cloned().unwrap_or_default(),
        };
        let values = vec!["a".to_owned(), "b".to_owned(), "c".to_owned()];
        fields.push(("text".into(), text, true));
        fields.push(("number".into(), number, false));
        fields.push(("list".into(), list, false));
        fields.push(("values".into(), Node { kind: Kind::Enum(values), said: Map::new() }, false));
        fields.push(("null".into(), with("boolean", json!({ "nullable": true })), true));
        Node { kind: Kind::Object(fields), said: Map::new() }
    })
}

/// Writer of nodes as schemas, each in one of the forms of the same meaning.
struct Writer {
    seed: u64,
    schemas: Map<String, Value>,
}

impl Writer {
    fn choose(&mut self, among: u64) -> u64 {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.seed >> 33) % among
    }

    fn reference(&mut self, schema: Value) -> Value {
        let name = format!("S{}x{}", self.schemas.len(), self.choose(1000));
        self.schemas.insert(name.clone(), schema);
        json!({ "$ref": format!("#/components/schemas/{name}") })
    }

    fn write(&mut self, node: &Node) -> Value {
        let mut schema = match &node.kind {
            Kind::Scalar(kind) => json!({ "type": kind }),
            Kind::Enum(values) => json!({ "type": "string", "enum": values }),
            Kind::List(items) => json!({ "type": "array", "items": self.write(items) }),
            Kind::OneOf(list) => {
                let list: Vec<Value> = list.iter().map(|one| self.write(one)).collect();
                json!({ "oneOf": list })
            }
            Kind::Object(fields) => self.object(fields),
        };
        for (key, value) in &node.said {
            schema[key] = value.clone();
        }
        match self.choose(3) {
            0 => self.reference(schema),
            1 if !matches!(node.kind, Kind::OneOf(_)) => {
                // An explicit default means the same as none.
                let said = ["nullable", "deprecated", "uniqueItems", "readOnly"];
                let key = said[self.choose(4) as usize];
                if schema.get(key).is_none() {
                    schema[key] = json!(false);
                }
                schema
            }
            _ => schema,
        }
    }

    /// Writes an object in one piece, or as branches of `allOf`.
    fn object(&mut self, fields: &[(String, Node, bool)]) -> Value {
        let part = |writer: &mut Self, fields: &[(String, Node, bool)]| {
            let required: Vec<&String> =
                fields.iter().filter(|field| field.2).map(|field| &field.0).collect();
            let properties: Map<String, Value> =
                fields.iter().map(|(name, node, _)| (name.clone(), writer.write(node))).collect();
            json!({ "type": "object", "properties": properties, "required": required })
        };
        let at = fields.len() / 2;
        match self.choose(3) {
            0 => {
                let (first, second) = (part(self, &fields[..at]), part(self, &fields[at..]));
                let first = self.reference(first);
                json!({ "allOf": [first, second] })
            }
            1 => {
                // A branch overrides a field of the branch before it.
                let mut first = part(self, &fields[..at]);
                let last = fields.last().map(|field| field.0.clone()).unwrap_or_default();
                first["properties"][&last] = json!({ "type": "array", "items": {} });
                let second = part(self, &fields[at..]);
                json!({ "allOf": [first, second] })
            }
            _ => part(self, fields),
        }
    }
}

/// Writes a document that takes `request` and answers with `response`.
fn document(request: &Node, response: &Node, seed: u64) -> Value {
    let mut writer = Writer { seed, schemas: Map::new() };
    let media = |schema: Value| json!({ "application/json": { "schema": schema } });
    let body = media(writer.write(request));
    let reply = media(writer.write(response));
    json!({
        "openapi": "3.0.3", "info": { "title": "T", "version": "1" },
        "servers": [{ "url": "https://a.example" }],
        "paths": { "/rooms/{id}": { "post": {
            "operationId": "make", "security": [{ "one": [] }, { "two": [] }],
            "parameters": [
                { "name": "id", "in": "path", "required": true, "schema": { "type": "string" } },
                { "name": "q", "in": "query", "schema": { "type": "array", "items": { "type": "string" } } },
                { "name": "X-Trace", "in": "header", "schema": { "type": "string" } },
            ],
            "requestBody": { "content": body },
            "responses": { "200": { "description": "", "content": reply }, "404": { "description": "" } },
        }, "get": { "parameters": [{ "name": "id", "in": "path", "required": true, "schema": { "type": "string" } }],
            "responses": { "204": { "description": "" } } } } },
        "components": { "schemas": writer.schemas, "securitySchemes": {
            "one": { "type": "http", "scheme": "bearer" },
            "two": { "type": "apiKey", "in": "header", "name": "X-Key" },
            "unused": { "type": "http", "scheme": "basic" } } },
    })
}

/// Changes the object of a node that `which` selects.
fn change(node: &mut Node, which: &mut usize, apply: fn(&mut Vec<(String, Node, bool)>)) {
    match &mut node.kind {
        Kind::Object(fields) => {
            // An empty object was made by a change.
            if *which == 0 && !fields.is_empty() {
                apply(fields);
            }
            *which = which.wrapping_sub(1);
            fields.iter_mut().for_each(|(_, inner, _)| change(inner, which, apply));
        }
        Kind::List(inner) => change(inner, which, apply),
        Kind::OneOf(list) => list.iter_mut().for_each(|inner| change(inner, which, apply)),
        _ => {}
    }
}

fn objects(node: &Node) -> usize {
    match &node.kind {
        Kind::Object(fields) => {
            1 + fields.iter().map(|(_, inner, _)| objects(inner)).sum::<usize>()
        }
        Kind::List(inner) => objects(inner),
        Kind::OneOf(list) => list.iter().map(objects).sum(),
        _ => 0,
    }
}

fn found(old: &Value, new: &Value) -> (Expected, Diff) {
    let diff = Diff::between(&load(old).unwrap(), &load(new).unwrap());
    // Names of schemas differ between the two forms.
    let real = |what: &str| what != "schema" && what != "only in what concerns no client";
    let real: Vec<Effect> = diff
        .changes
        .iter()
        .filter(|change| real(&change.what) || change.effect == Effect::Breaking)
        .map(|change| change.effect)
        .collect();
    let found = match real.iter().min() {
        None => Nothing,
        Some(Effect::Breaking) => Breaking,
        Some(Effect::Compatible) => Compatible,
    };
    (found, diff)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(super::hostile::cases() * 4))]

    #[test]
    fn a_change_of_a_schema_is_what_its_class_says(
        request in object(node()), response in object(node()),
        class in 0..CHANGES.len(), in_request in any::<bool>(),
        which in any::<prop::sample::Index>(), seeds in any::<(u64, u64)>(),
    ) {
        let (name, apply, to_requests, to_replies) = CHANGES[class];
        let expected = if in_request { to_requests } else { to_replies };
        let (mut new_request, mut new_response) = (request.clone(), response.clone());
        let changed = if in_request { &mut new_request } else { &mut new_response };
        change(changed, &mut which.index(objects(changed)), apply);
        let old = document(&request, &response, seeds.0);
        let new = document(&new_request, &new_response, seeds.1);
        let (found, diff) = found(&old, &new);
        prop_assert_eq!(found, expected, "{} (request: {}): {:#?}\n{:#}\n{:#}", name, in_request, diff.changes, old, new);
    }

    #[test]
    fn a_change_around_schemas_is_what_its_class_says(
        request in object(node()), response in object(node()),
        class in 0..OUTER.len(), seeds in any::<(u64, u64)>(),
    ) {
        let (name, apply, expected) = OUTER[class];
        let old = document(&request, &response, seeds.0);
        let mut new = document(&request, &response, seeds.1);
        apply(&mut new);
        let (found, diff) = found(&old, &new);
        prop_assert_eq!(found, expected, "{}: {:#?}", name, diff.changes);
    }
}
