//! `cargo xtask regenerate`.

use std::path::PathBuf;
use std::time::Duration;

use cloudflare_calls_codegen::diff::{Diff, Format};
use cloudflare_calls_codegen::{Document, Generated, Options, StalePolicy, api, generate};
use sha2::{Digest, Sha256};

use crate::checkout::{Checkout, Provenance};
use crate::source::{PUBLISHED, Source, TIMEOUT};
use crate::{Failure, Outcome, bundle, compile};

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
    /// Take over the document's facts, not its descriptions and summaries. By
    /// default as it was with the checked-in document.
    #[arg(long, conflicts_with = "with_prose")]
    without_prose: bool,
    /// Take over the document with its descriptions and summaries.
    #[arg(long)]
    with_prose: bool,
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
    let is_bare = match (arguments.without_prose, arguments.with_prose) {
        (false, false) => checkout.is_without_prose(),
        (without, _) => without,
    };
    let document = if is_bare { document.facts() } else { document };
    let generated = compare_and_generate(&checkout, &document, &arguments)?;
    let client = generated.text.as_str();
    if checkout.has_provenance() && checkout.is(&document, client) {
        println!("up to date: nothing was written");
        return Ok(());
    }
    let provenance = Provenance {
        source: source.name(),
        date: jiff::Timestamp::now().strftime("%Y-%m-%d").to_string(),
        sha256: Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect(),
        prose: if is_bare { "removed" } else { "kept" },
    };
    tokio::select! {
        biased;
        _ = &mut interrupt => return Err(Failure::Interrupted),
        compiled = compile::check(bundle::standalone(&generated)) => compiled?,
    }
    // The checkout's own document came from where the record says.
    let is_own = checkout.has_provenance()
        && checkout.document().is_ok_and(|current| current.root() == document.root());
    checkout.replace(&document.to_json(), client, (!is_own).then_some(&provenance))?;
    println!("wrote openapi.json and generated/client.rs");
    Ok(())
}

/// Prints the difference, and returns the new text if it may be written.
fn compare_and_generate(
    checkout: &Checkout,
    document: &Document,
    arguments: &Arguments,
) -> Result<Generated, Failure> {
    let diff = match checkout.document() {
        Ok(current) => Diff::between(&current, document),
        // The first document of a checkout differs from nothing.
        Err(_) => Diff::default(),
    };
    print!("{}", diff.render(Format::Text));
    let generated = generated(checkout, document, arguments.strict)?;
    let stale = &generated.stale;
    let lost = api::lost(&checkout.client(), &generated.text);
    for line in &lost {
        println!("breaking    api      {line}");
    }
    for action in stale {
        println!("breaking    overlay  {action}");
    }
    let breaks = diff.is_breaking() || !lost.is_empty() || !stale.is_empty();
    if breaks && !arguments.allow_breaking {
        let message = "this breaks those who use the crate; nothing was changed\n\
                       pin names or remove actions that match nothing in openapi.overlay.json,\n\
                       or pass --allow-breaking";
        return Err(Failure::Differs(message.to_owned()));
    }
    Ok(generated)
}

/// The text for `document`, which has been seen to be Rust.
fn generated(checkout: &Checkout, document: &Document, strict: bool) -> Result<Generated, Failure> {
    let options = Options::default().stale(StalePolicy::Report).strict(strict);
    let generated = generate(document, &checkout.overlay()?, &options).map_err(Failure::input)?;
    generated.left_out.iter().for_each(|one| eprintln!("left out: {one}"));
    api::check(&generated.text).map_err(Failure::Input)?;
    Ok(generated)
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
    let Generated { text, stale, .. } = generated(checkout, &current, arguments.strict)?;
    if !stale.is_empty() {
        let stale: String = stale.iter().map(|action| format!("\n  {action}")).collect();
        let message = "actions of openapi.overlay.json match nothing any more:";
        return Err(Failure::Differs(format!("{message}{stale}")));
    }
    if text != checkout.client() {
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
