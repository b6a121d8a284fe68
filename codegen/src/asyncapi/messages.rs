//! Finds the channels of a document, their messages, and which side sends them.

use serde_json::Value;

use super::import_schemas::Schemas;
use crate::diagnostics::Location;

/// A channel of a document.
pub(super) struct FoundChannel {
    pub(super) name: String,
    pub(super) location: Location,
    pub(super) address: Option<String>,
    pub(super) messages: Vec<Message>,
}

/// A message of a channel.
pub(super) struct Message {
    pub(super) location: Location,
    /// The key of the message in its channel.
    pub(super) key: Option<String>,
    /// The name, if the message has none.
    pub(super) otherwise: String,
    /// The server sends the message.
    pub(super) is_sent: bool,
    /// The server receives the message.
    pub(super) is_received: bool,
}

impl Message {
    fn add(&mut self, sends: bool) {
        self.is_sent |= sends;
        self.is_received |= !sends;
    }
}

/// Returns the channels with the messages that the server sends and receives.
pub(super) fn find_channels(
    schemas: &mut Schemas,
    root: &Location,
    is_version_2: bool,
    is_client: bool,
) -> Vec<FoundChannel> {
    let channels = root.join("channels");
    let mut found = Vec::new();
    for key in schemas.documents.keys(&channels) {
        let location = match schemas.documents.follow(&channels.join(&key)) {
            Ok(location) => location,
            Err(reason) => {
                schemas.leave_out(&channels.join(&key), reason);
                continue;
            }
        };
        found.push(if is_version_2 {
            channel_of_version_2(schemas, key, location, is_client)
        } else {
            channel_of_version_3(schemas, key, location)
        });
    }
    if !is_version_2 {
        directions(schemas, root, &mut found, is_client);
    }
    found
}

/// In version 2, the key is the address, and `subscribe` is what clients receive.
fn channel_of_version_2(
    schemas: &mut Schemas,
    key: String,
    location: Location,
    is_client: bool,
) -> FoundChannel {
    let mut messages = Vec::new();
    for (operation, sends) in [("subscribe", true), ("publish", false)] {
        let operation = location.join(operation);
        if !schemas.documents.exists(&operation) {
            continue;
        }
        schemas.leave_out_members(&operation, &["message", "operationId", "summary", "description"]);
        let otherwise = schemas.documents.text(&operation.join("operationId")).unwrap_or_default();
        let message = operation.join("message");
        let alternatives = schemas.documents.value(&message.join("oneOf")).as_array().map(Vec::len);
        let locations = match alternatives {
            Some(count) => (0..count).map(|index| message.join("oneOf").join(index)).collect(),
            None if schemas.documents.exists(&message) => vec![message],
            None => Vec::new(),
        };
        for location in locations {
            let mut message = Message {
                location,
                key: None,
                otherwise: otherwise.clone(),
                is_sent: false,
                is_received: false,
            };
            message.add(sends != is_client);
            messages.push(message);
        }
    }
    let name: String = key.split('/').filter(|part| !part.contains('{')).collect::<Vec<_>>().join(" ");
    FoundChannel { name, location, address: Some(key), messages }
}

fn channel_of_version_3(schemas: &mut Schemas, key: String, location: Location) -> FoundChannel {
    let messages = location.join("messages");
    let message = |name: String| Message {
        location: messages.join(&name),
        otherwise: name.clone(),
        key: Some(name),
        is_sent: false,
        is_received: false,
    };
    let messages = schemas.documents.keys(&messages).into_iter().map(message).collect();
    let address = schemas.documents.text(&location.join("address"));
    FoundChannel { name: key, location, address, messages }
}

/// Reads the operations of version 3. The server also sends messages that no operation names.
fn directions(schemas: &mut Schemas, root: &Location, found: &mut [FoundChannel], is_client: bool) {
    let operations = root.join("operations");
    for key in schemas.documents.keys(&operations) {
        let location = match schemas.documents.follow(&operations.join(&key)) {
            Ok(location) => location,
            Err(reason) => {
                schemas.leave_out(&operations.join(&key), reason);
                continue;
            }
        };
        let known = ["action", "channel", "messages", "reply", "title", "summary", "description"];
        schemas.leave_out_members(&location, &known);
        let sends =
            (schemas.documents.text(&location.join("action")).as_deref() == Some("send")) != is_client;
        operate(schemas, &location, &location, sends, found);
        let reply = location.join("reply");
        if let Ok(reply) = schemas.documents.follow(&reply)
            && schemas.documents.exists(&reply)
        {
            schemas.leave_out_members(&reply, &["channel", "messages"]);
            operate(schemas, &reply, &location, !sends, found);
        }
    }
    for message in found.iter_mut().flat_map(|channel| &mut channel.messages) {
        if !message.is_sent && !message.is_received {
            message.is_sent = true;
        }
    }
}

/// Marks the messages of an operation, or of its reply, whose channel may be that of the operation.
fn operate(
    schemas: &mut Schemas,
    location: &Location,
    operation: &Location,
    sends: bool,
    found: &mut [FoundChannel],
) {
    let own = location.join("channel");
    let channel = if schemas.documents.exists(&own) { own } else { operation.join("channel") };
    let channel = match schemas.documents.follow(&channel) {
        Ok(channel) => channel,
        Err(reason) => return schemas.leave_out(&channel, reason),
    };
    let Some(channel) = found.iter_mut().find(|found| found.location == channel) else {
        return schemas.leave_out(location, "its channel is not one of the document's channels");
    };
    let list = location.join("messages");
    let Some(count) = schemas.documents.value(&list).as_array().map(Vec::len) else {
        channel.messages.iter_mut().for_each(|message| message.add(sends));
        return;
    };
    for index in 0..count {
        let at = list.join(index);
        let reference = schemas.documents.value(&at).get("$ref").and_then(Value::as_str).map(str::to_owned);
        let target = reference.map_or_else(
            || Err("expected a reference to a message of the channel".to_owned()),
            |reference| schemas.documents.target(&reference, &at),
        );
        match target {
            Ok(target) => {
                let followed = schemas.documents.follow(&target);
                let exact = channel.messages.iter().position(|message| message.location == target);
                let same = exact.or_else(|| {
                    let mut messages = channel.messages.iter();
                    messages.position(|message| schemas.documents.follow(&message.location) == followed)
                });
                match same {
                    Some(index) => channel.messages[index].add(sends),
                    None => schemas.leave_out(&at, "not a message of the operation's channel"),
                }
            }
            Err(reason) => schemas.leave_out(&at, reason),
        }
    }
}
