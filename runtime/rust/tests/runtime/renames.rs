//! Topics and signals that were renamed or removed.

#[cfg(feature = "sqlite")]
use fanfare::Sqlite;
use fanfare::wire::ServerFrame;
use fanfare::{Channel, Hub};
use serde_json::{Value, json};

use crate::support::client::Client;
use crate::support::definition::{Status, draft, renamed_room, said, status};
#[cfg(feature = "sqlite")]
use crate::support::definition::{journal, room};
#[cfg(feature = "sqlite")]
use crate::support::file::File;
use crate::support::http;
use crate::support::server::{KEY, Server};
use crate::support::sse::Events;
use crate::tokens::token_for;

async fn start() -> (Server, Channel) {
    let (registry, channel) = renamed_room("1");
    (Server::serve(Hub::builder(registry).signing_key(KEY).build().unwrap()).await, channel)
}

/// Sends a `sub`, and returns the code and the message of the error.
async fn refusal(client: &mut Client, frame: &Value) -> (String, String) {
    client.send(frame).await;
    match client.frame().await {
        ServerFrame::Error { code, message, .. } => (code, message),
        other => panic!("{frame} was answered with {other:?}"),
    }
}

#[tokio::test]
async fn a_sub_to_a_topic_that_is_not_defined_names_the_topic_and_its_new_name() {
    let (server, channel) = start().await;
    let mut client = Client::open(&server, "", Some("fanfare.v1")).await.unwrap();
    let renamed = r#"the channel "room:1" has no topic "journal"; it was renamed to "diary""#;
    let removed = r#"the channel "room:1" has no topic "diaries""#;
    let granted = server.token(&channel, &["diary", "count"]);
    let everything = json!({ "kind": "sub", "ref": "1", "data": token_for("room:1", "journal") });
    let topics = |topics: &[&str]| json!({ "kind": "sub", "ref": "1", "data": granted, "topics": topics });
    let one_channel =
        json!({ "kind": "sub", "ref": "1", "data": granted, "channel": "room:1", "topics": ["journal"] });
    for (frame, message) in [
        (everything, renamed),
        (topics(&["journal"]), renamed),
        (topics(&["count", "journal"]), renamed),
        (one_channel, renamed),
        (topics(&["diaries"]), removed),
    ] {
        assert_eq!(refusal(&mut client, &frame).await, ("unknown_topic".into(), message.into()), "{frame}");
    }
    assert_eq!(refusal(&mut client, &topics(&["flag"])).await.0, "not_granted");
    assert_eq!(refusal(&mut client, &topics(&["flag", "diaries"])).await.0, "not_granted");
    client.sub_as("1", &granted, json!({})).await;
}

