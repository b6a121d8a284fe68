//! Checks of databases.

use fanfare_test_servers::postgres::{TestPooler, TestServer};

use super::{Postgres, client, connect, new_schema, rows};
use crate::storage::StorageReport;

async fn check(url: &str, schema: &str) -> StorageReport {
    Postgres::connect(url).schema(schema).check(1).await
}

fn problem<'r>(report: &'r StorageReport, subject: &str) -> &'r str {
    &report.problem(subject).unwrap_or_else(|| panic!("{subject}: {report:#?}")).message
}

fn finding<'r>(report: &'r StorageReport, subject: &str) -> &'r str {
    let found = report.findings.iter().find(|finding| finding.subject == subject);
    &found.unwrap_or_else(|| panic!("{subject}: {report:#?}")).message
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_creates_no_tables_and_compares_their_version() {
    let (server, schema) = (TestServer::shared(), new_schema());
    let (url, client) = (server.url(), client(server).await);
    let report = check(&url, &schema).await;
    // Test servers do not wait for the disk.
    assert_eq!(report.problems(), ["durability"], "{report:#?}");
    assert!(problem(&report, "durability").starts_with("off: `fsync`; "), "{report:#?}");
    assert!(finding(&report, "tables").contains("will create the tables"), "{report:#?}");
    let find = format!("SELECT 1 FROM pg_namespace WHERE nspname = '{schema}'");
    assert_eq!(rows(&client, &find).await, [""; 0]);

    drop(connect(server, &schema).await);
    let report = check(&url, &schema).await;
    assert_eq!(
        (report.problems(), finding(&report, "tables")),
        (vec!["durability"], "the tables have version 5")
    );
    rows(&client, &format!("UPDATE {schema}.versions SET oldest = 6; UPDATE {schema}.facts SET value = '0' WHERE name = 'journal'")).await;
    let report = check(&url, &schema).await;
    assert!(
        report.has_failed() && problem(&report, "tables").contains("by a later version of Fanfare"),
        "{report:#?}"
    );
    assert!(problem(&report, "journal").contains("journal version 0"), "{report:#?}");
    rows(
        &client,
        &format!("UPDATE {schema}.versions SET oldest = 2; DELETE FROM {schema}.versions WHERE version = 5"),
    )
    .await;
    let report = check(&url, &schema).await;
    assert_eq!(problem(&report, "tables"), "the first server will migrate the tables from version 4 to 5");
    assert!(report.problem("connections").is_none(), "{report:#?}");
    let report = Postgres::connect(&url).schema(&schema).connections(4).check(40).await;
    assert!(problem(&report, "connections").ends_with("520 are needed for 40 servers"), "{report:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_finds_missing_rights_and_unusable_databases() {
    let (server, schema) = (TestServer::shared(), new_schema());
    let (role, latin) = (format!("role_{schema}"), format!("latin_{schema}"));
    let client = client(server).await;
    rows(&client, &format!("CREATE ROLE {role} LOGIN")).await;
    let url = server.url().replace("user=postgres", &format!("user={role}"));
    let report = check(&url, &schema).await;
    assert!(problem(&report, "rights").contains("may not create the schema"), "{report:#?}");
    drop(connect(server, &schema).await);
    let report = check(&url, &schema).await;
    assert!(problem(&report, "rights").contains("may not use the schema"), "{report:#?}");
    for (right, expected) in [
        (format!("USAGE ON SCHEMA {schema}"), "lacks"),
        (format!("SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema}"), "on the "),
    ] {
        rows(&client, &format!("GRANT {right} TO {role}")).await;
        let report = check(&url, &schema).await;
        assert!(problem(&report, "rights").contains(expected), "{report:#?}");
    }
    rows(&client, &format!("GRANT SELECT, USAGE, UPDATE ON ALL SEQUENCES IN SCHEMA {schema} TO {role}; GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA {schema} TO {role}"))
        .await;
    rows(
        &client,
        &format!("ALTER ROLE {role} CONNECTION LIMIT 4; ALTER ROLE {role} SET synchronous_commit = off"),
    )
    .await;
    let report = check(&url, &schema).await;
    assert_eq!(report.problems(), ["durability", "connections"], "{report:#?}");
    assert!(
        report.has_failed() && problem(&report, "durability").contains("`synchronous_commit`"),
        "{report:#?}"
    );

    rows(&client, &format!("CREATE DATABASE {latin} ENCODING 'LATIN1' TEMPLATE template0")).await;
    let report = check(&server.url().replace("dbname=postgres", &format!("dbname={latin}")), &schema).await;
    assert_eq!(problem(&report, "encoding"), "the encoding of the database is LATIN1");
    assert!(report.has_failed());
    let report = check(&server.url().replace("dbname=postgres", "dbname=nowhere"), &schema).await;
    assert_eq!(report.problems(), ["connection"], "{report:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_needs_the_right_to_create_tables_until_all_exist() {
    let (server, schema) = (TestServer::shared(), new_schema());
    let (role, client) = (format!("creator_{schema}"), client(server).await);
    let url = server.url().replace("user=postgres", &format!("user={role}"));
    let execute = async |sql: String| drop(rows(&client, &sql).await);
    execute(format!("CREATE ROLE {role} LOGIN")).await;
    let expected = format!("the role `{role}` may not create the schema `{schema}`");
    assert_eq!(problem(&check(&url, &schema).await, "rights"), expected);
    execute(format!("CREATE SCHEMA {schema}; GRANT USAGE ON SCHEMA {schema} TO {role}")).await;
    let expected = format!("the role `{role}` may not create tables in the schema `{schema}`");
    assert_eq!(problem(&check(&url, &schema).await, "rights"), expected);
    let connect = || Postgres::connect(&url).schema(&schema);
    assert!(connect().await.unwrap_err().to_string().contains("permission denied"));
    execute(format!("GRANT CREATE ON SCHEMA {schema} TO {role}")).await;
    assert_eq!(check(&url, &schema).await.problems(), ["durability"]);
    drop(connect().await.unwrap());
    execute(format!("REVOKE CREATE ON SCHEMA {schema} FROM {role}")).await;
    assert_eq!(check(&url, &schema).await.problems(), ["durability"]);
    drop(connect().await.unwrap());
    execute(format!("DELETE FROM {schema}.versions WHERE version = 5")).await;
    assert_eq!(problem(&check(&url, &schema).await, "rights"), expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_recognizes_poolers_and_replicas() {
    let server = TestServer::start(false);
    let standby = server.start_standby();
    let report = check(&standby.url(), "fanfare").await;
    assert!(problem(&report, "primary").contains("is a replica"), "{report:#?}");

    // The replica and the processes in the background take no connection of a client.
    let others = [client(&server).await, client(&server).await, client(&server).await];
    rows(&others[0], "CREATE ROLE plain LOGIN; CREATE ROLE monitor LOGIN IN ROLE pg_read_all_stats").await;
    let limit = "SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
        - coalesce(current_setting('reserved_connections', true)::int, 0)";
    let free = rows(&others[0], limit).await[0].parse::<usize>().unwrap() - others.len();
    for role in ["plain", "monitor"] {
        let report = check(&server.url().replace("user=postgres", &format!("user={role}")), "fanfare").await;
        let found = finding(&report, "connections");
        assert!(found.starts_with(&format!("{free} connections are available")), "{role}: {report:#?}");
    }
    drop(others);

    for (mode, problems) in [
        ("session", vec!["durability"]),
        ("transaction", vec!["durability", "pooler"]),
        ("statement", vec!["durability", "pooler"]),
    ] {
        let Some(pooler) = TestPooler::start_in_mode(&server, 5, mode) else {
            println!("PgBouncer is not installed");
            return;
        };
        let report = check(&pooler.url(), "fanfare").await;
        assert_eq!(
            (report.problems(), report.has_failed()),
            (problems, mode == "statement"),
            "{mode}: {report:#?}"
        );
    }
}
