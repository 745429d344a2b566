//! Documentation attributes from the document's text.
//!
//! The text of a document is no markup, except for code between two single backticks of one
//! line and for links that are written out. Two rules ensure this. Outside of code and links,
//! each character with a meaning within a paragraph is escaped. Each line begins without
//! indentation, with a character that begins no block. So only paragraphs come out, and
//! `cargo test` finds no example to compile and run.

use std::cell::RefCell;

use proc_macro2::{Literal, TokenStream};
use quote::quote;

/// Documentation of the client's items, with a mark among the tokens for each part. The printer
/// replaces the marks, because to parse and print a line of text takes as long as one of code.
#[derive(Default)]
pub(crate) struct Docs(RefCell<Vec<Vec<String>>>);

impl Docs {
    /// Writes paragraphs, without the empty ones.
    pub(super) fn paragraphs(&self, parts: &[&str]) -> TokenStream {
        let parts: Vec<&str> =
            parts.iter().map(|part| part.trim()).filter(|part| !part.is_empty()).collect();
        self.mark(lines(&parts.join("\n\n")))
    }

    /// Writes a paragraph that follows others.
    pub(super) fn break_and(&self, text: &str) -> TokenStream {
        let mut all = vec![String::new()];
        all.extend(lines(text));
        self.mark(all)
    }

    fn mark(&self, lines: Vec<String>) -> TokenStream {
        if lines.is_empty() {
            return TokenStream::new();
        }
        let mut all = self.0.borrow_mut();
        all.push(lines);
        let index = Literal::usize_unsuffixed(all.len() - 1);
        quote!(#[doc = #index])
    }

    /// Returns the lines of each part, in the order of the marks' numbers.
    pub(crate) fn into_lines(self) -> Vec<Vec<String>> {
        self.0.into_inner()
    }
}

/// Returns the lines of the comment, each with a space before it.
fn lines(text: &str) -> Vec<String> {
    let mut lines: Vec<String> =
        text.trim().lines().flat_map(|line| wrap(words(line))).map(begin).collect();
    lines.dedup_by(|a, b| a.is_empty() && b.is_empty());
    lines.into_iter().map(|line| if line.is_empty() { line } else { format!(" {line}") }).collect()
}

/// Splits a line into escaped words. A code span is one word.
fn words(line: &str) -> Vec<String> {
    let parts = line.split(|c: char| c.is_whitespace() || is_invisible(c));
    let line = parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
    let (mut words, mut word) = (Vec::new(), String::new());
    let mut rest = line.as_str();
    while !rest.is_empty() {
        let (text, code) = next_code(rest);
        for (index, part) in text.split(' ').enumerate() {
            if index > 0 {
                words.push(std::mem::take(&mut word));
            }
            escape(part, &mut word);
        }
        word.push_str(code);
        rest = &rest[text.len() + code.len()..];
    }
    words.push(word);
    words
}

/// Returns the text before the first code span, and that span: from a lone backtick to the
/// next lone one. Several backticks in a row are text.
fn next_code(line: &str) -> (&str, &str) {
    let mut open = None;
    let mut at = 0;
    while let Some(found) = line[at..].find('`') {
        let start = at + found;
        let run = line[start..].len() - line[start..].trim_start_matches('`').len();
        at = start + run;
        match open {
            _ if run > 1 => {}
            Some(open) => return (&line[..open], &line[open..at]),
            None => open = Some(start),
        }
    }
    (line, "")
}

/// Returns whether a character is left out: control characters, which a comment may not have,
/// characters that reverse the direction of text, which the compiler refuses, and line
/// separators that only some programs know.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Adds part of a word outside of code spans to `word`. Characters that have a meaning in a
/// paragraph are escaped.
fn escape(part: &str, word: &mut String) {
    let link = part.trim_end_matches(['.', ',', ';', ':', ')']);
    let is_link = link.starts_with("https://") || link.starts_with("http://");
    if is_link && !link.contains(['<', '>', '`']) {
        word.extend(["<", link, ">", &part[link.len()..]]);
        return;
    }
    for c in part.chars() {
        if matches!(c, '\\' | '`' | '[' | ']' | '<' | '>' | '*' | '_' | '~' | '&') {
            word.push('\\');
        }
        word.push(c);
    }
}

/// Largest width of a line of documentation, in bytes.
const WIDTH: usize = 92;

/// Fills lines with words.
fn wrap(words: Vec<String>) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in words {
        match lines.last_mut() {
            Some(last) if last.is_empty() => *last = word,
            Some(last)
                if last.len() + 1 + word.len() <= WIDTH || !word.starts_with(begins_no_block) =>
            {
                last.push(' ');
                last.push_str(&word);
            }
            _ => lines.push(word),
        }
    }
    lines
}

