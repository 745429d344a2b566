//! Generates the client from `openapi.json` and `openapi.overlay.json`.
//!
//! Reads two files and writes one; no network. Without the feature `codegen`
//! there is nothing to do: `generated/client.rs` is used.

fn main() {
    #[cfg(not(feature = "codegen"))]
    println!("cargo::rerun-if-changed=build.rs");
    #[cfg(feature = "codegen")]
    if let Err(error) = generate() {
        // Cargo shows the last lines of a failed build script, so no backtrace.
        eprintln!("\nthe client cannot be generated\n{error}\n");
        std::process::exit(1);
    }
}

#[cfg(feature = "codegen")]
fn generate() -> Result<(), Box<dyn std::error::Error>> {
    use cloudflare_calls_codegen::{Document, Options, Overlay, StalePolicy, generate};
    use std::path::Path;

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
    let out = std::env::var_os("OUT_DIR").ok_or("cargo did not set OUT_DIR")?;
    std::fs::write(Path::new(&out).join("client.rs"), generated.text)?;
    Ok(())
}
