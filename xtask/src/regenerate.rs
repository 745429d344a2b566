//! `cargo xtask regenerate`.

use std::path::PathBuf;
use std::time::Duration;

use cloudflare_calls_codegen::diff::{Diff, Format};
use cloudflare_calls_codegen::{Document, Generated, Options, Overlay, StalePolicy, api, generate};
use sha2::{Digest, Sha256};

use crate::checkout::{Checkout, Provenance};
use crate::documents::Which;
use crate::source::{Source, TIMEOUT};
use crate::{Failure, Outcome, bundle, compile};

/// Replaces a document, its generated text and the record of its source together,
/// once the new text compiles, or on any failure none of them.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Document to follow, by default that of the Calls API. With --check and
    /// without --from, by default all of them.
    #[arg(long)]
    document: Option<Which>,
    /// Its source: a URL or a file. By default the published one; with --check by
    /// default this checkout's own, without network.
    #[arg(long)]
    from: Option<Source>,
    /// Change no file, and exit 1 if more than prose would change.
    #[arg(long)]
    check: bool,
    /// Accept changes that may break users of the crate.
    #[arg(long)]
    allow_breaking: bool,
    /// Refuse a document if a part of it would be left out.
    #[arg(long)]
    strict: bool,
    /// Take over the document's facts, not its descriptions and summaries. By
    /// default as it was with the checked-in document.
    #[arg(long, conflicts_with = "with_prose")]
    without_prose: bool,
    /// Take over the document with its descriptions and summaries.
    #[arg(long)]
    with_prose: bool,
    /// Longest time that fetching may take, in seconds.
    #[arg(long, default_value_t = TIMEOUT)]
    timeout: u64,
    /// Checkout to work on, by default this one.
    #[arg(long)]
    root: Option<PathBuf>,
}

pub(crate) async fn run(arguments: Arguments) -> Outcome {
    let which = arguments.document.unwrap_or(Which::Calls);
    if arguments.check {
        let all = arguments.document.is_none() && arguments.from.is_none();
        for which in Which::ALL.into_iter().filter(|one| all || *one == which) {
            check(which, &arguments).await?;
        }
        println!("up to date");
        return Ok(());
    }
    let checkout = Checkout::of(arguments.root.clone(), which);
    let published = which.published();
    // From its first poll on, Ctrl-C no longer ends the process, so `replace` is never cut in two.
    let mut interrupt = std::pin::pin!(tokio::signal::ctrl_c());
    let source = arguments.from.clone().unwrap_or_else(|| Source::Url(published.url.to_owned()));
    let timeout = Duration::from_secs(arguments.timeout);
    let (document, bytes) = tokio::select! {
        biased;
        _ = &mut interrupt => return Err(Failure::Interrupted),
        loaded = source.load_part(timeout, &published) => loaded?,
    };
    let is_bare = match (arguments.without_prose, arguments.with_prose) {
        (false, false) => checkout.is_without_prose(),
        (without, _) => without,
    };
    let document = if is_bare { document.facts() } else { document };
    let generated = compare_and_generate(&checkout, &document, &arguments)?;
    has_run_time(which, &generated)?;
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
    println!("wrote {} and {}", checkout.files().document, checkout.files().client);
    Ok(())
}

/// Prints the difference. Returns the new text if it may be written.
fn compare_and_generate(
    checkout: &Checkout,
    document: &Document,
    arguments: &Arguments,
) -> Result<Generated, Failure> {
    let diff = match checkout.document() {
        Ok(current) => difference(&checkout.overlay()?, &current, document)?,
        // The first document of a checkout has none to differ from.
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
        let overlay = checkout.files().overlay;
        let message = format!(
            "this breaks those who use the crate; nothing was changed\n\
             pin names or remove actions that match nothing in {overlay},\n\
             or pass --allow-breaking"
        );
        return Err(Failure::Differs(message));
    }
    Ok(generated)
}

/// Checks that the client crate has the run-time of the text. The compilation before the text is
/// written does not show that, because the text brings its own run-time there.
fn has_run_time(which: Which, generated: &Generated) -> Outcome {
    let missing = generated.extras.iter().filter(|name| !which.extras().contains(name));
    let missing: Vec<&str> = missing.copied().collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Failure::Differs(format!(
        "the client would need modules of the run-time that it does not have for this document: {}\n\
         move them to src/runtime from codegen/expanded/src/runtime, if they are not there,\n\
         and name them in `Which::extras` of xtask/src/documents.rs; nothing was changed",
        missing.join(", ")
    )))
}

/// Lists the changes from one document to another, with the Rust items.
fn difference(overlay: &Overlay, old: &Document, new: &Document) -> Result<Diff, Failure> {
    Diff::between(old, new).with_items(old, new, overlay).map_err(Failure::input)
}

/// Generates the text for `document`, and checks that it is Rust.
fn generated(checkout: &Checkout, document: &Document, strict: bool) -> Result<Generated, Failure> {
    let options = Options::default().stale(StalePolicy::Report).strict(strict);
    let generated = generate(document, &checkout.overlay()?, &options).map_err(Failure::input)?;
    generated.left_out.iter().for_each(|one| eprintln!("left out: {one}"));
    api::check(&generated.text).map_err(Failure::Input)?;
    Ok(generated)
}

async fn check(which: Which, arguments: &Arguments) -> Outcome {
    let checkout = &Checkout::of(arguments.root.clone(), which);
    let files = checkout.files();
    let current = checkout.document()?;
    if let Some(source) = &arguments.from {
        let timeout = Duration::from_secs(arguments.timeout);
        let (document, _) = source.load_part(timeout, &which.published()).await?;
        let diff = difference(&checkout.overlay()?, &current, &document)?;
        if !diff.is_empty() {
            print!("{}", diff.render(Format::Text));
            let (own, other) = (files.document, source.name());
            let message = format!("{own} differs from {other}: run cargo xtask regenerate");
            return Err(Failure::Differs(message));
        }
    }
    let Generated { text, stale, .. } = generated(checkout, &current, arguments.strict)?;
    if !stale.is_empty() {
        let stale: String = stale.iter().map(|action| format!("\n  {action}")).collect();
        let overlay = files.overlay;
        let message = format!("actions of {overlay} match nothing any more:{stale}");
        return Err(Failure::Differs(message));
    }
    if text != checkout.client() {
        return Err(Failure::Differs(format!(
            "{} is not what {} and {} generate:\nrun {}",
            files.client,
            files.document,
            files.overlay,
            which.own_text()
        )));
    }
    if !checkout.has_provenance() {
        return Err(Failure::Differs(format!("{} is missing", files.provenance)));
    }
    Ok(())
}
