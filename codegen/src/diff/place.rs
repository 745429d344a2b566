//! Places of changes.

use std::fmt;

/// Place of a change: its root, and the steps from there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) root: Root,
    pub(super) steps: Vec<Step>,
}

/// Beginning of a place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Root {
    /// Document as a whole.
    #[default]
    Document,
    /// Schema by its name in the document.
    Schema(String),
    /// Operation as `GET /path`, and a part of it.
    Operation(String, Part),
}

/// Part of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Operation as a whole.
    Whole,
    /// Parameter by its location and name.
    Parameter(String, String),
    /// Body of the request.
    Request,
    /// Reply with this status.
    Response(String),
}

/// Step into a schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Property of this name.
    Field(String),
    /// Element of an array.
    Items,
    /// Value of a free-form map.
    Values,
    /// Alternative by its name or number.
    Alternative(String),
    /// Value of an enum.
    Value(String),
}

impl Place {
    pub(super) fn schema(name: &str) -> Self {
        Self { root: Root::Schema(name.to_owned()), steps: Vec::new() }
    }

    pub(super) fn operation(operation: &str, part: Part) -> Self {
        Self { root: Root::Operation(operation.to_owned(), part), steps: Vec::new() }
    }

    /// Returns the place one step further.
    pub(super) fn to(&self, step: Step) -> Self {
        let mut place = self.clone();
        place.steps.push(step);
        place
    }

    pub(super) fn field(&self, name: &str) -> Self {
        self.to(Step::Field(name.to_owned()))
    }

    /// Returns the place within the operation called `operation`, if it is one of its parts.
    pub(super) fn within(&self, operation: &str) -> Option<String> {
        match &self.root {
            Root::Operation(own, part) if own == operation => {
                let whole = self.to_string();
                let rest = whole.strip_prefix(operation).unwrap_or_default().trim_start();
                Some(if *part == Part::Whole { String::new() } else { rest.to_owned() })
            }
            _ => None,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.root {
            Root::Document => f.write_str("document")?,
            Root::Schema(name) => f.write_str(name)?,
            Root::Operation(operation, part) => write!(f, "{operation}{part}")?,
        }
        self.steps.iter().try_for_each(|step| match step {
            Step::Field(name) => write!(f, ".{name}"),
            Step::Items => f.write_str("[]"),
            Step::Values => f.write_str("{}"),
            Step::Alternative(name) => write!(f, "|{name}"),
            Step::Value(value) => write!(f, "={value}"),
        })
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Part::Whole => Ok(()),
            Part::Parameter(location, name) => write!(f, " {location} parameter {name}"),
            Part::Request => f.write_str(" request"),
            Part::Response(status) => write!(f, " response {status}"),
        }
    }
}