#[tokio::test]
async fn requests_with_a_topic_or_signal_that_is_not_defined_get_its_code() {
    let (server, channel) = start().await;
    let refused = server.refusal(&token_for("room:1", "journal")).await;
    assert_eq!((refused.status, &refused.body["data"]["code"]), (404, &json!("unknown_topic")));
    let publisher = server.hub.token(channel.grant(["count"])).for_publishing().mint().unwrap();
    let grants = channel.grant(["count"]).and(channel.grant_signals(["verdict"]));
    let page = server.hub.token(grants).mint().unwrap();
    let reader = server.token(&channel, &["count"]);
    for (path, bearers, code, message) in [
        ("publish?channel=room:1&topic=journal", [KEY, &publisher], "unknown_topic", "renamed to \"diary\""),
        ("publish?channel=room:1&topic=gone", [KEY, &publisher], "unknown_topic", "no topic \"gone\""),
        ("signal?channel=room:1&name=nod", [KEY, &page], "unknown_signal", "renamed to \"gesture\""),
        ("signal?channel=room:1&name=gone", [&reader, &page], "unknown_signal", "no signal \"gone\""),
        ("publish?channel=rooms:1&topic=count", [KEY, KEY], "unknown_channel", "unknown channel"),
        ("signal?channel=rooms:1&name=nod", [KEY, KEY], "unknown_channel", "unknown channel"),
    ] {
        for bearer in bearers {
            let answer = http::post(server.address, path, Some(bearer), b"1").await;
            assert_eq!((answer.status, &answer.body["data"]["code"]), (404, &json!(code)), "{path}");
            assert!(answer.error().contains(message), "{path}: {}", answer.error());
        }
    }
    for (name, kind, code) in [("journal", "run", "unknown_topic"), ("nod", "signal", "unknown_signal")] {
        let entry = json!([{ "channel": "room:1", "name": name, "kind": kind }]);
        let answer = server.ask_for_token(Some(KEY), &entry).await;
        assert_eq!((answer.status, &answer.body["data"]["code"]), (404, &json!(code)));
    }
    // Another channel's token learns nothing.
    let stranger = server.token(&Channel::new(channel.definition(), &[&"2"]).unwrap(), &["count"]);
    for path in ["publish?channel=room:1&topic=journal", "signal?channel=room:1&name=nod"] {
        let status = http::post(server.address, path, Some(&stranger), b"1").await.status;
        assert!([401, 403].contains(&status), "{path}: {status}");
    }
}

/// Returns the topic, the payload and the id of the next message.
async fn message(client: &mut Client) -> (String, Value, String) {
    match client.frame().await {
        ServerFrame::Data { topic, data, id, .. } => (topic, data, id.to_string()),
        other => panic!("expected a message, got {other:?}"),
    }
}

/// Subscribes with a `ref`, and waits for `ready`.
async fn sub(client: &mut Client, token: &str, topics: &[&str], since: Value) {
    client.send(&json!({ "kind": "sub", "ref": "1", "data": token, "topics": topics, "since": since })).await;
    assert!(matches!(client.frame().await, ServerFrame::Subscribed { .. }));
    client.ready().await;
}

async fn page(server: &Server) -> Client {
    Client::open(server, "", Some("fanfare.v1")).await.unwrap()
}

#[tokio::test]
async fn a_page_receives_a_renamed_topic_under_the_name_it_knows() {
    let (server, channel) = start().await;
    let publish = async |text: &str| {
        server.hub.publish(status(&channel), &Status::new(text)).await.unwrap();
        server.hub.publish(said(&channel), text).await.unwrap().to_string()
    };
    let retained = publish("1").await;
    // A token grants a topic whatever the name in it: old backends and new ones serve old pages and new ones.
    let (old, new) = (["status", "said"], ["state", "spoken"]);
    let mut clients = Vec::new();
    for (granted, requested) in [(old, old), (new, old), (old, new), (new, new)] {
        let mut client = page(&server).await;
        sub(&mut client, &server.token(&channel, &granted), &requested, json!({})).await;
        clients.push((client, requested));
    }
    for granted in [old, new] {
        let mut client = server.subscribe(&channel, &granted).await;
        client.ready().await;
        clients.push((client, granted));
        clients.push((server.guest(&channel, &granted).await, granted));
    }
    let last = publish("2").await;
    for (client, [status, said]) in &mut clients {
        let expected =
            [(*status, json!({ "message": "1" })), (*status, json!({ "message": "2" })), (*said, json!("2"))];
        for (topic, data) in expected {
            let (received, payload, _) = message(client).await;
            assert_eq!((received.as_str(), payload), (topic, data));
        }
        client.expect_silence().await;
    }
    // Cursors do not depend on names.
    for (granted, topic) in [(new, "said"), (old, "spoken"), (new, "says")] {
        let mut client = page(&server).await;
        sub(&mut client, &server.token(&channel, &granted), &[topic], json!({ "room:1": retained })).await;
        assert_eq!(message(&mut client).await, (topic.to_owned(), json!("2"), last.clone()));
        client.expect_silence().await;
    }
}

