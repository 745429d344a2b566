//! Parts of a document that the client does not have, each with the reason.

use std::collections::HashSet;
use std::fmt;

use crate::{Error, Result};

/// Part of the document that generated text leaves out, or uses with less detail.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct LeftOut {
    /// Part that the client lacks.
    pub part: Part,
    /// JSON pointer to the cause.
    pub pointer: String,
    /// Reason why it is left out.
    pub reason: String,
}

/// Extent of a part that is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Part {
    /// The operation has no method.
    Operation,
    /// The operation has a method, without this part or with any value in its place.
    Detail,
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = match self.part {
            Part::Operation => "operation",
            Part::Detail => "detail",
        };
        write!(f, "{part} {}: {}", self.pointer, self.reason)
    }
}

/// List of the parts that are left out, in the order of their discovery.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    pub(crate) all: Vec<LeftOut>,
    seen: HashSet<LeftOut>,
}

impl Notes {
    pub(crate) fn operation(&mut self, pointer: &str, reason: impl Into<String>) {
        self.push(Part::Operation, pointer, reason.into());
    }

    pub(crate) fn detail(&mut self, pointer: &str, reason: impl Into<String>) {
        self.push(Part::Detail, pointer, reason.into());
    }

    fn push(&mut self, part: Part, pointer: &str, reason: String) {
        let new = LeftOut { part, pointer: pointer.to_owned(), reason };
        if self.seen.insert(new.clone()) {
            self.all.push(new);
        }
    }

    /// Refuses the document called `file` if a part is left out.
    pub(crate) fn refuse(&self, file: &str) -> Result<()> {
        match self.all.first() {
            Some(first) => Err(Error::Document {
                file: file.to_owned(),
                pointer: first.pointer.clone(),
                reason: first.reason.clone(),
            }),
            None => Ok(()),
        }
    }
}
