//! Tests of the program: exit codes, messages, and the files that it leaves.

// A test fails by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// Root of the repository, whose files are copied.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// Files of both documents.
const FILES: [&str; 8] = [
    "openapi.json",
    "openapi.overlay.json",
    "generated/client.rs",
    "generated/provenance.json",
    "openapi.account.json",
    "openapi.account.overlay.json",
    "generated/account.rs",
    "generated/account.provenance.json",
];

/// Creates a checkout in a folder of its own.
fn checkout() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("generated")).unwrap();
    for file in FILES {
        std::fs::copy(Path::new(ROOT).join(file), folder.path().join(file)).unwrap();
    }
    folder
}

/// Reads each file of a checkout.
fn tree(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for folder in [root.to_owned(), root.join("generated")] {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
                found.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    found
}

fn xtask(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.args(arguments).stdin(Stdio::null());
    command
}

fn run(arguments: &[&str]) -> Output {
    xtask(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[track_caller]
fn assert_code(output: &Output, code: i32) {
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "stdout: {out}\nstderr: {err}");
}

/// Behaviour of a test's server on its one connection.
enum Reply {
    Full(Vec<u8>),
    /// Announces more than it sends.
    Truncated,
    NotFound,
    /// Sends a head without a body.
    Slow,
    /// Sends without end.
    Endless,
}

/// Serves one connection on a free port. The thread ends with the connection.
fn serve(reply: Reply) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/api.yaml", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 4096]);
        // The other side may hang up.
        let _ = match reply {
            Reply::Full(body) => {
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
                stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body))
            }
            Reply::Truncated => {
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\nopenapi: 3.0.0\n")
            }
            Reply::NotFound => {
                stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")
            }
            Reply::Slow => {
                let sent = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n");
                // Waits until the other side has hung up.
                let _ = stream.read(&mut [0; 64]);
                sent
            }
            Reply::Endless => {
                let mut sent = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
                while sent.is_ok() {
                    sent = stream.write_all(&[b' '; 64 * 1024]);
                }
                sent
            }
        };
    });
    url
}

/// Returns the current document with a change.
fn document(change: impl FnOnce(&mut serde_json::Value)) -> Vec<u8> {
    let text = std::fs::read_to_string(Path::new(ROOT).join("openapi.json")).unwrap();
    let mut document = serde_json::from_str(&text).unwrap();
    change(&mut document);
    serde_json::to_vec(&document).unwrap()
}

fn grown() -> Vec<u8> {
    document(|document| {
        let track = &mut document["components"]["schemas"]["TrackObject"]["properties"];
        track["priority"] = serde_json::json!({ "type": "integer", "description": "Their words." });
    })
}

fn shrunk() -> Vec<u8> {
    document(|document| {
        let schemas = &mut document["components"]["schemas"];
        schemas["SessionResourceStatus"] = serde_json::json!({ "type": "integer" });
    })
}

fn regenerate(root: &Path, more: &[&str]) -> Output {
    let root = root.to_str().unwrap();
    let mut arguments = vec!["regenerate", "--root", root];
    arguments.extend(more);
    run(&arguments)
}

/// Regenerates from a source that cannot be used, and checks that no file has changed.
#[track_caller]
fn assert_untouched(from: &str, more: &[&str], code: i32, message: &str) {
    let checkout = checkout();
    let before = tree(checkout.path());
    let output = regenerate(checkout.path(), &[&["--from", from], more].concat());
    assert_code(&output, code);
    let shown = text(&output.stderr) + &text(&output.stdout);
    assert!(shown.contains(message), "{shown}");
    assert!(tree(checkout.path()) == before, "files have changed");
}

