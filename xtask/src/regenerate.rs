//! `cargo xtask regenerate`.

use std::path::PathBuf;
use std::time::Duration;

use cloudflare_calls_codegen::diff::{Diff, Format};
use cloudflare_calls_codegen::{Document, Error, Options, api, generate};
use sha2::{Digest, Sha256};

use crate::checkout::{Checkout, Provenance};
use crate::source::{PUBLISHED, Source, TIMEOUT};
use crate::{Failure, Outcome, compile};

/// Replaces openapi.json, generated/client.rs and generated/provenance.json
/// together, once the new text compiles, or on any failure none of them.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The document: a URL or a file. By default the published one; with
    /// --check by default this checkout's own openapi.json, without network.
    #[arg(long)]
    from: Option<Source>,
    /// Change nothing; exit 1 if anything but prose would change.
    #[arg(long)]
    check: bool,
    /// Accept changes that may break those who use the crate.
    #[arg(long)]
    allow_breaking: bool,
    /// Refuse a document of which something would be left out.
    #[arg(long)]
    strict: bool,
    /// Take over the document's facts, not its descriptions and summaries.
    #[arg(long)]
    without_prose: bool,
    /// How long fetching may take, in seconds.
    #[arg(long, default_value_t = TIMEOUT)]
    timeout: u64,
    /// The checkout to work on, by default this one.
    #[arg(long)]
    root: Option<PathBuf>,
}

pub(crate) async fn run(arguments: Arguments) -> Outcome {
    let checkout = Checkout::at(arguments.root.clone());
    if arguments.check {
        return check(&checkout, &arguments).await;
    }
    // From its first poll on, Ctrl-C only asks: `replace` is never cut in two.
    let mut interrupt = std::pin::pin!(tokio::signal::ctrl_c());
    let source = arguments.from.clone().unwrap_or_else(|| Source::Url(PUBLISHED.to_owned()));
    let timeout = Duration::from_secs(arguments.timeout);
    let (document, bytes) = tokio::select! {
        biased;
        _ = &mut interrupt => return Err(Failure::Interrupted),
        loaded = source.load(timeout) => loaded?,
    };
    let document = if arguments.without_prose { document.facts() } else { document };
    let client = compare_and_generate(&checkout, &document, &arguments)?;
    let provenance = Provenance {
        source: source.name(),
        date: jiff::Timestamp::now().strftime("%Y-%m-%d").to_string(),
        sha256: Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect(),
        prose: if arguments.without_prose { "removed" } else { "kept" },
    };
    tokio::select! {
        biased;
        _ = &mut interrupt => return Err(Failure::Interrupted),
        compiled = compile::check(&client) => compiled?,
    }
    // The checkout's own document came from where the record says.
    let is_own = checkout.has_provenance()
        && checkout.document().is_ok_and(|current| current.root() == document.root());
    checkout.replace(&document.to_json(), &client, (!is_own).then_some(&provenance))?;
    println!("wrote openapi.json and generated/client.rs");
    Ok(())
}

/// Prints the difference, and returns the new text if it may be written.
fn compare_and_generate(
    checkout: &Checkout,
    document: &Document,
    arguments: &Arguments,
) -> Result<String, Failure> {
    let diff = match checkout.document() {
        Ok(current) => Diff::between(&current, document),
        // The first document of a checkout differs from nothing.
        Err(_) => Diff::default(),
    };
    print!("{}", diff.render(Format::Text));
    let text = generated(checkout, document, arguments.strict)?;
    let lost = api::lost(&checkout.client(), &text);
    for line in &lost {
        println!("breaking    api      {line}");
    }
    let breaks = diff.is_breaking() || !lost.is_empty();
    if breaks && !arguments.allow_breaking {
        let message = "this breaks those who use the crate; nothing was changed\n\
                       pin names in openapi.overlay.json, or pass --allow-breaking";
        return Err(Failure::Differs(message.to_owned()));
    }
    Ok(text)
}

/// The text for `document`, which has been seen to be Rust.
fn generated(checkout: &Checkout, document: &Document, strict: bool) -> Result<String, Failure> {
    let overlay = checkout.overlay()?;
    let text = match generate(document, &overlay, &Options::default().strict(strict)) {
        Ok(generated) => {
            generated.left_out.iter().for_each(|one| eprintln!("left out: {one}"));
            generated.text
        }
        Err(error @ Error::StaleOverlay { .. }) => {
            let next = "remove or mend these actions in openapi.overlay.json; nothing was changed";
            return Err(Failure::Input(format!("{error}\n{next}")));
        }
        Err(error) => return Err(Failure::input(error)),
    };
    api::check(&text).map_err(Failure::Input)?;
    Ok(text)
}

async fn check(checkout: &Checkout, arguments: &Arguments) -> Outcome {
    let current = checkout.document()?;
    if let Some(source) = &arguments.from {
        let (document, _) = source.load(Duration::from_secs(arguments.timeout)).await?;
        let diff = Diff::between(&current, &document);
        if !diff.is_empty() {
            print!("{}", diff.render(Format::Text));
            let message =
                format!("openapi.json differs from {}: run cargo xtask regenerate", source.name());
            return Err(Failure::Differs(message));
        }
    }
    if generated(checkout, &current, arguments.strict)? != checkout.client() {
        let message = "generated/client.rs is not what openapi.json and openapi.overlay.json generate:\n\
                       run cargo xtask regenerate --from openapi.json";
        return Err(Failure::Differs(message.to_owned()));
    }
    if !checkout.has_provenance() {
        return Err(Failure::Differs("generated/provenance.json is missing".to_owned()));
    }
    println!("up to date");
    Ok(())
}
