//! Checks of real servers.

use std::time::Duration;

use fanfare_test_servers::nats::TestServer;

use super::super::Nats;
use super::*;
use crate::storage::check::FindingStatus;

async fn ask(url: &str, subject: &str, request: &Value) -> Value {
    let client = async_nats::connect(url).await.unwrap();
    let answer = client.request(subject.to_owned(), request.to_string().into()).await.unwrap();
    serde_json::from_slice(&answer.payload).unwrap()
}

async fn list_streams(url: &str) -> Value {
    ask(url, "$JS.API.STREAM.NAMES", &json!({})).await["streams"].clone()
}

/// Changes a setting of a stream.
async fn change(url: &str, stream: &str, setting: &str, value: Value) {
    let info = ask(url, &format!("$JS.API.STREAM.INFO.{stream}"), &json!({})).await;
    let mut config = info["config"].clone();
    config[setting] = value;
    let answer = ask(url, &format!("$JS.API.STREAM.UPDATE.{stream}"), &config).await;
    assert!(answer.get("error").is_none(), "{answer}");
}

fn has_ok(report: &StorageReport, subject: &str, text: &str) -> bool {
    let mut findings = report.findings.iter();
    findings.any(|finding| {
        finding.status == FindingStatus::Ok && finding.subject == subject && finding.message.contains(text)
    })
}

#[tokio::test]
async fn a_check_finds_nothing_wrong_with_new_servers_and_creates_nothing() {
    let server = TestServer::start();
    let url = server.url();
    let report = Nats::connect(&url).check().await;
    assert_eq!(report.problems(), [""; 0], "{report:#?}");
    assert!(has_ok(&report, "streams", "will create 5 streams (shards: 4)"), "{report:#?}");
    assert_eq!(list_streams(&url).await, Value::Null);
    drop(Nats::connect(&url).shards(2).await.unwrap());
    let report = Nats::connect(&url).check().await;
    assert_eq!(report.problems(), [""; 0], "{report:#?}");
    let expected = "3 streams exist with the required settings (shards: 2, replicas: 1)";
    assert!(has_ok(&report, "streams", expected), "{report:#?}");
    for stream in ["fanfare-meta", "fanfare-0", "fanfare-1"] {
        let info =
            ask(&url, &format!("$JS.API.STREAM.INFO.{stream}"), &json!({ "subjects_filter": ">" })).await;
        let subjects = info["state"]["subjects"].as_object().cloned().unwrap_or_default();
        assert!(!subjects.keys().any(|subject| subject.contains("check")), "{subjects:?}");
    }
}

#[tokio::test]
async fn a_check_finds_streams_that_were_changed_or_deleted() {
    let server = TestServer::start();
    let url = server.url();
    drop(Nats::connect(&url).shards(2).await.unwrap());
    change(&url, "fanfare-0", "max_age", 3_600_000_000_000_u64.into()).await;
    change(&url, "fanfare-meta", "max_bytes", 1_000_000.into()).await;
    ask(&url, "$JS.API.STREAM.DELETE.fanfare-1", &json!({})).await;
    let report = Nats::connect(&url).shards(4).check().await;
    let messages: Vec<&str> = report.findings.iter().map(|finding| &*finding.message).collect();
    for expected in [
        "the number of shards is 2 instead of 4, and cannot be changed",
        "`max_age` of the NATS stream `fanfare-0` must be 0, but is 3600000000000",
        "`fanfare-1` was deleted: its channels lose their history",
    ] {
        assert!(messages.contains(&expected), "{expected}: {report:#?}");
    }
    assert!(report.has_failed());
    let foreign = json!({ "name": "orders", "subjects": ["other.>"] });
    ask(&url, "$JS.API.STREAM.CREATE.orders", &foreign).await;
    let report = Nats::connect(&url).space("other").check().await;
    assert_eq!(
        report.problem("streams").unwrap().message,
        "the stream `orders` has subjects of the space `other`"
    );
}

#[tokio::test]
async fn streams_that_reject_or_change_messages_are_not_used() {
    let url = TestServer::shared().url();
    for (setting, value, expected) in [
        (
            "max_msg_size",
            json!(1_000),
            "`max_msg_size` of the NATS stream `changed-0` must be -1, but is 1000",
        ),
        (
            "subject_transform",
            json!({ "src": "changed.0.log.*", "dest": "changed.0.checkpoint.{{wildcard(1)}}" }),
            "`subject_transform` of the NATS stream `changed-0` must not be set",
        ),
        ("sources", json!([{ "name": "other" }]), "`sources` of the NATS stream `changed-0` must not be set"),
        (
            "subject_delete_marker_ttl",
            json!(1_000_000_000),
            "`subject_delete_marker_ttl` of the NATS stream `changed-0` must not be set",
        ),
    ] {
        let connect = || Nats::connect(&url).space("changed").shards(1);
        drop(connect().await.unwrap());
        change(&url, "changed-0", setting, value).await;
        assert_eq!(connect().await.unwrap_err().to_string(), expected);
        assert_eq!(connect().check().await.problem("streams").unwrap().message, expected);
        ask(&url, "$JS.API.STREAM.DELETE.changed-0", &json!({})).await;
    }
}

