//! Changes from one document to another, and their effect on a client.
//!
//! A change is **breaking** if a program that is right with the old document may go wrong
//! with the new one, on the wire. Other changes are **compatible**:
//!
//! | what changed | breaking | compatible |
//! |---|---|---|
//! | operation | removed, renamed (`operationId`) | added, deprecated |
//! | parameter | removed, added as required, became required, other place or style | added as optional, became optional |
//! | request body | removed, added as required, became required | added as optional, became optional |
//! | response | success removed, success added with another body | any other added, error removed |
//! | media type | removed | added |
//! | encoding of a property of a form | any | |
//! | field of a request | removed, added as required, became required, `readOnly` | added as optional, became optional |
//! | field of a response | removed, became optional, `writeOnly` | added, became required |
//! | type or format | any | |
//! | enum of a request | value removed, enum added | value added, enum removed |
//! | enum of a response | | any: types keep unknown values |
//! | default of a request | changed, removed: leaving the value out has another meaning | added |
//! | constraint of a request | tightened, another pattern | loosened |
//! | constraint or default of a response | | any: types don't insist on constraints |
//! | `nullable` | response: became nullable; request: no longer | the other ways round |
//! | alternative | request: removed; response: added | the other ways round |
//! | discriminator | any | |
//! | security | an alternative removed or changed, another first one, a scheme that operations use removed or sent in another way | any other |
//! | server, tag, example, link, header, title | | any |
//!
//! Schemas are compared by meaning, wherever an operation uses them: by reference or written
//! out, in one piece or as branches of `allOf`. So another name, an unused schema, or a
//! default that is written out changes no operation. A change of a field of both directions
//! is breaking if it breaks one of them. Prose is no fact: a changed description is no change.
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
mod security;
mod view;

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use crate::left_out::Notes;
use crate::{Document, Overlay, Result, mend};
use collect::Collector;
use place::Place;
pub use render::Format;
use security::Security;

/// Changes from one document to another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Diff {
    /// Changes, in the order of reading.
    pub changes: Vec<Change>,
}

/// Change from one document to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Change {
    /// Effect on a client: breaking or compatible.
    pub effect: Effect,
    /// Event: added, removed or changed.
    pub kind: Kind,
    /// Place of the change: an operation, a schema, a field.
    pub place: String,
    /// Part or keyword of the place.
    pub what: String,
    /// Value as it was, where there was one: JSON, at most 60 characters of it.
    pub old: Option<String>,
    /// Value as it is, in the same form.
    pub new: Option<String>,
    /// Operations that the change concerns, as `GET /path`. Empty if it concerns the document
    /// as a whole.
    pub operations: Vec<String>,
    /// Rust item that changes, such as `types::Track.mid`, after
    /// [`Diff::with_items`].
    pub item: Option<String>,
    /// Place in parts.
    #[serde(skip)]
    at: Place,
    /// Part of the place that is new or gone.
    #[serde(skip)]
    subject: Place,
}

/// Effect of a change on a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// A program that is right may go wrong.
    Breaking,
    /// A program that is right stays right.
    Compatible,
}

/// Event that happened to a part of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The part is new.
    Added,
    /// The part is gone.
    Removed,
    /// The part has another value.
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
        let security = Security::new(&old, &new);
        operations::compare((&old, &new), &security, &mut found);
        schemas::names(&old, &new, &mut found);
        other::compare(&old, &new, &mut found);
        security.schemes(&mut found);
        if found.is_empty() {
            let what = "only in what concerns no client";
            found.say(Effect::Compatible, Kind::Changed, &Place::default(), what);
        }
        Self { changes: found.finish() }
    }

    /// Adds to each change the item of the client that is generated from the document, as
    /// `overlay` completes it. An added part has an item of the new client, other parts one
    /// of the old.
    ///
    /// # Errors
    /// [`Error::Document`](crate::Error::Document) if the overlay makes a document invalid.
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

    /// Sets the values before and after.
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

/// Writes a value for a report: JSON, at most 60 characters of it.
fn shown(value: Option<&Value>) -> Option<String> {
    let text = value?.to_string();
    Some(match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    })
}
