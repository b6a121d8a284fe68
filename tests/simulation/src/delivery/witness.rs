//! A reader of everything that subscribes before the first message of a process without a storage. The messages that it
//! receives are the reference.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::runtime::Handle;

use super::channels::{Room, TOPIC_COUNT, topic_name, topic_of};
use super::connect::{Event, Mailbox, Target, connect};
use super::reference::{Id, Reference};
use super::serve::Server;

pub(super) struct Witness {
    mailbox: Mailbox,
    /// The number of channels that are not subscribed yet.
    missing: usize,
}

impl Witness {
    pub(super) fn start(channels: &[usize], handle: &Handle, server: &Server) -> Self {
        let subs = channels.iter().map(|channel| {
            let room = Room::new(*channel);
            let grant = room.channel().grant((0..TOPIC_COUNT).map(topic_name));
            let token =
                server.hub.token(grant).id("witness").mint().unwrap_or_else(|error| panic!("{error}"));
            json!({"kind": "sub", "ref": channel.to_string(), "data": token})
        });
        let body = Value::Array(subs.collect()).to_string();
        let mailbox = Mailbox::default();
        handle.spawn(connect(server.app.clone(), Target::Events(body), Duration::ZERO, mailbox.clone()));
        Self { mailbox, missing: channels.len() }
    }

    pub(super) fn is_ready(&self) -> bool {
        self.missing == 0
    }

    /// Adds the received messages to the reference, and returns their number.
    pub(super) fn read_received(
        &mut self,
        reference: &mut Reference,
        now: Duration,
    ) -> Result<usize, String> {
        let mut count = 0;
        for event in self.mailbox.take() {
            let Event::Frame(text) = event else { continue };
            let frame: Value = serde_json::from_str(&text).unwrap_or_default();
            let frames = frame.as_array().map_or(std::slice::from_ref(&frame), Vec::as_slice);
            for frame in frames {
                let field = |name: &str| frame[name].as_str().unwrap_or_default();
                match field("kind") {
                    "ready" => self.missing -= 1,
                    "gap" => return Err(format!("(d) the witness received {frame}")),
                    _ => {}
                }
                let (channel, topic) = (Room::find(field("channel")), topic_of(field("topic")));
                if let (Some(channel), Some(topic), Ok(id)) = (channel, topic, field("id").parse::<Id>()) {
                    reference.add(channel, id, topic, now, frame.clone(), false);
                    count += 1;
                }
            }
        }
        Ok(count)
    }
}
