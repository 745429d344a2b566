//! `cargo xtask diff`.

use std::path::PathBuf;

use clap::ValueEnum;
use cloudflare_calls_codegen::Document;
use cloudflare_calls_codegen::diff::{Diff, Format};

use crate::{Failure, Outcome};

/// Exits 0 if a client's program stays right, 1 if a change breaks it.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The document as it was (JSON or YAML).
    old: PathBuf,
    /// The document as it is.
    new: PathBuf,
    /// How to write the changes.
    #[arg(long, value_enum, default_value = "text")]
    format: FormatArgument,
}

#[derive(Clone, Copy, ValueEnum)]
enum FormatArgument {
    Text,
    Markdown,
    Json,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let old = Document::from_path(&arguments.old).map_err(Failure::input)?;
    let new = Document::from_path(&arguments.new).map_err(Failure::input)?;
    let diff = Diff::between(&old, &new);
    let format = match arguments.format {
        FormatArgument::Text => Format::Text,
        FormatArgument::Markdown => Format::Markdown,
        FormatArgument::Json => Format::Json,
    };
    print!("{}", diff.render(format));
    match diff.is_breaking() {
        false => Ok(()),
        true => Err(Failure::Differs("the new document breaks clients of the old one".to_owned())),
    }
}
