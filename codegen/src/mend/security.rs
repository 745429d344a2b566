//! Security schemes that operations need and the client does not have.

use serde_json::Value;

use crate::left_out::Notes;
use crate::schema;
use crate::{pointer, security};

/// Notes these schemes.
pub(super) fn note(root: &Value, notes: &mut Notes) {
    for (_, operation) in schema::operations(root) {
        for name in security::of(root, operation).missing {
            let reason = "the client cannot send a secret in this way";
            notes.detail(&pointer::join("/components/securitySchemes", name), reason);
        }
    }
}