/// Returns whether a line of escaped words that begins with this character is text. A
/// backtick is single here, `<` begins a link, and a backslash escapes the next character.
fn begins_no_block(first: char) -> bool {
    first.is_alphabetic() || "`<(\"\\".contains(first)
}

/// Escapes the character at the beginning of a line that could begin a block: punctuation,
/// or the sign behind a number that makes it an item of a list.
fn begin(mut line: String) -> String {
    let number = line.len() - line.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let begins_block = line[number..].starts_with(|first: char| match number {
        0 => first.is_ascii_punctuation() && !begins_no_block(first),
        _ => matches!(first, '.' | ')'),
    });
    if begins_block {
        line.insert(number, '\\');
    }
    line
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

    use super::lines;

    /// Parses the comment of `text` as rustdoc does, without the space of [`lines`].
    fn rendered(text: &str) -> Vec<Event<'static>> {
        let lines: Vec<String> = lines(text)
            .iter()
            .map(|line| line.strip_prefix(' ').unwrap_or(line).to_owned())
            .collect();
        let extensions = Options::ENABLE_TABLES
            | Options::ENABLE_FOOTNOTES
            | Options::ENABLE_STRIKETHROUGH
            | Options::ENABLE_TASKLISTS
            | Options::ENABLE_SMART_PUNCTUATION;
        Parser::new_ext(&lines.join("\n"), extensions).map(Event::into_static).collect()
    }

    /// Returns whether the event belongs to text in paragraphs.
    fn is_prose(event: &Event<'_>) -> bool {
        match event {
            Event::Start(tag) => matches!(tag, Tag::Paragraph | Tag::Link { .. }),
            Event::End(tag) => matches!(tag, TagEnd::Paragraph | TagEnd::Link),
            Event::Text(_) | Event::Code(_) | Event::SoftBreak => true,
            _ => false,
        }
    }

    /// Returns the words that a reader sees.
    fn seen(text: &str) -> String {
        let shown = rendered(text).into_iter().map(|event| match event {
            Event::Text(text) | Event::Code(text) => text.into_string(),
            Event::SoftBreak => " ".to_owned(),
            Event::End(TagEnd::Paragraph) => "\n".to_owned(),
            _ => String::new(),
        });
        shown.collect::<String>().trim().to_owned()
    }

    fn line(text: &str) -> String {
        lines(text).join("\n").trim_start().to_owned()
    }

    #[test]
    fn text_of_a_document_is_never_markup() {
        assert_eq!(line("see [x](y) or <b>"), r"see \[x\](y) or \<b\>");
        assert_eq!(line("`a<b>` stays, a<b> does not"), r"`a<b>` stays, a\<b\> does not");
        assert_eq!(line("at https://example.com/x."), "at <https://example.com/x>.");
        assert_eq!(line("    indented code"), "indented code");
        assert_eq!(line("```rust"), r"\`\`\`rust");
        assert_eq!(line("# heading"), r"\# heading");
        assert_eq!(line("a ` alone"), r"a \` alone");
        assert_eq!(line("a\rb\0`c\u{202e}`"), "a b `c `");
        assert_eq!(line("1. one"), r"1\. one");
        assert_eq!(line("`a``b` c"), "`a``b` c");
    }

    #[test]
    fn a_line_is_broken_between_words_and_not_in_code() {
        let (long, code) = ("word ".repeat(18), "`of several words`");
        assert_eq!(
            lines(&format!("{long}{code} end")),
            [format!(" {}", long.trim()), format!(" {code} end")]
        );
        assert_eq!(lines(&format!("{long}-- end")), [format!(" {long}--"), " end".to_owned()]);
    }

    #[test]
    fn no_block_begins_in_any_known_way() {
        let long = "word ".repeat(18);
        let cases = [
            // Fences: plain, after a break, in containers, of any kind.
            "```\nfn main() {}\n```",
            "~~~\nfn main() {}\n~~~",
            "text\n```rust\nfn main() {}",
            "text\r\n```\r\ncode",
            "text\r```\rcode",
            "text\u{2028}```\u{2028}code",
            "text\u{2029}~~~\u{2029}code",
            "text\u{85}```\u{85}code",
            "text\u{b}```\u{c}code",
            "\u{a0}```\ncode",
            "\u{feff}```\ncode",
            "\u{200b}\n```\ncode",
            "1) ~~~\n   code",
            "1. ```\n   code",
            "- ```\n  code",
            "* ~~~\n  code",
            "+ ```\n  code",
            "> ```\n> code",
            "> - 1. ```\n>      code",
            ">```\nlazy",
            "[^1]: ```\n    code",
            "[^1]:\n\n    code",
            "- [ ] ```\n  code",
            ": ```\n  code",
            "\\```\ncode",
            "``` ` ```\ncode",
            "` ```\ncode\n``` `",
            "`a` ```\n```\ncode",
            // Indentation, by spaces and tabs, of lists and quotes too.
            "    code",
            "\tcode",
            "text\n\n    code",
            "text\n\n \tcode",
            "- item\n\n      code",
            "-     code",
            "-\tcode",
            "1.      code",
            ">     code",
            ">\tcode",
            "# heading\n    code",
            "***\n    code",
            // Headings, breaks, tables, definitions.
            "heading\n===",
            "heading\n---",
            "# heading",
            "###### heading",
            "* * *",
            "___",
            "a | b\n--|--\nc | d",
            "| a |\n|---|\n| b |",
            "a\n:-:\nb",
            "[a]: https://example.com\n[a]",
            "[a]:\nhttps://example.com '\n```\n'",
            "[^1] and\n[^1]: note",
            // HTML of every kind.
            "<pre>\ncode\n</pre>",
            "<script>\n```\n</script>",
            "<!-- \n```\n-->",
            "<?php\n?>",
            "<!DOCTYPE html>",
            "<![CDATA[\n]]>",
            "<div>\n\n    code\n</div>",
            "</div>",
            "<a b='c'>",
            "text <b>bold</b> &lt;pre&gt;",
            "<https://example.com>\n<pre>",
            "https://a.b/<pre>`c`\n```",
            "http://`\n```",
            // Within a paragraph.
            "*a* **b** _c_ __d__ ~e~ ~~f~~",
            "![a](b) [c](d) [e][f] [g]",
            "hard  \nbreak\\\nend",
            "-",
            "1.",
            "`",
            "``",
            "\\",
            "",
        ];
        for case in cases {
            // Each place in a line: the case begins one, or follows a long one.
            for text in [case.to_owned(), format!("{long}{case}"), format!("x\n\n{case}\n\ny")] {
                let events = rendered(&text);
                let other = events.iter().find(|event| !is_prose(event));
                assert!(other.is_none(), "{text:?} has {other:?} in {:#?}", lines(&text));
            }
        }
    }

    #[test]
    fn text_of_a_document_is_shown_unchanged() {
        for text in ["a <b> & *c* [d](e) ~~f~~ \\ g", "# 1. - + > | : = _", "1) one", "-- &lt;"] {
            // rustdoc makes dashes typographic.
            assert_eq!(seen(text).replace('–', "--"), text);
        }
    }

    /// Creates text of fragments that have a meaning in Markdown.
    fn fragments() -> impl Strategy<Value = String> {
        let fragment = prop::sample::select(vec![
            "\n",
            "\n",
            "\n\n",
            "\r",
            "\r\n",
            " ",
            "  ",
            "    ",
            "\t",
            "\u{2028}",
            "\u{a0}",
            "`",
            "``",
            "```",
            "````",
            "~~~",
            "~",
            "> ",
            ">",
            "- ",
            "-",
            "* ",
            "+ ",
            "1. ",
            "1) ",
            "1",
            "#",
            "# ",
            "===",
            "---",
            "***",
            "___",
            "|",
            ":-",
            "|-|",
            "[",
            "]",
            "[a]: ",
            "[^1]: ",
            "(",
            ")",
            "![",
            "<pre>",
            "</pre>",
            "<script>",
            "<!--",
            "-->",
            "<?",
            "<a>",
            "<",
            "&lt;",
            "https://a.b/",
            "http://",
            "\\",
            "\"",
            "'",
            "rust",
            "word",
            "a sentence of six words",
            "fn main() { panic!() }",
            "ünï",
            "…",
        ]);
        let any = prop_oneof![8 => fragment.prop_map(str::to_owned), 1 => ".{0,6}"];
        prop::collection::vec(any, 0..40).prop_map(|parts| parts.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        #[test]
        fn any_text_becomes_paragraphs(text in fragments()) {
            for event in rendered(&text) {
                prop_assert!(is_prose(&event), "{event:?} in {:#?}", lines(&text));
            }
            for line in lines(&text) {
                prop_assert!(!line.contains(['\n', '\r']) && !line.starts_with("  "));
            }
        }
    }
}
