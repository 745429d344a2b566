//! Generates the client of the Cloudflare Calls API from its published
//! OpenAPI 3.0 document.
//!
//! The stages, each refusing what the next could not handle:
//!
//! 1. load JSON or YAML ([`Document::from_bytes`]) and validate it,
//! 2. apply the overlay ([`Overlay`]) that names, documents and corrects,
//! 3. passes over the document (`passes/`),
//! 4. progenitor (`backend.rs`),
//! 5. passes over the Rust syntax tree (`code/`),
//! 6. print with the run-time sources of `runtime/` ([`Generated::text`]).
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
//! assert!(generated.text.contains("pub fn get_room<'a>("));
//! # Ok::<(), cloudflare_calls_codegen::Error>(())
//! ```

pub mod api;
mod backend;
mod code;
pub mod diff;
mod document;
mod error;
mod facts;
mod load;
mod model;
mod names;
mod overlay;
mod passes;
mod path_template;
mod pointer;
mod print;
mod stack;
mod validate;
mod walk;

pub use document::Document;
pub use error::{Error, Result};
pub use load::MAX_DOCUMENT_BYTES;
pub use overlay::{Overlay, Stale};

/// The crates that generated text names, as lines of a `Cargo.toml`.
pub const DEPENDENCIES: [&str; 7] = [
    r#"httpdate = "1""#,
    r#"reqwest = "0.13""#,
    r#"secrecy = "0.10""#,
    r#"serde = { version = "1", features = ["derive"] }"#,
    r#"serde_json = "1""#,
    r#"serde_path_to_error = "0.1""#,
    r#"tracing = "0.1""#,
];

/// How to generate.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// The command that made the text, for its header.
    pub command: String,
    /// What becomes of overlay actions that match nothing.
    pub stale: StalePolicy,
}

/// What becomes of overlay actions whose target matches nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StalePolicy {
    /// They are an error, so that corrections expire loudly.
    Refuse,
    /// They are listed in [`Generated::stale`]: the document is another one.
    Report,
}

impl Default for Options {
    fn default() -> Self {
        Self { command: "cargo xtask regenerate".to_owned(), stale: StalePolicy::Refuse }
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
}

/// What came out.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Generated {
    /// Formatted Rust, to be included in a module of its own.
    pub text: String,
    /// Overlay actions that matched nothing; empty with [`StalePolicy::Refuse`].
    pub stale: Vec<Stale>,
}

/// Generates the client of `document` as `overlay` completes it.
///
/// # Errors
/// [`Error::StaleOverlay`]; [`Error::Document`] for what is valid but not
/// supported, or became invalid by the overlay; [`Error::Backend`] for what
/// progenitor cannot express.
pub fn generate(document: &Document, overlay: &Overlay, options: &Options) -> Result<Generated> {
    let file = document.file();
    let (completed, stale) = overlay.apply_to(document)?;
    if options.stale == StalePolicy::Refuse && !stale.is_empty() {
        return Err(Error::StaleOverlay { file: overlay.file().to_owned(), stale });
    }
    let text = stack::on_a_large_one(|| text(&completed, options)).unwrap_or_else(|| {
        Err(Error::Backend { file: file.to_owned(), reason: "the generator failed".to_owned() })
    })?;
    Ok(Generated { text, stale })
}

fn text(document: &Document, options: &Options) -> Result<String> {
    let file = document.file();
    let mut root = document.root().clone();
    passes::run(&mut root, &passes::Context { file })?;
    let model = model::Model::read(&root, file)?;
    let mut tree = backend::run(&model, &root, file)?;
    code::run(&mut tree, &model)
        .map_err(|error| Error::Backend { file: file.to_owned(), reason: error.to_string() })?;
    Ok(print::print(tree, options))
}
