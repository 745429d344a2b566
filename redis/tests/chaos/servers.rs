//! Servers of the store, and their faults.

use cloudflare_calls_redis::RedisStore;

use crate::support::{Cluster, NAME, Sentinels, Server, eventually};

/// Options of all servers: a confirmed write outlives a restart.
const OPTIONS: [&str; 2] = ["appendonly yes", "appendfsync always"];

/// Primaries of the cluster.
const PRIMARIES: usize = 3;

/// Kind of servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Topology {
    /// Master with a replica and three sentinels.
    Sentinels,
    /// Cluster of three masters with a replica each.
    Cluster,
}

/// Running servers.
pub(crate) enum Servers {
    Sentinels(Box<Sentinels>),
    Cluster(Cluster),
}

impl Topology {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sentinels => "sentinels",
            Self::Cluster => "cluster",
        }
    }
}

impl Servers {
    /// Starts servers that do not change a master by themselves, however slow the machine is.
    pub(crate) fn start(topology: Topology) -> Self {
        let servers = match topology {
            Topology::Sentinels => Self::Sentinels(Box::new(Sentinels::start(3, &OPTIONS))),
            Topology::Cluster => Self::Cluster(Cluster::start(PRIMARIES, true, &OPTIONS)),
        };
        servers.fail_over_after(60_000);
        servers
    }

    /// Returns the text that [`connect`] takes.
    pub(crate) fn store(&self) -> String {
        let (topology, urls) = match self {
            Self::Sentinels(servers) => (Topology::Sentinels, servers.urls()),
            Self::Cluster(cluster) => (Topology::Cluster, cluster.urls()),
        };
        format!("{} {}", topology.name(), urls.join(" "))
    }

    /// Returns the servers that have entries, or had them until they died.
    pub(crate) fn nodes(&self) -> &[Server] {
        match self {
            Self::Sentinels(servers) => &servers.servers,
            Self::Cluster(cluster) => &cluster.nodes,
        }
    }

    /// Returns the master that has the faults.
    pub(crate) fn master(&mut self) -> &mut Server {
        match self {
            Self::Sentinels(servers) => &mut servers.servers[0],
            Self::Cluster(cluster) => &mut cluster.nodes[0],
        }
    }

    /// Returns the replica of that master.
    pub(crate) fn replica(&self) -> &Server {
        match self {
            Self::Sentinels(servers) => &servers.servers[1],
            Self::Cluster(cluster) => &cluster.nodes[PRIMARIES],
        }
    }

    /// Waits until the replica has what its master has.
    pub(crate) fn in_step(&self) {
        eventually("the replica is in step", || {
            self.replica().cli(&["INFO", "replication"]).contains("master_link_status:up")
        });
    }

    /// Waits until the replica is a master.
    pub(crate) fn promoted(&self) {
        eventually("the replica is promoted", || {
            self.replica().cli(&["ROLE"]).starts_with("master")
        });
    }

    /// Sets the time after which a master that does not reply is replaced.
    pub(crate) fn fail_over_after(&self, millis: u32) {
        let millis = millis.to_string();
        let (watchers, set) = match self {
            Self::Sentinels(servers) => {
                (&servers.sentinels, vec!["SENTINEL", "SET", NAME, "down-after-milliseconds"])
            }
            Self::Cluster(cluster) => {
                (&cluster.nodes, vec!["CONFIG", "SET", "cluster-node-timeout"])
            }
        };
        for watcher in watchers {
            assert_eq!(watcher.cli(&[&set[..], &[&millis]].concat()), "OK");
        }
    }
}

/// Connects to the servers that a text of [`Servers::store`] names.
pub(crate) async fn connect(store: &str) -> RedisStore {
    let (topology, urls) = store.split_once(' ').unwrap();
    let urls = urls.split(' ');
    let builder = if topology == Topology::Cluster.name() {
        RedisStore::cluster(urls)
    } else {
        RedisStore::sentinel(NAME, urls)
    };
    builder.connect().await.unwrap()
}