#[test]
fn regenerate_takes_over_a_compatible_document_from_a_server() {
    let checkout = checkout();
    let url = serve(Reply::Full(grown()));
    let secret = url.replace("http://", "http://user:pass@") + "/?token=t";
    let output = regenerate(checkout.path(), &["--from", &secret, "--with-prose"]);
    assert_code(&output, 0);
    let shown = text(&output.stdout);
    assert!(shown.contains("compatible  added    TrackObject: optional field priority"), "{shown}");
    let files = tree(checkout.path());
    assert_eq!(files.len(), FILES.len(), "no temporary file stays: {:?}", files.keys());
    let client = text(&files["generated/client.rs"]);
    assert!(client.contains("pub priority: Option<i64>") && client.contains("Their words."));
    let provenance: serde_json::Value =
        serde_json::from_slice(&files["generated/provenance.json"]).unwrap();
    assert_eq!(
        provenance["source"].as_str().unwrap().trim_end_matches('/'),
        url.trim_end_matches('/')
    );
    assert!(!text(&output.stderr).contains("pass") && !text(&output.stderr).contains("token"));
    assert_eq!(provenance["prose"], "kept");
    assert_eq!(provenance["sha256"].as_str().unwrap().len(), 64);
    assert_code(&regenerate(checkout.path(), &["--check"]), 0);
    // A second time, with the prose, because the record says that it is kept.
    let again = regenerate(checkout.path(), &["--from", &serve(Reply::Full(grown()))]);
    assert_code(&again, 0);
    assert!(text(&again.stdout).contains("nothing was written"), "{}", text(&again.stdout));
    assert!(tree(checkout.path()) == files, "files have changed");
}

#[test]
fn regenerate_without_prose_keeps_facts_alone() {
    let checkout = checkout();
    let url = serve(Reply::Full(grown()));
    assert_code(&regenerate(checkout.path(), &["--from", &url, "--without-prose"]), 0);
    let files = tree(checkout.path());
    let document = text(&files["openapi.json"]);
    assert!(document.contains("\"priority\"") && !document.contains("Their words."));
    assert!(text(&files["generated/provenance.json"]).contains("\"prose\": \"removed\""));
}

#[test]
fn regenerate_of_the_own_document_keeps_the_provenance() {
    let checkout = checkout();
    let before = tree(checkout.path());
    std::fs::write(checkout.path().join("generated/client.rs"), "// stale\n").unwrap();
    let own = checkout.path().join("openapi.json");
    assert_code(&regenerate(checkout.path(), &["--from", own.to_str().unwrap()]), 0);
    assert!(
        tree(checkout.path()) == before,
        "the generated text is back, and nothing else changed"
    );
}

#[test]
fn a_breaking_document_is_named_and_refused_unless_allowed() {
    let message = "SessionResourceStatus: type: \"string\" → \"integer\"";
    assert_untouched(&serve(Reply::Full(shrunk())), &[], 1, message);
    assert_untouched(&serve(Reply::Full(shrunk())), &[], 1, "--allow-breaking");
    assert_untouched(
        &serve(Reply::Full(shrunk())),
        &[],
        1,
        "types::SessionResourceStatus::Active is gone",
    );
    let checkout = checkout();
    let url = serve(Reply::Full(shrunk()));
    assert_code(&regenerate(checkout.path(), &["--from", &url, "--allow-breaking"]), 0);
    let client = text(&tree(checkout.path())["generated/client.rs"]);
    assert!(!client.contains("pub enum SessionResourceStatus"));
}

#[test]
fn parameters_of_named_kinds_are_taken_over_and_compile() {
    let named = document(|document| {
        document["components"]["schemas"]["Label"] = serde_json::json!({ "type": "string" });
        document["components"]["schemas"]["Depth"] = serde_json::json!({ "type": "integer" });
        let parameter = |place: &str, name: &str| {
            let schema = serde_json::json!({ "$ref": format!("#/components/schemas/{name}") });
            serde_json::json!({ "name": name, "in": place, "schema": schema })
        };
        let get = &mut document["paths"]["/apps/{appId}/sessions/{sessionId}"]["get"];
        let parameters = get["parameters"].as_array_mut().unwrap();
        parameters.push(parameter("query", "Depth"));
        parameters.push(parameter("header", "Label"));
    });
    let checkout = checkout();
    let url = serve(Reply::Full(named));
    assert_code(&regenerate(checkout.path(), &["--from", &url]), 0);
    let client = text(&tree(checkout.path())["generated/client.rs"]);
    assert!(client.contains("pub fn depth(mut self, depth: i64)"), "{client}");
    assert!(client.contains("pub fn label(mut self, label: impl Into<String>)"), "{client}");
}

#[test]
fn a_document_that_needs_more_of_the_run_time_leaves_everything_as_it_was() {
    let exact = document(|document| {
        let track = &mut document["components"]["schemas"]["TrackObject"]["properties"];
        track["gain"] = serde_json::json!({ "type": "number" });
        track["since"] = serde_json::json!({ "type": "string", "format": "date-time" });
    });
    let url = serve(Reply::Full(exact));
    assert_untouched(&url, &["--allow-breaking"], 1, "document: decimal, formatted");
}

