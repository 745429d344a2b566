//! Print of a document with an overlay applied:
//!
//! ```sh
//! cargo run -p cloudflare-calls-codegen --example grow -- openapi.json growth.overlay.json
//! ```

use std::error::Error;
use std::path::PathBuf;

use cloudflare_calls_codegen::{Document, Overlay};

fn main() -> Result<(), Box<dyn Error>> {
    let paths: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [document, overlay] = paths.as_slice() else {
        return Err("usage: grow DOCUMENT OVERLAY".into());
    };
    let (document, stale) =
        Overlay::from_path(overlay)?.apply_to(&Document::from_path(document)?)?;
    if let Some(stale) = stale.first() {
        return Err(format!("matches nothing: {stale}").into());
    }
    print!("{}", document.to_json());
    Ok(())
}
