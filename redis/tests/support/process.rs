//! Server process.

use std::env;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Longest wait for a server.
const PATIENCE: Duration = Duration::from_secs(30);

/// Environment variable with the absolute path of `valkey-server`. If it is set, that is started in
/// the place of `redis-server`.
pub(crate) const VALKEY: &str = "VALKEY_SERVER";

/// Ends a process at once, if there is one.
pub(crate) fn kill(child: &mut Option<Child>) {
    if let Some(mut child) = child.take() {
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// Running `redis-server` or `valkey-server`, in a folder of its own, which outlives a restart.
pub(crate) struct Server {
    pub(crate) port: u16,
    folder: TempDir,
    options: Vec<String>,
    /// User and password of `cli`.
    login: Vec<String>,
    child: Option<Child>,
}

impl Server {
    /// Starts a server with options as in its file, as `["appendonly", "yes"]`.
    pub(crate) fn start(options: &[&str]) -> Self {
        Self::start_as(options, &[])
    }

    /// Starts a server whose test commands need a login, as `["--user", …]`.
    pub(crate) fn start_as(options: &[&str], login: &[&str]) -> Self {
        let own = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect();
        let mut server = Self {
            port: free_port(),
            folder: tempfile::tempdir().expect("a folder"),
            options: own(options),
            login: own(login),
            child: None,
        };
        server.restart();
        server
    }

    /// Returns the URL without a login.
    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Ends it at once, as a crash does.
    pub(crate) fn kill(&mut self) {
        kill(&mut self.child);
    }

    /// Starts it again, on the same port and with the same files.
    pub(crate) fn restart(&mut self) {
        self.kill();
        let file = self.folder.path().join("redis.conf");
        if !file.exists() {
            let own = format!(
                "port {}\nbind 127.0.0.1\nsave \"\"\ndir {}\nlogfile server.log\nunixsocket socket\n",
                self.port,
                self.folder.path().display(),
            );
            std::fs::write(&file, own + &self.options.join("\n") + "\n").expect("a file");
        }
        let mut command = program(&env::var(VALKEY).unwrap_or_else(|_| "redis-server".into()));
        command.arg(&file).current_dir(self.folder.path());
        if self.options.iter().any(|option| option.starts_with("sentinel")) {
            command.arg("--sentinel");
        }
        self.child = Some(spawn(command));
        eventually("the server is there", || {
            let reply = self.cli(&["PING"]);
            // A sentinel and a loading server count as started, too.
            reply.starts_with("PONG")
        });
    }

    /// Pauses it for some time, in which it answers nothing and closes nothing.
    pub(crate) fn pause(&self) {
        self.signal("STOP");
    }

    /// Lets it run again.
    pub(crate) fn resume(&self) {
        self.signal("CONT");
    }

    /// Runs a command on it. Returns an error as its text.
    pub(crate) fn cli(&self, command: &[&str]) -> String {
        let mut cli = program("redis-cli");
        cli.args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "--no-auth-warning"]);
        cli.args(&self.login).args(command);
        let output = cli.output().expect("redis-cli runs");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    fn signal(&self, signal: &str) {
        let id = self.child.as_ref().expect("a running server").id().to_string();
        let status = Command::new("kill").args([&format!("-{signal}"), &id]).status();
        assert!(status.expect("kill runs").success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Waits until a condition holds.
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < PATIENCE, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(30));
    }
}

/// Returns a free port whose bus port of a cluster is free, too. Both are below the range that the
/// system gives to clients.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    loop {
        let offset = u16::try_from(std::process::id() % 80).expect("small") * 100;
        let port = 10_000 + offset + NEXT.fetch_add(1, Ordering::Relaxed) % 4000;
        let is_free = |port| TcpListener::bind(("127.0.0.1", port)).is_ok();
        if is_free(port) && is_free(port + 10_000) {
            return port;
        }
    }
}

/// Returns the command of a program.
fn program(name: &str) -> Command {
    let mut command = Command::new(name);
    command.stdin(Stdio::null());
    command
}

fn spawn(mut command: Command) -> Child {
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap_or_else(|error| {
        panic!(
            "{:?} does not start ({error}). These tests need Redis 7 or newer: apt-get install \
             redis-server (Debian), brew install redis (macOS). With {VALKEY} they start the \
             server at that path instead",
            command.get_program()
        )
    })
}
