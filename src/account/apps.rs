//! Apps of the account.

use super::api::types::AppSettings;
use super::details::{Created, Details, Parts};
use super::error::AccountError;
use super::handle::{Account, segment};
use super::operation::{CREATE_APP, DELETE_APP, GET_APP, LIST_APPS, Operation, UPDATE_APP};
use crate::generated::types::AppId;
use crate::generated::{Client, ClientBuilder};
use crate::runtime::setup::ConfigError;

/// Details of an app.
pub type App = Details<AppId>;

/// New app with its secret.
pub type NewApp = Created<AppId>;

impl NewApp {
    /// Creates a client of the app, with the default base URL, time-outs and HTTP client.
    /// A new app may take a while to be known everywhere: until then its requests are
    /// answered with 404 `not_found`.
    ///
    /// # Errors
    /// [`ConfigError::Secret`] or [`ConfigError::Http`].
    pub fn client(&self) -> Result<Client, ConfigError> {
        self.builder().build()
    }

    /// Begins a client of the app whose defaults can be changed.
    pub fn builder(&self) -> ClientBuilder {
        Client::builder(self.details.id.clone(), self.secret.clone())
    }
}

/// # Apps
///
/// Methods about apps. [`AccountError`] describes their errors.
impl Account {
    /// Lists the apps of the account.
    ///
    /// # Errors
    /// See [`AccountError`].
    pub async fn apps(&self) -> Result<Vec<App>, AccountError> {
        let list = self.ask(&LIST_APPS, |api| api.list_apps().send()).await.0?;
        list.result.into_iter().map(|app| Parts::from(app).details(&LIST_APPS)).collect()
    }

    /// Reads the details of an app.
    ///
    /// # Errors
    /// See [`AccountError`].
    pub async fn app(&self, app: &AppId) -> Result<App, AccountError> {
        let operation = &GET_APP;
        let id = segment(operation, app.as_str())?;
        let reply = self.ask(operation, |api| api.get_app(&id).send()).await.0?;
        found(operation, reply.result)?.details(operation)
    }

    /// Creates an app. The name is for people of the account, and may be empty. The
    /// reply is the only one that has the secret.
    ///
    /// # Errors
    /// See [`AccountError`]. The request is not repeated once it may have arrived: with
    /// [`outcome_unknown`](AccountError::outcome_unknown) there may be a new app whose
    /// secret is lost.
    pub async fn create_app(&self, name: impl Into<String>) -> Result<NewApp, AccountError> {
        let operation = &CREATE_APP;
        let body = AppSettings::new().name(name.into());
        let reply = self.ask(operation, |api| api.create_app(&body).send()).await.0?;
        found(operation, reply.result)?.created(operation, "secret")
    }

    /// Gives an app another name. Its id and secret stay.
    ///
    /// # Errors
    /// See [`AccountError`].
    pub async fn rename_app(
        &self,
        app: &AppId,
        name: impl Into<String>,
    ) -> Result<App, AccountError> {
        let operation = &UPDATE_APP;
        let id = segment(operation, app.as_str())?;
        let body = AppSettings::new().name(name.into());
        let reply = self.ask(operation, |api| api.update_app(&id, &body).send()).await.0?;
        found(operation, reply.result)?.details(operation)
    }

    /// Deletes an app, with its secret.
    ///
    /// # Errors
    /// See [`AccountError`]. An app that is not there is an error (status 404), unless
    /// the reply to an earlier try of this call was lost.
    pub async fn delete_app(&self, app: &AppId) -> Result<(), AccountError> {
        let id = segment(&DELETE_APP, app.as_str())?;
        deleted(self.ask(&DELETE_APP, |api| api.delete_app(&id).send()).await)
    }
}

/// Returns the result of a reply, or [`AccountError::Incomplete`] if it has none.
pub(super) fn found(
    operation: &Operation,
    result: Option<impl Into<Parts>>,
) -> Result<Parts, AccountError> {
    result.map(Into::into).ok_or_else(|| AccountError::incomplete(operation, "result"))
}

/// Returns the outcome of a deletion. An item that is not there is a success if an earlier
/// try may have deleted it.
pub(super) fn deleted<T>(
    (result, was_lost): (Result<T, AccountError>, bool),
) -> Result<(), AccountError> {
    match result {
        Err(error) if !(was_lost && error.status() == Some(reqwest::StatusCode::NOT_FOUND)) => {
            Err(error)
        }
        _ => Ok(()),
    }
}
