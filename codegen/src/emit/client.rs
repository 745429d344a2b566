//! `Client` and its builder: app, secret, base URL, time-out.

use std::collections::HashSet;

use proc_macro2::TokenStream;
use quote::quote;

use super::{Docs, ident, ty, unions};
use crate::model::Model;
use crate::names;
use crate::security::{self, Scheme};

/// Writes the client and its builder.
pub(super) fn items(model: &Model, docs: &Docs) -> TokenStream {
    let idents: Vec<_> = model.held.iter().map(|held| ident(&held.ident)).collect();
    let types: Vec<_> =
        model.held.iter().map(|held| ty::spelled(&held.ty, &quote!(types::))).collect();
    let (base_url, title) = (&model.base_url, &model.title);
    let shown = model.held.iter().map(|held| held.ident.as_str());
    let getters = model.held.iter().zip(&idents).zip(&types).map(|((held, ident), ty)| {
        let docs = docs.paragraphs(&[&held.description]);
        let fallback =
            held.description.is_empty().then(|| quote!(#[doc = " As given to the builder."]));
        quote! {
            #docs #fallback
            pub fn #ident(&self) -> &#ty {
                &self.#ident
            }
        }
    });
    let bearer = model.operations.iter().all(|operation| security::is_bearer(&operation.security));
    let secret = match bearer {
        true => "The secret is sent as a bearer token with every request and never shown.",
        false => {
            "The secret is sent with every request in the way that the API's document says, \
                  and never shown."
        }
    };
    let cheap = "A clone shares the connections of the original and costs no more than a few \
                 reference counts.";
    let summary =
        docs.paragraphs(&[&format!("A client of the {title}."), &format!("{cheap} {secret}")]);
    let is_chosen = model.has_choice_of_schemes();
    let scheme = is_chosen.then(|| quote!(pub(crate) scheme: Option<runtime::security::Scheme>,));
    let no_scheme = is_chosen.then(|| quote!(scheme: None,));
    let own_scheme = is_chosen.then(|| quote!(scheme: self.scheme,));
    let choose = is_chosen.then(|| {
        quote! {
            /// Sends the secret in this way wherever an operation permits it. Without it,
            /// or where it is not permitted, the first way that the document names for
            /// the operation is taken.
            pub fn send_secret_as(mut self, scheme: runtime::security::Scheme) -> Self {
                self.scheme = Some(scheme);
                self
            }
        }
    });
    let setters = secret_setters(model, docs);
    let has_several = !setters.is_empty();
    let secrets = has_several.then(|| quote!(pub(crate) secrets: runtime::security::Secrets,));
    let secrets_to_be = has_several.then(|| quote!(secrets: Vec<(&'static str, SecretString)>,));
    let no_secrets = has_several.then(|| quote!(secrets: Vec::new(),));
    let own_secrets =
        has_several.then(|| quote!(secrets: runtime::security::Secrets::new(&self.secrets)?,));
    let server_setters = server_setters(model, docs);
    let has_servers = !server_setters.is_empty();
    let servers = has_servers.then(|| quote!(pub(crate) servers: runtime::servers::Servers,));
    let servers_to_be = has_servers.then(|| quote!(servers: Vec<(&'static str, String)>,));
    let no_servers = has_servers.then(|| quote!(servers: Vec::new(),));
    let find_servers = has_servers.then(|| {
        let documented = model.servers().into_iter();
        quote! {
            let servers = runtime::servers::Servers::new(
                &[#(#documented),*], &self.servers, &self.setup, DEFAULT_BASE_URL,
            )?;
        }
    });
    let own_servers = has_servers.then(|| quote!(servers,));
    quote! {
            use std::{fmt, sync::Arc};

            use runtime::setup;
            use secrecy::SecretString;

            /// URL of the API, as published.
            pub const DEFAULT_BASE_URL: &str = #base_url;
            #summary
            #[derive(Clone)]
            pub struct Client {
                pub(crate) core: Arc<setup::Core>,
                #scheme
                #secrets
                #servers
                #(#idents: #types,)*
            }
            impl Client {
                /// Creates a client with the default base URL, time-outs and HTTP client.
                ///
                /// # Errors
                /// [`ConfigError::Secret`](setup::ConfigError::Secret) or
                /// [`ConfigError::Http`](setup::ConfigError::Http).
                pub fn new(#(#idents: #types,)* secret: SecretString) -> Result<Self, setup::ConfigError> {
                    Self::builder(#(#idents,)* secret).build()
                }

                /// Creates the builder of a client, whose defaults can be changed.
                pub fn builder(#(#idents: #types,)* secret: SecretString) -> ClientBuilder {
                    ClientBuilder {
                        #(#idents,)*
                        secret,
                        #no_scheme
                        #no_secrets
                        #no_servers
                        setup: setup::Setup::new(DEFAULT_BASE_URL),
                    }
                }

                #(#getters)*

                /// Returns the URL to which requests are sent.
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
                #scheme
                #secrets_to_be
                #servers_to_be
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

                /// Sets the time that an operation may take, by default
                /// [`DEFAULT_TIMEOUT`](setup::DEFAULT_TIMEOUT). Without effect on an HTTP client of
                /// your own.
                pub fn timeout(mut self, timeout: std::time::Duration) -> Self {
                    self.setup.timeout = timeout;
                    self
                }

                /// Sets the `User-Agent` of the requests. If not set, it is name and version of this
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

                #choose
                #(#setters)*
                #(#server_setters)*

                /// Builds the client.
                ///
                /// # Errors
                /// The setting that cannot be used.
                pub fn build(self) -> Result<Client, setup::ConfigError> {
                    #find_servers
                    let core = setup::Core::new(self.setup, &self.secret)?;
                    Ok(Client {
                        core: Arc::new(core),
                        #own_scheme #own_secrets #own_servers
                        #(#idents: self.#idents,)*
                    })
                }
            }
    }
}

/// Writes the setter of each scheme that can have a secret of its own.
fn secret_setters(model: &Model, docs: &Docs) -> Vec<TokenStream> {
    let mut taken = HashSet::new();
    let setter = |(name, scheme): (&str, &Scheme)| {
        let spell = |name: &str| names::field_name_or(&format!("secret_of_{name}"), "secret_of");
        let method = ident(&names::free(&spell(name), str::to_owned, &mut taken));
        let sent = match scheme {
            Scheme::Bearer => "a bearer token".to_owned(),
            Scheme::Basic => "a name and a password with a colon between them".to_owned(),
            Scheme::Header(name) => format!("the header `{name}`"),
            Scheme::Query(name) => format!("the query parameter `{name}`"),
            Scheme::Cookie(name) => format!("the cookie `{name}`"),
        };
        let docs = docs.paragraphs(&[
            &format!("Sets the secret of the scheme `{}`: {sent}.", unions::plain(name)),
            "A scheme without a secret of its own takes that of the client. Where an operation \
             wants several schemes together, one of them can do so.",
        ]);
        quote! {
            #docs
            pub fn #method(mut self, secret: SecretString) -> Self {
                self.secrets.push((#name, secret));
                self
            }
        }
    };
    model.schemes().into_iter().map(setter).collect()
}

/// Writes the setter of each server that operations have instead of the base URL.
fn server_setters(model: &Model, docs: &Docs) -> Vec<TokenStream> {
    let mut taken = HashSet::new();
    let setter = |server: &str| {
        let host = server.split_once("//").map_or(server, |(_, host)| host).trim_matches('/');
        let host = if host.is_empty() { "root" } else { host };
        let spell =
            |name: &str| names::field_name_or(&format!("base_url_of_{name}"), "base_url_of");
        let method = ident(&names::free(&spell(host), str::to_owned, &mut taken));
        let otherwise = match server.contains("//") {
            true => format!(
                "Without it they are sent to `{server}`, or to the base URL if another one than \
                 `DEFAULT_BASE_URL` is set."
            ),
            false => "Without it they are sent to this path of the base URL's host.".to_owned(),
        };
        let docs = docs.paragraphs(&[
            &format!("Sets the URL of the operations whose server is `{server}`."),
            &otherwise,
            "It is an absolute `https` URL, or an `http` URL of this machine if the base URL is one, \
             too.",
        ]);
        quote! {
            #docs
            pub fn #method(mut self, base_url: impl Into<String>) -> Self {
                self.servers.push((#server, base_url.into()));
                self
            }
        }
    };
    model.servers().into_iter().map(setter).collect()
}
