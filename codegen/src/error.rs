//! Failures between a document and generated text.

/// Reason why a document, an overlay or the generation was refused.
///
/// Each message begins with the file's name. If the fault has a place in the document, a
/// JSON pointer (RFC 6901) follows.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file could not be read.
    #[error("{file}: cannot be read: {source}")]
    Read {
        /// Name of the file as the caller gave it.
        file: String,
        /// Error of the operating system.
        source: std::io::Error,
    },
    /// The file is larger than [`MAX_DOCUMENT_BYTES`](crate::MAX_DOCUMENT_BYTES).
    #[error("{file}: larger than {limit} bytes")]
    TooLarge {
        /// Name of the file as the caller gave it.
        file: String,
        /// Limit in bytes.
        limit: usize,
    },
    /// The text is neither well-formed JSON nor well-formed YAML.
    #[error("{file}: not well-formed {format}: {reason}")]
    Syntax {
        /// Name of the file as the caller gave it.
        file: String,
        /// `JSON` or `YAML`, told by the content.
        format: &'static str,
        /// Message of the parser, with line and column.
        reason: String,
    },
    /// The document is neither OpenAPI 3.0 nor 3.1.
    #[error("{file}: {pointer}: {found} is not supported, only OpenAPI 3.0 and 3.1 are")]
    Version {
        /// Name of the file as the caller gave it.
        file: String,
        /// Place of the version.
        pointer: String,
        /// Version that the document names.
        found: String,
    },
    /// The document is no OpenAPI document, or a part of it would be left out and
    /// [`Options::strict`](crate::Options::strict) is set.
    #[error("{file}: {}: {reason}", if .pointer.is_empty() { "(root)" } else { .pointer })]
    Document {
        /// Name of the file as the caller gave it.
        file: String,
        /// JSON pointer to the offending place.
        pointer: String,
        /// Problem at the place.
        reason: String,
    },
    /// Overlay actions whose target matches nothing in the document.
    #[error("{file}: overlay actions that match nothing any more:{}", list(.stale))]
    StaleOverlay {
        /// Name of the overlay's file.
        file: String,
        /// Actions, in the overlay's order.
        stale: Vec<crate::overlay::Stale>,
    },
    /// The generator wrote text that is not Rust, which is a fault of the generator.
    #[error("{file}: the generator cannot express this document: {reason}")]
    Backend {
        /// Name of the file as the caller gave it.
        file: String,
        /// Message of the parser, or that the generator failed.
        reason: String,
    },
}

/// Result of loading or generating.
pub type Result<T, E = Error> = std::result::Result<T, E>;

fn list(stale: &[crate::overlay::Stale]) -> String {
    stale.iter().map(|action| format!("\n  {action}")).collect()
}
