//! `cargo xtask diagram`: drawing of `docs/lifecycle.mmd` as the pictures of the README.
//!
//! The libraries that draw Mermaid give each arrow the height of three lines, and measure
//! text with the fonts of the machine. This picture has to fit on a screen, and to be the
//! same on each machine.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use crate::{Failure, Outcome};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Write no file, and fail if the pictures are not those of the text.
    #[arg(long)]
    check: bool,
}

/// Colours of one picture.
struct Theme {
    name: &'static str,
    ink: &'static str,
    faint: &'static str,
}

const THEMES: [Theme; 3] = [
    Theme { name: "light", ink: "#1f2328", faint: "#818b98" },
    Theme { name: "dark", ink: "#f0f6fc", faint: "#9198a1" },
    // Within a page, with the page's colour.
    Theme { name: "page", ink: "inherit", faint: "#888888" },
];

/// Height of a row, in pixels.
const ROW: u32 = 19;

/// Horizontal place of the first participant, in pixels.
const FIRST: u32 = 60;

/// Room between two participants beyond the longest text between them, in pixels.
const MARGIN: u32 = 40;

/// Width of a character of the text, in pixels: that of most sans-serif fonts at 13 pixels,
/// rounded up.
const CHARACTER: u32 = 7;

/// Draws the pictures, or compares them.
pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    let text = std::fs::read_to_string(docs.join("lifecycle.mmd")).map_err(Failure::input)?;
    let diagram = Diagram::read(&text).map_err(Failure::Input)?;
    for theme in &THEMES {
        let file = docs.join(format!("lifecycle-{}.svg", theme.name));
        write(&file, &diagram.draw(theme), arguments.check)?;
    }
    Ok(())
}

fn write(file: &PathBuf, svg: &str, is_check: bool) -> Outcome {
    if std::fs::read_to_string(file).is_ok_and(|there| there == svg) {
        return Ok(());
    }
    if is_check {
        let name = file.file_name().unwrap_or_default().display();
        return Err(Failure::Differs(format!("{name} is out of date: run cargo xtask diagram")));
    }
    std::fs::write(file, svg).map_err(Failure::input)
}

/// Returns the width of a text, in pixels.
fn width(text: &str) -> u32 {
    u32::try_from(text.chars().count()).unwrap_or(0) * CHARACTER
}

/// Sequence diagram: the part of Mermaid that the text uses.
struct Diagram<'a> {
    participants: Vec<(&'a str, &'a str)>,
    rows: Vec<Row<'a>>,
}

enum Row<'a> {
    /// Note over all participants.
    Note(&'a str),
    /// Message from one participant to another, by their indices.
    Message { from: usize, to: usize, is_reply: bool, text: &'a str },
}

impl<'a> Diagram<'a> {
    fn read(text: &'a str) -> Result<Self, String> {
        let mut diagram = Self { participants: Vec::new(), rows: Vec::new() };
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        if lines.next() != Some("sequenceDiagram") {
            return Err("the diagram is no sequenceDiagram".to_owned());
        }
        for line in lines {
            diagram.line(line).ok_or_else(|| format!("not understood in the diagram: {line}"))?;
        }
        Ok(diagram)
    }

    fn line(&mut self, line: &'a str) -> Option<()> {
        if let Some(participant) = line.strip_prefix("participant ") {
            self.participants.push(participant.split_once(" as ")?);
            return Some(());
        }
        let (head, text) = line.split_once(": ")?;
        let row = match head.strip_prefix("Note over ") {
            Some(_) => Row::Note(text),
            None => {
                let (is_reply, arrow) = match head.contains("-->>") {
                    true => (true, "-->>"),
                    false => (false, "->>"),
                };
                let (from, to) = head.split_once(arrow)?;
                let (from, to) = (self.index(from)?, self.index(to)?);
                Row::Message { from, to, is_reply, text }
            }
        };
        self.rows.push(row);
        Some(())
    }

    fn index(&self, id: &str) -> Option<usize> {
        self.participants.iter().position(|(known, _)| *known == id)
    }

    /// Returns the horizontal places of the participants, in pixels.
    fn places(&self) -> Vec<u32> {
        let mut place = FIRST;
        let mut places = vec![place];
        for right in 1..self.participants.len() {
            let between = self.rows.iter().filter_map(|row| match row {
                Row::Message { from, to, text, .. } if *from.max(to) == right => Some(text),
                _ => None,
            });
            let names = &self.participants[right - 1..=right];
            let half: u32 = names.iter().map(|(_, name)| width(name)).sum::<u32>() / 2;
            place += between.map(|text| width(text)).max().unwrap_or(0).max(half) + MARGIN;
            places.push(place);
        }
        places
    }

    fn draw(&self, theme: &Theme) -> String {
        let places = self.places();
        let (left, right) = (FIRST, places.last().copied().unwrap_or(FIRST));
        let width = right + FIRST;
        let top = 2 * ROW;
        let height = top + (u32::try_from(self.rows.len()).unwrap_or(0) + 1) * ROW;
        let mut svg = String::new();
        // Writing to a string does not fail.
        let mut put = |element: std::fmt::Arguments<'_>| {
            let _ = writeln!(svg, "{element}");
        };
        put(format_args!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
             width=\"{width}\" height=\"{height}\" style=\"max-width:100%;height:auto\" color=\"{}\" fill=\"currentColor\" \
             font-family=\"system-ui, sans-serif\" font-size=\"13\" text-anchor=\"middle\" \
             role=\"img\" aria-label=\"The lifecycle of a session\">",
            theme.ink
        ));
        for ((_, name), x) in self.participants.iter().zip(&places) {
            let end = height - ROW / 2;
            put(format_args!("<text x=\"{x}\" y=\"{ROW}\" font-weight=\"600\">{name}</text>"));
            put(format_args!(
                "<path d=\"M{x} {} V{end}\" stroke=\"{}\" stroke-dasharray=\"2 3\"/>",
                ROW + 8,
                theme.faint
            ));
        }
        let mut y = top;
        for row in &self.rows {
            y += ROW;
            match row {
                Row::Note(text) => {
                    let (from, to) = (left - FIRST / 2, right + FIRST / 2);
                    put(format_args!(
                        "<path d=\"M{from} {} H{to}\" stroke=\"{}\"/>",
                        y - ROW + 6,
                        theme.faint
                    ));
                    let x = left + 6;
                    put(format_args!(
                        "<text x=\"{x}\" y=\"{}\" text-anchor=\"start\" font-weight=\"600\">\
                         {text}</text>",
                        y - 1
                    ));
                }
                Row::Message { from, to, is_reply, text } => {
                    let (from, to) = (places[*from], places[*to]);
                    let back = if to > from { -6 } else { 6 };
                    let dashes = if *is_reply { " stroke-dasharray=\"5 3\"" } else { "" };
                    put(format_args!(
                        "<path d=\"M{from} {y} H{to}\" stroke=\"currentColor\"{dashes}/>"
                    ));
                    put(format_args!("<path d=\"M{to} {y} l{back} -4 v8 z\"/>"));
                    let middle = u32::midpoint(from, to);
                    put(format_args!("<text x=\"{middle}\" y=\"{}\">{text}</text>", y - 5));
                }
            }
        }
        put(format_args!("</svg>"));
        svg
    }
}