/// Creates a program in the place of cargo.
#[cfg(unix)]
fn stand_in(folder: &Path, commands: &str) -> std::path::PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let cargo = folder.join("cargo");
    std::fs::write(&cargo, format!("#!/bin/sh\n{commands}\n")).unwrap();
    std::fs::set_permissions(&cargo, std::fs::Permissions::from_mode(0o755)).unwrap();
    cargo
}

// No document is known whose text does not compile. So a program in the place of the
// compiler refuses each text, after it has checked that the new text is there.
#[cfg(unix)]
#[test]
fn text_that_does_not_compile_leaves_everything_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let refuse = "test -s Cargo.lock && grep -q 'pub priority' src/client.rs && \
                  echo 'error[E0277]: no text' >&2; exit 101";
    let refusing = stand_in(folder.path(), refuse);
    let checkout = checkout();
    let before = tree(checkout.path());
    let with = |cargo: &Path| {
        let (root, url) = (checkout.path().to_str().unwrap(), serve(Reply::Full(grown())));
        let mut command = xtask(&["regenerate", "--root", root, "--from", &url]);
        command.env("CARGO", cargo).output().unwrap()
    };
    let output = with(&refusing);
    assert_code(&output, 1);
    let shown = text(&output.stderr);
    let end = "\nerror[E0277]: no text\nthis does not compile; nothing was changed\n";
    assert!(shown.ends_with(end), "{shown}");
    assert!(tree(checkout.path()) == before, "files have changed");
    assert_code(&with(&folder.path().join("none")), 2);
    assert!(tree(checkout.path()) == before, "files have changed");
}

#[test]
fn a_failed_fetch_leaves_everything_as_it_was() {
    assert_untouched(&serve(Reply::NotFound), &[], 2, "the server answered 404");
    assert_untouched(&serve(Reply::Truncated), &[], 2, "the transfer broke off");
    assert_untouched(&serve(Reply::Slow), &["--timeout", "1"], 2, "no complete reply within 1 s");
    assert_untouched(&serve(Reply::Endless), &[], 2, "larger than 33554432 bytes");
    assert_untouched("http://127.0.0.1:1/x.yaml", &[], 2, "no connection");
    assert_untouched("no/such/file.yaml", &[], 2, "no/such/file.yaml");
}

#[test]
fn a_source_without_a_calls_document_leaves_everything_as_it_was() {
    for (body, message) in [
        (&b"<html>not found</html>"[..], "error: http://"),
        (b"", "error: http://"),
        (b"{\"swagger\": \"2.0\"}", "/swagger: Swagger 2.0 is not supported"),
        (b"openapi: 3.2.0\npaths: {}\n", "/openapi: OpenAPI 3.2.0 is not supported"),
        (b"openapi: 3.0.0\npaths: {}\n", "/paths: there is no operation"),
        (b"{\"openapi\": \"3.0.0\",", "not well-formed JSON"),
    ] {
        assert_untouched(&serve(Reply::Full(body.to_vec())), &[], 2, message);
    }
}

#[test]
fn an_overlay_that_no_longer_applies_is_refused_by_name() {
    let without_kind = document(|document| {
        let track = &mut document["components"]["schemas"]["TrackObject"]["properties"];
        track.as_object_mut().unwrap().remove("kind");
    });
    for message in ["overlay  /actions/", "$.components.schemas.TrackObject.properties.kind"] {
        assert_untouched(&serve(Reply::Full(without_kind.clone())), &[], 1, message);
    }
}

#[test]
fn check_refuses_an_action_of_the_overlay_that_matches_nothing() {
    let checkout = checkout();
    let path = checkout.path().join("openapi.overlay.json");
    let mut overlay: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let stale = serde_json::json!({ "target": "$.components.schemas.Gone", "remove": true });
    overlay["actions"].as_array_mut().unwrap().push(stale);
    std::fs::write(&path, overlay.to_string()).unwrap();
    let output = regenerate(checkout.path(), &["--check"]);
    assert_code(&output, 1);
    let shown = text(&output.stderr);
    assert!(shown.contains("match nothing any more:\n  /actions/"), "{shown}");
    assert!(shown.contains("$.components.schemas.Gone"), "{shown}");
}