#[tokio::test]
async fn a_renewed_token_may_name_the_topic_by_its_other_name() {
    let (server, channel) = start().await;
    let mut client = page(&server).await;
    sub(&mut client, &server.token(&channel, &["said"]), &["said"], json!({})).await;
    client.send(&json!({ "kind": "renew", "ref": "1", "data": server.token(&channel, &["spoken"]) })).await;
    assert!(matches!(client.frame().await, ServerFrame::Renewed { .. }));
    client.send(&json!({ "kind": "renew", "ref": "1", "data": server.token(&channel, &["count"]) })).await;
    assert_eq!(client.error().await.0, "not_granted");
    server.hub.publish(said(&channel), "a").await.unwrap();
    assert_eq!(message(&mut client).await.0, "said");
}

#[tokio::test]
async fn a_subscription_to_two_names_receives_each_message_under_both() {
    let (server, channel) = start().await;
    let token = server.token(&channel, &["spoken"]);
    let mut client = page(&server).await;
    sub(&mut client, &token, &["says", "spoken"], json!({})).await;
    let mut resumed = Vec::new();
    for number in 0..20 {
        resumed
            .push(server.hub.publish(said(&channel), number.to_string().as_str()).await.unwrap().to_string());
    }
    let both = |number: usize| ["spoken", "says"].map(|name| (name.to_owned(), json!(number.to_string())));
    for (number, id) in resumed.iter().enumerate() {
        for (topic, data) in both(number) {
            assert_eq!(message(&mut client).await, (topic, data, id.clone()));
        }
    }
    client.expect_silence().await;
    // The default subscription is widened by a name: only that name starts again.
    let status_token = server.token(&channel, &["state"]);
    server.hub.publish(status(&channel), &Status::new("1")).await.unwrap();
    let mut client = server.subscribe(&channel, &["state"]).await;
    client.ready().await;
    assert_eq!(message(&mut client).await.0, "state");
    client.send(&json!({ "kind": "sub", "data": status_token, "topics": ["status"] })).await;
    assert!(matches!(client.frame().await, ServerFrame::Subscribed { .. }));
    client.ready().await;
    assert_eq!(message(&mut client).await.0, "status");
    client.expect_silence().await;
    server.hub.publish(status(&channel), &Status::new("2")).await.unwrap();
    for name in ["state", "status"] {
        let (topic, data, _) = message(&mut client).await;
        assert_eq!((topic.as_str(), data), (name, json!({ "message": "2" })));
    }
}

/// Subscribes like a page with a definition hash. Returns whether it receives a drift.
async fn sub_from_page(client: &mut Client, token: &str, fingerprint: &str, topics: Option<&str>) -> bool {
    let mut frame = json!({
        "kind": "sub", "ref": "1", "data": token, "channel": "room:1", "fingerprint": fingerprint,
    });
    if let Some(topic) = topics {
        frame["topics"] = json!([topic]);
    }
    client.send(&frame).await;
    assert!(matches!(client.frame().await, ServerFrame::Subscribed { .. }));
    match client.frame().await {
        ServerFrame::Ready { drift, .. } => drift.is_some(),
        other => panic!("expected ready, got {other:?}"),
    }
}

#[tokio::test]
async fn a_page_that_lists_no_topics_receives_them_under_the_names_of_its_definition() {
    let (server, channel) = start().await;
    let mut clients = Vec::new();
    for granted in [["status", "said"], ["state", "spoken"]] {
        let token = server.token(&channel, &granted);
        for (fingerprint, names) in
            [("f1f2", &["state", "spoken"][..]), ("earlier", &["state", "status", "spoken", "said", "says"])]
        {
            let mut client = page(&server).await;
            sub_from_page(&mut client, &token, fingerprint, None).await;
            clients.push((client, names));
        }
    }
    server.hub.publish(status(&channel), &Status::new("1")).await.unwrap();
    server.hub.publish(said(&channel), "1").await.unwrap();
    for (client, names) in &mut clients {
        for name in *names {
            assert_eq!(message(client).await.0, *name);
        }
        client.expect_silence().await;
    }
}

