//! Changes of documents, each with its effect on programs.

use serde_json::{Value, json};

use super::diff_random::Expected::{self, Breaking, Compatible, Nothing};
use super::diff_random::{Kind, Node, scalar};

/// Change of an object, with its effect on requests and on replies.
pub(super) type Change = (&'static str, fn(&mut Vec<(String, Node, bool)>), Expected, Expected);

fn field<'f>(fields: &'f mut [(String, Node, bool)], name: &str) -> &'f mut (String, Node, bool) {
    fields.iter_mut().find(|field| field.0 == name).expect("every object has it")
}

fn say(fields: &mut [(String, Node, bool)], name: &str, key: &str, value: Value) {
    field(fields, name).1.said.insert(key.to_owned(), value);
}

fn values(fields: &mut [(String, Node, bool)], values: &[&str]) {
    let values = values.iter().map(|value| (*value).to_owned()).collect();
    field(fields, "values").1.kind = Kind::Enum(values);
}

/// Changes of an object.
pub(super) const CHANGES: [Change; 36] = [
    ("none", |_| {}, Nothing, Nothing),
    ("field removed", |f| f.retain(|field| field.0 != "text"), Breaking, Breaking),
    ("optional field removed", |f| f.retain(|field| field.0 != "number"), Breaking, Breaking),
    ("field renamed", |f| field(f, "text").0 = "words".into(), Breaking, Breaking),
    (
        "optional field added",
        |f| f.push(("new".into(), scalar("string"), false)),
        Compatible,
        Compatible,
    ),
    (
        "required field added",
        |f| f.push(("new".into(), scalar("string"), true)),
        Breaking,
        Compatible,
    ),
    ("became required", |f| field(f, "number").2 = true, Breaking, Compatible),
    ("became optional", |f| field(f, "text").2 = false, Compatible, Breaking),
    ("another type", |f| field(f, "number").1.kind = Kind::Scalar("string"), Breaking, Breaking),
    (
        "became a list",
        |f| {
            let inner = Box::new(scalar("boolean"));
            field(f, "null").1.kind = Kind::List(inner);
        },
        Breaking,
        Breaking,
    ),
    (
        "another item",
        |f| field(f, "list").1.kind = Kind::List(Box::new(scalar("number"))),
        Breaking,
        Breaking,
    ),
    (
        "became an object",
        |f| field(f, "number").1.kind = Kind::Object(Vec::new()),
        Breaking,
        Breaking,
    ),
    ("format", |f| say(f, "number", "format", json!("int32")), Breaking, Breaking),
    ("became nullable", |f| say(f, "text", "nullable", json!(true)), Compatible, Breaking),
    ("no longer nullable", |f| say(f, "null", "nullable", json!(false)), Breaking, Compatible),
    ("value removed", |f| values(f, &["a", "b"]), Breaking, Compatible),
    ("value added", |f| values(f, &["a", "b", "c", "d"]), Compatible, Compatible),
    ("values in another order", |f| values(f, &["c", "a", "b"]), Nothing, Nothing),
    (
        "enum removed",
        |f| field(f, "values").1.kind = Kind::Scalar("string"),
        Compatible,
        Compatible,
    ),
    ("enum added", |f| say(f, "text", "enum", json!(["ab"])), Breaking, Compatible),
    ("minLength up", |f| say(f, "text", "minLength", json!(3)), Breaking, Compatible),
    ("minLength down", |f| say(f, "text", "minLength", json!(1)), Compatible, Compatible),
    ("maxLength down", |f| say(f, "text", "maxLength", json!(8)), Breaking, Compatible),
    ("maxLength up", |f| say(f, "text", "maxLength", json!(10)), Compatible, Compatible),
    ("pattern", |f| say(f, "text", "pattern", json!("^b")), Breaking, Compatible),
    ("minimum up", |f| say(f, "number", "minimum", json!(3)), Breaking, Compatible),
    ("maximum up", |f| say(f, "number", "maximum", json!(10)), Compatible, Compatible),
    ("multipleOf", |f| say(f, "number", "multipleOf", json!(3)), Breaking, Compatible),
    ("minItems up", |f| say(f, "list", "minItems", json!(2)), Breaking, Compatible),
    ("maxItems up", |f| say(f, "list", "maxItems", json!(6)), Compatible, Compatible),
    ("uniqueItems", |f| say(f, "list", "uniqueItems", json!(true)), Breaking, Compatible),
    ("default added", |f| say(f, "number", "default", json!(4)), Compatible, Compatible),
    ("default changed", |f| say(f, "text", "default", json!("ac")), Breaking, Compatible),
    ("readOnly", |f| say(f, "text", "readOnly", json!(true)), Breaking, Nothing),
    ("writeOnly", |f| say(f, "text", "writeOnly", json!(true)), Nothing, Breaking),
    ("deprecated", |f| say(f, "text", "deprecated", json!(true)), Compatible, Compatible),
];

