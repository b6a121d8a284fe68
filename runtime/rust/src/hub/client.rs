//! The client of a request or a connection.

use std::net::IpAddr;

use super::ServerSlot;

/// What the hub knows about a client besides its token.
#[derive(Clone, Default)]
pub(crate) struct Client {
    /// The connection's slot, or `None` in a server other than [`serve`](crate::serve()).
    pub(crate) slot: Option<ServerSlot>,
    /// `None` if only the address of a proxy is known.
    pub(crate) address: Option<IpAddr>,
}

impl Client {
    /// Sets whether the client has sent a valid token or the signing key. If so, its connection is not closed to make
    /// room for others.
    pub(crate) fn set_trusted(&self, is_trusted: bool) {
        if let Some(slot) = &self.slot {
            slot.set_trusted(is_trusted);
        }
    }

    /// Closes the client's socket, if the server can.
    pub(super) fn close(&self) {
        if let Some(slot) = &self.slot {
            slot.close();
        }
    }
}
