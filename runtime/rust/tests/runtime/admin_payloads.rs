//! Schemas, checks and examples of payloads over the admin routes.

use fanfare::schema::{Pattern, Schema, Text};
use fanfare::{
    AddressPart, Carries, ChannelDefinition, History, Hub, ParamDefinition, Registry, Retain,
    SignalDefinition, TopicDefinition,
};
use serde_json::{Value, json};

use crate::support::http::{Answer, admin, post};
use crate::support::server::{KEY, Server};

async fn start() -> Server {
    Server::start_with(|builder| builder.admin_routes(true)).await
}

async fn check(server: &Server, target: &str, payload: &str) -> Answer {
    post(server.address, &format!("admin/check?{target}"), Some(KEY), payload.as_bytes()).await
}

#[tokio::test]
async fn definitions_have_the_schemas_of_params_payloads_and_results() {
    let server = start().await;
    let definitions = server.admin("definitions").await;
    let room = &definitions["items"][0];
    assert_eq!((&room["name"], &room["description"]), (&json!("room"), &Value::Null));
    assert_eq!(room["params"][0]["name"], "id");
    assert_eq!(room["params"][0]["schema"]["type"], "string");
    let status = &room["topics"][1];
    assert_eq!(status["name"], "status");
    assert_eq!(status["schema"]["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert_eq!(
        status["schema"]["properties"]["progress"],
        json!({ "type": "integer", "minimum": 0, "maximum": 100 })
    );
    assert_eq!(status["schema"]["required"], json!(["message"]));
    assert_eq!(room["topics"][3]["schema"]["format"], "int64");
    assert_eq!((&room["topics"][5]["name"], room["topics"][5].get("schema")), (&json!("draft"), None));
    assert_eq!(room["signals"][0]["schema"]["type"], "boolean");
    assert_eq!(room["result_schema"], status["schema"]);
}

#[tokio::test]
async fn descriptions_are_shown() {
    static DESCRIBED: ChannelDefinition = ChannelDefinition {
        name: "lobby",
        description: "Where visitors wait.",
        address: &[AddressPart::Literal("lobby")],
        topics: &[TopicDefinition {
            description: "Whether somebody waits.",
            ..TopicDefinition::new("waiting", Carries::Payload(&Schema::Boolean), Retain::Last)
        }],
        signals: &[SignalDefinition {
            description: "Lets the next visitor in.",
            ..SignalDefinition::new("next", &Schema::Null)
        }],
        history: History::new(1, 1),
        ..ChannelDefinition::EMPTY
    };
    static REGISTRY: Registry = Registry { channels: &[&DESCRIBED] };
    let hub = Hub::builder(&REGISTRY).signing_key(KEY).build().unwrap();
    let lobby = &serde_json::to_value(hub.admin().definitions()).unwrap()[0];
    assert_eq!(lobby["description"], "Where visitors wait.");
    assert_eq!(lobby["topics"][0]["description"], "Whether somebody waits.");
    assert_eq!(lobby["signals"][0]["description"], "Lets the next visitor in.");
}

#[tokio::test]
async fn a_check_returns_the_issues_that_publishing_or_sending_returns_and_publishes_nothing() {
    let server = start().await;
    let invalid = r#"{ "message": "", "progress": 101 }"#;
    let published =
        post(server.address, "publish?channel=room:1&topic=status", Some(KEY), invalid.as_bytes()).await;
    assert_eq!(published.status, 422);
    for target in ["channel=room:1&topic=status", "channel=room&topic=status"] {
        let checked = check(&server, target, invalid).await;
        assert_eq!(
            (checked.status, &checked.body["issues"]),
            (200, &published.body["data"]["issues"]),
            "{target}"
        );
    }
    assert_eq!(
        check(&server, "channel=room:1&topic=status", r#"{ "message": "a" }"#).await.body,
        json!({ "issues": [] })
    );
    assert_eq!(check(&server, "channel=room&signal=approve", "true").await.body, json!({ "issues": [] }));
    let refused = check(&server, "channel=room&signal=approve", "1").await;
    assert_eq!(
        refused.body["issues"],
        json!([{ "path": "", "rule": "type", "message": "must be a boolean", "value": "1" }])
    );
    // A topic of strings accepts text that is not JSON, as `publish` does.
    assert_eq!(check(&server, "channel=room&topic=said", "hello").await.body, json!({ "issues": [] }));
    assert_eq!(server.admin("history?channel=room:1").await["items"], json!([]));
}

#[tokio::test]
async fn a_check_refuses_what_it_cannot_check() {
    let server = start().await;
    let too_large = format!("\"{}\"", "a".repeat(1024 * 1024));
    for (target, payload, status, code) in [
        ("channel=room:1&topic=status", "{", 400, None),
        ("channel=room:1&signal=approve", "yes", 400, None),
        ("channel=room:1", "1", 400, None),
        ("topic=status", "1", 400, None),
        ("channel=room:1&topic=status&signal=approve", "1", 400, None),
        ("channel=rome&topic=status", "1", 404, Some("unknown_channel")),
        ("channel=room:1&topic=state", "1", 404, Some("unknown_topic")),
        ("channel=room&signal=aprove", "1", 404, Some("unknown_signal")),
        ("channel=room:1&topic=draft", "1", 415, None),
        ("channel=room:1&topic=said", &too_large, 413, None),
    ] {
        let answer = check(&server, target, payload).await;
        assert_eq!(answer.status, status, "{target}: {answer:?}");
        assert_eq!(answer.body["data"]["code"].as_str(), code, "{target}");
    }
}

#[tokio::test]
async fn examples_are_valid() {
    let server = start().await;
    for target in [
        "channel=room&topic=said",
        "channel=room&topic=status",
        "channel=room:1&topic=count",
        "channel=small&signal=approve",
    ] {
        let example = server.admin(&format!("example?{target}")).await;
        let checked = check(&server, target, &example["payload"].to_string()).await;
        assert_eq!(checked.body, json!({ "issues": [] }), "{target}: {example}");
    }
    assert_eq!(
        server.admin("example?channel=room&topic=status").await,
        json!({ "payload": { "message": "a" } })
    );
    for (target, status) in
        [("channel=room&topic=draft", 415), ("channel=room&topic=none", 404), ("channel=room", 400)]
    {
        let answer = admin(server.address, &format!("example?{target}"), Some(KEY)).await;
        assert_eq!(answer.status, status, "{target}");
    }
}

#[test]
fn a_schema_without_an_example_has_none() {
    static NOTHING: Pattern = Pattern::new("^a$");
    static CONTRADICTION: Schema = Schema::Text(Text { pattern: Some(&NOTHING), min_length: 2, ..Text::ANY });
    static PARAMS: &[ParamDefinition] = &[ParamDefinition { name: "id", schema: &Schema::Text(Text::ANY) }];
    static ROOM: ChannelDefinition = ChannelDefinition {
        name: "room",
        address: &[AddressPart::Literal("room:"), AddressPart::Param(0)],
        params: PARAMS,
        topics: &[TopicDefinition::new("never", Carries::Payload(&CONTRADICTION), Retain::None)],
        history: History::new(1, 1),
        ..ChannelDefinition::EMPTY
    };
    static REGISTRY: Registry = Registry { channels: &[&ROOM] };
    let hub = Hub::builder(&REGISTRY).signing_key(KEY).build().unwrap();
    assert_eq!(hub.admin().topic("room", "never").unwrap().example(), None);
}
