//! Repair of a document, so that later stages can rely on the shape of OpenAPI 3.0.
//!
//! A part without that shape is left out by name: a detail if the operation works without it,
//! else the operation. Only a document that is not OpenAPI at all is refused.

mod inline;
mod keywords;
mod operations;
mod references;
mod schemas;
mod security;
mod servers;

use serde_json::{Map, Value};

use crate::left_out::Notes;
use crate::{lower, schema};

/// Mends the document, which [`validate`](crate::validate) has accepted.
pub(crate) fn mend(root: &mut Value, notes: &mut Notes) {
    keywords::note(root, notes);
    references::decode(root);
    lower::to_3_0(root, notes);
    components(root, notes);
    // From here on the document has `components.schemas`, if only an empty one.
    schema::components(root);
    references::hoist(root);
    let known = references::targets(root);
    schemas::components(root, &known, notes);
    references::cut_circles(root, notes);
    operations::run(root, &known, notes);
    security::note(root, notes);
    servers::note(root, notes);
}

/// Leaves out sections of the components that are no objects.
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

/// Shortens text of the document for a message, to 60 characters.
fn shorten(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Removes a key whose value is not of the expected kind.
fn drop_key(map: &mut Map<String, Value>, key: &str, at: &str, expected: &str, notes: &mut Notes) {
    if map.shift_remove(key).is_some() {
        notes.detail(&crate::pointer::join(at, key), format!("expected {expected}"));
    }
}
