//! Expansion of each document into a file of its own.

use std::error::Error;
use std::path::Path;

use cloudflare_calls_codegen::{Document, Options, Overlay, StalePolicy, generate};

fn main() -> Result<(), Box<dyn Error>> {
    let fixtures = Path::new("../tests/fixtures");
    let calls = Path::new("../../openapi.json");
    let overlay = Path::new("../../openapi.overlay.json");
    for path in [fixtures, calls, overlay] {
        println!("cargo::rerun-if-changed={}", path.display());
    }
    let overlay = Overlay::from_path(overlay)?;
    let calls = Document::from_path(calls)?;
    let growth = Overlay::from_path(&fixtures.join("growth.overlay.json"))?;
    // Stale actions are fine, because today's document may already have a part of the growth.
    let (grown, _) = growth.apply_to(&calls)?;
    let documents = [
        ("calls_2024", Document::from_path(&fixtures.join("calls-2024.json"))?, &overlay),
        ("formats", Document::from_path(&fixtures.join("formats.json"))?, &Overlay::empty()),
        ("grown", grown, &overlay),
        ("plain", calls, &Overlay::empty()),
        ("secured", Document::from_path(&fixtures.join("secured.json"))?, &Overlay::empty()),
        ("small", Document::from_path(&fixtures.join("small.yaml"))?, &Overlay::empty()),
        ("wide", Document::from_path(&fixtures.join("wide.json"))?, &Overlay::empty()),
        ("odd", Document::from_path(&fixtures.join("odd.json"))?, &Overlay::empty()),
    ];
    let out = std::env::var_os("OUT_DIR").ok_or("cargo did not set OUT_DIR")?;
    for (name, document, overlay) in documents {
        let options = Options::default().stale(StalePolicy::Report);
        let text = generate(&document, overlay, &options)?.text;
        std::fs::write(Path::new(&out).join(format!("{name}.rs")), text)?;
    }
    Ok(())
}
