//! `GET connect`

use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::response::Response;
use tracing::Instrument;

use super::connection::{Connection, SubscribeRequest};
use super::socket::Socket;
use super::{HttpError, Parameters, SessionHead, authorize, ensure_accepting};
use crate::hub::{Action, Client, Hub, Phase, RatedAction};
use crate::wire::{BEARER_SUBPROTOCOL, MAX_CLIENT_FRAME, SUBPROTOCOL, Since, is_short};

/// Small, because each idle connection holds it in memory and clients send little.
const READ_BUFFER: usize = 4 * 1024;

/// Large enough to be worth a system call.
const WRITE_BUFFER: usize = 32 * 1024;

pub(super) async fn connect(
    State(hub): State<Hub>,
    client: Client,
    parameters: Parameters,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
    head: SessionHead,
) -> Result<Response, HttpError> {
    ensure_accepting(&hub, Phase::Closing)?;
    hub.check_rate(RatedAction::Connect, Some(&client), None)?;
    let upgrade = upgrade
        .map_err(|rejection| HttpError::not_an_upgrade(rejection.status(), &rejection.body_text()))?
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_BUFFER)
        .max_frame_size(MAX_CLIENT_FRAME)
        .max_message_size(MAX_CLIENT_FRAME)
        .protocols([SUBPROTOCOL]);
    let guest = upgrade.selected_protocol().is_none();
    let token = bearer_subprotocol(&upgrade).or_else(|| parameters.get("token").map(str::to_owned));
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
    let span = connection.span();
    Ok(upgrade.on_upgrade(move |socket| Socket::new(connection, socket).run(greeting).instrument(span)))
}

/// Returns the token that the client sends as a subprotocol.
fn bearer_subprotocol(upgrade: &WebSocketUpgrade) -> Option<String> {
    let mut offered = upgrade.requested_protocols().filter_map(|protocol| protocol.to_str().ok());
    offered.find_map(|protocol| protocol.strip_prefix(BEARER_SUBPROTOCOL)).map(str::to_owned)
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
