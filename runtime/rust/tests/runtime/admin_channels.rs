//! Showing channels, their history, and connections.

use std::collections::BTreeSet;

use fanfare::Channel;
use serde_json::{Value, json};

use crate::support::client::Client;
use crate::support::definition::{Status, draft, room, said, small, status};
use crate::support::http::admin;
use crate::support::server::{KEY, Server};
use crate::support::sse::Events;

/// Starts servers with each storage: in memory, SQLite in memory, and SQLite with a file.
async fn servers() -> Vec<(Server, Box<dyn std::any::Any>)> {
    let memory = Server::start_with(|builder| builder.admin_routes(true)).await;
    #[cfg(not(feature = "sqlite"))]
    return vec![(memory, Box::new(()))];
    #[cfg(feature = "sqlite")]
    {
        use crate::support::file::File;
        use fanfare::Sqlite;
        let file = File::new();
        let with = async |storage: Sqlite| {
            Server::start_with(|builder| builder.admin_routes(true).storage(storage)).await
        };
        let (in_memory, in_file) =
            (with(Sqlite::in_memory().unwrap()).await, with(Sqlite::open(file.path()).unwrap()).await);
        vec![(memory, Box::new(())), (in_memory, Box::new(())), (in_file, Box::new(file))]
    }
}