#[test]
fn a_checkout_that_cannot_be_written_is_left_whole() {
    let checkout = checkout();
    let before = tree(checkout.path());
    // The last of the three files cannot be replaced: a folder is in its place.
    let provenance = checkout.path().join("generated/provenance.json");
    std::fs::remove_file(&provenance).unwrap();
    std::fs::create_dir_all(provenance.join("in the way")).unwrap();
    let url = serve(Reply::Full(grown()));
    let output = regenerate(checkout.path(), &["--from", &url]);
    assert_code(&output, 2);
    assert!(text(&output.stderr).contains("nothing was changed"));
    let after = tree(checkout.path());
    for file in ["openapi.json", "generated/client.rs"] {
        assert!(after[file] == before[file], "{file} has changed");
    }
    assert_eq!(after.len(), FILES.len() - 1, "no temporary file stays: {:?}", after.keys());
}

/// Interrupts a regeneration once it has printed a line that begins with `what`.
#[cfg(unix)]
#[track_caller]
fn assert_interrupted(what: &str, reply: Reply, cargo: &Path) {
    use std::io::BufRead;
    let checkout = checkout();
    let before = tree(checkout.path());
    let (url, root) = (serve(reply), checkout.path().to_str().unwrap().to_owned());
    let mut child = xtask(&["regenerate", "--root", &root, "--from", &url])
        .env("CARGO", cargo)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().starts_with(what)));
    // The handler is installed before this line is written.
    let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(kill.success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(lines.next().unwrap().unwrap(), "interrupted: nothing was changed");
    assert!(tree(checkout.path()) == before, "files have changed");
}

#[cfg(unix)]
#[test]
fn ctrl_c_leaves_everything_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let endless = stand_in(folder.path(), "exec sleep 600");
    assert_interrupted("fetching ", Reply::Slow, &endless);
    assert_interrupted("compiling ", Reply::Full(grown()), &endless);
}

#[test]
fn check_sees_stale_text_and_other_facts_but_no_prose() {
    let checkout = checkout();
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("other.json");
    let from = ["--check", "--from", other.to_str().unwrap()];
    let before = tree(checkout.path());
    assert_code(&regenerate(checkout.path(), &["--check"]), 0);

    let prose = document(|document| {
        document["info"]["description"] = "New words.".into();
        document["components"]["schemas"]["TrackObject"]["description"] = "New words.".into();
    });
    std::fs::write(&other, prose).unwrap();
    assert_code(&regenerate(checkout.path(), &from), 0);

    std::fs::write(&other, grown()).unwrap();
    let output = regenerate(checkout.path(), &from);
    assert_code(&output, 1);
    assert!(text(&output.stdout).contains("optional field priority"));
    assert!(tree(checkout.path()) == before, "--check changes nothing");

    let client = checkout.path().join("generated/client.rs");
    std::fs::write(&client, "// stale\n").unwrap();
    let output = regenerate(checkout.path(), &["--check"]);
    assert_code(&output, 1);
    assert!(text(&output.stderr).contains("cargo xtask regenerate"));
    assert_eq!(std::fs::read_to_string(&client).unwrap(), "// stale\n");
}

/// Returns the document of the account API as a part of a larger one, with a change.
fn whole(change: impl FnOnce(&mut serde_json::Value)) -> Vec<u8> {
    let text = std::fs::read_to_string(Path::new(ROOT).join("openapi.account.json")).unwrap();
    let mut document: serde_json::Value = serde_json::from_str(&text).unwrap();
    let of_others = serde_json::json!({ "$ref": "#/components/schemas/of_others" });
    document["paths"]["/zones"]["get"]["responses"]["200"] = serde_json::json!({
        "description": "", "content": { "application/json": { "schema": of_others } },
    });
    document["components"]["schemas"]["of_others"] = serde_json::json!({ "type": "object" });
    change(&mut document);
    serde_json::to_vec(&document).unwrap()
}

