//! Rules and delays of repetitions.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use tokio::time::Instant;

use crate::error::Error;
use crate::generated::types::ApiError;
use crate::meter;
use crate::runtime::error::OperationError;
use crate::step::Step;
use crate::verdict::{Kind, Repeat, Verdict};

/// Rules by which the requests of a step are repeated.
///
/// A step that asks again for single items has the same attempts and budget for that and for its
/// requests. Each request of a close has its own. Each row is one rule:
///
/// | what happened | read | close | change | creation |
/// |---|---|---|---|---|
/// | no connection was made, so nothing was sent | again | again | again | again |
/// | no reply, or a broken one, after sending | again | again | reported: [`Error::outcome_unknown`] | reported |
/// | 429 | again, not before `Retry-After` | again | again | again |
/// | a refusal with a status of success | again, if its code asks for it | again, if its code asks for it | reported: [`Error::outcome_unknown`] | reported |
/// | 425 `session_error`: not connected yet | again | again | again | |
/// | `retryable_transient_error`, `temporarily_unavailable_error`, `transport_unavailable_error` | again | again | again | again |
/// | another 5xx, such as an edge's HTML page, `backend_error` or `internal_error` | again | again | reported: [`Error::outcome_unknown`] | reported |
/// | 410 `session_error`: the session is gone | reported | counts as closed | reported | |
/// | another 4xx, or a reply that is not understood | reported | reported | reported | reported |
/// | items of a `subscribe` that are not published yet, or failed with one of the retryable codes | | | these items alone | |
///
/// A creation is `sessions/new` and `adapters/websocket/new`; a close is a
/// forced close of tracks, a close of data channels or of adapters; everything
/// else but reading the state is a change. While a change is repeated the
/// session's turn stays taken; between two tries of missing items it does not,
/// so that two sessions can wait for each other's tracks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    pub(crate) attempts: usize,
    pub(crate) min_delay: Duration,
    pub(crate) max_delay: Duration,
    pub(crate) budget: Duration,
}

/// Four tries: a fault that outlasts three repetitions is not a short one.
const ATTEMPTS: usize = 4;
/// Delay before the first repetition.
const MIN_DELAY: Duration = Duration::from_millis(250);
/// Longest delay after doubling.
const MAX_DELAY: Duration = Duration::from_secs(4);
/// Time that an agent can be expected to wait for a reply.
const BUDGET: Duration = Duration::from_secs(10);
/// Upper limit of all settings: a media session does not wait for an hour.
const LONGEST: Duration = Duration::from_secs(3600);

impl Default for RetryPolicy {
    /// Returns up to 4 tries within 10 s, with delays of 250 ms, 500 ms and 1 s, each lengthened at
    /// random up to twofold.
    fn default() -> Self {
        Self { attempts: ATTEMPTS, min_delay: MIN_DELAY, max_delay: MAX_DELAY, budget: BUDGET }
    }
}

impl RetryPolicy {
    /// Returns a policy without repetitions.
    pub fn never() -> Self {
        Self { attempts: 1, ..Self::default() }
    }

    /// Sets the number of tries in all, the first one included. 0 means 1.
    pub fn attempts(mut self, attempts: usize) -> Self {
        self.attempts = attempts.max(1);
        self
    }

    /// Sets the first delay, and the longest after doubling; both at most an hour. A random part of
    /// up to the same length is added to each.
    pub fn delays(mut self, first: Duration, longest: Duration) -> Self {
        self.min_delay = first.min(LONGEST);
        self.max_delay = longest.clamp(self.min_delay, LONGEST);
        self
    }

    /// Sets the time after the first try in which others may begin; at most an hour.
    pub fn budget(mut self, budget: Duration) -> Self {
        self.budget = budget.min(LONGEST);
        self
    }

    /// Returns the tries of one step. Their time is counted from the first.
    pub(crate) fn start(&self) -> Retries {
        Retries { policy: self.clone(), left: Mutex::default() }
    }
}

/// Rest of a policy's attempts and budget. All requests of a step share it.
pub(crate) struct Retries {
    policy: RetryPolicy,
    /// None before the first failure: most steps have none.
    left: Mutex<Option<Box<Left>>>,
}

