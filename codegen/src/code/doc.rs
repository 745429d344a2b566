//! Documentation attributes from the document's text.

use syn::{Attribute, parse_quote};

/// `text` as doc attributes, a line each. What the document wrote is shown as
/// it stands: nothing of it becomes a link, a tag, a heading or a doc test.
pub(super) fn attributes(text: &str) -> Vec<Attribute> {
    let mut lines: Vec<String> =
        text.trim().lines().flat_map(|source| wrap(&line(source))).collect();
    lines.dedup_by(|a, b| a.is_empty() && b.is_empty());
    lines
        .into_iter()
        .map(|line| {
            let line = if line.is_empty() { line } else { format!(" {line}") };
            parse_quote!(#[doc = #line])
        })
        .collect()
}

/// Paragraphs, of which the empty ones are left out.
pub(super) fn paragraphs(parts: &[&str]) -> Vec<Attribute> {
    let parts: Vec<&str> =
        parts.iter().map(|part| part.trim()).filter(|part| !part.is_empty()).collect();
    attributes(&parts.join("\n\n"))
}

/// One line, outside of code spans freed of what rustdoc would interpret.
fn line(line: &str) -> String {
    let line: String = line.chars().map(|c| if is_invisible(c) { ' ' } else { c }).collect();
    let line = line.trim().trim_start_matches("```");
    let mut parts: Vec<String> = Vec::new();
    let spans: Vec<&str> = line.split('`').collect();
    // An odd number of backticks leaves the last one without a partner.
    let closed = spans.len() % 2 == 1;
    for (index, span) in spans.iter().enumerate() {
        let is_code = index % 2 == 1 && (closed || index + 1 < spans.len());
        parts.push(if is_code { (*span).to_owned() } else { escape(span) });
    }
    let text = match (closed, parts.pop()) {
        (false, Some(last)) => format!("{}\\`{last}", parts.join("`")),
        (_, last) => {
            parts.extend(last);
            parts.join("`")
        }
    };
    text.trim().to_owned()
}

/// Control characters, which a comment may not have, and those that reverse
/// the direction of what follows, which the compiler refuses.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Where a line of documentation is broken, in characters.
const WIDTH: usize = 92;

/// Breaks a line at spaces outside of code spans.
fn wrap(line: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut in_code = false;
    for word in line.split(' ') {
        let current = lines.last().map_or(0, String::len);
        // A word without letters could begin a list or a heading.
        let may_begin =
            word.starts_with(|first: char| first.is_alphabetic() || "`<(\"".contains(first));
        match lines.last_mut() {
            Some(last) if current == 0 => last.push_str(word),
            Some(last) if in_code || !may_begin || current + 1 + word.len() <= WIDTH => {
                last.push(' ');
                last.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
        in_code ^= word.matches('`').count() % 2 == 1;
    }
    lines
}

fn escape(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    for word in text.split_inclusive(' ') {
        let bare = word.trim_end();
        let linked = bare.trim_end_matches(['.', ',', ';', ':', ')']);
        if linked.starts_with("https://") || linked.starts_with("http://") {
            let tail = &word[linked.len()..];
            result.push_str(&format!("<{}>{tail}", linked.replace(['<', '>'], "")));
            continue;
        }
        for c in word.chars() {
            if matches!(c, '[' | ']' | '<' | '>' | '*' | '_' | '\\') && !word.starts_with("\\#") {
                result.push('\\');
            }
            result.push(c);
        }
    }
    if result.trim_start().starts_with(['#', '-', '+', '=', '|', '~']) {
        let indent = result.len() - result.trim_start().len();
        result.insert(indent, '\\');
    }
    result
}

#[cfg(test)]
mod tests {
    use super::line;

    #[test]
    fn nothing_that_a_document_says_is_markup() {
        assert_eq!(line("see [x](y) or <b>"), r"see \[x\](y) or \<b\>");
        assert_eq!(line("`a<b>` stays, a<b> does not"), r"`a<b>` stays, a\<b\> does not");
        assert_eq!(line("at https://example.com/x."), "at <https://example.com/x>.");
        assert_eq!(line("    indented code"), "indented code");
        assert_eq!(line("```rust"), "rust");
        assert_eq!(line("# heading"), r"\# heading");
        assert_eq!(line("a ` alone"), r"a \` alone");
        assert_eq!(line("a\rb\0`c\u{202e}`"), "a b `c `");
    }
}
