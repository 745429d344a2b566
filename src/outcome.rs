//! Outcome of a step with several items.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::{Error, ItemError, ItemFailure};
use crate::generated::types::{
    AdapterResult, CloseAdapterResult, CloseTrackResult, DataChannelResult, TrackResult,
};
use crate::step::Step;

/// Items of a step: `done` are those that succeeded, as `D`; `failed` are those that did not, as
/// they were asked for.
///
/// Every item that was asked for is in one of the two lists.
#[derive(Debug, Serialize, Deserialize)]
#[non_exhaustive]
#[must_use = "items can have failed although the step did not"]
pub struct Outcome<D, Q> {
    /// Step.
    pub step: Step,
    /// Items that succeeded.
    pub done: Vec<D>,
    /// Items that failed, with their errors.
    pub failed: Vec<Failed<Q>>,
    /// Error of a request that failed as a whole, while others of the same step succeeded: a
    /// repetition, or one of several batches. Its items are in `failed`. It is written and not
    /// read.
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub error: Option<Error>,
}

/// Item that failed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Failed<Q> {
    /// Item as it was asked for, to be asked for again.
    pub item: Q,
    /// Error of the item.
    pub error: ItemError,
}

impl<D, Q> Outcome<D, Q> {
    /// Returns the items if all of them succeeded.
    ///
    /// # Errors
    /// The error of the request that failed as a whole, or else
    /// [`Error::Items`] with all that failed.
    pub fn into_result(self) -> Result<Vec<D>, Error>
    where
        Q: fmt::Display,
    {
        let Self { step, done, failed, error } = self;
        if let Some(error) = error {
            return Err(error);
        }
        if failed.is_empty() {
            return Ok(done);
        }
        let failure =
            |Failed { item, error }: Failed<Q>| ItemFailure { item: item.to_string(), error };
        Err(Error::Items { step, failures: failed.into_iter().map(failure).collect() })
    }

    /// Returns the failed items for which another try may succeed: they are not published yet, or
    /// met a temporary fault.
    pub fn retryable(&self) -> Vec<Q>
    where
        Q: Clone,
    {
        let may_pass = self.failed.iter().filter(|failed| failed.error.is_retryable());
        may_pass.map(|failed| failed.item.clone()).collect()
    }

    /// Returns the outcome, unless a request failed as a whole and nothing is done.
    pub(crate) fn unless_nothing_is_done(mut self) -> Result<Self, Error> {
        match self.error.take() {
            Some(error) if self.done.is_empty() => Err(error),
            error => Ok(Self { error, ..self }),
        }
    }

    pub(crate) fn new(step: Step) -> Self {
        Self { step, done: Vec::new(), failed: Vec::new(), error: None }
    }

    pub(crate) fn extend(&mut self, more: Self) {
        self.done.extend(more.done);
        self.failed.extend(more.failed);
        self.error = more.error.or(self.error.take());
    }

    pub(crate) fn fail(&mut self, item: Q, error: ItemError) {
        self.failed.push(Failed { item, error });
    }
}

/// Entry of a reply.
pub(crate) trait Entry {
    /// Returns the error of the entry, if it has one.
    fn error(&self) -> Option<ItemError>;

    /// Reads an entry without an error. `read` returns None if a required part is missing.
    fn read<N>(self, read: impl FnOnce(Self) -> Option<N>) -> Result<N, ItemError>
    where
        Self: Sized,
    {
        match self.error() {
            Some(error) => Err(error),
            None => read(self).ok_or(ItemError::Unnamed),
        }
    }
}

/// Returns the text of a field, unless it is empty, as it can be in failed entries.
pub(crate) fn text(field: &Option<String>) -> Option<&str> {
    field.as_deref().filter(|text| !text.is_empty())
}

macro_rules! entries {
    ($($entry:ident),*) => {$(
        impl Entry for $entry {
            fn error(&self) -> Option<ItemError> {
                ItemError::of(&self.error_code, &self.error_subcode, &self.error_description)
            }
        }
    )*};
}

entries!(TrackResult, CloseTrackResult, DataChannelResult, AdapterResult, CloseAdapterResult);

/// Sorts the entries of a reply by the items that were asked for.
///
/// `is_for` tells whether an entry is for an item, or None if the entry names nothing. An entry
/// belongs to the first item that it is for and that has none yet. An entry that names nothing, as
/// failed ones can, belongs to the item in its place, if there are as many entries as items. `read`
/// takes the new values out of an entry, and `make` makes the done item of them. The second list
/// has the entries that nobody asked for.
pub(crate) fn settle<D, N, Q, R: Entry>(
    step: Step,
    asked: Vec<Q>,
    entries: Vec<R>,
    is_for: impl Fn(&Q, &R) -> Option<bool>,
    read: impl Fn(&Q, R) -> Result<N, ItemError>,
    make: impl Fn(Q, N) -> D,
) -> (Outcome<D, Q>, Vec<R>) {
    let mut assigned: Vec<Option<R>> = asked.iter().map(|_| None).collect();
    let in_places = entries.len() == asked.len();
    let (mut nameless, mut unasked) = (Vec::new(), Vec::new());
    for (place, entry) in entries.into_iter().enumerate() {
        let answers = asked.iter().zip(&assigned).map(|(item, entry_of)| {
            let answer = is_for(item, &entry);
            (answer.is_none(), answer == Some(true) && entry_of.is_none())
        });
        let (mut names_nothing, mut owner) = (false, None);
        for (index, (is_nameless, is_owner)) in answers.enumerate() {
            names_nothing |= is_nameless;
            if is_owner {
                owner = Some(index);
                break;
            }
        }
        match owner {
            Some(index) => assigned[index] = Some(entry),
            None if names_nothing => nameless.push((place, entry)),
            None => unasked.push(entry),
        }
    }
    for (place, entry) in nameless {
        match assigned.get_mut(place) {
            Some(free @ None) if in_places => *free = Some(entry),
            _ => unasked.push(entry),
        }
    }
    let mut outcome = Outcome::new(step);
    for (item, entry) in asked.into_iter().zip(assigned) {
        match entry.map_or(Err(ItemError::Unreported), |entry| read(&item, entry)) {
            Ok(new) => outcome.done.push(make(item, new)),
            Err(error) => outcome.fail(item, error),
        }
    }
    (outcome, unasked)
}
