//! Definitions that the examples in `docs/rust-client.md` use without showing them.

pub(crate) use fanfare::client::{Client, ClientError, TokenRequest};
pub(crate) use fanfare::{Hub, ReceiveError, SubscribeError};
pub(crate) use generated::pipeline::{Approve, ApproveVerdict, Pipeline};

pub(crate) async fn fetch_token(channel: &str) -> Result<String, std::io::Error> {
    Ok(channel.to_owned())
}