#[tokio::test]
async fn a_drift_concerns_a_topic_under_each_of_its_names() {
    let (server, channel) = start().await;
    let token = server.token(&channel, &["status", "said"]);
    for (topic, is_broken) in
        [(None, true), (Some("status"), true), (Some("state"), true), (Some("said"), false)]
    {
        let mut client = page(&server).await;
        assert_eq!(sub_from_page(&mut client, &token, "earlier", topic).await, is_broken, "{topic:?}");
    }
}

#[tokio::test]
async fn an_event_stream_resumes_after_a_message_only_once_it_has_arrived_under_both_names() {
    let (server, channel) = start().await;
    let grant = format!("token={}", server.token(&channel, &["spoken", "said"]));
    let mut events = Events::get(&server, &grant, "").await;
    assert!(matches!(events.frame().await, ServerFrame::Ready { .. }));
    for text in ["a", "b"] {
        server.hub.publish(said(&channel), text).await.unwrap();
    }
    let mut received = Vec::new();
    while received.len() < 4 {
        let ServerFrame::Data { topic, data, .. } = events.frame().await else {
            panic!("expected a message")
        };
        received.push((topic, data, events.last_id.clone().unwrap()));
    }
    let names: Vec<_> =
        received.iter().map(|(topic, data, _)| (topic.as_str(), data.as_str().unwrap())).collect();
    assert_eq!(names, [("spoken", "a"), ("said", "a"), ("spoken", "b"), ("said", "b")]);
    for seen in 1..4 {
        let resume = format!("Last-Event-ID: {}\r\n", received[seen - 1].2);
        let mut events = Events::get(&server, &grant, &resume).await;
        assert!(matches!(events.frame().await, ServerFrame::Ready { .. }));
        // An unfinished message starts again, and clients ignore the name that they have.
        for (topic, data, _) in &received[seen / 2 * 2..] {
            let frame = events.frame().await;
            let is_next = matches!(&frame, ServerFrame::Data { topic: other, data: text, .. } if other == topic && text == data);
            assert!(is_next, "{frame:?} instead of {topic} {data}");
        }
    }
    let subs = json!([{ "kind": "sub", "ref": "1", "data": server.token(&channel, &["spoken"]), "topics": ["says"] }]);
    let mut events = Events::post(&server, &subs).await;
    server.hub.publish(said(&channel), "c").await.unwrap();
    loop {
        if let ServerFrame::Data { topic, .. } = events.frame().await {
            break assert_eq!(topic, "says");
        }
    }
}

