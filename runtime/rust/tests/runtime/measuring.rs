//! Metrics and health checks.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ::metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit,
};
use fanfare::{Hub, metrics};
use serde_json::json;

use crate::support::client::Client;
use crate::support::definition::{released_room, room, said, small};
use crate::support::http;
use crate::support::server::{KEY, Server};
use crate::support::sse::Events;

/// Records the last value of gauges, and the sum of other metrics.
#[derive(Clone, Default)]
struct Figures {
    values: Arc<Mutex<BTreeMap<String, f64>>>,
    described: Arc<Mutex<Vec<String>>>,
}

struct Figure {
    name: String,
    figures: Figures,
}

impl Figures {
    fn figure(&self, key: &Key) -> Arc<Figure> {
        let labels = key.labels().map(|label| format!(" {}", label.value()));
        let name = labels.fold(key.name().to_owned(), |name, label| name + &label);
        Arc::new(Figure { name, figures: self.clone() })
    }

    fn get(&self, name: &str) -> f64 {
        self.values.lock().unwrap().get(name).copied().unwrap_or(0.0)
    }

    /// Waits for work that the server does after the client has seen the end.
    async fn becomes(&self, name: &str, value: f64) {
        let start = Instant::now();
        while (self.get(name) - value).abs() > 0.5 {
            assert!(start.elapsed() < Duration::from_secs(20), "{name}: {:?}", self.values);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Figure {
    fn change(&self, change: impl FnOnce(&mut f64)) {
        change(self.figures.values.lock().unwrap().entry(self.name.clone()).or_default());
    }
}

#[expect(clippy::cast_precision_loss, reason = "small numbers")]
impl CounterFn for Figure {
    fn increment(&self, value: u64) {
        self.change(|sum| *sum += value as f64);
    }

    fn absolute(&self, value: u64) {
        self.change(|sum| *sum = value as f64);
    }
}

impl GaugeFn for Figure {
    fn increment(&self, value: f64) {
        self.change(|gauge| *gauge += value);
    }

    fn decrement(&self, value: f64) {
        self.change(|gauge| *gauge -= value);
    }

    fn set(&self, value: f64) {
        self.change(|gauge| *gauge = value);
    }
}

impl HistogramFn for Figure {
    fn record(&self, value: f64) {
        self.change(|sum| *sum += value);
    }
}

impl Recorder for Figures {
    fn describe_counter(&self, name: KeyName, _: Option<Unit>, _: SharedString) {
        self.described.lock().unwrap().push(name.as_str().into());
    }

    fn describe_gauge(&self, name: KeyName, _: Option<Unit>, _: SharedString) {
        self.described.lock().unwrap().push(name.as_str().into());
    }

    fn describe_histogram(&self, name: KeyName, _: Option<Unit>, _: SharedString) {
        self.described.lock().unwrap().push(name.as_str().into());
    }

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.figure(key))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.figure(key))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.figure(key))
    }
}

// A test runs on one thread, so metrics recorded on this thread belong to it.
#[tokio::test]
async fn connections_messages_gaps_and_rejections_are_counted() {
    let figures = Figures::default();
    let _guard = ::metrics::set_default_local_recorder(&figures);
    let server = Server::start().await;
    let channel = small("1");
    let token = server.token(&channel, &["said"]);
    let mut client = server.subscribe(&channel, &["said"]).await;
    client.ready().await;
    let mut events = Events::get(&server, &format!("token={token}"), "").await;
    events.ready().await;
    assert!((figures.get("fanfare_connections websocket") - 1.0).abs() < 0.5);
    assert!((figures.get("fanfare_connections sse") - 1.0).abs() < 0.5);

    for number in 0..3 {
        server.hub.publish(said(&channel), &number.to_string()).await.unwrap();
    }
    for number in 0..3 {
        assert_eq!(client.data().await, number.to_string());
        assert_eq!(events.data().await, number.to_string());
    }
    assert!((figures.get("fanfare_messages_published_total") - 3.0).abs() < 0.5);
    assert!((figures.get("fanfare_messages_delivered_total websocket") - 3.0).abs() < 0.5);
    assert!((figures.get("fanfare_messages_delivered_total sse") - 3.0).abs() < 0.5);
    assert!(figures.get("fanfare_cursor_lag_messages") > 2.5);
    let mut resumed = server.resume(&channel, &["said"], "000000001-000000001").await;
    resumed.ready().await;
    resumed.gap().await;
    assert!((figures.get("fanfare_gaps_total") - 1.0).abs() < 0.5);

    server.refusal("a.b.c").await;
    http::post(server.address, "token", Some("x"), b"[]").await;
    client.send(&json!({ "kind": "sub", "data": "a.b.c" })).await;
    client.error().await;
    assert!((figures.get("fanfare_auth_failures_total malformed") - 2.0).abs() < 0.5);
    assert!((figures.get("fanfare_auth_failures_total signing_key") - 1.0).abs() < 0.5);

    for _ in 0..16 {
        client.send_text("{").await;
    }
    assert_eq!(client.close_code().await, 4400);
    drop((client, events, resumed));
    figures.becomes("fanfare_connections websocket", 0.0).await;
    figures.becomes("fanfare_connections sse", 0.0).await;
    figures.becomes("fanfare_connections_ended_total websocket bad_frames", 1.0).await;
    figures.becomes("fanfare_connections_ended_total websocket left", 1.0).await;
    figures.becomes("fanfare_connections_ended_total sse left", 1.0).await;
}

