//! Source of a document: a URL or a file.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use cloudflare_calls_codegen::{Document, MAX_DOCUMENT_BYTES};

use crate::documents::Published;
use crate::{Failure, cut};

/// Longest time of fetching by default, in seconds. The Calls document has 60 KB.
pub(crate) const TIMEOUT: u64 = 30;

/// Source of a document: a URL or a file.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    Url(String),
    File(PathBuf),
}

impl FromStr for Source {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_url = text.starts_with("http://") || text.starts_with("https://");
        Ok(if is_url { Self::Url(text.to_owned()) } else { Self::File(text.into()) })
    }
}

impl Source {
    /// Returns the name in the provenance record and in messages. It contains no path of a
    /// machine, and no part of a URL that could be a credential.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Url(url) => public(url),
            Self::File(path) => {
                path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
            }
        }
    }

    /// Reads the bytes. More than `limit` of them are an error.
    async fn read(&self, timeout: Duration, limit: usize) -> Result<Vec<u8>, Failure> {
        match self {
            Self::Url(url) => fetch(url, timeout, limit).await,
            Self::File(path) => {
                let size = std::fs::metadata(path).map(|metadata| metadata.len());
                let size =
                    size.map_err(|error| Failure::Input(format!("{}: {error}", path.display())))?;
                if size > limit as u64 {
                    return Err(too_large(&self.name(), limit));
                }
                std::fs::read(path)
                    .map_err(|error| Failure::Input(format!("{}: {error}", path.display())))
            }
        }
    }

    /// Reads and validates a document, with the bytes of the source.
    pub(crate) async fn load(&self, timeout: Duration) -> Result<(Document, Vec<u8>), Failure> {
        let bytes = self.read(timeout, MAX_DOCUMENT_BYTES).await?;
        Ok((self.parse(&bytes)?, bytes))
    }

    /// Reads and validates the part of the published document that is taken over, with the
    /// bytes of the source.
    pub(crate) async fn load_part(
        &self,
        timeout: Duration,
        published: &Published,
    ) -> Result<(Document, Vec<u8>), Failure> {
        let Some(paths) = published.paths else { return self.load(timeout).await };
        let bytes = self.read(timeout, published.limit).await?;
        let document = match serde_json::from_slice(&bytes) {
            Ok(mut root) => {
                cut::cut(&mut root, paths);
                self.parse(root.to_string().as_bytes())?
            }
            // The generator's message is the better one.
            Err(_) => self.parse(&bytes)?,
        };
        Ok((document, bytes))
    }

    fn parse(&self, bytes: &[u8]) -> Result<Document, Failure> {
        Document::from_bytes(&self.name(), bytes).map_err(|error| {
            Failure::Input(format!("{error}\nnothing was changed: is this the right document?"))
        })
    }
}

/// Returns a URL without user, password, query and fragment.
fn public(url: &str) -> String {
    let Ok(mut parsed) = reqwest::Url::parse(url) else { return "(no URL)".to_owned() };
    let plain = parsed.username().is_empty() && parsed.password().is_none();
    if plain && parsed.query().is_none() && parsed.fragment().is_none() {
        // The text as it was written.
        return url.to_owned();
    }
    let _ = (parsed.set_username(""), parsed.set_password(None));
    parsed.set_query(None);
    parsed.set_fragment(None);
    parsed.into()
}

async fn fetch(url: &str, timeout: Duration, limit: usize) -> Result<Vec<u8>, Failure> {
    let name = public(url);
    let failed = |error: reqwest::Error| {
        let what = match &error {
            error if error.is_timeout() => {
                format!("no complete reply within {} s", timeout.as_secs())
            }
            error if error.is_connect() => "no connection".to_owned(),
            error => match error.status() {
                Some(status) => format!("the server answered {status}"),
                None => "the transfer broke off".to_owned(),
            },
        };
        Failure::Input(format!(
            "{name}: {what}\ntry again, or save the document and pass --from FILE"
        ))
    };
    eprintln!("fetching {name}");
    let client = reqwest::Client::builder().timeout(timeout).build().map_err(failed)?;
    let mut reply =
        client.get(url).send().await.and_then(|r| r.error_for_status()).map_err(failed)?;
    let mut bytes = Vec::new();
    let mut shown = 0;
    while let Some(chunk) = reply.chunk().await.map_err(failed)? {
        if bytes.len() + chunk.len() > limit {
            return Err(too_large(&name, limit));
        }
        bytes.extend_from_slice(&chunk);
        if bytes.len() - shown >= 512 * 1024 {
            shown = bytes.len();
            eprintln!("  {} KiB", shown / 1024);
        }
    }
    eprintln!("fetched {} KiB", bytes.len().div_ceil(1024));
    Ok(bytes)
}

fn too_large(name: &str, limit: usize) -> Failure {
    Failure::Input(format!("{name}: larger than {limit} bytes, which no such document is"))
}
