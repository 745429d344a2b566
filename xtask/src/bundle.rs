//! Text that stands alone: generated text together with the run-time that it uses.

use cloudflare_calls_codegen::{Generated, RUNTIME};

/// Crates that every text names, as lines of a `Cargo.toml`.
pub(crate) const DEPENDENCIES: [&str; 6] = [
    r#"httpdate = "1""#,
    r#"reqwest = "0.13""#,
    r#"secrecy = "0.10""#,
    r#"serde = { version = "1", features = ["derive"] }"#,
    r#"serde_path_to_error = "0.1""#,
    r#"tracing = "0.1""#,
];

/// Crates of some formats, each with the words by which text names it.
pub(crate) const OF_FORMATS: [(&str, &str); 3] = [
    ("jiff::", r#"jiff = { version = "0.2", default-features = false, features = ["std"] }"#),
    (
        "runtime::encoded",
        r#"base64 = { version = "0.23", default-features = false, features = ["alloc"] }"#,
    ),
    ("uuid::", r#"uuid = { version = "1", default-features = false, features = ["std"] }"#),
];

/// Lists the crates that the text names with its run-time, as lines of a `Cargo.toml`.
fn dependencies(generated: &Generated) -> Vec<&'static str> {
    let named = OF_FORMATS.into_iter().filter(|(words, _)| generated.text.contains(words));
    let json = match generated.extras.iter().any(|name| ["forms", "raw"].contains(name)) {
        true => r#"serde_json = { version = "1", features = ["raw_value"] }"#,
        false => r#"serde_json = "1""#,
    };
    let named = named.map(|(_, line)| line).chain([json]);
    let mut all: Vec<&str> = DEPENDENCIES.into_iter().chain(named).collect();
    all.sort_unstable();
    all
}

/// Modules that every text uses, as the client has them.
const MODULES: [(&str, &str); 8] = [
    ("error", include_str!("../../src/runtime/error.rs")),
    ("exchange", include_str!("../../src/runtime/exchange.rs")),
    ("id", include_str!("../../src/runtime/id.rs")),
    ("lenient", include_str!("../../src/runtime/lenient.rs")),
    ("open_enum", include_str!("../../src/runtime/open_enum.rs")),
    ("page", include_str!("../../src/runtime/page.rs")),
    ("redaction", include_str!("../../src/runtime/redaction.rs")),
    ("setup", include_str!("../../src/runtime/setup.rs")),
];

/// Modules that some documents need.
const EXTRAS: [(&str, &str); 13] = [
    ("bodies", include_str!("../../codegen/expanded/src/runtime/bodies.rs")),
    ("decimal", include_str!("../../codegen/expanded/src/runtime/decimal.rs")),
    ("encoded", include_str!("../../codegen/expanded/src/runtime/encoded.rs")),
    ("formatted", include_str!("../../src/runtime/formatted.rs")),
    ("form_styles", include_str!("../../codegen/expanded/src/runtime/form_styles.rs")),
    ("forms", include_str!("../../codegen/expanded/src/runtime/forms.rs")),
    ("media", include_str!("../../codegen/expanded/src/runtime/media.rs")),
    ("raw", include_str!("../../codegen/expanded/src/runtime/raw.rs")),
    ("security", include_str!("../../codegen/expanded/src/runtime/security.rs")),
    ("servers", include_str!("../../codegen/expanded/src/runtime/servers.rs")),
    ("stream", include_str!("../../codegen/expanded/src/runtime/stream.rs")),
    ("styles", include_str!("../../codegen/expanded/src/runtime/styles.rs")),
    ("unions", include_str!("../../codegen/expanded/src/runtime/unions.rs")),
];

/// Names of the run-time that callers of a client meet.
const PUBLIC: &str = "\
pub use runtime::error::{ErrorBody, InvalidRequest, OperationError, Received};
pub use runtime::id::InvalidId;
pub use runtime::redaction::{Hidden, Scrubbed};
pub use runtime::setup::{CONNECT_TIMEOUT, ConfigError, DEFAULT_TIMEOUT};
";

/// Returns the text with its run-time, as a module for any crate that has the
/// [`dependencies`].
pub(crate) fn standalone(generated: &Generated) -> String {
    let crates: String =
        dependencies(generated).iter().map(|line| format!("//     {line}\n")).collect();
    let (header, items) = generated.text.split_once(RUNTIME).unwrap_or_default();
    let (header, items) = (header.trim_end(), items.trim());
    let has = |name: &str| generated.extras.contains(&name);
    let public = [
        ("decimal", "Decimal"),
        ("encoded", "Base64"),
        ("formatted", "Formatted"),
        ("forms", "File"),
        ("security", "Scheme"),
        ("stream", "Stream"),
    ];
    let public = public.into_iter().filter(|(module, _)| has(module));
    let public: String =
        public.map(|(module, name)| format!("pub use runtime::{module}::{name};\n")).collect();
    let extras = EXTRAS.into_iter().filter(|(name, _)| has(name));
    let modules: Vec<String> =
        MODULES.into_iter().chain(extras).map(|(name, text)| module(name, text)).collect();
    let modules = modules.join("\n");
    format!(
        "{header}\n//\n// Needs these crates:\n{crates}\n{PUBLIC}{public}{items}\n\n\
         /// Run-time that is the same for every document.\n\
         #[allow(dead_code, unused_imports, unused_macros)] // Not every document needs all of it.\n\
         mod runtime {{\n{modules}}}\n"
    )
}

/// Wraps a file as a module within another.
fn module(name: &str, text: &str) -> String {
    let indented = |line: &str| match line.is_empty() {
        true => "\n".to_owned(),
        false => format!("        {line}\n"),
    };
    let text: String = text.lines().map(indented).collect();
    format!("    pub(super) mod {name} {{\n{text}    }}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the crates of the text of a fixture of the generator, or of a checkout's document.
    fn crates(path: &str) -> Vec<&'static str> {
        use cloudflare_calls_codegen::{Document, Options, Overlay, generate};
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
        let document = Document::from_path(&path).unwrap();
        dependencies(&generate(&document, &Overlay::empty(), &Options::default()).unwrap())
    }

    #[test]
    fn crates_of_formats_are_asked_for_where_a_document_has_them() {
        let asks = |all: &[&str], word: &str| all.iter().any(|line| line.contains(word));
        let formats = crates("../codegen/tests/fixtures/formats.json");
        let account = crates("../openapi.account.json");
        let few = crates("../codegen/tests/fixtures/calls-2024.json");
        for (word, of_account) in
            [("jiff", true), ("uuid", false), ("base64", false), ("raw_value", false)]
        {
            assert!(asks(&formats, word), "{word}");
            assert_eq!(asks(&account, word), of_account, "{word}");
            assert!(!asks(&few, word), "{word}");
        }
        assert_eq!(few.len(), DEPENDENCIES.len() + 1);
    }

    #[test]
    fn no_module_of_the_run_time_is_forgotten() {
        let declared = |text: &'static str| {
            let lines =
                text.lines().filter_map(|line| line.split_once("mod ")?.1.strip_suffix(';'));
            lines.collect::<std::collections::BTreeSet<_>>()
        };
        let names =
            |modules: &[(&'static str, &str)]| modules.iter().map(|(name, _)| *name).collect();
        let mut client = declared(include_str!("../../src/runtime/mod.rs"));
        // The account API has times, the Calls API has none.
        assert!(client.remove("formatted"));
        assert_eq!(client, names(&MODULES));
        let all = declared(include_str!("../../codegen/expanded/src/runtime/mod.rs"));
        assert_eq!(all, names(&[&MODULES[..], &EXTRAS[..]].concat()));
    }
}
