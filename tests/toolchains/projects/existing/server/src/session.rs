//! The application's own login. A name is enough to sign in, and sessions are kept in memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;

use crate::App;

#[derive(Clone)]
pub struct User {
    pub id: String,
    pub session: String,
}

#[derive(Clone, Default)]
pub struct Sessions(Arc<Mutex<HashMap<String, User>>>);

impl Sessions {
    /// Returns the user of a request's cookie.
    pub async fn find_user(&self, headers: &HeaderMap) -> Option<User> {
        let cookie = headers.get(COOKIE)?.to_str().ok()?;
        let id = cookie.split("; ").find_map(|pair| pair.strip_prefix("session="))?;
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }
}

impl FromRequestParts<App> for User {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, StatusCode> {
        app.sessions.find_user(&parts.headers).await.ok_or(StatusCode::UNAUTHORIZED)
    }
}

pub async fn login(State(app): State<App>, Json(id): Json<String>) -> impl IntoResponse {
    let mut sessions = app.sessions.0.lock().unwrap_or_else(PoisonError::into_inner);
    let session = format!("session_{}", sessions.len());
    sessions.insert(session.clone(), User { id, session: session.clone() });
    [(SET_COOKIE, format!("session={session}; HttpOnly; SameSite=Lax; Path=/"))]
}
