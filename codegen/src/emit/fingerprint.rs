//! Hashes the meaning of each channel, so that a client can detect that the server has a different definition.

use crate::emit::json_schema;
use crate::model::{AddressPart, Carries, Channel, Model, Retain, TypeId};

/// Returns the fingerprint of every channel.
pub(crate) fn hash_channels(model: &Model) -> Vec<String> {
    model.channels.iter().map(|channel| hash_channel(model, channel)).collect()
}

/// Returns the fingerprints of the channels of a module.
pub(super) fn hash_channels_of(model: &Model, module: usize) -> Vec<String> {
    let own = model.channels.iter().filter(|channel| channel.module == module);
    own.map(|channel| hash_channel(model, channel)).collect()
}

/// Hashes everything that affects the wire. Descriptions do not.
fn hash_channel(model: &Model, channel: &Channel) -> String {
    let mut hash = Fnv::new();
    for part in &channel.address {
        match part {
            AddressPart::Literal(text) => hash.add(text),
            AddressPart::Param(index) => {
                hash.add(&json_schema::to_schema(model, &channel.params[*index].shape).to_string())
            }
        }
    }
    for topic in &channel.topics {
        hash.add(&topic.name.wire);
        match topic.retain {
            Retain::None => hash.add("none"),
            Retain::Last => hash.add("last"),
            Retain::All => hash.add("all"),
            Retain::Latest(count) => hash.add(&count.to_string()),
        }
        match topic.carries {
            Carries::Payload(id) => hash.add(&print_schema(model, id)),
            // No schema serializes to this text.
            Carries::TextStream => hash.add("stream: text"),
        }
    }
    // No topic name contains a colon or a space, so these cannot collide.
    for signal in &channel.signals {
        hash.add(&format!("signal: {}", signal.name.wire));
        hash.add(&print_schema(model, signal.payload));
    }
    if let Some(result) = channel.result {
        hash.add("result: ");
        hash.add(&print_schema(model, result));
    }
    format!("{:016x}", hash.0)
}

fn print_schema(model: &Model, id: TypeId) -> String {
    json_schema::without_descriptions(json_schema::to_document(model, id)).to_string()
}

/// FNV-1a with 64 bits. Unlike the standard library's hasher, it is stable across versions and machines.
struct Fnv(u64);

impl Fnv {
    fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn add(&mut self, text: &str) {
        for byte in text.bytes().chain([0]) {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}
