//! Documentation of clients. No document can put a block into it: no example that `cargo test`
//! would run, no HTML, no heading.

use std::collections::BTreeSet;

use proptest::prelude::*;
use pulldown_cmark::{Event, Options, Parser, Tag};
use serde_json::{Value, json};

use super::expand;

/// Returns a document with `text` at each place whose text gets into documentation.
fn document(text: &str) -> Value {
    let text = |beginning: &str| format!("{beginning}{text}");
    let response = |schema: &str| {
        json!({ "description": text("r"), "content": { "application/json": {
            "schema": { "$ref": format!("#/components/schemas/{schema}") } } } })
    };
    let parameter = |name: &str, place: &str, schema: Value| {
        json!({ "name": text(name), "in": place, "description": text(""), "schema": schema,
            "required": place != "query" })
    };
    let held = json!({ "name": "app", "in": "path", "required": true, "x-rust-client": true,
        "description": text(""), "schema": { "type": "string", "description": text("") } });
    let unsaid = json!({ "name": text("unsaid"), "in": "query", "schema": { "type": "string" } });
    let mode = json!({ "type": "string", "enum": ["a", text("b")], "description": text(""),
        "x-enum-descriptions": { "a": text("") }, "default": text("") });
    json!({
        "openapi": "3.0.3",
        "info": { "title": text("Title"), "description": text(""), "version": text("1") },
        "servers": [{ "url": text("https://example.com"), "description": text("") }],
        "tags": [{ "name": text("tag"), "description": text("") }],
        "paths": {
            "/apps/{app}/rooms/{room}": {
                "description": text(""),
                "post": {
                    "operationId": text("enter"), "summary": text(""), "description": text(""),
                    "parameters": [
                        held,
                        { "name": "room", "in": "path", "required": true, "description": text(""),
                            "schema": { "type": "string", "description": text(""),
                                "x-rust-id": true, "x-rust-type-description": text("") } },
                        parameter("q", "query", json!({ "type": "string", "pattern": text("") })),
                        parameter("m", "query", json!({ "$ref": "#/components/schemas/Mode" })),
                        unsaid,
                        // A header cannot have any text as its name, so this one is fixed.
                        { "name": "h", "in": "header", "description": text(""), "required": true,
                            "schema": { "type": "integer" } },
                    ],
                    "requestBody": { "description": text(""), "content": { "application/json": {
                        "schema": { "$ref": "#/components/schemas/Room" } } } },
                    "responses": { "200": response("Room"), "201": response("Shape"),
                        "400": response("Refusal"), "default": response("Refusal") },
                },
                "get": { "description": text(""), "parameters": [held, { "name": "room", "in": "path",
                    "required": true, "schema": { "type": "string" } }],
                    "responses": { "200": response("List") } },
            },
        },
        "components": { "schemas": {
            "Room": { "type": "object", "description": text(""), "required": ["plain"], "properties": {
                "plain": { "type": "string", "description": text(""), "pattern": text("") },
                text("unsaid"): { "type": "string" },
                "mode": { "$ref": "#/components/schemas/Mode" },
                "inline": { "type": "string", "enum": ["x"], "description": text(""),
                    "x-enum-descriptions": { "x": text("") } },
                "part": { "type": "object", "description": text(""), "properties": {
                    "inner": { "type": "integer", "description": text("") } } },
                "twin": { "$ref": "#/components/schemas/Twin" },
            } },
            "Twin": { "type": "object", "description": text(""), "properties": {
                "inner": { "type": "integer", "description": text("") } } },
            "Mode": mode,
            "List": { "type": "array", "description": text(""), "items": { "type": "object",
                "description": text(""), "properties": { "a": { "description": text("") } } } },
            "Shape": { "description": text(""), "oneOf": [
                { "type": "object", "description": text(""), "required": ["radius"], "properties": {
                    "radius": { "type": "number", "description": text("") },
                    text("other"): { "type": "number" } } },
                { "type": "string", "description": text("") } ] },
            "Refusal": { "type": "object", "description": text(""), "properties": {
                "errorCode": { "type": "string", "enum": [text("c")], "description": text("") } } },
        } },
    })
}

