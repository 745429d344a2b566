//! Source of connections.

use std::time::Duration;

use redis::aio::AsyncPushSender;
use redis::cluster::ClusterClientBuilder;
use redis::sentinel::SentinelClient;
use redis::{AsyncConnectionConfig, Client, RedisResult};

use super::Connection;

/// Source of connections.
pub(crate) enum Source {
    /// One server.
    Server(Box<Client>),
    /// The master that sentinels name. They are asked for each connection.
    Sentinel(Box<SentinelClient>),
    /// The nodes of a cluster, as settings, because the receiver of messages is one of them.
    Cluster(Box<dyn Fn() -> ClusterClientBuilder + Send + Sync>),
}

impl Source {
    /// Makes a connection. The server's own messages go to `push`.
    pub(crate) async fn connect(
        &mut self,
        limit: Duration,
        push: impl AsyncPushSender,
    ) -> RedisResult<Connection> {
        let config = || {
            AsyncConnectionConfig::new()
                .set_connection_timeout(Some(limit))
                .set_response_timeout(Some(limit))
        };
        Ok(match self {
            Self::Server(client) => {
                let config = config().set_push_sender(push);
                Connection::One(client.get_multiplexed_async_connection_with_config(&config).await?)
            }
            Self::Sentinel(client) => {
                let config = config().set_push_sender(push);
                Connection::One(client.get_async_connection_with_config(&config).await?)
            }
            Self::Cluster(builder) => {
                let client = builder().push_sender(push).build()?;
                Connection::Cluster(client.get_async_connection().await?)
            }
        })
    }

    /// Returns the time limit of an attempt. It is doubled where sentinels, or
    /// nodes of a cluster, are asked first.
    pub(crate) fn limit(&self, limit: Duration) -> Duration {
        match self {
            Self::Server(_) => limit,
            Self::Sentinel(_) | Self::Cluster(_) => limit.saturating_mul(2),
        }
    }

    /// Returns whether a connection repairs itself. If so, another one is made beside it.
    pub(crate) fn repairs_itself(&self) -> bool {
        matches!(self, Self::Cluster(_))
    }
}