#[test]
fn the_account_api_is_taken_out_of_the_document_of_all_apis() {
    let checkout = checkout();
    let before = tree(checkout.path());
    let from = |url: &str| {
        regenerate(checkout.path(), &["--document", "account", "--from", url, "--without-prose"])
    };
    let output = from(&serve(Reply::Full(whole(|_| ()))));
    assert_code(&output, 0);
    assert!(text(&output.stdout).contains("up to date: nothing was written"));
    assert!(tree(checkout.path()) == before, "files have changed");

    let url = serve(Reply::Full(whole(|document| {
        let app = &mut document["components"]["schemas"]["calls_app"]["properties"];
        app["region"] = serde_json::json!({ "type": "string", "description": "Their words." });
    })));
    let output = from(&url);
    assert_code(&output, 0);
    let shown = text(&output.stdout);
    assert!(shown.ends_with("wrote openapi.account.json and generated/account.rs\n"), "{shown}");
    let files = tree(checkout.path());
    assert!(text(&files["generated/account.rs"]).contains("pub region: Option<String>"));
    let document = text(&files["openapi.account.json"]);
    assert!(!document.contains("of_others") && !document.contains("Their words."));
    let changed: Vec<&str> =
        FILES.into_iter().filter(|file| files[*file] != before[*file]).collect();
    assert_eq!(
        changed,
        ["openapi.account.json", "generated/account.rs", "generated/account.provenance.json"]
    );
    assert_code(&regenerate(checkout.path(), &["--check"]), 0);
}

#[test]
fn check_looks_at_both_documents_unless_told_otherwise() {
    let checkout = checkout();
    std::fs::write(checkout.path().join("generated/account.rs"), "// stale\n").unwrap();
    for (more, code) in
        [(&[][..], 1), (&["--document", "account"], 1), (&["--document", "calls"], 0)]
    {
        let output = regenerate(checkout.path(), &[&["--check"], more].concat());
        assert_code(&output, code);
        let command = "cargo xtask regenerate --document account --from openapi.account.json";
        assert_eq!(text(&output.stderr).contains(command), code == 1);
    }
}

#[test]
fn diff_says_by_its_exit_code_whether_a_change_breaks() {
    let folder = tempfile::tempdir().unwrap();
    let [old, new] = ["old.json", "new.json"].map(|name| folder.path().join(name));
    let (old, new) = (old.to_str().unwrap(), new.to_str().unwrap());
    std::fs::write(old, document(|_| ())).unwrap();
    assert_code(&run(&["diff", old, old]), 0);
    std::fs::write(new, grown()).unwrap();
    let output = run(&["diff", old, new, "--format", "markdown"]);
    assert_code(&output, 0);
    assert!(text(&output.stdout).contains(
        "| compatible | added | `TrackObject` | optional field priority | `types::Track.priority` |"
    ));
    std::fs::write(new, shrunk()).unwrap();
    let output = run(&["diff", old, new, "--format", "json"]);
    assert_code(&output, 1);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["changes"][0]["effect"], "breaking");
    std::fs::write(new, "{").unwrap();
    let output = run(&["diff", old, new]);
    assert_code(&output, 2);
    assert!(text(&output.stderr).contains("new.json: not well-formed JSON"));
}

#[test]
fn expand_writes_the_client_of_any_document() {
    let folder = tempfile::tempdir().unwrap();
    let [small, out] = ["small.yaml", "out.rs"].map(|name| folder.path().join(name));
    let (small, out) = (small.to_str().unwrap(), out.to_str().unwrap());
    let document = "openapi: 3.0.0\ninfo: {title: Small, version: '1'}\npaths:\n  /a:\n    get:\n      responses:\n        200:\n          description: fine\n";
    std::fs::write(small, document).unwrap();
    let output = run(&["expand", "--from", small, "--out", out]);
    assert_code(&output, 0);
    assert!(text(&output.stderr).contains("of openapi.overlay.json match nothing in small.yaml:"));
    let client = std::fs::read_to_string(out).unwrap();
    assert!(client.starts_with("// Generated by `cargo xtask expand --from small.yaml`."));
    assert!(client.contains("pub fn get_a("));
    let output = run(&["expand"]);
    assert_code(&output, 0);
    assert!(text(&output.stdout).contains("pub fn new_session("));
    assert!(output.stderr.is_empty(), "the own overlay fits the own document");
    assert_code(&run(&["expand", "--from", small, "--overlay", "no/such.json"]), 2);
}

#[test]
fn bad_usage_exits_2() {
    for arguments in [&[][..], &["nonsense"], &["diff", "one"], &["regenerate", "--timeout", "x"]] {
        assert_code(&run(arguments), 2);
    }
}