/// Lists the comments of documentation in the text, as rustdoc reads them: without slashes and
/// without the indentation that all lines share.
fn comments(text: &str) -> Vec<String> {
    let mut found: Vec<Vec<&str>> = vec![Vec::new()];
    for line in text.lines() {
        match (line.trim_start().strip_prefix("///"), found.last_mut()) {
            (Some(line), Some(comment)) => comment.push(line),
            _ => found.push(Vec::new()),
        }
    }
    found.retain(|comment| !comment.is_empty());
    let indent = |line: &str| line.len() - line.trim_start_matches(' ').len();
    let unindent = |comment: Vec<&str>| {
        let said = comment.iter().filter(|line| !line.trim().is_empty());
        let shared = said.map(|line| indent(line)).min().unwrap_or_default();
        let lines = comment.iter().map(|line| line.get(shared..).unwrap_or_default());
        lines.collect::<Vec<_>>().join("\n")
    };
    found.into_iter().map(unindent).collect()
}

/// Lists the parts of a comment that are not text in paragraphs.
fn blocks(comment: &str) -> Vec<Event<'_>> {
    let extensions = Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_SMART_PUNCTUATION;
    let is_block = |event: &Event<'_>| match event {
        Event::Start(tag) => !matches!(tag, Tag::Paragraph | Tag::Link { .. }),
        Event::Html(_) | Event::InlineHtml(_) | Event::Rule => true,
        _ => false,
    };
    Parser::new_ext(comment, extensions).filter(is_block).collect()
}

/// Expands the document with `text` in it, and checks that only comments of the generator
/// itself have a block.
fn assert_no_block(text: &str) -> Result<(), TestCaseError> {
    let code = |text: &str| expand(&document(text)).map_err(|e| TestCaseError::fail(e.to_string()));
    let (plain, text) = (code("")?, code(text)?);
    prop_assert!(!text.contains("#[doc") && !text.contains("/**") && !text.contains("//!"));
    let own: BTreeSet<String> = comments(&plain).into_iter().collect();
    for comment in comments(&text).into_iter().filter(|comment| !own.contains(comment)) {
        prop_assert!(blocks(&comment).is_empty(), "{:?} in {comment}", blocks(&comment));
    }
    Ok(())
}

#[test]
fn the_text_of_every_place_is_seen() {
    let text = expand(&document(" seen")).unwrap();
    let seen = comments(&text).iter().filter(|comment| comment.contains("seen")).count();
    assert!(seen >= 34, "{seen} comments in {text}");
}

#[test]
fn blocks_are_told_from_text() {
    for block in ["```\na\n```", "    a", "<pre>", "# a", "- a", "a\n\n~~~", "a <b>c</b>"] {
        assert!(!blocks(block).is_empty(), "{block}");
    }
    assert_eq!(blocks("a `b` <https://c.d>\nand\n\nmore"), []);
}

#[test]
fn no_text_begins_a_block_in_any_place() {
    let long = "word ".repeat(17);
    for text in [
        "\n\n```\nfn main() { panic!() }\n```\n\n",
        "\n~~~\nfn main() { panic!() }",
        " `a\n```\nb`\n```\n",
        "\n1) ~~~\n   code",
        "\n> - ```\n>   code",
        "\n\n    code",
        "\n\n\tcode",
        "\n- item\n\n      code",
        "\u{2028}```\u{2028}code",
        "\r```\rcode",
        "\n<pre>\n\ncode\n</pre>",
        "\n<script>code</script>",
        "\n# heading\n===\n---",
        "\n|a|\n|-|\n[^1]: ```\n[b]: c",
        &format!("\n{long}``` code ```\n{long}~~~ code"),
        &format!("\n{long}<pre> `{long}` # a"),
    ] {
        assert_no_block(text).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(super::hostile::cases() / 2))]

    #[test]
    fn no_fragments_begin_a_block_in_any_place(parts in prop::collection::vec(prop::sample::select(vec![
        "\n", "\n\n", "\r", " ", "    ", "\t", "`", "```", "~~~", "> ", "- ", "* ", "1. ", "1) ", "#", "===", "---",
        "|", "[a]: ", "[^1]: ", "<pre>", "<script>", "<!--", "&lt;", "https://a.b/", "\\", "word", "fn main() {}",
        "a sentence of some more than six words",
    ]), 0..30)) {
        assert_no_block(&parts.concat())?;
    }
}
