//! Asking again for items that failed and may succeed.

use std::fmt;

use tokio::time::Instant;

use super::access::{Entry, report};
use super::exchange::Negotiation;
use crate::error::Error;
use crate::outcome::{Failed, Outcome};

/// The items that earlier tries of a step have settled.
pub(crate) struct Earlier<D, Q> {
    done: Vec<D>,
    failed: Vec<Failed<Q>>,
}

impl<D: Clone, Q: Clone> Earlier<D, Q> {
    /// The outcome of all tries.
    pub(crate) fn and(self, last: &Outcome<D, Q>) -> Outcome<D, Q> {
        let Self { mut done, mut failed } = self;
        done.extend_from_slice(&last.done);
        failed.extend_from_slice(&last.failed);
        Outcome { done, failed, ..Outcome::new(last.step) }
    }
}

/// Asks for items, and again for those that are missing and may come, as long as
/// the policy allows and no exchange has begun. The turn is free in between.
pub(crate) async fn until_published<D, Q, F>(
    entry: &Entry,
    asked: Vec<Q>,
    ask: impl FnMut(Vec<Q>, Earlier<D, Q>) -> F,
) -> Result<Negotiation<Outcome<D, Q>>, Error>
where
    D: Clone,
    Q: Clone + fmt::Display,
    F: Future<Output = Result<Negotiation<Outcome<D, Q>>, Error>>,
{
    while_passing(entry, asked, |failed| failed.error.is_retryable(), ask).await
}

/// As [`until_published`], for all items that `may_pass` holds for.
pub(crate) async fn while_passing<D, Q, F>(
    entry: &Entry,
    asked: Vec<Q>,
    may_pass: impl Fn(&Failed<Q>) -> bool,
    mut ask: impl FnMut(Vec<Q>, Earlier<D, Q>) -> F,
) -> Result<Negotiation<Outcome<D, Q>>, Error>
where
    D: Clone,
    Q: Clone + fmt::Display,
    F: Future<Output = Result<Negotiation<Outcome<D, Q>>, Error>>,
{
    let begun = Instant::now();
    let mut so_far = Outcome::new(entry.step());
    let (mut missing, mut waiting) = (asked, Vec::new());
    let ended = loop {
        let earlier = Earlier { done: so_far.done.clone(), failed: so_far.failed.clone() };
        let mut got = match ask(missing, earlier).await {
            Ok(Negotiation::Done(got)) => got,
            Ok(exchange) => {
                break exchange.map(|got| {
                    so_far.extend(got);
                    so_far
                });
            }
            Err(error) if so_far.done.is_empty() => return Err(error),
            Err(error) => {
                // The items that are there must not be lost with those that are not.
                so_far.failed.append(&mut waiting);
                so_far.error = Some(error);
                break Negotiation::Done(so_far);
            }
        };
        (waiting, got.failed) = got.failed.into_iter().partition(&may_pass);
        so_far.extend(got);
        let elapsed = begun.elapsed();
        if waiting.is_empty() || !entry.retries().again(entry.step(), waiting.len(), elapsed).await
        {
            so_far.failed.append(&mut waiting);
            break Negotiation::Done(so_far);
        }
        missing = waiting.iter().map(|failed| failed.item.clone()).collect();
    };
    report(ended.outcome());
    Ok(ended)
}
