//! `GET connect`

use axum::extract::State;
use axum::response::Response;
use tracing::Instrument;

use super::connection::{Connection, SubscribeRequest};
use super::socket::Socket;
use super::upgrade::Upgrade;
use super::{HttpError, Parameters, SessionHead, authorize, ensure_accepting};
use crate::hub::{Action, Client, Hub, Phase, RatedAction};
use crate::wire::{Since, is_short};

pub(super) async fn connect(
    State(hub): State<Hub>,
    client: Client,
    parameters: Parameters,
    upgrade: Result<Upgrade, HttpError>,
    head: SessionHead,
) -> Result<Response, HttpError> {
    ensure_accepting(&hub, Phase::Closing)?;
    hub.check_rate(RatedAction::Connect, Some(&client), None)?;
    let upgrade = upgrade?;
    let guest = !upgrade.has_subprotocol();
    let token = upgrade.bearer_subprotocol().or_else(|| parameters.get("token").map(str::to_owned));
    let guard =
        hub.admit_connection("websocket", client.clone()).ok_or_else(HttpError::too_many_connections)?;
    let mut connection = Connection::new(hub.clone(), guest, guard, head.0.clone());
    // A client that offers the subprotocol may send its tokens later.
    let greeting = if guest || token.is_some() {
        let channel = parameters.get("channel").filter(|_| token.is_none());
        let grant = authorize(&hub, &client, token.as_deref(), &head, Action::Subscribe, channel).await?;
        let since = read_since(parameters.get("since"))?;
        let request =
            SubscribeRequest { since, page: read_page(&parameters)?, ..SubscribeRequest::default() };
        let subscribed = connection.subscribe(&grant, &request).await;
        let ready = subscribed.map_err(|error| connection.refuse(error))?;
        connection.ready_frames(&None, &ready)
    } else {
        Vec::new()
    };
    // The connection receives every message from here on, so the client is subscribed when it receives the 101.
    let (response, upgraded) = upgrade.accept();
    let span = connection.span();
    tokio::spawn(Socket::serve_upgraded(Box::new(connection), upgraded, greeting).instrument(span));
    Ok(response)
}

/// Parses the `since` parameter.
pub(super) fn read_since(since: Option<&str>) -> Result<Since, HttpError> {
    let Some(since) = since else { return Ok(Since::new()) };
    serde_json::from_str(since).map_err(|error| {
        let example = r#"{"pipeline:run_42":"start"}"#;
        HttpError::bad_request(format!("since must be an object of cursors such as {example}: {error}"))
    })
}

/// Reads the name of a channel, and the definition hash that the client's page has for it.
pub(super) fn read_page(parameters: &Parameters) -> Result<Option<(String, String)>, HttpError> {
    let Some(fingerprint) = parameters.get("fingerprint") else { return Ok(None) };
    let why = match parameters.get("channel") {
        Some(channel) if is_short(fingerprint) => {
            return Ok(Some((channel.to_owned(), fingerprint.to_owned())));
        }
        Some(_) => "fingerprint has more than 64 characters",
        None => "fingerprint belongs to one channel: add channel=<name>",
    };
    Err(HttpError::bad_request(why))
}
