//! Generates the clients from the documents and their overlays, and makes the crate's page
//! of `README.md`.
//!
//! Reads files of this folder and writes to `OUT_DIR`; no network. Without the feature
//! `codegen` no client is generated: the text in `generated/` is used.

use std::error::Error;
use std::fs;
#[cfg(feature = "codegen")]
use std::path::Path;
use std::path::PathBuf;

fn main() {
    if let Err(error) = run() {
        // Cargo shows the last lines of a failed build script, so no backtrace.
        eprintln!("\nthe client cannot be built\n{error}\n");
        std::process::exit(1);
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("cargo did not set OUT_DIR")?);
    fs::write(out.join("page.md"), page()?)?;
    #[cfg(feature = "codegen")]
    for (document, text) in DOCUMENTS {
        generate(document, &out.join(text)).map_err(|error| format!("{document}.json: {error}"))?;
    }
    Ok(())
}

/// Returns the README as rustdoc shows it: without the screenshot, with links within the
/// documentation, and with the picture in the page, because rustdoc takes no files along.
fn page() -> Result<String, Box<dyn Error>> {
    println!("cargo::rerun-if-changed=README.md");
    println!("cargo::rerun-if-changed=docs/lifecycle-page.svg");
    let readme = fs::read_to_string("README.md")?;
    let picture = fs::read_to_string("docs/lifecycle-page.svg")?;
    let (before, rest) = readme.split_once("<picture>").ok_or("README.md has no picture")?;
    let (_, after) = rest.split_once("</picture>").ok_or("README.md: <picture> has no end")?;
    let page = format!("{before}{picture}{after}");
    let lines = page.lines().filter(|line| !line.starts_with("!["));
    let page = lines.collect::<Vec<_>>().join("\n");
    Ok(page.replace("https://docs.rs/cloudflare-calls/latest/cloudflare_calls/", ""))
}

/// Documents whose client is part of the build, without the ends of their names, each with
/// the file of its client.
#[cfg(feature = "codegen")]
const DOCUMENTS: &[(&str, &str)] = &[
    ("openapi", "client.rs"),
    #[cfg(feature = "account")]
    ("openapi.account", "account.rs"),
];

#[cfg(feature = "codegen")]
fn generate(document: &str, out: &Path) -> Result<(), Box<dyn Error>> {
    use cloudflare_calls_codegen::{Document, Options, Overlay, StalePolicy, generate};

    let (document, overlay) = (format!("{document}.json"), format!("{document}.overlay.json"));
    println!("cargo::rerun-if-changed={document}");
    println!("cargo::rerun-if-changed={overlay}");
    let document = Document::from_path(Path::new(&document))?;
    let additions = Overlay::from_path(Path::new(&overlay))?;
    // A warning is enough here, because `cargo xtask regenerate --check` refuses it. So
    // a document that has changed can be built before the overlay follows.
    let options = Options::default().stale(StalePolicy::Report);
    let generated = generate(&document, &additions, &options)?;
    for action in &generated.stale {
        println!("cargo::warning={overlay}: matches nothing: {action}");
    }
    fs::write(out, generated.text)?;
    Ok(())
}
