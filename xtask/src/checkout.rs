//! Generated files of a checkout, read and replaced together.

use std::io::Write;
use std::path::{Path, PathBuf};

use cloudflare_calls_codegen::{Document, Overlay};

use crate::Failure;
use crate::documents::{Files, Which};

/// Checkout of this repository, for one of its documents.
pub(crate) struct Checkout {
    root: PathBuf,
    files: Files,
}

/// Origin of the document, as its record in `generated/` keeps it.
#[derive(serde::Serialize)]
pub(crate) struct Provenance {
    /// URL, or name of the file.
    pub(crate) source: String,
    /// Day on which the document was taken over.
    pub(crate) date: String,
    /// Checksum of the bytes of the source.
    pub(crate) sha256: String,
    /// `kept` or `removed`.
    pub(crate) prose: &'static str,
}

impl Checkout {
    /// Selects the Calls document of the checkout at `root`, by default of this program's own
    /// checkout.
    pub(crate) fn at(root: Option<PathBuf>) -> Self {
        Self::of(root, Which::Calls)
    }

    /// Selects any of the documents, as [`at`](Self::at) does.
    pub(crate) fn of(root: Option<PathBuf>, which: Which) -> Self {
        let own = || Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        Self { root: root.unwrap_or_else(own), files: which.files() }
    }

    /// Returns the names of the files.
    pub(crate) fn files(&self) -> &Files {
        &self.files
    }

    pub(crate) fn document(&self) -> Result<Document, Failure> {
        Document::from_path(&self.root.join(self.files.document)).map_err(Failure::input)
    }

    pub(crate) fn overlay(&self) -> Result<Overlay, Failure> {
        Overlay::from_path(&self.root.join(self.files.overlay)).map_err(Failure::input)
    }

    /// Reads the checked-in text, which is empty if there is none yet.
    pub(crate) fn client(&self) -> String {
        std::fs::read_to_string(self.root.join(self.files.client)).unwrap_or_default()
    }

    pub(crate) fn has_provenance(&self) -> bool {
        self.root.join(self.files.provenance).is_file()
    }

    /// Returns whether the checked-in document was taken over without its prose.
    pub(crate) fn is_without_prose(&self) -> bool {
        let text = std::fs::read_to_string(self.root.join(self.files.provenance));
        let record =
            text.ok().and_then(|text| serde_json::from_str::<serde_json::Value>(&text).ok());
        record.is_some_and(|record| record["prose"] == "removed")
    }

    /// Returns whether the document and the text are those that are checked in.
    pub(crate) fn is(&self, document: &Document, client: &str) -> bool {
        let text = std::fs::read_to_string(self.root.join(self.files.document));
        text.is_ok_and(|text| text == document.to_json()) && self.client() == client
    }

    /// Replaces the document, the text, and the provenance record if there is a new one: all
    /// of them, or none.
    pub(crate) fn replace(
        &self,
        document: &str,
        client: &str,
        provenance: Option<&Provenance>,
    ) -> Result<(), Failure> {
        let provenance =
            provenance.map(serde_json::to_string_pretty).transpose().map_err(Failure::input)?;
        let provenance = provenance.map(|json| json + "\n");
        let contents = [(self.files.document, document), (self.files.client, client)]
            .into_iter()
            .chain(provenance.as_deref().map(|json| (self.files.provenance, json)));
        // Failures for want of space or rights happen here, before a file is replaced.
        let mut staged = Vec::new();
        for (name, content) in contents {
            let path = self.root.join(name);
            let failed = |error| Failure::Input(format!("{name}: {error}; nothing was changed"));
            let before = std::fs::read(&path).ok();
            staged.push((stage(&path, content).map_err(failed)?, path, before));
        }
        let mut done: Vec<(PathBuf, Option<Vec<u8>>)> = Vec::new();
        for (file, path, before) in staged {
            if let Err(error) = file.persist(&path) {
                for (path, before) in done {
                    restore(&path, before);
                }
                let name = path.display();
                return Err(Failure::Input(format!("{name}: {error}; nothing was changed")));
            }
            done.push((path, before));
        }
        Ok(())
    }
}

fn stage(path: &Path, content: &str) -> std::io::Result<tempfile::NamedTempFile> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut file = tempfile::Builder::new().prefix(".xtask-").tempfile_in(folder)?;
    file.write_all(content.as_bytes())?;
    file.as_file().sync_all()?;
    // A temporary file is private; a file of the checkout is not.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644))?;
    }
    Ok(file)
}

/// Restores the file as it was. A failure leaves the new file, which is whole.
fn restore(path: &Path, before: Option<Vec<u8>>) {
    let _ = match before {
        Some(bytes) => std::fs::write(path, bytes),
        None => std::fs::remove_file(path),
    };
}
