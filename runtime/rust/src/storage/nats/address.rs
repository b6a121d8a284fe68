//! The addresses of the servers, and the credentials in them.

use async_nats::{ConnectOptions, ServerAddr};

use super::StorageError;
use crate::storage::percent::decode;

/// Reads URLs that are separated by commas.
pub(super) fn parse(urls: &str) -> Result<Vec<ServerAddr>, StorageError> {
    let parse = |url: &str| {
        // The text of the URL may contain a password.
        url.trim().parse().map_err(|error| StorageError::new(format!("invalid NATS URL: {error}")))
    };
    urls.split(',').map(parse).collect()
}

/// Adds the credentials of the first URL that has some. The driver itself ignores them. A name without a password is a
/// token.
pub(super) fn add_credentials(options: ConnectOptions, servers: &[ServerAddr]) -> ConnectOptions {
    let credentials = servers.iter().find_map(|server| Some((server.username()?, server.password())));
    match credentials {
        None => options,
        Some((token, None)) => options.token(decode(token)),
        Some((user, Some(password))) => options.user_and_password(decode(user), decode(password)),
    }
}
