//! Collects changes, and which operations each of them concerns.
//!
//! A schema is compared once, however many operations use it. The comparison
//! of two schemas notes by whom it was asked for: an operation, or the
//! comparison of two schemas around them. So the operations that a change
//! concerns are found by going back.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::place::Place;
use super::{Change, Effect, Kind};

/// One who asks for a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum User {
    /// The operation of this number in [`Collector::operations`].
    Operation(usize),
    /// The comparison of the two schemas of this number.
    Schemas(usize),
}

#[derive(Debug, Default)]
pub(super) struct Collector {
    changes: Vec<(Change, BTreeSet<User>)>,
    /// Changes by what they say.
    known: HashMap<(String, String), usize>,
    /// The operations as `GET /path`, in the order in which they were compared.
    operations: Vec<String>,
    /// Those who asked for each comparison of schemas.
    users: Vec<BTreeSet<User>>,
    /// The one on whose behalf a comparison runs.
    user: Option<User>,
}

impl Collector {
    /// Adds a change, or makes the known one worse: a change that is seen from
    /// both directions counts as the worse of the two.
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

    /// Begins an operation: all that is compared until the next call concerns it.
    pub(super) fn begin(&mut self, operation: &str) {
        self.user = Some(User::Operation(self.operations.len()));
        self.operations.push(operation.to_owned());
    }

    /// Ends what [`begin`](Self::begin) began.
    pub(super) fn end(&mut self) {
        self.user = None;
    }

    /// A number for a comparison of schemas.
    pub(super) fn number(&mut self) -> usize {
        self.users.push(BTreeSet::new());
        self.users.len() - 1
    }

    /// Notes that the comparison of this number was asked for.
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

    /// The changes, each with the operations that it concerns.
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
