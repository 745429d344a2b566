//! Compilation of generated text, before it replaces text that compiles.
//!
//! The text is compiled alone, in a package of its own: the sources that use it may have to
//! follow a breaking change, and can do so only once the new text is there.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use sha2::{Digest, Sha256};

use crate::{Failure, Outcome};

/// `Cargo.toml` of the package, in which `NAME` stands for its name.
const MANIFEST: &str = include_str!("compile.toml");

/// Folder of this workspace, whose dependencies are used.
const WORKSPACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// Checks that `client`, which stands alone, compiles.
pub(crate) async fn check(client: String) -> Outcome {
    let modules = [("client".to_owned(), client)];
    let folder = tempfile::tempdir().map_err(unwritten)?;
    write(folder.path(), "pub mod client;\n", &modules).map_err(unwritten)?;
    let compiled = cargo_check(folder.path()).await?;
    compiled.map_err(|said| {
        Failure::Differs(format!("{said}\nthis does not compile; nothing was changed"))
    })
}

/// Checks that all of these modules compile, in one crate, without a warning. The crate
/// stays in `keep`, if that is given.
pub(crate) async fn check_modules(modules: &[(String, String)], keep: Option<&Path>) -> Outcome {
    let folder = tempfile::tempdir().map_err(unwritten)?;
    let folder = keep.unwrap_or(folder.path());
    let mut root = "//! Clients of many documents.\n#![deny(warnings, missing_docs)]\n".to_owned();
    for (name, _) in modules {
        root.push_str(&format!("/// A client.\npub mod {name};\n"));
    }
    write(folder, &root, modules).map_err(unwritten)?;
    let compiled = cargo_check(folder).await?;
    compiled.map_err(|said| Failure::Differs(format!("{said}\nthis does not compile")))
}

fn unwritten(error: std::io::Error) -> Failure {
    Failure::Input(format!("the package to compile: {error}"))
}

/// Runs the compiler on the package in `folder`. The inner error is its message.
async fn cargo_check(folder: &Path) -> Result<Result<(), String>, Failure> {
    let target = target().map_err(Failure::input)?;
    eprintln!("compiling what was generated");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = tokio::process::Command::new(&cargo)
        .args(["check", "--quiet", "--color", "never"])
        .current_dir(folder)
        .env("CARGO_TARGET_DIR", target)
        // The next check has another folder, so it could not use the files again.
        .env("CARGO_INCREMENTAL", "0")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|error| Failure::Input(format!("{}: {error}", Path::new(&cargo).display())))?;
    if output.status.success() {
        return Ok(Ok(()));
    }
    Ok(Err(String::from_utf8_lossy(&output.stderr).trim_end().to_owned()))
}

/// Writes a package with these modules into `folder`.
fn write(folder: &Path, root: &str, modules: &[(String, String)]) -> std::io::Result<()> {
    let path = |name: &str| folder.join(name);
    std::fs::create_dir_all(path("src"))?;
    // Cargo would take a package of another folder for the same one, and judge its content
    // by its age. So another text gets another name.
    let mut digest = Sha256::new();
    modules.iter().for_each(|(_, text)| digest.update(text));
    let name: String = digest.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let name = format!("regenerated-{name}");
    std::fs::write(path("Cargo.toml"), MANIFEST.replace("NAME", &name))?;
    // The versions that have been fetched already.
    std::fs::copy(Path::new(WORKSPACE).join("Cargo.lock"), path("Cargo.lock"))?;
    std::fs::write(path("src/lib.rs"), root)?;
    for (name, text) in modules {
        std::fs::write(path(&format!("src/{name}.rs")), text)?;
    }
    Ok(())
}

/// Returns the folder of compiled dependencies, which the next check uses again.
fn target() -> std::io::Result<PathBuf> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    std::path::absolute(target.unwrap_or_else(|| Path::new(WORKSPACE).join("target")))
}

#[cfg(test)]
mod tests {
    use cloudflare_calls_codegen::{Options, generate};

    use super::*;

    #[test]
    fn the_package_has_the_crates_that_generated_text_names() {
        let of_formats = crate::bundle::OF_FORMATS.map(|(_, line)| line);
        for line in crate::bundle::DEPENDENCIES.into_iter().chain(of_formats) {
            let (name, _) = line.split_once(" = ").unwrap();
            assert!(MANIFEST.contains(&format!("\n{name} = ")), "{name}");
        }
    }

    #[tokio::test]
    async fn text_that_parses_but_does_not_compile_is_refused() {
        let checkout = crate::checkout::Checkout::at(None);
        let (document, overlay) =
            (checkout.document().ok().unwrap(), checkout.overlay().ok().unwrap());
        let client =
            crate::bundle::standalone(&generate(&document, &overlay, &Options::default()).unwrap());
        // A parser takes this for Rust, the compiler does not.
        let broken = client.clone() + "\npub fn broken() -> u8 { String::new() }\n";
        // The checks wait for each other, and each gets the answer about its own text.
        let (fine, broken) = tokio::join!(check(client), check(broken));
        assert!(fine.is_ok());
        let Err(Failure::Differs(message)) = broken else { panic!("it compiles") };
        assert!(message.contains("error[E0308]: mismatched types"), "{message}");
        assert!(message.contains("src/client.rs:"), "{message}");
        assert!(message.ends_with("this does not compile; nothing was changed"), "{message}");
    }
}
