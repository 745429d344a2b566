//! Collection of changes, each with the operations that it concerns.
//!
//! A schema is compared once, however many operations use it. The comparison of two schemas
//! notes its users: operations, and comparisons of schemas around the two. The operations
//! that a change concerns are found by following the users back.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::place::Place;
use super::{Change, Effect, Kind};

/// User of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum User {
    /// Operation of this number in [`Collector::operations`].
    Operation(usize),
    /// Comparison of the two schemas of this number.
    Schemas(usize),
}

#[derive(Debug, Default)]
pub(super) struct Collector {
    changes: Vec<(Change, BTreeSet<User>)>,
    /// Indices of changes, by their place and text.
    known: HashMap<(String, String), usize>,
    /// Operations as `GET /path`, in the order of their comparison.
    operations: Vec<String>,
    /// Users of each comparison of schemas.
    users: Vec<BTreeSet<User>>,
    /// User on whose behalf the current comparison runs.
    user: Option<User>,
}

impl Collector {
    /// Adds a change, or makes the known one worse: a change that is seen from both
    /// directions counts as the worse of the two.
    pub(super) fn push(&mut self, change: Change) {
        let said = format!("{} {} {:?} {:?}", change.kind, change.what, change.old, change.new);
        let key = (change.place.clone(), said);
        let index = *self.known.entry(key).or_insert(self.changes.len());
        match self.changes.get_mut(index) {
            Some((known, _)) => known.effect = known.effect.min(change.effect),
            None => self.changes.push((change, BTreeSet::new())),
        }
        if let (Some((_, users)), Some(user)) = (self.changes.get_mut(index), self.user) {
            users.insert(user);
        }
    }

    /// Adds a change of `place` without values.
    pub(super) fn say(&mut self, effect: Effect, kind: Kind, place: &Place, what: &str) {
        self.push(Change::new(effect, kind, place, what));
    }

    /// Begins an operation: all comparisons until the next call concern it.
    pub(super) fn begin(&mut self, operation: &str) {
        self.user = Some(User::Operation(self.operations.len()));
        self.operations.push(operation.to_owned());
    }

    /// Ends the operation that [`begin`](Self::begin) began.
    pub(super) fn end(&mut self) {
        self.user = None;
    }

    /// Gives a number to a comparison of schemas.
    pub(super) fn number(&mut self) -> usize {
        self.users.push(BTreeSet::new());
        self.users.len() - 1
    }

    /// Notes the current user of the comparison of this number.
    pub(super) fn ask(&mut self, number: usize) {
        if let (Some(users), Some(user)) = (self.users.get_mut(number), self.user) {
            users.insert(user);
        }
    }

    /// Runs `compare` on behalf of the comparison of this number.
    pub(super) fn on_behalf(&mut self, number: usize, compare: impl FnOnce(&mut Self)) {
        let before = self.user.replace(User::Schemas(number));
        compare(self);
        self.user = before;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Returns the changes, each with the operations that it concerns.
    pub(super) fn finish(self) -> Vec<Change> {
        let Self { changes, operations, users, .. } = self;
        let of = |direct: BTreeSet<User>| -> Vec<String> {
            let mut next: Vec<User> = direct.into_iter().collect();
            let mut seen: HashSet<User> = next.iter().copied().collect();
            let mut found = BTreeSet::new();
            while let Some(user) = next.pop() {
                match user {
                    User::Operation(number) => drop(found.insert(number)),
                    User::Schemas(number) => {
                        let more = users.get(number).into_iter().flatten();
                        next.extend(more.copied().filter(|user| seen.insert(*user)));
                    }
                }
            }
            found.into_iter().filter_map(|number| operations.get(number).cloned()).collect()
        };
        changes
            .into_iter()
            .map(|(mut change, users)| {
                if !users.is_empty() {
                    change.operations = of(users);
                }
                change
            })
            .collect()
    }
}
