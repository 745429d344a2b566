//! The `Client` and its builder: app, secret, base URL, time-out.

use proc_macro2::TokenStream;
use quote::quote;

use super::{doc, ident, ty};
use crate::model::Model;

/// The client and its builder.
pub(super) fn items(model: &Model) -> TokenStream {
    let idents: Vec<_> = model.held.iter().map(|held| ident(&held.ident)).collect();
    let types: Vec<_> =
        model.held.iter().map(|held| ty::spelled(&held.ty, &quote!(types::))).collect();
    let (base_url, title) = (&model.base_url, &model.title);
    let shown = model.held.iter().map(|held| held.ident.as_str());
    let getters = model.held.iter().zip(&idents).zip(&types).map(|((held, ident), ty)| {
        let docs = doc::paragraphs(&[&held.description]);
        let fallback =
            held.description.is_empty().then(|| quote!(#[doc = " As given to the builder."]));
        quote! {
            #(#docs)* #fallback
            pub fn #ident(&self) -> &#ty {
                &self.#ident
            }
        }
    });
    let summary = doc::paragraphs(&[&format!("A client of the {title}.")]);
    quote! {
            use std::{fmt, sync::Arc};

            use runtime::setup;
            use secrecy::SecretString;

            /// URL of the API, as published.
            pub const DEFAULT_BASE_URL: &str = #base_url;
            #(#summary)*
            ///
            /// A clone shares the connections of the original and costs no more than a few
            /// reference counts. The secret is sent as a bearer token with every request and
            /// never shown.
            #[derive(Clone)]
            pub struct Client {
                pub(crate) core: Arc<setup::Core>,
                #(#idents: #types,)*
            }
            impl Client {
                /// A client with the default base URL, time-outs and HTTP client.
                ///
                /// # Errors
                /// [`ConfigError::Secret`](setup::ConfigError::Secret) or
                /// [`ConfigError::Http`](setup::ConfigError::Http).
                pub fn new(#(#idents: #types,)* secret: SecretString) -> Result<Self, setup::ConfigError> {
                    Self::builder(#(#idents,)* secret).build()
                }

                /// A client whose defaults can be changed.
                pub fn builder(#(#idents: #types,)* secret: SecretString) -> ClientBuilder {
                    ClientBuilder {
                        #(#idents,)*
                        secret,
                        setup: setup::Setup::new(DEFAULT_BASE_URL),
                    }
                }

                #(#getters)*

                /// URL to which requests are sent.
                pub fn base_url(&self) -> &str {
                    self.core.base.as_str()
                }
            }
            impl fmt::Debug for Client {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.debug_struct("Client")
                        #(.field(#shown, &self.#idents))*
                        .field("base_url", &self.core.base.as_str())
                        .finish_non_exhaustive()
                }
            }
            /// Settings of a [`Client`] to be built.
            #[derive(Clone, Debug)]
            pub struct ClientBuilder {
                #(#idents: #types,)*
                secret: SecretString,
                pub(crate) setup: setup::Setup,
            }
            impl ClientBuilder {
                /// Sends requests elsewhere than to [`DEFAULT_BASE_URL`]: an absolute `https`
                /// URL, with a path if the API is not at the root, or an `http` URL of this
                /// machine.
                pub fn base_url(mut self, base_url: impl Into<String>) -> Self {
                    self.setup.base_url = base_url.into();
                    self
                }

                /// Permits an `http` URL of another machine, and a proxy for `http` URLs: the
                /// secret crosses the network in plain text then.
                pub fn allow_plaintext(mut self) -> Self {
                    self.setup.allows_plaintext = true;
                    self
                }

                /// Time that an operation may take, by default
                /// [`DEFAULT_TIMEOUT`](setup::DEFAULT_TIMEOUT). Without effect on an HTTP client of
                /// your own.
                pub fn timeout(mut self, timeout: std::time::Duration) -> Self {
                    self.setup.timeout = timeout;
                    self
                }

                /// The `User-Agent` of the requests. If not set, it is name and version of this
                /// crate, and with an HTTP client of your own that client's.
                pub fn user_agent(mut self, name: impl Into<String>) -> Self {
                    self.setup.user_agent = Some(name.into());
                    self
                }

                /// Uses an HTTP client of your own, with its time-outs, proxies and redirections
                /// as you set them.
                pub fn http_client(mut self, http: reqwest::Client) -> Self {
                    self.setup.http = Some(http);
                    self
                }

                /// Builds the client.
                ///
                /// # Errors
                /// The setting that cannot be used.
                pub fn build(self) -> Result<Client, setup::ConfigError> {
                    let core = setup::Core::new(self.setup, &self.secret)?;
                    Ok(Client { core: Arc::new(core), #(#idents: self.#idents,)* })
                }
            }
    }
}
