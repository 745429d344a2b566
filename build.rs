//! Generates the clients from the documents and their overlays.
//!
//! Reads two files for each client and writes one; no network. Without the feature
//! `codegen` there is nothing to do: the text in `generated/` is used.

fn main() {
    #[cfg(not(feature = "codegen"))]
    println!("cargo::rerun-if-changed=build.rs");
    #[cfg(feature = "codegen")]
    for (document, text) in DOCUMENTS {
        if let Err(error) = generate(document, text) {
            // Cargo shows the last lines of a failed build script, so no backtrace.
            eprintln!("\nthe client of {document}.json cannot be generated\n{error}\n");
            std::process::exit(1);
        }
    }
}

/// The documents whose client is part of the build, without the ends of their names,
/// and the file of the client.
#[cfg(feature = "codegen")]
const DOCUMENTS: &[(&str, &str)] = &[
    ("openapi", "client.rs"),
    #[cfg(feature = "account")]
    ("openapi.account", "account.rs"),
];

#[cfg(feature = "codegen")]
fn generate(document: &str, text: &str) -> Result<(), Box<dyn std::error::Error>> {
    use cloudflare_calls_codegen::{Document, Options, Overlay, StalePolicy, generate};
    use std::path::Path;

    let (document, overlay) = (format!("{document}.json"), format!("{document}.overlay.json"));
    println!("cargo::rerun-if-changed={document}");
    println!("cargo::rerun-if-changed={overlay}");
    let document = Document::from_path(Path::new(&document))?;
    let additions = Overlay::from_path(Path::new(&overlay))?;
    // `cargo xtask regenerate --check` refuses what is only warned of here, so that
    // a document that has changed can be built before the overlay follows.
    let options = Options::default().stale(StalePolicy::Report);
    let generated = generate(&document, &additions, &options)?;
    for action in &generated.stale {
        println!("cargo::warning={overlay}: matches nothing: {action}");
    }
    let out = std::env::var_os("OUT_DIR").ok_or("cargo did not set OUT_DIR")?;
    std::fs::write(Path::new(&out).join(text), generated.text)?;
    Ok(())
}
