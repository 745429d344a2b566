//! API over one connection, with a minimal client, so that it takes little from the emulator.

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use super::program::Program;

/// Connection that is kept alive.
pub(crate) struct Http {
    stream: BufReader<TcpStream>,
    /// Beginning of every path.
    app: String,
    /// The headers of every request.
    headers: String,
}

impl Http {
    pub(crate) async fn connect(program: &Program) -> Self {
        let stream = TcpStream::connect(&program.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let headers = format!(
            "host: {}\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n",
            program.address, program.secret
        );
        let app = format!("/v1/apps/{}", program.app);
        Self { stream: BufReader::new(stream), app, headers }
    }

    /// Creates a session. Returns its id.
    pub(crate) async fn new_session(&mut self) -> String {
        let reply = self.call("POST", "sessions/new", None).await;
        reply["sessionId"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn get_session(&mut self, id: &str) {
        self.call("GET", &format!("sessions/{id}"), None).await;
    }

    /// Publishes one section under this name. Returns the answer.
    pub(crate) async fn publish(&mut self, id: &str, offer: &str, mid: &str, name: &str) -> String {
        let body = json!({
            "sessionDescription": { "type": "offer", "sdp": offer },
            "tracks": [{ "location": "local", "mid": mid, "trackName": name }],
        });
        let reply = self.call("POST", &format!("sessions/{id}/tracks/new"), Some(body)).await;
        check_tracks(&reply, 1);
        reply["sessionDescription"]["sdp"].as_str().unwrap().to_owned()
    }

    /// Pulls a track a number of times. Returns the offer.
    pub(crate) async fn pull(
        &mut self,
        id: &str,
        publisher: &str,
        name: &str,
        times: usize,
    ) -> String {
        let track = json!({ "location": "remote", "sessionId": publisher, "trackName": name });
        let body = json!({ "tracks": vec![track; times] });
        let reply = self.call("POST", &format!("sessions/{id}/tracks/new"), Some(body)).await;
        check_tracks(&reply, times);
        reply["sessionDescription"]["sdp"].as_str().unwrap().to_owned()
    }

    /// Sends the answer to an offer.
    pub(crate) async fn renegotiate(&mut self, id: &str, answer: &str) {
        let body = json!({ "sessionDescription": { "type": "answer", "sdp": answer } });
        self.call("PUT", &format!("sessions/{id}/renegotiate"), Some(body)).await;
    }

    async fn call(&mut self, method: &str, path: &str, body: Option<Value>) -> Value {
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let (app, headers, length) = (&self.app, &self.headers, body.len());
        let request = format!(
            "{method} {app}/{path} HTTP/1.1\r\n{headers}content-length: {length}\r\n\r\n{body}"
        );
        self.stream.write_all(request.as_bytes()).await.unwrap();

        let status = self.line().await;
        let mut length = 0;
        loop {
            let line = self.line().await;
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
        }
        let mut reply = vec![0; length];
        self.stream.read_exact(&mut reply).await.unwrap();
        let reply = String::from_utf8(reply).unwrap();
        assert!(status.starts_with("HTTP/1.1 2"), "{method} {path}: {status}: {reply}");
        serde_json::from_str(&reply).unwrap()
    }

    async fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).await.unwrap();
        line.trim_end().to_owned()
    }
}

/// Checks that the reply has this many tracks and that none has failed.
fn check_tracks(reply: &Value, count: usize) {
    let tracks = reply["tracks"].as_array().unwrap();
    assert_eq!(tracks.len(), count, "{reply}");
    assert!(tracks.iter().all(|track| track.get("errorCode").is_none()), "{reply}");
}
