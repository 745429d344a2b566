//! Program, as it is started and stopped from outside.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::Duration;

use cloudflare_calls::reqwest::{Client as Http, StatusCode};
use cloudflare_calls::types::AppId;
use cloudflare_calls::{Client, SecretString, prelude::*};

fn program(options: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cloudflare-calls-emulator"));
    command.args(options).env_remove("RUST_LOG").stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Running program. It is killed if a test fails.
struct Running {
    child: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Running {
    fn start(options: &[&str]) -> Self {
        let mut child = program(options).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// Returns the rest of the next line that begins with this text.
    fn line(&mut self, begin: &str) -> String {
        let lines = self.lines.by_ref().map(Result::unwrap);
        lines.filter_map(|line| line.strip_prefix(begin).map(str::to_owned)).next().unwrap()
    }

    fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", signal, &id]).status().unwrap().success());
    }

    /// Returns its exit code and its logs.
    fn end(mut self) -> (Option<i32>, String) {
        let status = self.child.wait().unwrap();
        let mut logs = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut logs).unwrap();
        (status.code(), logs)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The program has ended already if all went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn refused(options: &[&str]) -> (Option<i32>, String) {
    let Output { status, stderr, .. } = program(options).output().unwrap();
    (status.code(), String::from_utf8(stderr).unwrap())
}

#[tokio::test]
async fn the_program_prints_its_address_serves_and_ends_on_a_signal() {
    for signal in ["INT", "TERM"] {
        let options = ["--port", "0", "--app", "one:first", "--account", "acc:master", "--json"];
        let mut running = Running::start(&options);
        assert_eq!(running.line("app "), "one secret first");
        assert_eq!(running.line("account "), "acc token master");
        let account = running.line("account API on ") + "/accounts/acc/calls/apps";
        let url = running.line("ready on ");
        let list = Http::new().get(account).bearer_auth("master").send().await.unwrap();
        assert!(list.text().await.unwrap().contains(r#""uid":"one""#));
        let client = Client::builder(AppId::new("one").unwrap(), SecretString::from("first"));
        let client = client.base_url(&url).build().unwrap();
        client.join().send().await.unwrap();
        let page = Http::new().get(url.trim_end_matches("v1")).send().await.unwrap();
        assert_eq!(page.status(), StatusCode::OK);
        assert!(page.text().await.unwrap().starts_with("<!doctype html>"));

        running.signal(signal);
        let (code, logs) = running.end();
        assert_eq!(code, Some(0), "{logs}");
        let requests = logs.lines().map(|line| serde_json::from_str(line).unwrap());
        let operations: Vec<serde_json::Value> = requests
            .map(|event: serde_json::Value| event["fields"]["operation"].clone())
            .filter(|operation| !operation.is_null())
            .collect();
        assert_eq!(operations, ["new_session"]);
        let shown = ["first", "master"].iter().find(|secret| logs.contains(**secret));
        assert_eq!(shown, None, "a secret is in the logs");
    }
}

#[tokio::test]
async fn times_can_be_set() {
    let config = r#"{"unconnectedMs":1}"#;
    let mut running = Running::start(&["--port", "0", "--app", "one:first", "--config", config]);
    let url = running.line("ready on ");
    let new = format!("{url}/apps/one/sessions/new");
    let reply = Http::new().post(new).bearer_auth("first").send().await.unwrap();
    let reply: serde_json::Value = serde_json::from_str(&reply.text().await.unwrap()).unwrap();
    let session = format!("{url}/apps/one/sessions/{}", reply["sessionId"].as_str().unwrap());
    let is_gone = async {
        let show = || Http::new().get(&session).bearer_auth("first").send();
        while show().await.unwrap().status() != StatusCode::GONE {}
    };
    // With the default it would stay for a minute.
    tokio::time::timeout(Duration::from_secs(20), is_gone).await.expect("it expires");
}

#[test]
fn an_app_and_a_turn_key_are_made_up_if_none_is_given() {
    let mut running = Running::start(&["--port", "0"]);
    let app = running.line("app ");
    let (id, secret) = app.split_once(" secret ").unwrap();
    assert_eq!((id.len(), secret.len()), (32, 64));
    let key = running.line("turn key ");
    let (id, token) = key.split_once(" token ").unwrap();
    assert_eq!((id.len(), token.len()), (32, 64));
}

#[test]
fn options_that_cannot_be_met_are_reported() {
    let (code, errors) = refused(&["--app", "nocolon"]);
    assert_eq!(code, Some(2));
    assert!(errors.contains("not of the form id:secret"), "{errors}");

    let (code, errors) = refused(&["--config", r#"{"trackIdle":1}"#]);
    assert_eq!(code, Some(2));
    assert!(errors.contains("unknown field `trackIdle`"), "{errors}");

    let mut running = Running::start(&["--port", "0"]);
    let url = running.line("ready on ");
    let port = url.trim_end_matches("/v1").rsplit(':').next().unwrap();
    let (code, errors) = refused(&["--port", port]);
    assert_eq!(code, Some(1));
    assert!(errors.contains(&format!("TCP 127.0.0.1:{port} cannot be used")), "{errors}");
}
