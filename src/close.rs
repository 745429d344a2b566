//! Closes in batches, and the result of each item.

use std::fmt;

use crate::error::{Error, ItemError};
use crate::generated::types::ErrorCode;
use crate::outcome::{Entry, Failed, Outcome, settle};
use crate::step::Step;

/// Closer of items that are named by `K`.
pub(crate) trait Closer<K> {
    /// Entry of the reply.
    type Entry: Entry + Send;

    /// The most items of one request.
    const MAX: usize;

    /// Returns the step that closes.
    fn step(&self) -> Step;

    /// Returns whether the session or its items have ended, so that no request is needed.
    fn is_gone(&self) -> bool;

    /// Makes one request, with repetitions.
    fn close(
        &mut self,
        batch: &[K],
    ) -> impl Future<Output = Result<Vec<Self::Entry>, Error>> + Send;

    /// Returns whether an entry is for this item. None if it names nothing.
    fn is_for(item: &K, entry: &Self::Entry) -> Option<bool>;

    /// Notes the end of an item that was to be closed. Returns whether it was in doubt before: then
    /// it may be closed, whatever the reply says.
    fn ended(&mut self, item: &K, end: End) -> bool;
}

/// End of an item that was to be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The item is closed, or was closed already.
    Closed,
    /// The item was not closed.
    Open,
    /// The item's state is unknown.
    Unknown,
}

/// Closes the items in as many requests as the limit needs. If a request fails as a whole, its
/// items are failed, and its error is the outcome's.
pub(crate) async fn in_batches<K, C>(closer: &mut C, items: Vec<K>) -> Outcome<K, K>
where
    K: fmt::Display,
    C: Closer<K>,
{
    let mut all = Outcome::new(closer.step());
    let mut left = items;
    while !left.is_empty() {
        let after = left.split_off(left.len().min(C::MAX));
        let batch = std::mem::replace(&mut left, after);
        if closer.is_gone() {
            all.done.extend(batch);
            continue;
        }
        match closer.close(&batch).await {
            Ok(entries) => all.extend(settled(closer, batch, entries)),
            Err(error) if error.is_gone_already() => {
                for item in &batch {
                    closer.ended(item, End::Closed);
                }
                all.done.extend(batch);
            }
            Err(error) => {
                let end = if error.outcome_unknown() { End::Unknown } else { End::Open };
                for item in batch {
                    let was_in_doubt = closer.ended(&item, end);
                    let is_unknown = was_in_doubt || end == End::Unknown;
                    let reason =
                        if is_unknown { ItemError::Unreported } else { ItemError::RequestFailed };
                    all.fail(item, reason);
                }
                all.error = Some(error);
            }
        }
    }
    all
}

/// Sorts the entries of a reply to a close. An item that was closed already counts as closed.
pub(crate) fn settled<K, C>(closer: &mut C, asked: Vec<K>, entries: Vec<C::Entry>) -> Outcome<K, K>
where
    C: Closer<K>,
{
    let read = |_: &K, entry: C::Entry| match entry.error() {
        Some(error) if !is_gone(&error) => Err(error),
        _ => Ok(()),
    };
    let make = |item, ()| item;
    let (mut outcome, _) = settle(closer.step(), asked, entries, C::is_for, read, make);
    for item in &outcome.done {
        closer.ended(item, End::Closed);
    }
    for Failed { item, error } in &mut outcome.failed {
        let end = if error.leaves_doubt() { End::Unknown } else { End::Open };
        if closer.ended(item, end) {
            *error = ItemError::Unreported;
        }
    }
    outcome
}

/// Returns whether an item was not closed because it does not exist any more.
fn is_gone(error: &ItemError) -> bool {
    matches!(
        error.code(),
        Some(
            ErrorCode::CloseTrackError | ErrorCode::AdapterNotFound | ErrorCode::NotFoundTrackError
        )
    )
}
