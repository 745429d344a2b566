//! Tasks of this repository. Exit codes: 0 fine, 1 differs (`--check`), breaks
//! (`diff`, `regenerate`), does not compile (`regenerate`, `corpus`), is refused (`corpus`)
//! or does not pass (`ci`), 2 bad usage or input, 130 interrupted.

mod bundle;
mod checkout;
mod ci;
mod compile;
mod corpus;
mod cut;
mod diagram;
mod diff;
mod documents;
mod expand;
mod links;
mod regenerate;
mod source;

use std::fmt;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Tasks of this repository", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Follow the published document: fetch, compare, generate, replace.
    Regenerate(regenerate::Arguments),
    /// List the changes between two documents, and their effect on a client.
    Diff(diff::Arguments),
    /// Write the code that any document generates, without touching the checkout.
    Expand(expand::Arguments),
    /// Run steps of the checks that a change has to pass.
    Ci(ci::Arguments),
    /// Report the result for each document of a folder.
    Corpus(corpus::Arguments),
    /// Draw the pictures of the README.
    Diagram(diagram::Arguments),
    /// Follow the links of the Markdown files.
    Links(links::Arguments),
}

/// Reason why a task failed.
enum Failure {
    /// The inputs are fine, but the files differ, a change breaks, or the generated text
    /// does not compile.
    Differs(String),
    /// An input cannot be used.
    Input(String),
    /// Ctrl-C came before a file was changed.
    Interrupted,
}

impl Failure {
    fn input(error: impl fmt::Display) -> Self {
        Self::Input(error.to_string())
    }
}

type Outcome = Result<(), Failure>;

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Regenerate(arguments) => regenerate::run(arguments).await,
        Command::Diff(arguments) => diff::run(&arguments),
        Command::Expand(arguments) => expand::run(arguments).await,
        Command::Ci(arguments) => ci::run(&arguments),
        Command::Corpus(arguments) => corpus::run(arguments).await,
        Command::Diagram(arguments) => diagram::run(&arguments),
        Command::Links(arguments) => links::run(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Differs(message)) => {
            eprintln!("{message}");
            ExitCode::from(1)
        }
        Err(Failure::Input(message)) => {
            eprintln!("error: {message}");
            ExitCode::from(2)
        }
        Err(Failure::Interrupted) => {
            eprintln!("interrupted: nothing was changed");
            ExitCode::from(130)
        }
    }
}
