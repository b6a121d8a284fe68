//! A server that embeds Fanfare's hub.
//!
//! It prints its two ports: one for clients, and one for [`control`](bench_hub::control).

use axum::body::Body;
use axum::http::{Request, header};
use axum::middleware::{Next, from_fn};
use bench_hub::control::{self, Publish};
use bench_hub::{argument, message, now, number};
use fanfare::schema::{Additional, Object, Property, Schema, Text};
use fanfare::{
    AddressPart, Carries, Channel, ChannelDefinition, History, Hub, Nats, ParamDefinition, Registry, Retain,
    Sqlite, TopicDefinition,
};
use serde::Serialize;
use std::error::Error;
use std::time::Duration;
use tokio::net::TcpListener;

const SIGNING_KEY: &str = "signkey-test-00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

static TEXT: Schema = Schema::Text(Text::ANY);
static MESSAGE: Schema = Schema::Object(Object {
    properties: &[
        Property::Required("m", &TEXT),
        Property::Required("role", &Schema::Enum(&["assistant", "user"])),
        Property::Required("text", &TEXT),
    ],
    additional: Additional::Ignored,
});

/// The history is long enough that subscribers lose nothing at these rates.
static BENCH: ChannelDefinition = ChannelDefinition {
    name: "bench",
    address: &[AddressPart::Literal("bench:"), AddressPart::Param(0)],
    params: &[ParamDefinition { name: "id", schema: &TEXT }],
    topics: &[TopicDefinition::new("t", Carries::Payload(&MESSAGE), Retain::None)],
    history: History { messages: 100_000, age: Duration::from_secs(3_600) },
    fingerprint: "bench",
    ..ChannelDefinition::EMPTY
};
static REGISTRY: Registry = Registry { channels: &[&BENCH] };

#[derive(Serialize)]
struct Message<'m> {
    m: String,
    role: &'static str,
    text: &'m str,
}

struct Publisher {
    hub: Hub,
    channel: Channel,
}

impl Publish for Publisher {
    async fn publish(&self, channel: u64, sequence: u64, text: &str) {
        // Subscribers use the first channel.
        let other = (channel > 0).then(|| channel_of(channel).expect("the id is valid"));
        let channel = other.as_ref().unwrap_or(&self.channel);
        let message = Message { m: message::marker(now(), sequence), role: "assistant", text };
        let published = self.hub.publish(channel.topic(0), &message).await;
        published.expect("the message is valid and the hub open");
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let hub = hub().await?;
    let world = TcpListener::bind("127.0.0.1:0").await?;
    let controlled = TcpListener::bind("127.0.0.1:0").await?;
    println!("{} {}", world.local_addr()?.port(), controlled.local_addr()?.port());

    let channel = channel_of(0)?;
    tokio::spawn(control::serve(controlled, Publisher { hub: hub.clone(), channel }));
    // The load client does not know the key, because authorization is not measured.
    let routes =
        fanfare::routes(hub.clone()).layer(from_fn(async |mut request: Request<Body>, next: Next| {
            let bearer = format!("Bearer {SIGNING_KEY}").parse().expect("the key is ASCII");
            request.headers_mut().entry(header::AUTHORIZATION).or_insert(bearer);
            next.run(request).await
        }));
    fanfare::serve(world, routes, &hub).await;
    Ok(())
}

fn channel_of(number: u64) -> Result<Channel, fanfare::ParamError> {
    Channel::new(&BENCH, &[&(number + 1).to_string()])
}

/// Returns a hub that keeps its history in memory, or in the storage that `--storage` names: a file, or NATS servers.
async fn hub() -> Result<Hub, Box<dyn Error>> {
    let ping_interval = Duration::from_secs(number("ping-seconds", 15));
    let hub = Hub::builder(&REGISTRY).signing_key(SIGNING_KEY).ping_interval(ping_interval);
    Ok(match argument("storage") {
        Some(url) if url.starts_with("nats://") => {
            let replicas = usize::try_from(number("replicas", 1))?;
            hub.storage(Nats::connect(&url).replicas(replicas).await?).build()?
        }
        Some(file) => hub.storage(Sqlite::open(file)?).build()?,
        None => hub.build()?,
    })
}
