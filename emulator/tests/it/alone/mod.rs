//! Tests in a process of their own, because they look at the memory, the files or the logs of all
//! that runs in it.

mod hostile;
mod leaks;
mod logs;

use std::env;
use std::process::Command;

/// Set in the process of such a test.
const IS_ALONE: &str = "CLOUDFLARE_CALLS_TEST_IS_ALONE";

/// Runs the test of this name: this program is started again, with that test alone. The name has
/// the module's before it.
fn alone(name: &str, test: impl Future<Output = ()>) {
    if env::var_os(IS_ALONE).is_some() {
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        return runtime.worker_threads(2).enable_all().build().unwrap().block_on(test);
    }
    let name = format!("alone::{name}");
    let program = env::current_exe().unwrap();
    let mut command = Command::new(program);
    command.args(["--exact", &name, "--nocapture"]).env(IS_ALONE, "yes");
    let output = command.output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    print!("{told}");
    eprint!("{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && told.contains(" 1 passed;"), "{name}: {}", output.status);
}