struct Left {
    delays: ExponentialBackoff,
    last_start: Instant,
}

impl Retries {
    /// Makes a request as often as the table allows. Returns besides whether the reply to any of
    /// the tries was lost: then that try may have taken effect, whatever the last one says.
    pub(crate) async fn run<T, F>(
        &self,
        step: Step,
        repeat: Repeat,
        mut call: impl FnMut() -> F,
    ) -> (Result<T, Error>, bool)
    where
        F: Future<Output = Result<T, OperationError<ApiError>>>,
    {
        let mut is_first = true;
        let counted = || {
            if !std::mem::take(&mut is_first) {
                meter::repeated(step);
            }
            call()
        };
        let (result, was_lost) = self.ask(repeat, Error::kind, counted).await;
        (result.map_err(|(source, verdict)| Error::request(step, source, verdict)), was_lost)
    }

    /// As [`run`](Self::run), for any API: `kind` says what kind of code a refusal has.
    pub(crate) async fn ask<T, B, F>(
        &self,
        repeat: Repeat,
        kind: impl Fn(&OperationError<B>) -> Kind,
        mut call: impl FnMut() -> F,
    ) -> (Result<T, (OperationError<B>, Verdict)>, bool)
    where
        F: Future<Output = Result<T, OperationError<B>>>,
    {
        let mut was_lost = false;
        loop {
            let error = match call().await {
                Ok(reply) => return (Ok(reply), was_lost),
                Err(error) => error,
            };
            let verdict = Verdict::of(&error, kind(&error), repeat, was_lost);
            was_lost |= verdict.outcome_unknown;
            let delay = match verdict.is_retryable {
                true => self.next(error.elapsed(), error.retry_after()),
                false => None,
            };
            let Some(delay) = delay else { return (Err((error, verdict)), was_lost) };
            tracing::debug!(
                operation = error.operation(),
                status = error.status().map(|status| status.as_u16()),
                ray = error.reply().and_then(|reply| reply.ray.as_deref()),
                delay_ms = delay.as_millis() as u64,
                "trying again"
            );
            tokio::time::sleep(delay).await;
        }
    }

    /// Waits before items are asked for again. Returns false if no try is left. `elapsed` is the
    /// time since they were first asked for.
    pub(crate) async fn again(&self, step: Step, items: usize, elapsed: Duration) -> bool {
        let Some(delay) = self.next(Some(elapsed), None) else { return false };
        meter::repeated(step);
        let delay_ms = delay.as_millis() as u64;
        tracing::debug!(items, delay_ms, "trying again what is not published yet");
        tokio::time::sleep(delay).await;
        true
    }

    /// Returns the time to wait before the next try, if there is one. `elapsed` is the time that
    /// the failed try took.
    fn next(&self, elapsed: Option<Duration>, retry_after: Option<Duration>) -> Option<Duration> {
        // No panic can happen in the middle of a change, so the state stays whole.
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let left = left.get_or_insert_with(|| {
            let delays = ExponentialBuilder::default()
                .with_min_delay(self.policy.min_delay)
                .with_max_delay(self.policy.max_delay)
                .with_max_times(self.policy.attempts - 1)
                .with_jitter()
                .build();
            let budget = self.policy.budget.saturating_sub(elapsed.unwrap_or_default());
            Box::new(Left { delays, last_start: now + budget })
        });
        let delay = left.delays.next()?.max(retry_after.unwrap_or_default());
        let start = now.checked_add(delay)?;
        (start <= left.last_start).then_some(delay)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_and_are_lengthened_at_random() {
        let first: Vec<Duration> = (0..50)
            .map(|_| {
                let retries = RetryPolicy::default().start();
                let delays: Vec<Duration> =
                    std::iter::from_fn(|| retries.next(None, None)).collect();
                assert_eq!(delays.len(), ATTEMPTS - 1);
                for (delay, times) in delays.iter().zip([1, 2, 4]) {
                    let shortest = MIN_DELAY * times;
                    assert!((shortest..=2 * shortest).contains(delay), "{delays:?}");
                }
                delays[0]
            })
            .collect();
        let distinct: std::collections::BTreeSet<Duration> = first.iter().copied().collect();
        assert!(distinct.len() > 40, "sessions that fail together would try again together");
    }
}
