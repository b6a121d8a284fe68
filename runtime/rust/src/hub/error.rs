//! Why a log, a subscription or its renewal fails.

use super::RateLimited;
use crate::channel::ResolveError;
use crate::storage::StorageError;
use crate::token::AuthError;

/// Why a channel's log cannot be opened.
#[derive(Debug)]
pub(crate) enum OpenError {
    /// The registry does not have the channel.
    Unknown,
    Storage(StorageError),
}

/// Why a client cannot subscribe.
#[derive(Debug)]
pub(crate) enum SubscribeError {
    Unauthorized(AuthError),
    /// The token or session does not grant all that was requested.
    NotGranted,
    Unknown(ResolveError),
    /// Another subscription of the connection has the same id.
    RefInUse,
    /// The connection would have more than [`MAX_CHANNELS`](crate::wire::MAX_CHANNELS) channels.
    TooManyChannels,
    /// Too many connections use the token.
    TooManyConnections,
    RateLimited(RateLimited),
    /// The storage or the authorization hook failed.
    Unavailable,
}

/// Why the token of a subscription cannot be replaced.
#[derive(Debug)]
pub(crate) enum RenewError {
    NotSubscribed,
    /// The token grants less than is subscribed.
    NotGranted,
}