/// Change of a document outside of its schemas.
pub(super) type Outer = (&'static str, fn(&mut Value), Expected);

fn post(document: &mut Value) -> &mut Value {
    &mut document["paths"]["/rooms/{id}"]["post"]
}

fn rename_path(document: &mut Value) {
    let mut item = document["paths"]["/rooms/{id}"].take();
    for method in ["get", "post"] {
        item[method]["parameters"][0]["name"] = json!("room");
    }
    document["paths"] = json!({ "/rooms/{room}": item });
}

fn media(document: &mut Value, name: &str) {
    let entry = post(document)["requestBody"]["content"]["application/json"].take();
    post(document)["requestBody"]["content"] = json!({ name: entry });
}

fn remove(value: &mut Value, key: &str) {
    value.as_object_mut().unwrap().remove(key).expect("something to remove");
}

/// Changes of a document.
pub(super) const OUTER: [Outer; 37] = [
    ("operation removed", |d| remove(&mut d["paths"]["/rooms/{id}"], "get"), Breaking),
    ("operation added", |d| d["paths"]["/x"] = json!({ "get": { "responses": {} } }), Compatible),
    ("name changed", |d| post(d)["operationId"] = json!("create"), Breaking),
    ("operation deprecated", |d| post(d)["deprecated"] = json!(true), Compatible),
    ("path parameter renamed", rename_path, Nothing),
    (
        "parameter removed",
        |d| drop(post(d)["parameters"].as_array_mut().unwrap().remove(1)),
        Breaking,
    ),
    ("parameter required", |d| post(d)["parameters"][1]["required"] = json!(true), Breaking),
    (
        "parameter explicitly optional",
        |d| post(d)["parameters"][1]["required"] = json!(false),
        Nothing,
    ),
    ("style", |d| post(d)["parameters"][1]["style"] = json!("pipeDelimited"), Breaking),
    ("style by default", |d| post(d)["parameters"][1]["style"] = json!("form"), Nothing),
    ("explode", |d| post(d)["parameters"][1]["explode"] = json!(false), Breaking),
    ("explode by default", |d| post(d)["parameters"][1]["explode"] = json!(true), Nothing),
    ("header in another case", |d| post(d)["parameters"][2]["name"] = json!("x-trace"), Nothing),
    ("parameter moved", |d| post(d)["parameters"][2]["in"] = json!("cookie"), Breaking),
    (
        "item of a parameter",
        |d| post(d)["parameters"][1]["schema"]["items"]["type"] = json!("integer"),
        Breaking,
    ),
    (
        "optional parameter added",
        |d| {
            post(d)["parameters"]
                .as_array_mut()
                .unwrap()
                .push(json!({ "name": "z", "in": "query", "schema": { "type": "string" } }))
        },
        Compatible,
    ),
    (
        "required parameter added",
        |d| {
            post(d)["parameters"].as_array_mut().unwrap().push(
        json!({ "name": "z", "in": "query", "required": true, "schema": { "type": "string" } }))
        },
        Breaking,
    ),
    ("body removed", |d| remove(post(d), "requestBody"), Breaking),
    ("body required", |d| post(d)["requestBody"]["required"] = json!(true), Breaking),
    ("charset", |d| media(d, "application/json; charset=utf-8"), Nothing),
    ("another media type", |d| media(d, "application/xml"), Breaking),
    (
        "media type added",
        |d| post(d)["requestBody"]["content"]["text/plain"] = json!({}),
        Compatible,
    ),
    ("success removed", |d| remove(&mut post(d)["responses"], "200"), Breaking),
    ("success added", |d| post(d)["responses"]["204"] = json!({ "description": "" }), Breaking),
    ("error added", |d| post(d)["responses"]["500"] = json!({ "description": "" }), Compatible),
    ("error removed", |d| remove(&mut post(d)["responses"], "404"), Compatible),
    (
        "security alternative added",
        |d| post(d)["security"].as_array_mut().unwrap().push(json!({ "x": [] })),
        Compatible,
    ),
    (
        "security alternative added as the first",
        |d| post(d)["security"].as_array_mut().unwrap().insert(0, json!({ "two": ["all"] })),
        Breaking,
    ),
    (
        "security alternatives in another order",
        |d| post(d)["security"].as_array_mut().unwrap().reverse(),
        Breaking,
    ),
    ("security alternative removed", |d| post(d)["security"] = json!([{ "one": [] }]), Breaking),
    (
        "security scheme changed",
        |d| d["components"]["securitySchemes"]["two"]["name"] = json!("X-Other"),
        Breaking,
    ),
    (
        "security scheme sent as before",
        |d| d["components"]["securitySchemes"]["one"]["bearerFormat"] = json!("JWT"),
        Compatible,
    ),
    (
        "unused security scheme removed",
        |d| remove(&mut d["components"]["securitySchemes"], "unused"),
        Compatible,
    ),
    (
        "link to documentation",
        |d| d["externalDocs"] = json!({ "url": "https://d.example" }),
        Compatible,
    ),
    ("extension", |d| d["x-hooks"] = json!({ "tags": ["new"] }), Nothing),
    ("server", |d| d["servers"][0]["url"] = json!("https://b.example"), Compatible),
    (
        "unused schema",
        |d| d["components"]["schemas"]["Unused"] = json!({ "type": "string" }),
        Nothing,
    ),
];
