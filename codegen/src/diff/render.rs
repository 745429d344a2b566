//! A [`Diff`] for people and for programs.

use std::fmt::Write;

use super::{Change, Diff, Effect};

/// How a [`Diff`] is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A line for each change, the breaking ones first.
    Text,
    /// A table, for an issue or a changelog.
    Markdown,
    /// `{"changes": [{"effect", "kind", "place", "what"}]}`.
    Json,
}

impl Diff {
    /// Writes the changes, the breaking ones first; ends with a newline.
    pub fn render(&self, format: Format) -> String {
        let mut sorted: Vec<&Change> = self.changes.iter().collect();
        sorted.sort_by_key(|change| change.effect);
        match format {
            Format::Text => self.text(&sorted),
            Format::Markdown => self.markdown(&sorted),
            Format::Json => format!("{:#}\n", serde_json::json!({ "changes": sorted })),
        }
    }

    fn summary(&self) -> String {
        let breaking =
            self.changes.iter().filter(|change| change.effect == Effect::Breaking).count();
        match self.changes.len() {
            0 => "no change".to_owned(),
            all => format!("{breaking} breaking, {} compatible", all - breaking),
        }
    }

    fn text(&self, sorted: &[&Change]) -> String {
        let mut text = String::new();
        for Change { effect, kind, place, what } in sorted {
            let _ = writeln!(text, "{effect:<10}  {kind:<7}  {place}: {what}");
        }
        text + &self.summary() + "\n"
    }

    fn markdown(&self, sorted: &[&Change]) -> String {
        let mut text = format!("{}\n", self.summary());
        if !sorted.is_empty() {
            text.push_str("\n| effect | change | place | what |\n|---|---|---|---|\n");
        }
        for Change { effect, kind, place, what } in sorted {
            let what = what.replace('|', "\\|");
            let _ = writeln!(text, "| {effect} | {kind} | `{place}` | {what} |");
        }
        text
    }
}
