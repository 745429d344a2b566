//! Cluster of servers.

use super::{Server, eventually};

/// Cluster of primaries with an equal part of the slots each, and a replica of each if they are
/// asked for.
pub(crate) struct Cluster {
    pub(crate) nodes: Vec<Server>,
}

impl Cluster {
    /// Starts a cluster.
    pub(crate) fn start(primaries: usize, replicas: bool, options: &[&str]) -> Self {
        let count = if replicas { 2 * primaries } else { primaries };
        let own = ["cluster-enabled yes", "cluster-node-timeout 1500"];
        let options = [&own, options].concat();
        let nodes: Vec<Server> = (0..count).map(|_| Server::start(&options)).collect();
        for (place, node) in nodes.iter().enumerate() {
            let epoch = (place + 1).to_string();
            node.cli(&["CLUSTER", "SET-CONFIG-EPOCH", &epoch]);
            if place < primaries {
                let (from, to) = (place * 16384 / primaries, (place + 1) * 16384 / primaries - 1);
                node.cli(&["CLUSTER", "ADDSLOTSRANGE", &from.to_string(), &to.to_string()]);
            }
            nodes[0].cli(&["CLUSTER", "MEET", "127.0.0.1", &node.port.to_string()]);
        }
        let cluster = Self { nodes };
        cluster.ready(count);
        for place in primaries..count {
            let primary = cluster.nodes[place - primaries].cli(&["CLUSTER", "MYID"]);
            cluster.nodes[place].cli(&["CLUSTER", "REPLICATE", &primary]);
        }
        for node in &cluster.nodes[primaries..] {
            eventually("each replica is in step", || {
                node.cli(&["INFO", "replication"]).contains("master_link_status:up")
            });
        }
        cluster.ready(count);
        cluster
    }

    /// Returns the URLs of all nodes.
    pub(crate) fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(Server::url).collect()
    }

    /// Waits until all nodes that run know this number of nodes and serve all slots.
    pub(crate) fn ready(&self, count: usize) {
        let known = format!("cluster_known_nodes:{count}");
        for node in &self.nodes {
            eventually("each node knows the cluster", || {
                let state = node.cli(&["CLUSTER", "INFO"]);
                state.contains("cluster_state:ok") && state.contains(&known)
            });
        }
    }
}
