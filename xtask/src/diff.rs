//! `cargo xtask diff`.

use std::path::PathBuf;

use clap::ValueEnum;
use cloudflare_calls_codegen::diff::{Diff, Format};
use cloudflare_calls_codegen::{Document, Overlay};

use crate::checkout::Checkout;
use crate::{Failure, Outcome};

/// Exits 0 if a client's program stays right, 1 if a change breaks it.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Document as it was (JSON or YAML).
    old: PathBuf,
    /// Document as it is.
    new: PathBuf,
    /// Overlay that names the Rust items. By default this checkout's.
    #[arg(long)]
    overlay: Option<PathBuf>,
    /// Form in which the changes are written.
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
    let overlay = match &arguments.overlay {
        Some(path) => Overlay::from_path(path).map_err(Failure::input)?,
        None => Checkout::at(None).overlay()?,
    };
    let diff = Diff::between(&old, &new).with_items(&old, &new, &overlay);
    let diff = diff.map_err(Failure::input)?;
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
