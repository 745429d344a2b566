//! Settings of sessions, and the defaults that a client has for them.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::generated::{Client, ClientBuilder};
use crate::retry::RetryPolicy;

/// The time that the answer to an SFU's offer may take. A reference backend of
/// Cloudflare gives a session up after the same time.
pub const ANSWER_DEADLINE: Duration = Duration::from_secs(15);

/// The defaults of clients that say nothing else. All their sessions share them.
static DEFAULTS: LazyLock<Arc<Settings>> = LazyLock::new(Arc::default);

/// Settings of a session, which `join` and `adopt` can change.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Settings {
    pub(crate) answer_deadline: Duration,
    pub(crate) retry: RetryPolicy,
    pub(crate) label: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { answer_deadline: ANSWER_DEADLINE, retry: RetryPolicy::default(), label: None }
    }
}

/// Settings as text, for a store. Times are in milliseconds.
#[derive(Serialize, Deserialize)]
pub(crate) struct Text {
    #[serde(rename = "d")]
    answer_deadline: u64,
    #[serde(rename = "r")]
    retry: (usize, u64, u64, u64),
    #[serde(rename = "l", default, skip_serializing_if = "Option::is_none")]
    label: Option<String>,
}

impl Settings {
    pub(crate) fn text(&self) -> Text {
        let RetryPolicy { attempts, min_delay, max_delay, budget } = &self.retry;
        let [first, longest, budget] = [min_delay, max_delay, budget].map(milliseconds);
        Text {
            answer_deadline: milliseconds(&self.answer_deadline),
            retry: (*attempts, first, longest, budget),
            label: self.label.clone(),
        }
    }
}

impl From<Text> for Settings {
    fn from(text: Text) -> Self {
        let (attempts, first, longest, budget) = text.retry;
        let retry = RetryPolicy::default()
            .attempts(attempts)
            .delays(Duration::from_millis(first), Duration::from_millis(longest))
            .budget(Duration::from_millis(budget));
        Self {
            answer_deadline: Duration::from_millis(text.answer_deadline),
            retry,
            label: text.label,
        }
    }
}

fn milliseconds(time: &Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Defaults of the lifecycle's steps.
impl ClientBuilder {
    /// Sets how often the requests of all steps are repeated, if the session does
    /// not say otherwise.
    pub fn retry(self, policy: RetryPolicy) -> Self {
        self.with(|settings| settings.retry = policy)
    }

    /// Sets the time that the answer to an SFU's offer may take, if the session
    /// does not say otherwise; [`ANSWER_DEADLINE`] if not set.
    pub fn answer_deadline(self, deadline: Duration) -> Self {
        self.with(|settings| settings.answer_deadline = deadline)
    }

    /// Sets the correlation id of sessions that have none of their own.
    pub fn label(self, label: impl Into<String>) -> Self {
        self.with(|settings| settings.label = Some(label.into()))
    }

    fn with(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        let attached = &mut self.setup.attached.0;
        let before = attached.take().and_then(|any| any.downcast::<Settings>().ok());
        let mut settings = before.map(Arc::unwrap_or_clone).unwrap_or_default();
        change(&mut settings);
        *attached = Some(Arc::new(settings));
        self
    }
}

impl Client {
    /// The defaults of this client.
    pub(crate) fn settings(&self) -> Arc<Settings> {
        let attached = self.core.attached.0.clone();
        attached.and_then(|any| any.downcast().ok()).unwrap_or_else(|| Arc::clone(&DEFAULTS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generated::types::AppId;

    fn builder() -> ClientBuilder {
        Client::builder(AppId::new("app").unwrap(), "secret".into())
    }

    #[test]
    fn settings_that_nobody_changes_are_there_once() {
        let [one, other] = [builder(), builder()].map(|builder| builder.build().unwrap());
        assert!(Arc::ptr_eq(&one.settings(), &other.settings()));
        let labelled = builder().label("room 7").build().unwrap();
        assert!(Arc::ptr_eq(&labelled.settings(), &labelled.settings()));
        assert_eq!(labelled.settings().label.as_deref(), Some("room 7"));
        assert_eq!(one.settings().label, None);
    }
}
