//! Servers that some operations have instead of the base URL.

use std::collections::BTreeMap;
use std::sync::Arc;

use reqwest::{Method, Url};

use super::exchange::Request;
use super::setup::{ConfigError, Core, Setup};

/// URLs of these servers, by their URLs in the document.
#[derive(Clone, Debug)]
pub(crate) struct Servers(Arc<BTreeMap<&'static str, Url>>);

impl Servers {
    /// Finds the URL of each server of the document: the one that the caller has `set`, else the
    /// document's. A relative one is at the host of the base URL. If the caller has set another
    /// base URL than the document's, it stands for the absolute ones, too.
    pub(crate) fn new(
        documented: &[&'static str],
        set: &[(&'static str, String)],
        setup: &Setup,
        document_base: &str,
    ) -> Result<Self, ConfigError> {
        let base = setup.url(&setup.base_url)?;
        let is_moved = document_base.contains("://") && setup.base_url != document_base;
        let url = |server: &'static str| {
            let given = set.iter().rfind(|(name, _)| *name == server).map(|(_, url)| url.as_str());
            let url = match given {
                Some(url) => setup.url(url)?,
                None if is_moved && server.contains("//") => base.clone(),
                None => setup.url(base.join(server).map_err(|_| ConfigError::BaseUrl)?.as_str())?,
            };
            // A proxy would get the secret in plain text.
            if url.scheme() == "http" && base.scheme() != "http" && !setup.allows_plaintext {
                return Err(ConfigError::Plaintext);
            }
            Ok((server, url))
        };
        let urls: Result<_, _> = documented.iter().map(|server| url(server)).collect();
        urls.map(|urls| Self(Arc::new(urls)))
    }

    /// Begins a request to one of these servers.
    pub(crate) fn request<'c>(
        &self,
        server: &str,
        core: &'c Core,
        operation: &'static str,
        method: Method,
        path: &[&str],
    ) -> Request<'c> {
        core.request_to(self.0.get(server).unwrap_or(&core.base), operation, method, path)
    }
}
