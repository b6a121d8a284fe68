//! Definitions that the examples in `docs/guides/your-auth.md` use without showing them.

pub(crate) use std::time::Duration;

pub(crate) use axum::Router;
use axum::extract::FromRequestParts;
pub(crate) use axum::extract::{Path, Request, State};
use axum::http::request::Parts;
pub(crate) use axum::http::{HeaderMap, StatusCode, header};
pub(crate) use axum::middleware::{Next, from_fn_with_state};
pub(crate) use axum::response::{IntoResponse, Response};
pub(crate) use fanfare::{AuthorizeError, AuthorizeRequest, BuildError, Hub, HubBuilder, SessionGrant};
pub(crate) use generated::pipeline::{Pipeline, Signal, Topic};

use super::tokens::user_of;
pub(crate) use super::tokens::{User, may_see};

impl<S: Sync> FromRequestParts<S> for User {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, StatusCode> {
        user_of(&parts.headers).await.ok_or(StatusCode::UNAUTHORIZED)
    }
}

#[derive(Clone)]
pub(crate) struct Sessions;

impl Sessions {
    pub(crate) async fn find_user(&self, headers: &HeaderMap) -> Option<User> {
        user_of(headers).await
    }
}