#[tokio::test]
async fn a_check_finds_servers_that_cannot_store_messages() {
    let report = Nats::connect("nats://127.0.0.1:1").check().await;
    assert_eq!(report.problems(), ["connection"], "{report:#?}");
    let report = Nats::connect("nats://127.0.0.1:1").replicas(2).check().await;
    assert_eq!(report.problems(), ["options"], "{report:#?}");

    let without_jetstream = TestServer::start_without_jetstream();
    let report = Nats::connect(&without_jetstream.url()).check().await;
    assert_eq!(report.problems(), ["jetstream"], "{report:#?}");
    assert!(report.has_failed());

    let configuration = "
        max_payload: 100kb
        accounts { A { users: [{ user: a, password: b }], jetstream { max_streams: 3, max_file: 1gb } } }
    ";
    let small = TestServer::start_with(configuration);
    let url = small.url();
    let connect = || Nats::connect(&url).user_and_password("a", "b");
    let report = connect().check().await;
    assert_eq!(report.problems(), ["max_payload", "limits"], "{report:#?}");
    assert!(report.problem("limits").unwrap().message.contains("may have 3 streams"), "{report:#?}");
    let report = connect().shards(2).check().await;
    assert_eq!(report.problems(), ["max_payload"], "{report:#?}");
    let report = Nats::connect(&small.url()).check().await;
    assert!(report.problem("connection").unwrap().message.contains("requires credentials"), "{report:#?}");
}

#[tokio::test]
async fn a_check_finds_missing_permissions() {
    let configuration = r#"
        authorization { users: [
            { user: admin, password: x }
            { user: server, password: x, permissions {
                publish: ["$JS.API.>", "fanfare.>"], subscribe: ["fanfare-live.>", "_INBOX.>"]
            } }
            { user: reader, password: x, permissions {
                publish: ["$JS.API.STREAM.INFO.*", "$JS.API.INFO", "$JS.API.DIRECT.GET.>", "$SYS.REQ.USER.INFO"
                          "fanfare.*.log.*"], subscribe: "_INBOX.>"
            } }
        ] }
    "#;
    let server = TestServer::start_with(configuration);
    let url = server.url();
    let connect = |user: &str| Nats::connect(&url).user_and_password(user, "x");
    let report = connect("server").check().await;
    let problem = report.problem("clock").unwrap();
    assert!(problem.help.as_ref().unwrap().contains("publish to `$SYS.REQ.USER.INFO`"), "{report:#?}");
    drop(connect("admin").shards(1).await.unwrap());
    let report = connect("server").check().await;
    // The documented permissions do not contain the request for the clock.
    assert_eq!(report.problems(), [""; 0], "{report:#?}");
    let report = connect("reader").check().await;
    let problem = report.problem("permissions").unwrap();
    for denied in [
        "Publish to \"fanfare.0.checkpoint.check\"",
        "Publish to \"fanfare.meta.process.check\"",
        "Publish to \"$JS.API.STREAM.MSG.GET.fanfare-0\"",
        "Subscription to \"fanfare-live.0.>\"",
    ] {
        assert!(problem.message.contains(denied), "{denied}: {report:#?}");
    }
    assert!(!problem.message.contains("log.check"), "{report:#?}");
    let denied =
        "the user may not publish to `$JS.API.STREAM.PURGE.fanfare-meta`, `$JS.API.STREAM.PURGE.fanfare-0`";
    assert!(report.findings.iter().any(|finding| finding.message == denied), "{report:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_finds_missing_replicas() {
    let mut servers = TestServer::start_cluster();
    let url = servers[0].url();
    for attempt in 0.. {
        match Nats::connect(&url).shards(1).replicas(3).await {
            Ok(_) => break,
            Err(error) => assert!(attempt < 10, "{error}"),
        }
    }
    let check = async || Nats::connect(&url).replicas(3).check().await;
    let mut report = check().await;
    for _ in 0..50 {
        if report.problems().is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        report = check().await;
    }
    assert_eq!(report.problems(), [""; 0], "{report:#?}");
    // The servers name each other.
    assert!(has_ok(&report, "version", "server-"), "{report:#?}");
    assert!(has_ok(&report, "replicas", "all 4 replicas"), "{report:#?}");
    let report = Nats::connect(&url).replicas(1).check().await;
    assert!(report.problem("streams").unwrap().message.contains("`num_replicas`"), "{report:#?}");
    let report = Nats::connect(&url).space("new").replicas(3).check().await;
    assert_eq!(report.problems(), [""; 0], "{report:#?}");
    let report = Nats::connect(&url).space("new").replicas(5).check().await;
    let expected = "the cluster has only 3 servers, so streams cannot have 5 replicas";
    assert_eq!(report.problem("replicas").unwrap().message, expected);
    assert!(report.has_failed());

    // If the URL requires TLS, the servers that are only named must not get the credentials without it.
    let (given, mut report) = (Nats::connect("tls://127.0.0.1:1").token("secret"), StorageReport::default());
    let client = async_nats::connect(&url).await.unwrap();
    let (setup, jetstream) = (given.setup().unwrap(), JetStream { client });
    servers::check(&given, &Probe { jetstream, setup, denied: Denied::default() }, &mut report).await;
    assert_eq!(report.problems(), ["servers"; 4], "{report:#?}");
    assert_eq!(report.findings.len(), 4, "{report:#?}");

    servers[2].kill("KILL");
    let mut report = check().await;
    for _ in 0..200 {
        if report.problem("replicas").is_some() && !report.has_failed() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        report = check().await;
    }
    let replicas = &report.problem("replicas").unwrap().message;
    assert!(replicas.contains("server-2"), "{report:#?}");
}