#[tokio::test]
async fn each_limit_reports_its_use_and_how_often_it_was_reached() {
    let figures = Figures::default();
    let _guard = ::metrics::set_default_local_recorder(&figures);
    let set_up = |hub: fanfare::HubBuilder| {
        hub.max_connections(2).max_unsubscribed_connections(1).max_publish_rate(fanfare::Rate::per_minute(1))
    };
    let server = Server::start_with(set_up).await;
    let channel = room("1");
    let _silent = Client::open(&server, "", Some("fanfare.v1")).await.unwrap();
    figures.becomes("fanfare_limit_used unsubscribed_connections", 1.0).await;
    let mut first = server.subscribe(&channel, &["said"]).await;
    first.ready().await;
    // The silent connection is being closed, and may still be open.
    figures.becomes("fanfare_limit_used unsubscribed_connections", 0.0).await;
    figures.becomes("fanfare_limit_used connections", 1.0).await;
    let mut second = server.subscribe(&channel, &["said"]).await;
    second.ready().await;
    server.refusal(&server.token(&channel, &["said"])).await;
    let publishing = server.hub.token(channel.grant(["said"])).for_publishing().mint().unwrap();
    for status in [200, 429] {
        let path = "publish?channel=room:1&topic=said";
        assert_eq!(http::post(server.address, path, Some(&publishing), b"1").await.status, status);
    }
    for (name, value) in [
        ("fanfare_limit_max connections", 2.0),
        ("fanfare_limit_used connections", 2.0),
        ("fanfare_limit_reached_total connections", 1.0),
        ("fanfare_limit_max unsubscribed_connections", 1.0),
        ("fanfare_limit_reached_total unsubscribed_connections", 1.0),
        ("fanfare_limit_reached_total publish_rate", 1.0),
        ("fanfare_limit_max in_flight_bytes", 268_435_456.0),
    ] {
        assert!((figures.get(name) - value).abs() < 0.5, "{name}: {}", figures.get(name));
    }
}

#[tokio::test]
async fn every_metric_is_described_and_documented() {
    let figures = Figures::default();
    let _guard = ::metrics::set_default_local_recorder(&figures);
    let _server = Server::start().await;
    let described = figures.described.lock().unwrap().clone();
    let docs = include_str!("../../../../docs/metrics.md");
    let names = [
        metrics::CONNECTIONS,
        metrics::CONNECTIONS_ENDED,
        metrics::MESSAGES_PUBLISHED,
        metrics::MESSAGES_DELIVERED,
        metrics::CURSOR_LAG,
        metrics::GAPS,
        metrics::AUTH_FAILURES,
        metrics::CLIENTS_OUTDATED,
        metrics::HISTORY_CHANNELS,
        metrics::HISTORY_BYTES,
        metrics::RUNS,
        metrics::RUNS_OLDEST_DUE,
        metrics::RUN_EXECUTIONS,
        metrics::LIMIT_USED,
        metrics::LIMIT_MAX,
        metrics::LIMIT_REACHED,
        metrics::STORAGE_LAG,
        metrics::STORAGE_LAG_MESSAGES,
        metrics::STORAGE_MISSED_READS,
        metrics::STORAGE_DISCONNECTS,
        metrics::STORAGE_CONFLICTS,
    ];
    for name in names {
        assert!(described.iter().any(|described| described == name), "{name}");
        assert!(docs.contains(&format!("`{name}`")), "{name}");
    }
    assert_eq!(described.len(), names.len());
}

