//! Forms whose properties have styles.

use serde::Serialize;

use super::error::InvalidRequest;
use super::exchange::Request;
use super::forms::{form_pairs, properties};
use super::styles::{Style, pairs};

impl Request<'_> {
    /// Sends a form in which these properties have a style, and say if they are exploded.
    pub(crate) fn styled_form(
        &mut self,
        body: &impl Serialize,
        styles: &[(&str, Style, bool)],
    ) -> Result<(), InvalidRequest> {
        let operation = self.operation;
        let mut found = Vec::new();
        for (name, value) in properties(operation, body)? {
            match styles.iter().find(|(styled, ..)| *styled == name) {
                Some((_, style, explode)) => {
                    let value = serde_json::from_str(value.get());
                    let value = value.map_err(|_| InvalidRequest::Body { operation })?;
                    pairs(&name, &value, *style, *explode, &mut found);
                }
                None => form_pairs(&name, &value, &mut found),
            }
        }
        self.put_form(&found);
        Ok(())
    }
}
