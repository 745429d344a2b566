//! Apps and TURN keys as replies describe them.

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use super::api::types;
use super::error::AccountError;
use super::operation::Operation;
use crate::runtime::formatted::Formatted;
use crate::runtime::redaction::Hidden;

/// Details of an app or a TURN key, as the account API keeps them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Details<I> {
    /// Id of the app or key in later calls.
    pub id: I,
    /// Name that people of the account see; empty if none was given.
    pub name: String,
    /// Time of the creation (RFC 3339), where the reply has it.
    pub created: Option<Formatted<Timestamp>>,
    /// Time of the last change (RFC 3339), where the reply has it.
    pub modified: Option<Formatted<Timestamp>>,
}

/// New app or TURN key with its secret. Only the reply to the creation has the secret: if it
/// is lost, another app or key has to be created. `Debug` output does not show it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Created<I> {
    /// Details of the app or key.
    pub details: Details<I>,
    /// Secret of an app, or API token of a TURN key.
    pub secret: SecretString,
}

/// Parts of a reply that become details.
pub(super) struct Parts {
    id: Option<types::Uid>,
    name: Option<String>,
    created: Option<Formatted<Timestamp>>,
    modified: Option<Formatted<Timestamp>>,
    secret: Option<SecretString>,
}

impl Parts {
    pub(super) fn details<I>(self, operation: &Operation) -> Result<Details<I>, AccountError>
    where
        I: TryFrom<String>,
    {
        let missing = || AccountError::incomplete(operation, "uid");
        let id = self.id.and_then(|id| I::try_from(id.as_str().to_owned()).ok());
        Ok(Details {
            id: id.ok_or_else(missing)?,
            name: self.name.unwrap_or_default(),
            created: self.created,
            modified: self.modified,
        })
    }

    /// Returns the new item. `missing` is the name of the secret in the reply, for the error.
    pub(super) fn created<I>(
        mut self,
        operation: &Operation,
        missing: &'static str,
    ) -> Result<Created<I>, AccountError>
    where
        I: TryFrom<String>,
    {
        let secret = self.secret.take().filter(|secret| !secret.expose_secret().is_empty());
        let secret = secret.ok_or_else(|| AccountError::incomplete(operation, missing))?;
        Ok(Created { details: self.details(operation)?, secret })
    }
}

/// Conversions of generated types into [`Parts`], each with the name of its secret if it
/// has one.
macro_rules! parts {
    ($($name:ident: $($secret:ident)?;)*) => {
        $(impl From<types::$name> for Parts {
            fn from(from: types::$name) -> Self {
                let types::$name { created, modified, name, uid, $($secret)? } = from;
                let secret: Option<Option<Hidden>> = [$($secret)?].into_iter().next();
                let secret = secret.flatten().map(|text| String::from(text).into());
                Self { id: uid, name, created, modified, secret }
            }
        })*
    };
}

parts! {
    App: ;
    AppWithSecret: secret;
    TurnKey: ;
    TurnKeyWithKey: key;
}
