//! `cargo xtask expand`.

use std::path::PathBuf;
use std::time::Duration;

use cloudflare_calls_codegen::{Options, Overlay, StalePolicy, generate};

use crate::bundle;
use crate::checkout::Checkout;
use crate::source::{Source, TIMEOUT};
use crate::{Failure, Outcome};

/// The text stands alone: its header lists the crates that it needs.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Document: a URL or a file. By default this checkout's openapi.json.
    #[arg(long)]
    from: Option<Source>,
    /// Overlay to apply. By default this checkout's; actions that match
    /// nothing in the document are warned of.
    #[arg(long)]
    overlay: Option<PathBuf>,
    /// File to write, by default the standard output.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Refuse a document if a part of it would be left out.
    #[arg(long)]
    strict: bool,
    /// Time that fetching may take, in seconds.
    #[arg(long, default_value_t = TIMEOUT)]
    timeout: u64,
}

pub(crate) async fn run(arguments: Arguments) -> Outcome {
    let checkout = Checkout::at(None);
    let (document, command) = match &arguments.from {
        Some(source) => {
            let (document, _) = source.load(Duration::from_secs(arguments.timeout)).await?;
            (document, format!("cargo xtask expand --from {}", source.name()))
        }
        None => (checkout.document()?, "cargo xtask expand".to_owned()),
    };
    let overlay = match &arguments.overlay {
        Some(path) => Overlay::from_path(path).map_err(Failure::input)?,
        None => checkout.overlay()?,
    };
    let options =
        Options::default().command(command).stale(StalePolicy::Report).strict(arguments.strict);
    let generated = generate(&document, &overlay, &options).map_err(Failure::input)?;
    generated.left_out.iter().for_each(|one| eprintln!("left out: {one}"));
    if !generated.stale.is_empty() {
        let (file, stale) = (overlay.file(), &generated.stale);
        let name = document.file();
        eprintln!(
            "warning: {} of {} actions of {file} match nothing in {name}:",
            stale.len(),
            overlay.len()
        );
        stale.iter().for_each(|action| eprintln!("  {action}"));
    }
    let text = bundle::standalone(&generated);
    match &arguments.out {
        Some(path) => std::fs::write(path, text)
            .map_err(|error| Failure::Input(format!("{}: {error}", path.display()))),
        None => {
            print!("{text}");
            Ok(())
        }
    }
}
