//! Balancer in front of the backend: haproxy.

use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::support::{eventually, free_port};

/// Balancer that gives each request to the next process in turn. A request whose connection was
/// refused goes to another process. A request that was sent is never sent again. Without a process
/// the reply is 503, and if a process dies over a request it is 502. Connections are not kept: on a
/// kept one haproxy closes instead of a 502.
pub(crate) struct Balancer {
    pub(crate) url: String,
    child: Child,
    _folder: TempDir,
}

impl Balancer {
    pub(crate) fn start(ports: impl IntoIterator<Item = u16>) -> Self {
        let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
        let mut text = format!(
            "defaults\n  mode http\n  maxconn 4000\n  timeout connect 1s\n  timeout client 90s\n  \
             timeout server 90s\n  retries 3\n  retry-on conn-failure\n  option redispatch 1\n  \
             option httpclose\n  http-reuse never\n\
             frontend agents\n  bind 127.0.0.1:{port}\n  default_backend replicas\n\
             backend replicas\n  balance roundrobin\n  option httpchk GET /health\n  \
             default-server check inter 200ms fall 2 rise 1\n"
        );
        for (place, port) in ports.into_iter().enumerate() {
            text += &format!("  server replica-{place} 127.0.0.1:{port}\n");
        }
        let file = folder.path().join("haproxy.cfg");
        std::fs::write(&file, text).unwrap();
        let mut command = Command::new("haproxy");
        command.arg("-db").arg("-f").arg(&file).stdin(Stdio::null());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().unwrap_or_else(|error| {
            panic!("haproxy does not start ({error}). Install it: apt-get install haproxy")
        });
        let balancer = Self { url: format!("http://127.0.0.1:{port}"), child, _folder: folder };
        eventually("the balancer is there", || {
            std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        balancer
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
