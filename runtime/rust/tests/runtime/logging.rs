//! The log lines about a server and about refused tokens. They never contain tokens or keys.

use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use serde_json::json;
use tracing::field::Field;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::support::client::Client;
#[cfg(feature = "sqlite")]
use crate::support::definition::Room;
use crate::support::definition::room;
use crate::support::http;
use crate::support::jwt;
use crate::support::server::{KEY, Server};
use crate::support::sse::Events;

/// Captures logs of all levels, of this library and its dependencies.
#[derive(Clone, Default)]
struct Everything(Arc<Mutex<String>>);

impl Everything {
    fn add(&self, field: &Field, value: &dyn Debug) {
        use std::fmt::Write;
        let _ = write!(self.0.lock().unwrap(), "{field}={value:?} ");
    }

    /// Returns the lines of a level that have a text.
    fn lines(&self, level: Level, text: &str) -> Vec<String> {
        let log = self.0.lock().unwrap();
        let lines = log.lines().filter(|line| line.starts_with(level.as_str()) && line.contains(text));
        lines.map(str::to_owned).collect()
    }
}

impl Subscriber for Everything {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("fanfare")
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        span.record(&mut |field: &Field, value: &dyn Debug| self.add(field, value));
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        values.record(&mut |field: &Field, value: &dyn Debug| self.add(field, value));
    }

    fn event(&self, event: &Event<'_>) {
        self.0.lock().unwrap().push_str(&format!("\n{} ", event.metadata().level()));
        event.record(&mut |field: &Field, value: &dyn Debug| self.add(field, value));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[tokio::test]
async fn tokens_and_keys_are_never_logged() {
    let log = Everything::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let server = Server::start().await;
    let valid = server.token(&room("1"), &["said"]);
    let mut claims = jwt::claims(&valid);
    claims["exp"] = json!(1);
    let tokens = [valid.clone(), jwt::sign("HS256", &claims, KEY), format!("{valid}x"), format!("{valid}.x")];
    // Twice: if a test on another thread reaches an event first, the event is disabled for all threads.
    for token in tokens.iter().chain(&tokens) {
        tracing::callsite::rebuild_interest_cache();
        let _ = Client::connect(&server, token, None).await;
        let _ = Client::open(&server, &format!("?token={token}"), None).await;
        let _ = Client::open(&server, &format!("?token={token}&since=x"), None).await;
        let _ = Events::get(&server, &format!("token={token}"), "").await;
        let _ = Events::get(&server, "", &format!("Authorization: Bearer {token}\r\n")).await;
        let _ = Events::post(&server, &json!([{ "kind": "sub", "ref": "1", "data": token }])).await;
        let _ =
            Events::post(&server, &json!([{ "kind": "sub", "ref": "1", "date": token, "data": 7 }])).await;
        let mut client = Client::open(&server, "", Some("fanfare.v1")).await.unwrap();
        client.send(&json!({ "kind": "sub", "ref": "1", "data": token })).await;
        client.frame().await;
        client.send(&json!({ "kind": "renew", "ref": "1", "data": token, "more": token })).await;
        client.frame().await;
        client.send(&json!({ "kind": token })).await;
        for path in ["publish?channel=room:1&topic=said", "signal?channel=room:1&name=nod", "token", "revoke"]
        {
            http::post(server.address, path, Some(token), b"[]").await;
            http::post(server.address, path, Some(KEY), b"[]").await;
        }
    }
    server.hub.shutdown().await;
    let log = log.0.lock().unwrap();
    assert!(log.contains("message=access denied") && log.contains("disconnected"), "{log}");
    assert!(!log.contains(KEY));
    for part in tokens.iter().flat_map(|token| token.split('.')).filter(|part| part.len() > 1) {
        assert!(!log.contains(part), "{part} is in {log}");
    }
}

#[tokio::test]
async fn the_first_line_says_what_a_server_serves_and_is_logged_once() {
    let log = Everything::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    tracing::callsite::rebuild_interest_cache();
    let server = Server::start().await;
    let _again = fanfare::routes(server.hub.clone());
    let [line] = &log.lines(Level::INFO, "serving channels")[..] else { panic!("{:?}", log.0) };
    assert!(line.contains("count=3") && line.contains("room@f1f2, small@f1f2, brief@f1f2"), "{line}");
    assert!(line.contains("storage=\"memory\""), "{line}");
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn a_server_whose_runs_end_with_it_warns_about_that_once() {
    use crate::support::runs::{done, runs};
    let log = Everything::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    tracing::callsite::rebuild_interest_cache();
    let server = Server::start().await;
    let _runs = runs(&server, async |_: fanfare::Run<Room>, (): ()| Ok(done("fine"))).await;
    let lines = log.lines(Level::WARN, "runs end with the process");
    assert!(matches!(&lines[..], [line] if line.contains("`HubBuilder::storage`")), "{lines:?}");
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn servers_with_a_storage_name_it_and_count_the_runs_that_they_resume() {
    use crate::support::runs::{MINUTE, done, runs, waits};
    let log = Everything::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let file = crate::support::file::File::new();
    for resumed in 0..2 {
        tracing::callsite::rebuild_interest_cache();
        let storage = fanfare::Sqlite::open(file.path()).unwrap();
        let server = Server::start_with(|builder| builder.storage(storage)).await;
        let [.., line] = &log.lines(Level::INFO, "serving channels")[..] else { panic!("{:?}", log.0) };
        assert!(line.contains(&format!("sqlite, {}", file.path().display())), "{line}");
        let (runs, job) = runs(&server, async |run: fanfare::Run<Room>, (): ()| {
            run.wait_for(run.channel().nod(), MINUTE).await?;
            Ok(done("fine"))
        })
        .await;
        let [.., line] = &log.lines(Level::INFO, "executing runs")[..] else { panic!("{:?}", log.0) };
        assert!(line.contains(&format!("jobs=\"job\" unfinished={resumed}")), "{line}");
        runs.start(&job, "run_1", &Room(room("1")), &()).await.unwrap();
        waits(&runs, "run_1").await;
        server.stop().await;
    }
}

#[tokio::test]
async fn refused_tokens_are_warnings_with_the_reason_once_per_second() {
    let log = Everything::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let server = Server::start().await;
    let valid = server.token(&room("1"), &["said"]);
    let mut claims = jwt::claims(&valid);
    let sign = |claims: &serde_json::Value| jwt::sign("HS256", claims, KEY);
    claims["exp"] = json!(1);
    let expired = sign(&claims);
    let mut claims = jwt::claims(&valid);
    claims["topics"][0]["channel"] = json!("nowhere:1");
    let elsewhere = sign(&claims);
    let refusals: &[(&str, &str)] = &[
        ("malformed", "secret-text"),
        ("signature", &format!("{valid}x")),
        ("expired", &expired),
        ("unknown", &elsewhere),
    ];
    let began = std::time::Instant::now();
    for _ in 0..30 {
        tracing::callsite::rebuild_interest_cache();
        for (_, token) in refusals {
            let _ = Client::connect(&server, token, None).await;
            let _ = Events::get(&server, &format!("token={token}"), "").await;
        }
        // Not granted by a valid token.
        let mut client = Client::open(&server, "", Some("fanfare.v1")).await.unwrap();
        client.send(&json!({ "kind": "sub", "ref": "1", "data": valid, "topics": ["status"] })).await;
        client.frame().await;
        http::post(server.address, "publish?channel=room:1&topic=said", None, b"1").await;
    }
    let seconds = usize::try_from(began.elapsed().as_secs()).unwrap();
    for reason in refusals.iter().map(|(reason, _)| *reason).chain(["topic"]) {
        let lines = log.lines(Level::WARN, &format!("reason=\"{reason}\""));
        assert!((1..=seconds + 1).contains(&lines.len()), "{seconds} seconds: {lines:?}");
        assert!(lines[0].contains("message=access denied") && lines[0].contains("detail="), "{lines:?}");
    }
    assert_eq!(log.lines(Level::WARN, "reason=\"missing\""), [""; 0], "scanners send no token");
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    let _ = Client::connect(&server, &expired, None).await;
    let lines = log.lines(Level::WARN, "reason=\"expired\"");
    let counted = |line: &String| {
        let unlogged = line.split_once("unlogged=").map_or("0", |(_, rest)| rest.split(' ').next().unwrap());
        unlogged.parse::<usize>().unwrap()
    };
    let total: usize = lines.iter().map(|line| 1 + counted(line)).sum();
    assert_eq!(total, 61, "each refusal is logged or counted: {lines:?}");
    let log = log.0.lock().unwrap();
    for (_, token) in refusals {
        assert!(token.split('.').all(|part| part.len() < 2 || !log.contains(part)), "{token} is in {log}");
    }
}
