//! What became of the items of a request.

use std::fmt;

use crate::generated::scrub;
use crate::{Error, ItemError, ItemFailure, meter};

/// An item that failed while the request as a whole did not.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Failed<T> {
    /// What was asked for, to be asked for again.
    pub item: T,
    /// Why it failed.
    pub error: ItemError,
}

impl<T: fmt::Display> Failed<T> {
    pub(crate) fn new(operation: &'static str, item: T, error: ItemError) -> Self {
        meter::item_failed(operation, &error);
        tracing::debug!(
            operation,
            code = error.code().map(|code| scrub(code.as_str())),
            "an item failed"
        );
        Self { item, error }
    }
}

/// No item failed, or an error with all that did.
pub(crate) fn complete<T: fmt::Display>(
    operation: &'static str,
    failed: &[Failed<T>],
) -> Result<(), Error> {
    if failed.is_empty() {
        return Ok(());
    }
    let failure = |failed: &Failed<T>| ItemFailure {
        item: failed.item.to_string(),
        error: failed.error.clone(),
    };
    Err(Error::Items { operation, failures: failed.iter().map(failure).collect() })
}

/// The results of a reply in the order of what was asked for.
///
/// A result belongs to the first item that `is_for` says it is for and that
/// has none yet. One that names nothing at all (`is_anonymous`, as failed
/// items can be) belongs to the item in its place, if there are as many
/// results as items. The second list has the results that nobody asked for.
pub(crate) fn assign<Q, R>(
    asked: &[Q],
    results: Vec<R>,
    is_for: impl Fn(&Q, &R) -> bool,
    is_anonymous: impl Fn(&R) -> bool,
) -> (Vec<Option<R>>, Vec<R>) {
    let mut assigned: Vec<Option<R>> = asked.iter().map(|_| None).collect();
    let in_places = results.len() == asked.len();
    let mut rest = Vec::new();
    for (place, result) in results.into_iter().enumerate() {
        if is_anonymous(&result) {
            rest.push((place, result));
            continue;
        }
        let owner = (0..asked.len())
            .find(|&index| assigned[index].is_none() && is_for(&asked[index], &result));
        match owner {
            Some(index) => assigned[index] = Some(result),
            None => rest.push((place, result)),
        }
    }
    let mut unasked = Vec::new();
    for (place, result) in rest {
        if in_places && is_anonymous(&result) && assigned[place].is_none() {
            assigned[place] = Some(result);
        } else {
            unasked.push(result);
        }
    }
    (assigned, unasked)
}
