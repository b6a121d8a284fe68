//! The client of a request or a connection.

use std::net::IpAddr;

use super::ConnectionHandle;

/// What the hub knows about a client besides its token.
#[derive(Clone, Default)]
pub(crate) struct Client {
    /// `None` in a server other than [`serve`](crate::serve()).
    pub(crate) connection: Option<ConnectionHandle>,
    /// `None` if only the address of a proxy is known.
    pub(crate) address: Option<IpAddr>,
}

impl Client {
    /// Sets whether the latest request on the connection was authenticated. If so, the connection is not closed to make
    /// room for others.
    pub(crate) fn set_trusted(&self, is_trusted: bool) {
        if let Some(connection) = &self.connection {
            connection.set_trusted(is_trusted);
        }
    }

    /// Closes the client's socket, if the server can.
    pub(super) fn close(&self) {
        if let Some(connection) = &self.connection {
            connection.close();
        }
    }
}
