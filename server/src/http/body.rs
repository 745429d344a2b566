//! Bodies of requests.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use serde::de::DeserializeOwned;

use crate::refusal::Refused;

/// Body that is JSON, whatever its content type: browsers send a plain string as text, and the API
/// takes it.
pub(super) struct Json<T>(pub(super) T);

/// Body that is JSON, or no body at all.
pub(super) struct Optional<T>(pub(super) Option<T>);

/// Body as it came.
pub(super) struct Raw(pub(super) Bytes);

impl<S: Send + Sync> FromRequest<S> for Raw {
    type Rejection = Refused;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refused> {
        let body = Bytes::from_request(request, state).await;
        match body {
            Ok(body) => Ok(Self(body)),
            Err(rejection) if rejection.status() == 413 => Err(Refused::TooLarge),
            Err(_) => Err(Refused::Undecodable("the body did not come".to_owned())),
        }
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refused> {
        let Raw(body) = Raw::from_request(request, state).await?;
        read(&body).map(Self)
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Optional<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refused> {
        let Raw(body) = Raw::from_request(request, state).await?;
        match body.trim_ascii() {
            [] => Ok(Self(None)),
            body => read(body).map(Some).map(Self),
        }
    }
}

/// Reads JSON. An error gives the place, and no part of the body.
fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refused> {
    serde_json::from_slice(body).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        Refused::Undecodable(format!("Body JSON validation error: line {line} column {column}"))
    })
}
