//! Servers that help an agent to connect: STUN tells it its public address, TURN relays its
//! packets.
//!
//! The SFU has a public address, so [`IceServers::stun`] is enough for most
//! agents. One whose network lets no UDP out needs TURN: with the feature `turn`,
//! `TurnClient` gets short-lived credentials for Cloudflare's.

#[cfg(feature = "turn")]
mod turn;

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use serde::de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[cfg(feature = "turn")]
pub use self::turn::{
    GenerateIceServers, MAX_TTL, RevokeCredentials, TurnClient, TurnClientBuilder, TurnError,
    TurnKeyId,
};
use crate::runtime::redaction::Hidden;

/// Cloudflare's STUN server, which needs no credentials.
pub const STUN_URL: &str = "stun:stun.cloudflare.com:3478";

/// Port of DNS. Cloudflare's servers listen on it for networks that let nothing else out. Browsers
/// refuse to connect to it.
const DNS_PORT: u16 = 53;

/// STUN or TURN server, as `RTCIceServer` of the W3C's WebRTC recommendation describes it.
///
/// Serialising writes the credential, on purpose: the agent cannot do without it.
/// `Debug` output has neither the credential nor the username, by which the
/// credential can be revoked.
///
/// ```
/// use cloudflare_calls::SecretString;
/// use cloudflare_calls::ice::IceServer;
///
/// let relay = IceServer::new(["turn:relay.example:3478?transport=udp"])
///     .credentials("agent 7", SecretString::from("w0rd"));
/// assert_eq!(
///     serde_json::to_string(&relay)?,
///     r#"{"urls":["turn:relay.example:3478?transport=udp"],"username":"agent 7","credential":"w0rd"}"#,
/// );
/// assert!(!format!("{relay:?}").contains("w0rd"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct IceServer {
    #[serde(deserialize_with = "one_or_more")]
    urls: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<Hidden>,
    #[serde(default, deserialize_with = "read_secret")]
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "write_secret")]
    credential: Option<SecretString>,
}

impl IceServer {
    /// Creates a server at these URLs, of the schemes `stun`, `turn` (RFC 7064, RFC 7065) and
    /// `turns`. They are not checked.
    pub fn new(urls: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { urls: urls.into_iter().map(Into::into).collect(), username: None, credential: None }
    }

    /// Sets the agent's credentials. Every TURN server needs them.
    pub fn credentials(mut self, username: impl Into<String>, credential: SecretString) -> Self {
        self.username = Some(username.into().into());
        self.credential = Some(credential);
        self
    }

    /// Returns the URLs of the server, in order of preference.
    pub fn urls(&self) -> &[String] {
        &self.urls
    }

    /// Returns the username.
    pub fn username(&self) -> Option<&str> {
        self.username.as_deref()
    }

    /// Returns the password.
    pub fn credential(&self) -> Option<&SecretString> {
        self.credential.as_ref()
    }
}

/// ICE servers of an agent: the list that `RTCPeerConnection` takes as `iceServers`.
///
/// Serialising yields that array, credentials included. Deserialising takes the
/// array, or an object that has it as `iceServers`, as TURN's reply does.
///
/// ```
/// use cloudflare_calls::ice::IceServers;
///
/// assert_eq!(
///     serde_json::to_string(&IceServers::stun())?,
///     r#"[{"urls":["stun:stun.cloudflare.com:3478"]}]"#,
/// );
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub struct IceServers(Vec<IceServer>);

impl IceServers {
    /// Returns Cloudflare's STUN server ([`STUN_URL`]) alone, which is the default.
    pub fn stun() -> Self {
        Self(vec![IceServer::new([STUN_URL])])
    }

    /// Adds a server behind the others.
    pub fn push(&mut self, server: IceServer) {
        self.0.push(server);
    }

    /// Returns the number of servers.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether there is no server.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the servers in their order.
    pub fn iter(&self) -> std::slice::Iter<'_, IceServer> {
        self.0.iter()
    }

    /// Removes URLs with port 53, which browsers block, so that an attempt only costs time. Removes
    /// servers without any other URL, because `RTCPeerConnection` refuses an empty list.
    pub fn for_browsers(mut self) -> Self {
        for server in &mut self.0 {
            server.urls.retain(|url| port(url) != Some(DNS_PORT));
        }
        self.0.retain(|server| !server.urls.is_empty());
        self
    }
}

impl Default for IceServers {
    fn default() -> Self {
        Self::stun()
    }
}

impl FromIterator<IceServer> for IceServers {
    fn from_iter<I: IntoIterator<Item = IceServer>>(servers: I) -> Self {
        Self(servers.into_iter().collect())
    }
}

impl Extend<IceServer> for IceServers {
    fn extend<I: IntoIterator<Item = IceServer>>(&mut self, servers: I) {
        self.0.extend(servers);
    }
}

impl IntoIterator for IceServers {
    type Item = IceServer;
    type IntoIter = std::vec::IntoIter<IceServer>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a IceServers {
    type Item = &'a IceServer;
    type IntoIter = std::slice::Iter<'a, IceServer>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<'de> Deserialize<'de> for IceServers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Servers;

        impl<'de> Visitor<'de> for Servers {
            type Value = IceServers;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of ICE servers")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<IceServers, A::Error> {
                let mut servers = Vec::new();
                while let Some(server) = list.next_element()? {
                    servers.push(server);
                }
                Ok(IceServers(servers))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut reply: A) -> Result<IceServers, A::Error> {
                let mut servers = None;
                while let Some(key) = reply.next_key::<String>()? {
                    match key.as_str() {
                        "iceServers" => servers = Some(IceServers(reply.next_value()?)),
                        _ => drop(reply.next_value::<IgnoredAny>()?),
                    }
                }
                servers.ok_or_else(|| Error::missing_field("iceServers"))
            }
        }

        deserializer.deserialize_any(Servers)
    }
}

/// Returns the port of a STUN or TURN URL (RFC 7064 section 3.1, RFC 7065 section 3.1), if it names
/// one.
fn port(url: &str) -> Option<u16> {
    let (_scheme, rest) = url.split_once(':')?;
    let host_and_port = rest.split_once('?').map_or(rest, |(before, _query)| before);
    let port = match host_and_port.strip_prefix('[') {
        Some(ipv6) => ipv6.split_once(']')?.1.strip_prefix(':')?,
        None => host_and_port.split_once(':')?.1,
    };
    port.parse().ok()
}

/// Reads `urls`, which may be a single string.
fn one_or_more<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    struct Urls;

    impl<'de> Visitor<'de> for Urls {
        type Value = Vec<String>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a URL or a list of URLs")
        }

        fn visit_str<E: Error>(self, url: &str) -> Result<Vec<String>, E> {
            Ok(vec![url.to_owned()])
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<String>, A::Error> {
            let mut urls = Vec::new();
            while let Some(url) = list.next_element()? {
                urls.push(url);
            }
            Ok(urls)
        }
    }

    deserializer.deserialize_any(Urls)
}

fn read_secret<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<SecretString>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.map(SecretString::from))
}

fn write_secret<S: Serializer>(
    secret: &Option<SecretString>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    secret.as_ref().map(ExposeSecret::expose_secret).serialize(serializer)
}
