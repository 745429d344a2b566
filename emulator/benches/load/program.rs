//! Emulator as a process of its own, so that its costs can be measured.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

/// Running emulator. It is killed when this is dropped.
pub(crate) struct Program {
    child: Child,
    /// Pipe that stays open for the program to write to.
    _output: BufReader<ChildStdout>,
    /// Host and port of the API.
    pub(crate) address: String,
    pub(crate) app: String,
    pub(crate) secret: String,
}

impl Program {
    /// Starts an emulator on free ports, without a line for each request: the one of this build, or
    /// the one at the path in `EMULATOR`, for figures of two builds side by side.
    pub(crate) fn start() -> Self {
        let program = std::env::var_os("EMULATOR")
            .unwrap_or_else(|| env!("CARGO_BIN_EXE_cloudflare-calls-emulator").into());
        let mut child = Command::new(program)
            .args(["--port", "0", "--udp-port", "0"])
            .env("RUST_LOG", "warn")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let (mut app, mut secret) = Default::default();
        loop {
            let mut line = String::new();
            assert!(output.read_line(&mut line).unwrap() > 0, "the emulator has not started");
            match *line.split_whitespace().collect::<Vec<_>>() {
                ["app", id, "secret", text] => (app, secret) = (id.to_owned(), text.to_owned()),
                ["ready", "on", url] => {
                    let address = url.strip_prefix("http://").unwrap().strip_suffix("/v1").unwrap();
                    let address = address.to_owned();
                    return Self { child, _output: output, address, app, secret };
                }
                _ => {}
            }
        }
    }

    /// Returns the time that its threads have run so far, to the nanosecond.
    pub(crate) fn cpu(&self) -> Duration {
        cpu(self.child.id())
    }

    /// Returns its resident memory, in bytes.
    pub(crate) fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        let kibibytes: u64 = line.trim().strip_suffix(" kB").unwrap().parse().unwrap();
        kibibytes * 1024
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns the time that the threads of a process have run so far, to the nanosecond.
pub(crate) fn cpu(process: u32) -> Duration {
    let tasks = std::fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let nanos = |task: std::io::Result<std::fs::DirEntry>| -> u64 {
        let stat = std::fs::read_to_string(task.unwrap().path().join("schedstat")).unwrap();
        stat.split_whitespace().next().unwrap().parse().unwrap()
    };
    let nanos = tasks.map(nanos).sum();
    assert!(nanos > 0, "this kernel does not say for how long threads have run");
    Duration::from_nanos(nanos)
}
