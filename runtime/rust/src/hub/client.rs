//! Who sends a request or has a connection.

use std::net::IpAddr;

use super::ServerPlace;

/// What is known of a client besides its token.
#[derive(Clone, Default)]
pub(crate) struct Client {
    /// `None` in a server of somebody else's.
    pub(crate) place: Option<ServerPlace>,
    /// `None` if it is not known, because all that is known is the address of a proxy.
    pub(crate) address: Option<IpAddr>,
}

impl Client {
    /// Sets whether the client has shown a token or the signing key, and so need not give way to others.
    pub(crate) fn set_trusted(&self, is_trusted: bool) {
        if let Some(place) = &self.place {
            place.set_trusted(is_trusted);
        }
    }

    /// Ends the client's socket, if the server can.
    pub(super) fn end(&self) {
        if let Some(place) = &self.place {
            place.end();
        }
    }
}
