//! `fanfare dev --attach`: shows a running server in Studio.

use std::io;

use axum::Router;
use axum::middleware::from_fn;
use fanfare_codegen::Error;

use super::host::require_own_origin;
use super::proxy::{Bearer, Remote};
use super::{Format, introduce, keys, listen};
use crate::remote::output::escape;

/// Serves Studio, and forwards its requests to a server.
pub(super) async fn run(url: &str, key: Option<String>, port: u16, format: Format) -> Result<(), Error> {
    let bearer = key.map(Bearer::new);
    let remote = Remote::new(url, bearer).map_err(io::Error::other)?;
    let version = remote.check().await.map_err(io::Error::other)?;
    let listener = listen::bind(port).await?;
    let own = format!("http://{}", listener.local_addr()?);
    let studio = match remote.bearer() {
        Some(bearer) => keys::studio_url(&own, &bearer.own),
        None => format!("{own}/studio    sign in with the signing key or an admin token"),
    };
    let version =
        version.map_or_else(String::new, |version| format!(", which runs Fanfare {}", escape(&version)));
    introduce(&format!("Showing {}{version}", remote.url()), &[("Studio", studio)], format);
    let app =
        Router::new().merge(remote.router()).merge(fanfare::studio_page()).layer(from_fn(require_own_origin));
    listen::serve(listener, app, listen::interrupted()).await?;
    Ok(())
}
