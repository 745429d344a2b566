//! Generates the client from `openapi.json` and `openapi.overlay.json`, and makes the
//! crate's page of `README.md`.
//!
//! Reads files of this folder and writes to `OUT_DIR`; no network. Without the feature
//! `codegen` no client is generated: `generated/client.rs` is used.

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
    generate(&out)?;
    Ok(())
}

/// Returns the README as rustdoc shows it: with the picture in the page, because rustdoc
/// takes no files along, without the screenshot, and with links within the documentation.
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

#[cfg(feature = "codegen")]
fn generate(out: &Path) -> Result<(), Box<dyn Error>> {
    use cloudflare_calls_codegen::{Document, Options, Overlay, StalePolicy, generate};

    println!("cargo::rerun-if-changed=openapi.json");
    println!("cargo::rerun-if-changed=openapi.overlay.json");
    let document = Document::from_path(Path::new("openapi.json"))?;
    let overlay = Overlay::from_path(Path::new("openapi.overlay.json"))?;
    // `cargo xtask regenerate --check` refuses what is only warned of here, so that
    // a document that has changed can be built before the overlay follows.
    let options = Options::default().stale(StalePolicy::Report);
    let generated = generate(&document, &overlay, &options)?;
    for action in &generated.stale {
        println!("cargo::warning=openapi.overlay.json: matches nothing: {action}");
    }
    fs::write(out.join("client.rs"), generated.text)?;
    Ok(())
}
