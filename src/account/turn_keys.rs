//! TURN keys of the account, and their rotation.

use super::api::types::TurnKeySettings;
use super::apps::{deleted, found};
use super::details::{Created, Details, Parts};
use super::error::AccountError;
use super::handle::{Account, segment};
use super::operation::{
    CREATE_TURN_KEY, DELETE_TURN_KEY, GET_TURN_KEY, LIST_TURN_KEYS, UPDATE_TURN_KEY,
};
use crate::ice::{TurnClient, TurnClientBuilder, TurnKeyId};
use crate::runtime::setup::ConfigError;

/// Details of a TURN key.
pub type TurnKey = Details<TurnKeyId>;

/// New TURN key with its API token.
pub type NewTurnKey = Created<TurnKeyId>;

impl NewTurnKey {
    /// Creates a client that makes credentials with the key, with the default base URL,
    /// time-outs and HTTP client.
    ///
    /// # Errors
    /// [`ConfigError::Secret`] or [`ConfigError::Http`].
    pub fn client(&self) -> Result<TurnClient, ConfigError> {
        self.builder().build()
    }

    /// Begins a client of the key whose defaults can be changed.
    pub fn builder(&self) -> TurnClientBuilder {
        TurnClient::builder(self.details.id.clone(), self.secret.clone())
    }
}

/// # TURN keys
///
/// Methods about TURN keys. [`AccountError`] describes their errors.
impl Account {
    /// Lists the TURN keys of the account.
    ///
    /// # Errors
    /// See [`AccountError`].
    pub async fn turn_keys(&self) -> Result<Vec<TurnKey>, AccountError> {
        let list = self.ask(&LIST_TURN_KEYS, |api| api.list_turn_keys().send()).await.0?;
        list.result.into_iter().map(|key| Parts::from(key).details(&LIST_TURN_KEYS)).collect()
    }

    /// Reads the details of a TURN key.
    ///
    /// # Errors
    /// See [`AccountError`].
    pub async fn turn_key(&self, key: &TurnKeyId) -> Result<TurnKey, AccountError> {
        let operation = &GET_TURN_KEY;
        let id = segment(operation, key.as_str())?;
        let reply = self.ask(operation, |api| api.get_turn_key(&id).send()).await.0?;
        found(operation, reply.result)?.details(operation)
    }

    /// Creates a TURN key. The name is for people of the account, and may be empty. The
    /// reply is the only one that has the key's API token.
    ///
    /// # Errors
    /// See [`AccountError`]. The request is not repeated once it may have arrived: with
    /// [`outcome_unknown`](AccountError::outcome_unknown) there may be a new key whose
    /// API token is lost.
    pub async fn create_turn_key(
        &self,
        name: impl Into<String>,
    ) -> Result<NewTurnKey, AccountError> {
        let operation = &CREATE_TURN_KEY;
        let body = TurnKeySettings::new().name(name.into());
        let reply = self.ask(operation, |api| api.create_turn_key(&body).send()).await.0?;
        found(operation, reply.result)?.created(operation, "key")
    }

    /// Gives a TURN key another name. Its id and API token stay.
    ///
    /// # Errors
    /// See [`AccountError`].
    pub async fn rename_turn_key(
        &self,
        key: &TurnKeyId,
        name: impl Into<String>,
    ) -> Result<TurnKey, AccountError> {
        let operation = &UPDATE_TURN_KEY;
        let id = segment(operation, key.as_str())?;
        let body = TurnKeySettings::new().name(name.into());
        let reply = self.ask(operation, |api| api.update_turn_key(&id, &body).send()).await.0?;
        found(operation, reply.result)?.details(operation)
    }

    /// Deletes a TURN key, with its API token.
    ///
    /// # Errors
    /// See [`AccountError`]. A key that is not there is an error (status 404), unless
    /// the reply to an earlier try of this call was lost.
    pub async fn delete_turn_key(&self, key: &TurnKeyId) -> Result<(), AccountError> {
        let id = segment(&DELETE_TURN_KEY, key.as_str())?;
        deleted(self.ask(&DELETE_TURN_KEY, |api| api.delete_turn_key(&id).send()).await)
    }

    /// Creates a TURN key of the same name in the place of `old`, which goes on to work:
    /// keep the new one first, then [`Rotation::delete_old`].
    ///
    /// # Errors
    /// Those of [`turn_key`](Self::turn_key) for the old key, and those of
    /// [`create_turn_key`](Self::create_turn_key). The old key is untouched then.
    pub async fn rotate_turn_key(&self, old: &TurnKeyId) -> Result<Rotation, AccountError> {
        let name = self.turn_key(old).await?.name;
        let new = self.create_turn_key(name).await?;
        Ok(Rotation { account: self.clone(), old: old.clone(), new })
    }
}

/// Rotation of a TURN key, while the new key and the old one exist.
///
/// Dropping it deletes nothing.
#[derive(Clone, Debug)]
#[must_use = "the old key works until `delete_old`"]
pub struct Rotation {
    account: Account,
    old: TurnKeyId,
    new: NewTurnKey,
}

impl Rotation {
    /// Returns the new key with its API token.
    pub fn key(&self) -> &NewTurnKey {
        &self.new
    }

    /// Returns the id of the old key.
    pub fn old(&self) -> &TurnKeyId {
        &self.old
    }

    /// Deletes the old key. The fate of credentials that were created with it is not
    /// documented, so wait until their lifetime is over.
    ///
    /// # Errors
    /// Those of [`Account::delete_turn_key`]. The call may be made again.
    pub async fn delete_old(&self) -> Result<(), AccountError> {
        self.account.delete_turn_key(&self.old).await
    }
}