/// Returns the text of the next text stream, all frames of which must have a topic.
async fn stream_of(client: &mut Client, name: &str) -> String {
    let mut text = String::new();
    loop {
        match client.frame().await {
            ServerFrame::DatastreamStart { topic, .. } => assert_eq!(topic, name),
            ServerFrame::Chunk { topic, data, .. } => {
                assert_eq!(topic, name);
                text.push_str(&data);
            }
            ServerFrame::DatastreamEnd { topic, .. } => {
                assert_eq!(topic, name);
                return text;
            }
            other => panic!("expected a frame of a text stream, got {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_text_stream_arrives_under_its_old_name() {
    let (server, channel) = start().await;
    let token = server.token(&channel, &["sketch"]);
    let mut live = page(&server).await;
    sub(&mut live, &token, &["draft"], json!({})).await;
    let mut writer = server.hub.stream(draft(&channel)).await.unwrap();
    let mut written = String::new();
    for number in 0..3000 {
        let piece = format!("{number} \"topic\":\"é ");
        writer.write(&piece).await.unwrap();
        written.push_str(&piece);
    }
    writer.end().await.unwrap();
    assert_eq!(stream_of(&mut live, "draft").await, written);
    for name in ["draft", "sketch"] {
        let mut late = page(&server).await;
        sub(&mut late, &token, &[name], json!({})).await;
        assert_eq!(stream_of(&mut late, name).await, written);
    }
}

#[tokio::test]
async fn backends_may_publish_under_an_old_name() {
    let (server, channel) = start().await;
    let mut client = server.subscribe(&channel, &["spoken"]).await;
    client.ready().await;
    let publisher = server.hub.token(channel.grant(["said"])).for_publishing().mint().unwrap();
    for (topic, bearer) in [("said", KEY), ("spoken", KEY), ("spoken", &publisher), ("says", &publisher)] {
        let path = format!("publish?channel=room:1&topic={topic}");
        let answer = http::post(server.address, &path, Some(bearer), b"\"a\"").await;
        assert_eq!(answer.status, 200, "{topic}");
        assert_eq!(
            message(&mut client).await,
            ("spoken".into(), json!("a"), answer.body["id"].as_str().unwrap().into())
        );
    }
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn messages_from_before_the_renaming_belong_to_the_renamed_topic() {
    let (file, earlier) = (File::new(), room("1"));
    let first = file.server().await;
    let mut ids = Vec::new();
    for text in ["1", "2", "3"] {
        first.hub.publish(status(&earlier), &Status::new(text)).await.unwrap();
        first.hub.publish(journal(&earlier), text).await.unwrap();
        ids.push(first.hub.publish(said(&earlier), text).await.unwrap().to_string());
    }
    let mut writer = first.hub.stream(draft(&earlier)).await.unwrap();
    writer.write("half of it").await.unwrap();
    let mut client = first.subscribe(&earlier, &["draft"]).await;
    while !matches!(client.frame().await, ServerFrame::Chunk { .. }) {}
    first.stop().await;
    drop(writer);

    let (registry, channel) = renamed_room("1");
    let storage = Sqlite::open(file.path()).unwrap();
    let second =
        Server::serve(Hub::builder(registry).signing_key(KEY).storage(storage).build().unwrap()).await;
    for (status, said) in [("status", "said"), ("state", "spoken")] {
        let mut client = second.resume(&channel, &[status, said], &ids[0]).await;
        client.ready().await;
        for text in ["2", "3"] {
            let (topic, data, _) = message(&mut client).await;
            assert_eq!((topic.as_str(), data), (status, json!({ "message": text })));
            let (topic, data, _) = message(&mut client).await;
            assert_eq!((topic.as_str(), data), (said, json!(text)));
        }
        client.expect_silence().await;
        let mut client = second.subscribe(&channel, &[status, "diary"]).await;
        client.ready().await;
        for (name, data) in [
            ("diary", json!("1")),
            ("diary", json!("2")),
            (status, json!({ "message": "3" })),
            ("diary", json!("3")),
        ] {
            let (topic, received, _) = message(&mut client).await;
            assert_eq!((topic.as_str(), received), (name, data));
        }
    }
    for name in ["draft", "sketch"] {
        let mut client = second.subscribe(&channel, &[name]).await;
        client.ready().await;
        assert_eq!(stream_of(&mut client, name).await, "half of it");
    }
    second.stop().await;
}

#[cfg(feature = "sqlite")]
mod signals {
    use fanfare::{ChannelDefinition, Run, RunError, Runs, Signal, SignalStatus, TypedChannel};

    use super::*;
    use crate::support::definition::{Outcome, RENAMED, Room};
    use crate::support::runs::{MINUTE, completed, done, ended, runs, waits};

    /// The type that generated code has for a room whose topics and signals were renamed.
    #[derive(Clone)]
    struct RenamedRoom(Channel);

    impl RenamedRoom {
        fn verdict(&self) -> Signal<'_, bool> {
            self.0.signal(0)
        }

        fn gesture(&self) -> Signal<'_, str> {
            self.0.signal(1)
        }
    }

    impl TypedChannel for RenamedRoom {
        type Result = Outcome;
        const DEFINITION: &'static ChannelDefinition = &RENAMED;

        fn channel(&self) -> &Channel {
            &self.0
        }

        fn from_channel(channel: Channel) -> Option<Self> {
            channel.is_of(&RENAMED).then_some(Self(channel))
        }
    }

    async fn earlier_job(run: Run<Room>, (): ()) -> Result<Outcome, RunError> {
        run.wait_for(run.channel().approve(), MINUTE).await?;
        run.wait_for(run.channel().approve(), MINUTE).await?;
        Err(RunError::fail("the server was not replaced"))
    }

    /// The same job after the signals were renamed, which then waits twice more.
    async fn later_job(run: Run<RenamedRoom>, (): ()) -> Result<Outcome, RunError> {
        let room = run.channel();
        let mut answers = Vec::new();
        for _ in 0..2 {
            answers
                .push(run.wait_for(room.verdict(), MINUTE).await?.map(|answer| answer.payload.to_string()));
        }
        let either = run.wait_any().on(room.gesture(), |text| text).on(room.verdict(), |is| is.to_string());
        answers.push(either.timeout(MINUTE).await?.map(|answer| answer.payload));
        answers.push(run.wait_for(room.verdict(), MINUTE).await?.map(|answer| answer.payload.to_string()));
        Ok(done(answers.into_iter().flatten().collect::<Vec<_>>().join(" ")))
    }

    /// Reads run events until one waits for signals, and returns their names.
    async fn waiting_for(client: &mut Client) -> Value {
        loop {
            if let ServerFrame::Run { data, .. } = client.frame().await
                && !data["waitingFor"].is_null()
            {
                for name in data["waitingFor"].as_array().unwrap() {
                    assert!(data["questions"][name.as_str().unwrap()].is_string(), "{data}");
                }
                return data["waitingFor"].clone();
            }
        }
    }

    #[tokio::test]
    async fn a_run_continues_after_its_signals_were_renamed_and_old_pages_still_answer_it() {
        let (file, earlier) = (File::new(), Room(room("1")));
        let first = file.server().await;
        let (running, job) = runs(&first, earlier_job).await;
        running.start(&job, "run_1", &earlier, &()).await.unwrap();
        waits(&running, "run_1").await;
        first.hub.signal(earlier.approve(), &true).await.unwrap();
        let kept = first.hub.signal(earlier.nod(), "kept").await.unwrap();
        assert_eq!(kept.status, SignalStatus::Kept);
        waits(&running, "run_1").await;
        first.stop().await;

        let (registry, channel) = renamed_room("1");
        let storage = Sqlite::open(file.path()).unwrap();
        let hub = Hub::builder(registry).signing_key(KEY).storage(storage).build().unwrap();
        let second = Server::serve(hub).await;
        let mut page = second.subscribe(&channel, &["state"]).await;
        page.ready().await;
        assert_eq!(waiting_for(&mut page).await, json!(["verdict", "approve"]));
        let mut builder = Runs::builder(&second.hub);
        builder.register("job", later_job);
        let running = builder.build().await.unwrap();
        assert_eq!(waits(&running, "run_1").await, ["verdict"]);
        // The question was asked under the old name, and the token has the new one.
        let token = second.hub.token(channel.grant_signals(["verdict"])).mint().unwrap();
        let answer = async |name: &str, body: &'static [u8]| {
            let path = format!("signal?channel=room:1&name={name}");
            http::post(second.address, &path, Some(&token), body).await
        };
        assert_eq!(answer("approve", b"false").await.body["status"], "accepted");
        // The next question takes the signal that was kept under the old name. The one after that is a new one.
        assert_eq!(waiting_for(&mut page).await, json!(["verdict", "approve"]));
        assert_eq!(answer("approve", b"true").await.body["status"], "accepted");
        assert_eq!(ended(&running, "run_1").await, completed("true false kept true"));
    }
}
