//! `cargo xtask corpus`.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use cloudflare_calls_codegen::{
    Document, Generated, Options, Overlay, Part, StalePolicy, generate,
};

use crate::{Failure, Outcome, bundle, compile};

/// Exits 1 if a document is refused, or its generated text does not compile.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Folder of documents (JSON or YAML).
    folder: PathBuf,
    /// Compile the generated texts in one crate that allows no warning.
    #[arg(long)]
    compile: bool,
    /// Refuse a document if a part of it would be left out.
    #[arg(long)]
    strict: bool,
    /// List details that are left out, too, and not operations alone.
    #[arg(long)]
    details: bool,
    /// Keep the crate in this folder, which must be empty.
    #[arg(long, requires = "compile")]
    keep: Option<PathBuf>,
}

/// Result of one document.
struct Entry {
    name: String,
    present: usize,
    time: Duration,
    generated: Result<Generated, String>,
}

pub(crate) async fn run(arguments: Arguments) -> Outcome {
    let entries: Vec<Entry> =
        documents(&arguments.folder)?.iter().map(|path| expand(path, arguments.strict)).collect();
    print!("{}", table(&entries, arguments.details));
    let refused = entries.iter().filter(|entry| entry.generated.is_err()).count();
    if arguments.compile {
        let modules: Vec<(String, String)> = entries
            .iter()
            .filter_map(|entry| {
                let generated = entry.generated.as_ref().ok()?;
                Some((module(&entry.name), bundle::standalone(generated)))
            })
            .collect();
        compile::check_modules(&modules, arguments.keep.as_deref()).await?;
        println!("{} documents compile", modules.len());
    }
    match refused {
        0 => Ok(()),
        some => Err(Failure::Differs(format!("{some} documents are refused"))),
    }
}

/// Lists the documents of a folder, sorted by name.
fn documents(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let failed = |error| Failure::Input(format!("{}: {error}", folder.display()));
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let ending = path.extension().and_then(|ending| ending.to_str());
        if matches!(ending, Some("json" | "yaml" | "yml")) {
            found.push(path);
        }
    }
    found.sort();
    match found.is_empty() {
        true => Err(Failure::Input(format!("{}: there is no document", folder.display()))),
        false => Ok(found),
    }
}

fn expand(path: &Path, strict: bool) -> Entry {
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    let started = Instant::now();
    let options = Options::default().stale(StalePolicy::Report).strict(strict);
    let document = Document::from_path(path).map_err(|error| error.to_string());
    let present = document.as_ref().map(Document::operations).unwrap_or_default();
    let generated = document.and_then(|document| {
        generate(&document, &Overlay::empty(), &options).map_err(|error| error.to_string())
    });
    Entry { name, present, time: started.elapsed(), generated }
}

fn table(entries: &[Entry], details: bool) -> String {
    let mut text = String::new();
    let (mut accepted, mut emitted, mut present) = (0, 0, 0);
    for Entry { name, present: of, time, generated } in entries {
        present += of;
        let ms = time.as_millis();
        let _ = match generated {
            Err(reason) => writeln!(text, "{name:<40} refused: {reason}"),
            Ok(generated) => {
                accepted += 1;
                emitted += generated.operations;
                let lines = generated.text.lines().count();
                let count = format!("{} of {of}", generated.operations);
                writeln!(text, "{name:<40} {count:>12} operations {lines:>7} lines {ms:>6} ms")
            }
        };
        let left_out = generated.iter().flat_map(|generated| &generated.left_out);
        for missing in left_out.filter(|one| details || one.part == Part::Operation) {
            let _ = writeln!(text, "    {missing}");
        }
    }
    let total = entries.len();
    let _ = writeln!(
        text,
        "{accepted} of {total} documents accepted, {emitted} of {present} operations emitted"
    );
    text
}

/// Makes a module's name of a file's name.
fn module(file: &str) -> String {
    let words = file.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.fold("of".to_owned(), |name, word| format!("{name}_{}", word.to_ascii_lowercase()))
}