#[tokio::test]
async fn channels_are_listed_by_name_with_their_definition_and_size() {
    for (server, _file) in servers().await {
        for id in 0..7 {
            for number in 0..=id {
                server.hub.publish(said(&room(&id.to_string())), &number.to_string()).await.unwrap();
            }
        }
        server.hub.publish(said(&small("x")), "1").await.unwrap();
        let mut client = server.subscribe(&room("3"), &["said"]).await;
        client.ready().await;
        let channels = server.admin_pages("channels?limit=3", async || {}).await;
        let named: Vec<_> = channels.iter().map(|channel| channel["name"].as_str().unwrap()).collect();
        assert_eq!(named, ["room:0", "room:1", "room:2", "room:3", "room:4", "room:5", "room:6", "small:x"]);
        let counted =
            |name: &str| channels.iter().map(|channel| channel[name].as_u64().unwrap()).collect::<Vec<_>>();
        assert_eq!(counted("messages"), [1, 2, 3, 4, 5, 6, 7, 1]);
        assert_eq!(counted("subscribers"), [0, 0, 0, 1, 0, 0, 0, 0]);
        assert!(counted("bytes").iter().all(|bytes| *bytes > 50));
        assert_eq!(
            (&channels[0]["definition"], &channels[7]["definition"]),
            (&json!("room"), &json!("small"))
        );
        assert!(channels[0]["used_at"].as_str().unwrap().starts_with("20"));
        for (filter, expected) in [
            ("definition=small", 1),
            ("definition=room", 7),
            ("prefix=room:4", 1),
            ("prefix=room", 7),
            ("definition=small&prefix=room", 0),
            ("definition=none", 0),
        ] {
            let listed = server.admin_pages(&format!("channels?limit=2&{filter}"), async || {}).await;
            assert_eq!(listed.len(), expected, "{filter}");
        }
        drop(client);
        for _ in 0..500 {
            let channel = &server.admin("channels?prefix=room:3").await["items"][0];
            if channel["subscribers"] == 0 {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        assert_eq!(server.admin("channels?prefix=room:3").await["items"][0]["subscribers"], 0);
    }
}

fn payloads(items: &[Value]) -> Vec<String> {
    items.iter().map(|item| item["payload"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn history_is_read_exactly_once_in_both_orders_while_messages_are_added() {
    for (server, _file) in servers().await {
        let channel = room("1");
        let mut number = 0;
        let mut publish = async |server: &Server, channel: &Channel| {
            server.hub.publish(said(channel), &number.to_string()).await.unwrap();
            number += 1;
        };
        for _ in 0..50 {
            publish(&server, &channel).await;
        }
        let expected: Vec<String> = (0..50).map(|number| number.to_string()).collect();
        let path = "history?channel=room:1&limit=7";
        let mut newest = server.admin_pages(path, async || publish(&server, &channel).await).await;
        newest.reverse();
        assert_eq!(payloads(&newest), expected);
        let ids: BTreeSet<_> = newest.iter().map(|item| item["id"].as_str().unwrap()).collect();
        assert_eq!(ids.len(), 50);
        let mut added = 0;
        let path = "history?channel=room:1&limit=7&order=oldest";
        let oldest = server
            .admin_pages(path, async || {
                if added < 20 {
                    added += 1;
                    publish(&server, &channel).await;
                }
            })
            .await;
        let expected: Vec<String> = (0..number).map(|number| number.to_string()).collect();
        assert_eq!(payloads(&oldest), expected);
    }
}

#[tokio::test]
async fn a_page_of_history_has_at_most_a_mebibyte() {
    for (server, _file) in servers().await {
        for number in 0..30 {
            let text = format!("{number} {}", "x".repeat(100_000));
            server.hub.publish(said(&room("large")), &text).await.unwrap();
        }
        for order in ["newest", "oldest"] {
            let path = format!("history?channel=room:large&order={order}&limit=500");
            let first = server.admin(&path).await;
            let bytes = first.to_string().len();
            assert!(bytes > 900_000 && bytes < 1_100_000, "{bytes}");
            let all = server.admin_pages(&path, async || {}).await;
            let numbers = all.iter().map(|item| {
                let payload = item["payload"].as_str().unwrap();
                payload.split(' ').next().unwrap().parse::<u32>().unwrap()
            });
            let mut expected: Vec<u32> = (0..30).collect();
            if order == "newest" {
                expected.reverse();
            }
            assert!(numbers.eq(expected), "{order}");
        }
    }
}

#[tokio::test]
async fn a_search_in_a_long_history_ends_pages_early_and_finds_everything() {
    for (server, _file) in servers().await {
        let channel = room("long");
        for number in 0..25_000 {
            if number % 12_000 == 5 {
                server.hub.publish(status(&channel), &Status::new(&number.to_string())).await.unwrap();
            }
            server.hub.publish(said(&channel), "").await.unwrap();
        }
        for order in ["newest", "oldest"] {
            let path = format!("history?channel=room:long&topic=status&order={order}&limit=500");
            let first = server.admin(&path).await;
            assert_eq!((first["items"].as_array().unwrap().len(), first["next"].is_string()), (2, true));
            let all = server.admin_pages(&path, async || {}).await;
            let mut numbers: Vec<_> =
                all.iter().map(|item| item["payload"]["message"].as_str().unwrap()).collect();
            if order == "newest" {
                numbers.reverse();
            }
            assert_eq!(numbers, ["5", "12005", "24005"], "{order}");
        }
    }
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn two_servers_count_the_messages_of_a_file_exactly_while_old_ones_are_evicted() {
    let file = crate::support::file::File::new();
    let start = async || {
        let storage = fanfare::Sqlite::open(file.path()).unwrap();
        Server::start_with(|builder| builder.admin_routes(true).storage(storage)).await
    };
    let servers = [start().await, start().await];
    for number in 0..1000 {
        for server in &servers {
            let text = format!("{number:03000}");
            server.hub.publish(said(&small("1")), &text).await.unwrap();
            server.hub.publish(status(&room("1")), &Status::new("x")).await.unwrap();
        }
    }
    let mut stream = servers[1].hub.stream(draft(&small("2"))).await.unwrap();
    for _ in 0..500 {
        stream.write("word ").await.unwrap();
    }
    stream.end().await.unwrap();
    let listed = servers[0].admin("channels").await;
    let counted = |name: &str| listed["items"].as_array().unwrap().iter().find(|item| item["name"] == name);
    let messages = counted("small:1").unwrap()["messages"].as_u64().unwrap();
    assert!((5..1000).contains(&messages), "{messages} of 2000, because old ones are deleted");
    assert!(counted("small:2").unwrap()["messages"].as_u64().unwrap() > 2, "chunks are counted, too");
    for server in servers {
        server.stop().await;
    }
    let sql = "SELECT count(*), coalesce(sum((messages, bytes) IS NOT
        (SELECT count(*), coalesce(sum(octet_length(frame)), 0) FROM messages WHERE channel = channels.id)), 0)
        FROM channels";
    let connection = rusqlite::Connection::open(file.path()).unwrap();
    let counts: (u32, u32) = connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    assert_eq!(counts, (3, 0), "channels, and those whose counts are wrong");
}

#[tokio::test]
async fn history_has_topics_times_runs_and_joined_texts() {
    for (server, _file) in servers().await {
        let channel = room("1");
        server.hub.publish(status(&channel), &Status::new("begun")).await.unwrap();
        let mut first = server.hub.stream(draft(&channel)).run_id("run_1").await.unwrap();
        let mut second = server.hub.stream(draft(&channel)).await.unwrap();
        for word in ["Once ", "upon ", "a time"] {
            first.write(word).await.unwrap();
            second.write(word).await.unwrap();
        }
        first.end().await.unwrap();
        server.hub.publish(said(&channel), "done").await.unwrap();
        for order in ["newest", "oldest"] {
            let path = format!("history?channel=room:1&order={order}");
            let mut items = server.admin(&path).await["items"].as_array().unwrap().clone();
            if order == "newest" {
                items.reverse();
            }
            let find = |kind: &str, run: &Value| {
                items.iter().find(|item| item["kind"] == kind && item["run_id"] == *run).unwrap().clone()
            };
            let text = find("text", &json!("run_1"));
            assert_eq!(
                (&text["text"], &text["has_start"], &text["has_end"]),
                (&json!("Once upon a time"), &json!(true), &json!(true))
            );
            let open = find("text", &Value::Null);
            assert_eq!(
                (&open["text"], &open["has_start"], &open["has_end"]),
                (&json!("Once upon a time"), &json!(true), &json!(false))
            );
            assert_eq!(items[0]["payload"], json!({ "message": "begun" }));
            assert_eq!((&items[0]["topic"], &items[0]["kind"]), (&json!("status"), &json!("message")));
            assert!(items[0]["created_at"].as_str().unwrap().ends_with('Z'));
            assert_eq!(items.len(), 4);
        }
        // On small pages, the parts of a stream are joined by its id.
        let parts =
            server.admin_pages("history?channel=room:1&topic=draft&limit=1&order=oldest", async || {}).await;
        let joined: String = parts
            .iter()
            .filter(|part| part["run_id"] == "run_1")
            .map(|part| part["text"].as_str().unwrap())
            .collect();
        assert_eq!(joined, "Once upon a time");
        assert_eq!(server.admin("history?channel=room:1&topic=said").await["items"][0]["payload"], "done");
        drop(second);
    }
}

#[tokio::test]
async fn unknown_names_are_404() {
    for (server, _file) in servers().await {
        for (path, code) in [
            ("history?channel=none", "unknown_channel"),
            ("history?channel=room:1&topic=none", "unknown_topic"),
            ("run?run_id=none", "no_run"),
            ("calls?run_id=none", "no_run"),
            ("signals?run_id=none", "no_run"),
        ] {
            let answer = admin(server.address, path, Some(KEY)).await;
            assert_eq!((answer.status, &answer.body["data"]["code"]), (404, &json!(code)), "{path}");
        }
        assert_eq!(server.admin("history?channel=room:1").await, json!({ "items": [] }));
    }
}

#[tokio::test]
async fn the_server_and_its_definitions_are_described() {
    for (index, (server, _file)) in servers().await.into_iter().enumerate() {
        let info = server.admin("server").await;
        assert_eq!(info["version"], env!("CARGO_PKG_VERSION"));
        assert_eq!(info["storage"], if index == 0 { "memory" } else { "sqlite" });
        assert_eq!((&info["status"], &info["jobs"]), (&json!("open"), &json!([])));
        let definitions = server.admin("definitions").await;
        let room = &definitions["items"][0];
        assert_eq!((&room["name"], &room["address"]), (&json!("room"), &json!("room:{id}")));
        assert_eq!((&room["params"][0]["name"], &room["fingerprint"]), (&json!("id"), &json!("f1f2")));
        assert_eq!(
            room["topics"][5],
            json!({ "name": "draft", "carries": "text_stream", "retain": 1, "aliases": [] })
        );
        assert_eq!(
            (&room["signals"][0]["name"], &room["signals"][0]["aliases"]),
            (&json!("approve"), &json!([]))
        );
        assert_eq!(room["history"], json!({ "messages": 100_000, "seconds": 300 }));
    }
}

#[tokio::test]
async fn connections_are_listed_with_their_subscriptions_until_they_close() {
    let server = Server::start_with(|builder| builder.admin_routes(true)).await;
    let grant = room("1").grant(["said", "status"]);
    let token = server.hub.token(grant).subject("ada").id("login_1").mint().unwrap();
    let mut first = Client::open(&server, "", Some("fanfare.v1")).await.unwrap();
    first.sub_as("a", &token, json!({})).await;
    let mut events = Events::get(&server, &format!("token={token}"), "").await;
    events.ready().await;
    let connections = server.admin_pages("connections?limit=1", async || {}).await;
    assert_eq!(connections.len(), 2);
    assert_eq!(
        (&connections[0]["transport"], &connections[1]["transport"]),
        (&json!("websocket"), &json!("sse"))
    );
    let subscription = &connections[0]["subscriptions"][0];
    assert_eq!((&subscription["ref"], &subscription["channel"]), (&json!("a"), &json!("room:1")));
    let topic = &subscription["topics"][0];
    assert_eq!(
        (&topic["name"], &topic["token_id"], &topic["subject"]),
        (&json!("said"), &json!("login_1"), &json!("ada"))
    );
    assert!(topic["expires_at"].is_string() && connections[0]["since"].is_string());
    assert_eq!(server.admin("server").await["connections"], 2);
    first.send(&json!({ "kind": "unsub", "ref": "a" })).await;
    loop {
        if let fanfare::wire::ServerFrame::Unsubscribed { .. } = first.frame().await {
            break;
        }
    }
    assert_eq!(server.admin("connections").await["items"][0]["subscriptions"], json!([]));
    drop((first, events));
    for _ in 0..500 {
        if server.admin("connections").await["items"] == json!([]) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("the connections stay listed");
}

#[tokio::test]
async fn metrics_are_current_values() {
    let server = Server::start_with(|builder| builder.admin_routes(true)).await;
    let value = async |name: &str| {
        let metrics = server.admin("metrics").await;
        let items = metrics["items"].as_array().unwrap().clone();
        items.iter().find(|item| item["name"] == name).map_or(0.0, |item| item["value"].as_f64().unwrap())
    };
    let before = value("fanfare_messages_published_total").await;
    server.hub.publish(said(&room("1")), "1").await.unwrap();
    assert!(value("fanfare_messages_published_total").await > before);
    assert_eq!(admin(server.address, "server", Some("wrong")).await.status, 401);
    let metrics = server.admin("metrics").await;
    let failures = metrics["items"].as_array().unwrap().iter().find(|item| {
        item["name"] == "fanfare_auth_failures_total" && item["labels"] == json!({ "reason": "malformed" })
    });
    assert!(failures.unwrap()["value"].as_f64().unwrap() >= 1.0);
}
