//! Logs of all tests, searched for secrets.

use std::io::Write;
use std::sync::{Mutex, OnceLock, PoisonError};

use tracing_subscriber::fmt::format::FmtSpan;

use crate::sfu::{ICE_PWD, ICE_UFRAG};
use crate::{SECRET, TOKEN_SECRET, TURN_CREDENTIAL, TURN_USERNAME};

/// Private texts of all tests. The last of these begins every token: it is the beginning of every
/// JSON object in base64url.
const PRIVATE: [&str; 8] =
    [SECRET, TOKEN_SECRET, TURN_CREDENTIAL, TURN_USERNAME, ICE_PWD, ICE_UFRAG, "v=0", "eyJ"];

/// Newest log lines of the crate itself, and every line that shows a secret.
#[derive(Default)]
struct Log {
    own: String,
    lines: usize,
    leaks: Vec<String>,
}

/// Size in bytes beyond which the older half of the lines is dropped.
const MAX_OWN: usize = 4 * 1024 * 1024;

static LOG: Mutex<Option<Log>> = Mutex::new(None);

struct Writer;

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let line = String::from_utf8_lossy(bytes);
        let mut log = LOG.lock().unwrap_or_else(PoisonError::into_inner);
        let log = log.get_or_insert_default();
        log.lines += 1;
        if PRIVATE.iter().any(|private| line.contains(private)) {
            log.leaks.push(line.clone().into_owned());
        }
        if line.contains("cloudflare_calls") || line.contains("calls_") {
            if log.own.len() > MAX_OWN {
                let half = MAX_OWN / 2;
                let end = log.own.bytes().skip(half).position(|byte| byte == b'\n');
                log.own.drain(..end.map_or(0, |end| half + end + 1));
            }
            log.own.push_str(&line);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Captures all logs of all tests of this process from now on: a subscriber of one thread would
/// miss spans whose call site another thread has met before.
pub(crate) fn capture() {
    static INSTALLED: OnceLock<()> = OnceLock::new();
    INSTALLED.get_or_init(|| {
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
            .with_span_events(FmtSpan::NEW | FmtSpan::CLOSE)
            .with_ansi(false)
            .with_writer(|| Writer)
            .finish();
        tracing::subscriber::set_global_default(subscriber).expect("no other test sets one");
    });
}

/// Returns the newest lines of the crate itself, after a check of all lines so far.
pub(crate) fn checked() -> String {
    let log = LOG.lock().unwrap_or_else(PoisonError::into_inner);
    let log = log.as_ref().expect("something was logged");
    assert!(log.lines > 0);
    assert_eq!(log.leaks, [""; 0], "lines with something private");
    log.own.clone()
}

/// Checks that a text shows no secret.
pub(crate) fn assert_clean(what: &str, text: &str) {
    for private in PRIVATE {
        assert!(!text.contains(private), "{what} shows {private}: {text}");
    }
}

/// Checks that neither message nor `Debug` output of an error and its causes shows a secret.
pub(crate) fn assert_clean_error(error: &(dyn std::error::Error + 'static)) {
    let mut next = Some(error);
    while let Some(error) = next {
        assert_clean("an error", &format!("{error} {error:?} {error:#?}"));
        next = error.source();
    }
}
