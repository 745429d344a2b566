//! Brings a document into the shape that OpenAPI 3.0 promises, so that no
//! later stage meets anything else.
//!
//! A part without that shape is left out by name: a detail where the
//! operation can do without, else the operation. Nothing but a document that
//! is not OpenAPI at all is refused.

mod inline;
mod operations;
mod references;
mod schemas;
mod security;

use serde_json::{Map, Value};

use crate::left_out::Notes;
use crate::{lower, schema};

/// Mends the document, which [`validate`](crate::validate) has accepted.
pub(crate) fn mend(root: &mut Value, notes: &mut Notes) {
    lower::to_3_0(root, notes);
    components(root, notes);
    // From here on there is one, if an empty one.
    schema::components(root);
    references::hoist(root);
    let known = references::targets(root);
    schemas::components(root, &known, notes);
    references::cut_circles(root, notes);
    operations::run(root, &known, notes);
    security::note(root, notes);
}

/// Each section of the components is an object of objects.
fn components(root: &mut Value, notes: &mut Notes) {
    let Some(components) = root.get_mut("components").and_then(Value::as_object_mut) else {
        return;
    };
    components.retain(|section, content| {
        let fine = content.is_object() || section.starts_with("x-");
        if !fine {
            notes.detail(&format!("/components/{section}"), "expected an object");
        }
        fine
    });
}

/// Text of the document, bounded, for a message.
fn shorten(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Removes a key whose value is not what it has to be.
fn drop_key(map: &mut Map<String, Value>, key: &str, at: &str, expected: &str, notes: &mut Notes) {
    if map.shift_remove(key).is_some() {
        notes.detail(&crate::pointer::join(at, key), format!("expected {expected}"));
    }
}
