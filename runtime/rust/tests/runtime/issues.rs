//! Responses to payloads with many issues.

use std::time::Duration;

use fanfare::schema::{Array, MAX_ISSUES, Schema, Text};
use fanfare::{
    AddressPart, Carries, ChannelDefinition, History, Hub, Registry, Retain, SignalDefinition,
    TopicDefinition,
};
use serde_json::{Value, json};

use crate::support::http::{self, Answer};
use crate::support::server::{KEY, Server};

const MIB: usize = 1024 * 1024;
/// The maximum bytes of a response.
const MAX_ANSWER: usize = 128 * 1024;

const TEXT: &Schema = &Schema::Text(Text { max_length: 3, ..Text::ANY });
static TREE: Schema = Schema::AnyOf(&[&Schema::Map(&TREE), &Schema::Null]);
const LIST: &Schema = &Schema::Array(Array { items: TEXT, min_items: 0, max_items: u32::MAX });

static CHANNEL: ChannelDefinition = ChannelDefinition {
    name: "wrong",
    address: &[AddressPart::Literal("wrong")],
    topics: &[
        TopicDefinition::new("list", Carries::Payload(LIST), Retain::None),
        TopicDefinition::new("map", Carries::Payload(&Schema::Map(TEXT)), Retain::None),
        TopicDefinition::new("tree", Carries::Payload(&TREE), Retain::None),
    ],
    signals: &[SignalDefinition::new("list", LIST)],
    history: History { messages: 1, age: Duration::from_secs(1) },
    fingerprint: "f5f6",
    ..ChannelDefinition::EMPTY
};
static REGISTRY: Registry = Registry { channels: &[&CHANNEL] };

async fn server() -> Server {
    Server::serve(Hub::builder(&REGISTRY).signing_key(KEY).build().unwrap()).await
}

fn issues(answer: &Answer) -> &[Value] {
    assert_eq!(answer.status, 422, "{}", answer.error());
    answer.body["data"]["issues"].as_array().unwrap()
}

fn has_more(answer: &Answer) -> bool {
    let more = json!({ "path": "", "rule": "issues", "message": "has more than 20 issues" });
    issues(answer).len() == MAX_ISSUES + 1 && issues(answer).last() == Some(&more)
}

#[tokio::test]
async fn the_response_lists_a_few_issues_and_says_that_there_are_more() {
    let server = server().await;
    let list = |wrong: usize| json!(vec![json!(1); wrong]).to_string();
    let answer = server.publish("wrong", "list", list(MAX_ISSUES).as_bytes()).await;
    assert_eq!((issues(&answer).len(), has_more(&answer)), (MAX_ISSUES, false));
    for wrong in [MAX_ISSUES + 1, MIB / 2 - 1] {
        let text = list(wrong);
        let answer = server.publish("wrong", "list", text.as_bytes()).await;
        assert!(has_more(&answer), "{wrong}");
        assert!(answer.error().ends_with("\n  the value has more than 20 issues"));
        let path = "signal?channel=wrong&name=list";
        let answer = http::post(server.address, path, Some(KEY), text.as_bytes()).await;
        assert!(has_more(&answer), "{wrong}");
    }
}

/// Returns nested objects, each in a property with a long name.
fn deep(name: &str, levels: usize) -> String {
    let step = format!("{{{}:", json!(name));
    format!("{}1{}", step.repeat(levels), "}".repeat(levels))
}

#[tokio::test]
async fn the_response_is_small_for_every_payload() {
    let server = server().await;
    // Characters that take the most bytes in JSON.
    let control = "\u{1}";
    let wrong: String = (0..40).map(|_| control).collect();
    let name = |at: usize| format!("{at}{}", control.repeat(MIB / 6 / 40));
    let members: Vec<String> = (0..30).map(|at| format!("{}:{}", json!(name(at)), json!(wrong))).collect();
    let bodies = [
        ("list", json!(vec![wrong.as_str(); 4_000]).to_string()),
        ("list", json!(["x".repeat(MIB - 10)]).to_string()),
        ("map", format!("{{{}}}", members.join(","))),
        ("tree", deep(&control.repeat(1_000), 120)),
        ("tree", deep(&"😀".repeat(1_000), 120)),
    ];
    for (topic, body) in bodies {
        assert!(body.len() <= MIB, "{topic} {}", body.len());
        let answer = server.publish("wrong", topic, body.as_bytes()).await;
        assert!(!issues(&answer).is_empty());
        let bytes = answer.body.to_string().len();
        assert!(bytes < MAX_ANSWER, "{topic}: {bytes}");
    }
}
