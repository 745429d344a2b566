//! Paths and queries of requests, with refusals in the API's shape.

use axum::extract::{FromRequestParts, Path as AxumPath, Query as AxumQuery};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::refusal::Refused;

/// Names in a path. A name that is not UTF-8 names nothing.
pub(super) struct Path<T>(pub(super) T);

/// Query.
pub(super) struct Query<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let path = AxumPath::<T>::from_request_parts(parts, state).await;
        path.map(|AxumPath(names)| Self(names)).map_err(|_| Refused::NotFound)
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refused> {
        let query = AxumQuery::<T>::try_from_uri(&parts.uri);
        let unreadable = || Refused::Undecodable("the query cannot be read".to_owned());
        query.map(|AxumQuery(query)| Self(query)).map_err(|_| unreadable())
    }
}