#[tokio::test]
async fn outdated_clients_are_counted_while_they_are_subscribed_and_logged_once() {
    let (figures, warnings) = (Figures::default(), Warnings::default());
    let _recorder = ::metrics::set_default_local_recorder(&figures);
    let _subscriber = tracing::subscriber::set_default(warnings.clone());
    tracing::callsite::rebuild_interest_cache();
    let (registry, channel) = released_room("1");
    let server = Server::serve(Hub::builder(registry).signing_key(KEY).build().unwrap()).await;
    let (token, other) = (server.token(&channel, &["status"]), server.token(&channel, &["said"]));
    let mut client = Client::open(&server, "", Some("fanfare.v1")).await.unwrap();
    let (breaking, unknown) =
        ("fanfare_clients_outdated room breaking", "fanfare_clients_outdated room unknown");
    let subs =
        [("1", &token, "topics"), ("2", &other, "compatible"), ("3", &other, "other"), ("4", &token, "all")];
    for (subscription_id, token, fingerprint) in subs {
        let sub = json!({
            "kind": "sub", "ref": subscription_id, "data": token, "channel": channel.name(), "fingerprint": fingerprint,
        });
        client.send(&sub).await;
        client.frame().await;
        client.ready().await;
    }
    figures.becomes(breaking, 2.0).await;
    figures.becomes(unknown, 1.0).await;
    assert!(warnings.0.lock().unwrap().contains("the result has changed"));
    warnings.0.lock().unwrap().clear();
    client.send(&json!({ "kind": "unsub", "ref": "1" })).await;
    client.frame().await;
    figures.becomes(breaking, 1.0).await;
    let sub = json!([{
        "kind": "sub", "ref": "1", "data": token, "channel": channel.name(), "fingerprint": "topics",
    }]);
    let events = Events::post(&server, &sub).await;
    figures.becomes(breaking, 2.0).await;
    drop((client, events));
    figures.becomes(breaking, 0.0).await;
    figures.becomes(unknown, 0.0).await;
    assert_eq!(*warnings.0.lock().unwrap(), "", "logged twice");
}

/// Records the last warning.
#[derive(Clone, Default)]
struct Warnings(Arc<Mutex<String>>);

impl tracing::Subscriber for Warnings {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() == tracing::Level::WARN
    }

    fn event(&self, event: &tracing::Event<'_>) {
        let mut text = String::new();
        event.record(&mut |field: &tracing::field::Field, value: &dyn std::fmt::Debug| {
            text.push_str(&format!("{field}: {value:?}; "));
        });
        *self.0.lock().unwrap() = text;
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

#[cfg(feature = "sqlite")]
#[tokio::test(start_paused = true)]
async fn runs_are_counted_by_state_and_a_warning_names_the_runs_that_hold_all_slots() {
    use crate::support::definition::Room;
    use crate::support::runs::{done, in_memory, runs_with};
    use fanfare::{Run, RunError, StepOptions};

    let (figures, warnings) = (Figures::default(), Warnings::default());
    let _recorder = ::metrics::set_default_local_recorder(&figures);
    let _subscriber = tracing::subscriber::set_default(warnings.clone());
    let server = in_memory().await;
    let (runs, job) = runs_with(
        &server,
        |builder| builder.max_concurrent_runs(1),
        |run: Run<Room>, waits: bool| async move {
            if waits {
                run.wait_for(run.channel().nod(), Duration::MAX).await?;
            }
            let patient = StepOptions::new().timeout(Duration::MAX);
            run.step_with("hang", patient, std::future::pending::<Result<(), RunError>>).await?;
            Ok(done("never"))
        },
    )
    .await;
    for (run_id, waits) in [("waits", true), ("hangs", false), ("due", false)] {
        runs.start(&job, run_id, &Room(room(run_id)), &waits).await.unwrap();
        pass(1).await;
    }
    let states = || {
        ["executing", "waiting", "due", "halted"]
            .map(|state| figures.get(&format!("fanfare_runs {state}")).to_bits())
    };
    let expected = [1.0, 1.0, 1.0, 0.0].map(f64::to_bits);
    for _ in 0..100 {
        pass(120).await;
        if states() == expected {
            break;
        }
    }
    assert_eq!(states(), expected);
    assert!(figures.get(metrics::RUNS_OLDEST_DUE) >= 0.0);
    figures.becomes("fanfare_run_executions_total waiting", 1.0).await;
    let warning = warnings.0.lock().unwrap().clone();
    assert!(warning.contains("max: 1") && warning.contains("hangs (step"), "{warning}");
}

/// Advances the paused clock by this many seconds, and gives the storage's thread time to work.
#[cfg(feature = "sqlite")]
async fn pass(seconds: u64) {
    for _ in 0..seconds {
        tokio::time::sleep(Duration::from_secs(1)).await;
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[tokio::test]
async fn health_checks_succeed_until_shutdown_begins() {
    let server = Server::start().await;
    let mut client = server.subscribe(&room("1"), &["said"]).await;
    client.ready().await;
    for path in ["/healthz", "/v1/realtime/healthz"] {
        let answer = http::get_path(server.address, path).await;
        assert_eq!((answer.status, answer.body), (200, json!({ "status": "open" })));
    }
    server.hub.shutdown().await;
    for path in ["/healthz", "/v1/realtime/healthz"] {
        let answer = http::get_path(server.address, path).await;
        assert_eq!((answer.status, answer.body), (503, json!({ "status": "closing" })));
    }
    let token = server.token(&room("1"), &["said"]);
    assert_eq!(Client::connect(&server, &token, None).await.map(|_| ()).unwrap_err().status, 503);
}
