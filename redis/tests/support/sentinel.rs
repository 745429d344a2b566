//! Master, replica and sentinels.

use super::{Server, eventually};

/// The name of the master.
pub(crate) const NAME: &str = "sessions";

/// Master with one replica, watched by sentinels.
pub(crate) struct Sentinels {
    pub(crate) servers: [Server; 2],
    pub(crate) sentinels: Vec<Server>,
}

impl Sentinels {
    /// Starts all of them, with these options for master and replica.
    pub(crate) fn start(sentinels: usize, options: &[&str]) -> Self {
        let master = Server::start(options);
        let of = format!("replicaof 127.0.0.1 {}", master.port);
        let replica = Server::start(&[options, &[&of]].concat());
        eventually("the replica is in step", || {
            replica.cli(&["INFO", "replication"]).contains("master_link_status:up")
        });
        let quorum = sentinels / 2 + 1;
        let monitor = format!("sentinel monitor {NAME} 127.0.0.1 {} {quorum}", master.port);
        let down = format!("sentinel down-after-milliseconds {NAME} 500");
        let limit = format!("sentinel failover-timeout {NAME} 3000");
        let sentinels: Vec<Server> =
            (0..sentinels).map(|_| Server::start(&[&monitor, &down, &limit])).collect();
        for sentinel in &sentinels {
            eventually("each sentinel knows all others and the replica", || {
                let state = sentinel.cli(&["SENTINEL", "MASTER", NAME]);
                let value = |name: &str| {
                    let mut lines = state.lines().skip_while(|line| *line != name).skip(1);
                    lines.next().and_then(|value| value.parse::<usize>().ok())
                };
                value("num-slaves") == Some(1)
                    && value("num-other-sentinels") == Some(sentinels.len() - 1)
            });
        }
        Self { servers: [master, replica], sentinels }
    }

    /// Returns the URLs of the sentinels.
    pub(crate) fn urls(&self) -> Vec<String> {
        self.sentinels.iter().map(Server::url).collect()
    }

    /// Makes the replica the master, as an operator does. A sentinel that has just
    /// met a replica does not take it at once.
    pub(crate) fn fail_over(&self) {
        eventually("a failover begins", || {
            self.sentinels[0].cli(&["SENTINEL", "FAILOVER", NAME]) == "OK"
        });
    }

    /// Returns the port of the master, as the first sentinel knows it.
    pub(crate) fn master(&self) -> u16 {
        let reply = self.sentinels[0].cli(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME]);
        reply.lines().nth(1).and_then(|port| port.parse().ok()).expect("a port")
    }
}
