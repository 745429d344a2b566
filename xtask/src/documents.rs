//! Documents that clients are generated from, and the files of each.

use cloudflare_calls_codegen::MAX_DOCUMENT_BYTES;

/// Document of a checkout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Which {
    /// Calls API.
    Calls,
    /// Apps and TURN keys of an account.
    Account,
}

/// Files that belong to a document, from the root of the checkout.
pub(crate) struct Files {
    pub(crate) document: &'static str,
    pub(crate) overlay: &'static str,
    pub(crate) client: &'static str,
    pub(crate) provenance: &'static str,
}

/// Place where Cloudflare publishes a document.
pub(crate) struct Published {
    pub(crate) url: &'static str,
    /// Beginning of the paths that are taken over. None if all of them are.
    pub(crate) paths: Option<&'static str>,
    /// Largest number of bytes that are read.
    pub(crate) limit: usize,
}

/// Largest size of the document of all of Cloudflare's APIs, in bytes. The account API is a
/// part of it. The document has several megabytes.
const MAX_WHOLE_BYTES: usize = 64 * 1024 * 1024;

impl Which {
    pub(crate) const ALL: [Self; 2] = [Self::Calls, Self::Account];

    pub(crate) fn files(self) -> Files {
        match self {
            Self::Calls => Files {
                document: "openapi.json",
                overlay: "openapi.overlay.json",
                client: "generated/client.rs",
                provenance: "generated/provenance.json",
            },
            Self::Account => Files {
                document: "openapi.account.json",
                overlay: "openapi.account.overlay.json",
                client: "generated/account.rs",
                provenance: "generated/account.provenance.json",
            },
        }
    }

    /// Returns the command that generates the text again from the checkout's own document.
    pub(crate) fn own_text(self) -> &'static str {
        match self {
            Self::Calls => "cargo xtask regenerate --from openapi.json",
            Self::Account => {
                "cargo xtask regenerate --document account --from openapi.account.json"
            }
        }
    }

    /// Lists the modules of the run-time that the client's `src/runtime` has for this document,
    /// beyond those that every document needs.
    pub(crate) fn extras(self) -> &'static [&'static str] {
        match self {
            Self::Calls => &[],
            Self::Account => &["formatted"],
        }
    }

    pub(crate) fn published(self) -> Published {
        match self {
            Self::Calls => Published {
                url: "https://developers.cloudflare.com/realtime/static/realtime-api-2024-05-21.yaml",
                paths: None,
                limit: MAX_DOCUMENT_BYTES,
            },
            Self::Account => Published {
                url: "https://raw.githubusercontent.com/cloudflare/api-schemas/main/openapi.json",
                paths: Some("/accounts/{account_id}/calls/"),
                limit: MAX_WHOLE_BYTES,
            },
        }
    }
}
