//! OpenAPI document, loaded and validated.

use std::path::Path;

use serde_json::Value;

use crate::{Error, MAX_DOCUMENT_BYTES, Result, facts, load, validate};

/// OpenAPI document of version 3.0 or 3.1 that the generator can work with.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    file: String,
    root: Value,
}

impl Document {
    /// Reads the file at `path`. Messages call it by its file name.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::TooLarge`] (before the file is read), and those of
    /// [`from_bytes`](Self::from_bytes).
    pub fn from_path(path: &Path) -> Result<Self> {
        let file = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let bytes = read_bounded(path, &file)?;
        Self::from_bytes(&file, &bytes)
    }

    /// Parses JSON or YAML (told by the content) and validates it. `file` is
    /// the name that messages use.
    ///
    /// # Errors
    /// [`Error::TooLarge`], [`Error::Syntax`], [`Error::Version`] or
    /// [`Error::Document`].
    pub fn from_bytes(file: &str, bytes: &[u8]) -> Result<Self> {
        Self::from_root(file, load::parse(file, bytes)?)
    }

    /// Validates a document that is JSON already.
    pub(crate) fn from_root(file: &str, root: Value) -> Result<Self> {
        validate::validate(file, &root)?;
        Ok(Self { file: file.to_owned(), root })
    }

    /// Returns the name that messages use.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Returns the document as JSON, in its own order.
    pub fn root(&self) -> &Value {
        &self.root
    }

    /// Returns the document as JSON that belongs to the caller.
    pub(crate) fn into_root(self) -> Value {
        self.root
    }

    /// Counts the operations of the document.
    pub fn operations(&self) -> usize {
        let paths = self.root.get("paths").and_then(Value::as_object);
        let items = paths.into_iter().flatten().filter(|(path, _)| !path.starts_with("x-"));
        let methods = |item: &Value| {
            let mut item = item;
            if let Some(reference) = item.get("$ref").and_then(Value::as_str) {
                let target = crate::pointer::local(reference);
                item = target.and_then(|target| self.root.pointer(target)).unwrap_or(item);
            }
            validate::METHODS.iter().filter(|method| item.get(method).is_some()).count()
        };
        items.map(|(_, item)| methods(item)).sum()
    }

    /// Returns the document without prose: descriptions, summaries and titles are gone, but
    /// for `info.title`. All other parts are as they were.
    pub fn facts(&self) -> Self {
        let mut root = self.root.clone();
        facts::strip_prose(&mut root);
        Self { file: self.file.clone(), root }
    }

    /// Writes the document as indented JSON with a final newline.
    pub fn to_json(&self) -> String {
        format!("{:#}\n", self.root)
    }
}

/// Reads at most [`MAX_DOCUMENT_BYTES`] from `path`.
pub(crate) fn read_bounded(path: &Path, file: &str) -> Result<Vec<u8>> {
    let read = |source| Error::Read { file: file.to_owned(), source };
    let size = std::fs::metadata(path).map_err(read)?.len();
    if size > MAX_DOCUMENT_BYTES as u64 {
        return Err(Error::TooLarge { file: file.to_owned(), limit: MAX_DOCUMENT_BYTES });
    }
    std::fs::read(path).map_err(read)
}
