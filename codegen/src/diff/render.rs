//! Text of a [`Diff`], for people and for programs.

use std::fmt::Write;

use super::{Change, Diff, Effect};

/// Way of writing a [`Diff`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Line for each change under the operations that it concerns.
    Text,
    /// Table for each group of operations, for an issue or a changelog.
    Markdown,
    /// `{"changes": [{"effect", "kind", "place", "what", "old", "new",
    /// "operations", "item"}]}`.
    Json,
}

/// Changes that concern the same operations.
struct Group<'d> {
    operations: &'d [String],
    changes: Vec<&'d Change>,
}

impl Group<'_> {
    fn heading(&self, separator: &str) -> String {
        match self.operations {
            [] => "document".to_owned(),
            operations => operations.join(separator),
        }
    }

    /// Returns the place of a change, without the part that the heading has.
    fn place(&self, change: &Change) -> String {
        match self.operations {
            [one] => change.at.within(one),
            [] if change.at == super::Place::default() => Some(String::new()),
            _ => None,
        }
        .unwrap_or_else(|| change.place.clone())
    }
}

impl Diff {
    /// Writes the changes by operation, the breaking ones first. The text ends with a newline.
    pub fn render(&self, format: Format) -> String {
        match format {
            Format::Text => self.text(),
            Format::Markdown => self.markdown(),
            Format::Json => {
                let mut sorted: Vec<&Change> = self.changes.iter().collect();
                sorted.sort_by_key(|change| change.effect);
                format!("{:#}\n", serde_json::json!({ "changes": sorted }))
            }
        }
    }

    /// Returns the groups in the order of their first changes, those with a breaking one first.
    fn groups(&self) -> Vec<Group<'_>> {
        let mut groups: Vec<Group<'_>> = Vec::new();
        for change in &self.changes {
            match groups.iter_mut().find(|group| group.operations == change.operations) {
                Some(group) => group.changes.push(change),
                None => {
                    groups.push(Group { operations: &change.operations, changes: vec![change] })
                }
            }
        }
        for group in &mut groups {
            group.changes.sort_by_key(|change| change.effect);
        }
        groups.sort_by_key(|group| {
            let effect = group.changes.first().map(|change| change.effect);
            (effect, group.operations.is_empty())
        });
        groups
    }

    fn summary(&self) -> String {
        let breaking =
            self.changes.iter().filter(|change| change.effect == Effect::Breaking).count();
        match self.changes.len() {
            0 => "no change".to_owned(),
            all => format!("{breaking} breaking, {} compatible", all - breaking),
        }
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for group in self.groups() {
            let _ = writeln!(text, "{}", group.heading("\n"));
            for change in &group.changes {
                let Change { effect, kind, .. } = change;
                let place = group.place(change);
                let separator = if place.is_empty() { "" } else { ": " };
                let item = change.item.as_ref().map(|item| format!("  [{item}]"));
                let item = item.unwrap_or_default();
                let _ =
                    writeln!(text, "  {effect:<10}  {kind:<7}  {place}{separator}{change}{item}");
            }
            text.push('\n');
        }
        text + &self.summary() + "\n"
    }

    fn markdown(&self) -> String {
        let mut text = format!("{}\n", self.summary());
        let code = |text: &str| match text {
            "" => String::new(),
            text => format!("`{}`", text.replace('|', "\\|")),
        };
        for group in self.groups() {
            let heading = match group.operations {
                [] => "The document".to_owned(),
                _ => format!("`{}`", group.heading("`, `")),
            };
            let _ = writeln!(text, "\n### {heading}\n");
            text.push_str("| effect | change | place | what | item |\n|---|---|---|---|---|\n");
            for change in &group.changes {
                let Change { effect, kind, .. } = change;
                let what = change.to_string().replace('|', "\\|");
                let place = code(&group.place(change));
                let item = code(change.item.as_deref().unwrap_or_default());
                let _ = writeln!(text, "| {effect} | {kind} | {place} | {what} | {item} |");
            }
        }
        text
    }
}
