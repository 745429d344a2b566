//! Generator of the client of the Cloudflare Calls API, from its published OpenAPI document of
//! version 3.0 or 3.1.
//!
//! The stages:
//!
//! 1. load JSON or YAML ([`Document::from_bytes`]), which is refused if it is no
//!    OpenAPI document of version 3.0 or 3.1,
//! 2. apply the overlay ([`Overlay`]) that names, documents and corrects,
//! 3. put the words of 3.1 into those of 3.0 (`lower.rs`), and mend parts that break the rules
//!    of OpenAPI (`mend/`): a part that cannot be expressed is
//!    [left out](Generated::left_out) by name, and the rest is taken,
//! 4. passes over the document (`passes/`),
//! 5. read the typed model (`model/`),
//! 6. write it as Rust (`emit/`, [`Generated::text`]), which imports its
//!    [run-time](RUNTIME) from the crate that it becomes part of.
//!
//! The same input gives the same bytes.
//!
//! ```
//! use cloudflare_calls_codegen::{Document, Options, Overlay, generate};
//!
//! let document = br#"{
//!     "openapi": "3.0.0",
//!     "info": { "title": "Small", "version": "1" },
//!     "servers": [{ "url": "https://api.example/v1" }],
//!     "paths": { "/rooms/{roomId}": { "get": {
//!         "parameters": [{ "name": "roomId", "in": "path", "required": true,
//!                          "schema": { "type": "string" } }],
//!         "responses": { "204": { "description": "It is there." } }
//!     } } }
//! }"#;
//! let document = Document::from_bytes("small.json", document)?;
//! let generated = generate(&document, &Overlay::empty(), &Options::default())?;
//! assert!(generated.text.contains("pub fn get_room("));
//! # Ok::<(), cloudflare_calls_codegen::Error>(())
//! ```

pub mod api;
pub mod diff;
mod document;
mod emit;
mod error;
mod facts;
mod left_out;
mod load;
mod lower;
mod mend;
mod model;
mod names;
mod overlay;
mod passes;
mod path_template;
mod pointer;
mod print;
mod schema;
mod security;
mod servers;
mod stack;
mod validate;
mod walk;

pub use document::Document;
pub use error::{Error, Result};
pub use left_out::{LeftOut, Part};
pub use load::MAX_DOCUMENT_BYTES;
pub use overlay::{Overlay, Stale};

/// Line by which generated text imports its run-time. The run-time is the module `runtime` of
/// the crate that the text becomes part of. The module has the modules of `src/runtime` of
/// `cloudflare-calls`, and the [extras](Generated::extras) that the text uses. Text that
/// stands alone has the module itself in place of this line.
pub const RUNTIME: &str = "use crate::runtime;";

/// Settings of a generation.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// Command that makes the text, for its header.
    pub command: String,
    /// Treatment of overlay actions that match nothing.
    pub stale: StalePolicy,
    /// True if a document is refused when a part of it would be left out.
    pub strict: bool,
}

/// Treatment of overlay actions whose target matches nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StalePolicy {
    /// Such actions are an error, so that corrections expire loudly.
    Refuse,
    /// Such actions are listed in [`Generated::stale`], because the document is another one.
    Report,
}

impl Default for Options {
    fn default() -> Self {
        let command = "cargo xtask regenerate".to_owned();
        Self { command, stale: StalePolicy::Refuse, strict: false }
    }
}

impl Options {
    /// Sets [`command`](Self::command).
    pub fn command(mut self, command: impl Into<String>) -> Self {
        self.command = command.into();
        self
    }

    /// Sets [`stale`](Self::stale).
    pub fn stale(mut self, stale: StalePolicy) -> Self {
        self.stale = stale;
        self
    }

    /// Sets [`strict`](Self::strict).
    pub fn strict(mut self, strict: bool) -> Self {
        self.strict = strict;
        self
    }
}

/// Result of a generation.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Generated {
    /// Formatted Rust, to be included in a module of its own. The text needs its
    /// [run-time](RUNTIME).
    pub text: String,
    /// Overlay actions that matched nothing; empty with [`StalePolicy::Refuse`].
    pub stale: Vec<Stale>,
    /// Parts of the document that the text lacks; empty with [`Options::strict`].
    pub left_out: Vec<LeftOut>,
    /// Number of operations of the text.
    pub operations: usize,
    /// Modules of the run-time that the text uses, beside those that every text uses.
    pub extras: Vec<&'static str>,
}

/// Generates the client of `document` as `overlay` completes it.
///
/// # Errors
/// [`Error::StaleOverlay`], and [`Error::Document`] if the overlay makes the document invalid,
/// or if [`Options::strict`] is set and a part is left out.
pub fn generate(document: &Document, overlay: &Overlay, options: &Options) -> Result<Generated> {
    let file = document.file();
    let (completed, stale) = overlay.apply_to(document)?;
    if options.stale == StalePolicy::Refuse && !stale.is_empty() {
        return Err(Error::StaleOverlay { file: overlay.file().to_owned(), stale });
    }
    let generated = stack::generating(file, || text(file, completed, options))??;
    Ok(Generated { stale, ..generated })
}

fn text(file: &str, document: Document, options: &Options) -> Result<Generated> {
    let mut notes = left_out::Notes::default();
    let model = model::Model::of(document, &mut notes);
    if options.strict {
        notes.refuse(file)?;
    }
    let text = print::print(&model, &notes.all, options)
        .map_err(|error| Error::Backend { file: file.to_owned(), reason: error.to_string() })?;
    let extras = emit::extras(&model);
    let operations = model.operations.len();
    Ok(Generated { text, stale: Vec::new(), left_out: notes.all, operations, extras })
}
