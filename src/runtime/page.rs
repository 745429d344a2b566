//! HTML pages in place of replies, such as those of an edge.

/// Longest title in a message, in characters.
const MAX_TITLE: usize = 100;

/// Returns an excerpt of a reply as the words of a message. An HTML page is cut to its title.
pub(crate) fn in_words(excerpt: &str) -> String {
    match (is_html(excerpt), title(excerpt)) {
        (false, _) => format!("{excerpt:?}"),
        (true, Some(title)) => format!("HTML page {title:?}"),
        (true, None) => "an HTML page".to_owned(),
    }
}

/// Returns whether a reply is an HTML page.
fn is_html(text: &str) -> bool {
    let text = text.trim_start();
    ["<!doctype html", "<html"]
        .iter()
        .any(|begin| text.get(..begin.len()).is_some_and(|found| found.eq_ignore_ascii_case(begin)))
}

/// Returns the title of an HTML page, cut to 100 characters. None if it has none.
fn title(page: &str) -> Option<String> {
    let lower = page.to_ascii_lowercase();
    let element = lower.find("<title")?;
    let begin = element + lower[element..].find('>')? + 1;
    let end = begin + lower[begin..].find('<')?;
    let title = page[begin..end].trim();
    (!title.is_empty()).then(|| title.chars().take(MAX_TITLE).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_html_page_is_told_by_its_beginning_and_cut_to_its_title() {
        assert!(is_html("\n<!DOCTYPE html><p>"));
        assert!(is_html("<html lang=\"en\">"));
        assert!(!is_html("<htm"));
        assert!(!is_html("{\"a\":\"<html>\"}"));
        let page = "<HTML><head><Title lang=\"en\"> 502 Bad gateway </Title></head>";
        assert_eq!(in_words(page), "HTML page \"502 Bad gateway\"");
        for page in ["<html><title> </title>", "<html><title>cut in the mid", "<html><body>ä"] {
            assert_eq!(in_words(page), "an HTML page");
        }
        let long = format!("<html><title>{}</title>", "ä".repeat(200));
        assert_eq!(in_words(&long), format!("HTML page \"{}\"", "ä".repeat(100)));
    }

    #[test]
    fn another_text_is_quoted() {
        assert_eq!(in_words("no <title>page</title>"), "\"no <title>page</title>\"");
        assert_eq!(in_words(""), "\"\"");
    }
}
