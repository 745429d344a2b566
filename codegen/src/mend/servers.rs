//! Servers of operations that requests cannot be sent to.

use serde_json::Value;

use crate::left_out::Notes;
use crate::{schema, servers};

/// Notes these servers.
pub(super) fn note(root: &Value, notes: &mut Notes) {
    for (at, operation) in schema::operations(root) {
        if let Some((at, _)) =
            servers::own(root, &at, operation).filter(|(_, url)| !servers::is_usable(url))
        {
            notes.detail(&at, "expected a URL of HTTP: requests go to the base URL");
        }
    }
}
