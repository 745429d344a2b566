//! `cargo xtask ci`: the steps that have to pass before a change is taken.

use std::path::Path;
use std::process::Command;

use crate::{Failure, Outcome};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Steps to run; all of them, if none is named.
    steps: Vec<String>,
    /// Print the names of the steps.
    #[arg(long)]
    list: bool,
}

/// Runs steps of `.ci/run`, which installs what they need.
pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.ci/run");
    let mut script = Command::new(script);
    if arguments.list {
        script.arg("--list");
    }
    let status = script.args(&arguments.steps).status().map_err(Failure::input)?;
    match status.code() {
        Some(0) => Ok(()),
        Some(2) => Err(Failure::Input("there is no such step".to_owned())),
        _ => Err(Failure::Differs("a step did not pass".to_owned())),
    }
}
