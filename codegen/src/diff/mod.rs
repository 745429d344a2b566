//! What changed between two documents, and what that means for a client.
//!
//! A change is **breaking** if a program that was right with the old document
//! may go wrong with the new one, on the wire; else it is **compatible**:
//!
//! | what changed | breaking | compatible |
//! |---|---|---|
//! | operation | removed, renamed (`operationId`) | added, deprecated |
//! | parameter | removed, added as required, became required, other place or style | added as optional, became optional |
//! | request body | removed, added as required, became required | added as optional, became optional |
//! | response | success removed, success added with another body | any other added, error removed |
//! | media type | removed | added |
//! | field of a request | removed, added as required, became required, `readOnly` | added as optional, became optional |
//! | field of a response | removed, became optional, `writeOnly` | added, became required |
//! | type or format | any | |
//! | enum of a request | value removed, enum added | value added, enum removed |
//! | enum of a response | | any: types keep values that they don't know |
//! | default of a request | changed, removed: what leaving out means is another thing | added |
//! | constraint of a request | tightened, another pattern | loosened |
//! | constraint or default of a response | | any: types don't insist on constraints |
//! | `nullable` | response: became nullable; request: no longer | the other ways round |
//! | alternative | request: removed; response: added | the other ways round |
//! | discriminator | any | |
//! | security | an alternative or a scheme removed or changed | one added |
//! | server, tag, example, header, title | | any |
//!
//! A schema is compared as what it means, wherever an operation uses it: by
//! reference or written out, in one piece or as branches of `allOf`. So another
//! name, a schema that nothing uses, or a default that is written out is no
//! change of what uses it. A field of both directions is breaking if it is for
//! one of them. Prose is no fact: a changed description is no change.

mod operations;
mod other;
mod render;
mod schemas;
mod view;

use std::fmt;

use serde::Serialize;

use crate::left_out::Notes;
use crate::{Document, mend};
pub use render::Format;

/// The changes from one document to another, in the order of reading.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Diff {
    /// Each of them.
    pub changes: Vec<Change>,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Change {
    /// Whether it may break a program.
    pub effect: Effect,
    /// What happened.
    pub kind: Kind,
    /// Where: an operation, a schema, a field.
    pub place: String,
    /// What exactly.
    pub what: String,
}

/// What a change means for a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// A program that was right may go wrong.
    Breaking,
    /// A program that was right stays right.
    Compatible,
}

/// What happened to a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It is another.
    Changed,
}

impl Diff {
    /// Compares the facts of two documents.
    pub fn between(old: &Document, new: &Document) -> Self {
        let mut diff = Self::default();
        let (old_facts, new_facts) = (old.facts(), new.facts());
        if old_facts.root() == new_facts.root() {
            return diff;
        }
        let prepare = |document: &Document| {
            let mut root = document.root().clone();
            mend::mend(&mut root, &mut Notes::default());
            root
        };
        let (old, new) = (prepare(&old_facts), prepare(&new_facts));
        operations::compare(&old, &new, &mut diff);
        schemas::names(&old, &new, &mut diff);
        other::compare(&old, &new, &mut diff);
        if diff.changes.is_empty() {
            diff.push(
                Effect::Compatible,
                Kind::Changed,
                "document",
                "only in what concerns no client",
            );
        }
        diff
    }

    /// Whether the facts are the same.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Whether any change is breaking.
    pub fn is_breaking(&self) -> bool {
        self.changes.iter().any(|change| change.effect == Effect::Breaking)
    }

    fn push(
        &mut self,
        effect: Effect,
        kind: Kind,
        place: impl Into<String>,
        what: impl Into<String>,
    ) {
        let new = Change { effect, kind, place: place.into(), what: what.into() };
        let same = |old: &&mut Change| {
            (old.kind, &old.place, &old.what) == (new.kind, &new.place, &new.what)
        };
        // A change that is seen from both directions counts as the worse of the two.
        match self.changes.iter_mut().find(same) {
            Some(known) => known.effect = known.effect.min(new.effect),
            None => self.changes.push(new),
        }
    }
}

impl Effect {
    fn breaking_if(condition: bool) -> Self {
        if condition { Effect::Breaking } else { Effect::Compatible }
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Effect::Breaking => "breaking",
            Effect::Compatible => "compatible",
        })
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Kind::Added => "added",
            Kind::Removed => "removed",
            Kind::Changed => "changed",
        })
    }
}
