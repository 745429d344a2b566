//! Changes from one document to another, and what they mean for a client.
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
//!
//! A change names the operations that it concerns. [`Diff::with_items`] adds
//! the item of the generated client.

mod collect;
mod items;
mod operations;
mod other;
mod place;
mod render;
mod schemas;
mod view;

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use crate::left_out::Notes;
use crate::{Document, Overlay, Result, mend};
use collect::Collector;
use place::Place;
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
    /// True if it may break a program.
    pub effect: Effect,
    /// The event.
    pub kind: Kind,
    /// The place: an operation, a schema, a field.
    pub place: String,
    /// The part or keyword of the place.
    pub what: String,
    /// The value as it was, where there was one: JSON, at most 60 characters of it.
    pub old: Option<String>,
    /// The value as it is, in the same form.
    pub new: Option<String>,
    /// The operations that it concerns, as `GET /path`; none if it concerns the
    /// document as a whole.
    pub operations: Vec<String>,
    /// The Rust item that changes, such as `types::Track.mid`, after
    /// [`Diff::with_items`].
    pub item: Option<String>,
    /// The same place in parts.
    #[serde(skip)]
    at: Place,
    /// The part of the place that is new or gone.
    #[serde(skip)]
    subject: Place,
}

/// Consequence of a change for a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// A program that was right may go wrong.
    Breaking,
    /// A program that was right stays right.
    Compatible,
}

/// Events that can happen to a part of a document.
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
        let (old_facts, new_facts) = (old.facts(), new.facts());
        if old_facts.root() == new_facts.root() {
            return Self::default();
        }
        let prepare = |document: &Document| {
            let mut root = document.root().clone();
            mend::mend(&mut root, &mut Notes::default());
            root
        };
        let (old, new) = (prepare(&old_facts), prepare(&new_facts));
        let mut found = Collector::default();
        operations::compare(&old, &new, &mut found);
        schemas::names(&old, &new, &mut found);
        other::compare(&old, &new, &mut found);
        if found.is_empty() {
            let what = "only in what concerns no client";
            found.say(Effect::Compatible, Kind::Changed, &Place::default(), what);
        }
        Self { changes: found.finish() }
    }

    /// The same changes with the items of the clients that are generated from
    /// the two documents, as `overlay` completes them. What is new is an item of
    /// the new client, anything else one of the old.
    ///
    /// # Errors
    /// [`Error::Document`](crate::Error::Document) for what the overlay made no
    /// OpenAPI document.
    pub fn with_items(self, old: &Document, new: &Document, overlay: &Overlay) -> Result<Self> {
        items::name(self, old, new, overlay)
    }

    /// Returns whether the facts are the same.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Returns whether any change is breaking.
    pub fn is_breaking(&self) -> bool {
        self.changes.iter().any(|change| change.effect == Effect::Breaking)
    }
}

impl Change {
    fn new(effect: Effect, kind: Kind, place: &Place, what: &str) -> Self {
        Self {
            effect,
            kind,
            place: place.to_string(),
            what: what.to_owned(),
            old: None,
            new: None,
            operations: Vec::new(),
            item: None,
            at: place.clone(),
            subject: place.clone(),
        }
    }

    /// Sets the values, of which there is at most one that is missing.
    fn values(mut self, old: Option<String>, new: Option<String>) -> Self {
        (self.old, self.new) = (old, new);
        self
    }

    /// Sets the part of the place that is new or gone.
    fn of(mut self, subject: Place) -> Self {
        self.subject = subject;
        self
    }
}

impl fmt::Display for Change {
    /// Writes the part or keyword, with the values before and after.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        if self.old.is_none() && self.new.is_none() {
            return Ok(());
        }
        let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "none".to_owned());
        write!(f, ": {} → {}", shown(&self.old), shown(&self.new))
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

/// A value in a report: JSON, at most 60 characters of it.
fn shown(value: Option<&Value>) -> Option<String> {
    let text = value?.to_string();
    Some(match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    })
}
