//! Tests that no statement scans a table that grows: publishers wait for the single writer meanwhile.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::{Connection, Result};

use super::super::journal::signals;
use super::super::{NewSignal, SignalOutcome};
use super::batch::{self, Batch};
use super::clock::StorageClock;
use super::schema::prepare;
use super::statements::finish;
use crate::history::IdempotencyKey;

/// Scans that are intended, as SQLite describes them.
const ALLOWED: &[&str] = &[
    // One row per process.
    "SCAN processes",
    // Few rows.
    "SCAN facts",
    // Each channel begins a new epoch, once, after a power failure or a restored backup.
    "UPDATE channels SET life = 0: SCAN channels",
    // Unfinished runs are counted by state every 10 seconds.
    "SCAN runs USING INDEX open_runs",
    // The tables and indexes themselves.
    "SCAN sqlite_schema",
    "SCAN sqlite_sequence",
    // Rows that the same statement has found by an index.
    "SCAN CONSTANT ROW",
];

const VERBS: [&str; 4] = ["SELECT ", "INSERT ", "UPDATE ", "DELETE "];

fn database() -> Connection {
    let mut connection = Connection::open_in_memory().unwrap();
    prepare(&mut connection).unwrap();
    connection
}

#[test]
fn no_statement_scans_a_growing_table() {
    let connection = database();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/storage");
    let mut files = Vec::new();
    for statements in ["sqlite", "sql"] {
        find_sources(&folder.join(statements), &mut files);
    }
    let (mut statements, mut scans) = (0, Vec::new());
    for path in files {
        let source = fs::read_to_string(&path).unwrap();
        // A migration runs once, on the tables of an earlier version.
        let is_schema = path.ends_with("schema.rs");
        for sql in statements_of(&source).iter().filter(|_| !is_schema) {
            statements += 1;
            for step in
                plan(&connection, sql).unwrap_or_else(|error| panic!("{}: {sql}: {error}", path.display()))
            {
                let is_allowed = |allowed: &&str| {
                    step.starts_with(*allowed) || format!("{sql}: {step}").starts_with(*allowed)
                };
                if step.starts_with("SCAN") && !ALLOWED.iter().any(is_allowed) {
                    scans.push(format!("{}: {sql}: {step}", path.display()));
                }
            }
        }
    }
    assert!(statements > 70, "only {statements} statements were found");
    assert!(scans.is_empty(), "{}", scans.join("\n"));
}

#[test]
fn a_signal_does_not_scan_the_ended_runs_of_its_channel() {
    let mut connection = database();
    connection
        .execute_batch(
            "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 200000)
             INSERT INTO runs (run, job, channel, input, state, due, changed)
                 SELECT 'run_' || n, 'job', 'room:1', '', 'completed', 0, n FROM numbers;
             INSERT INTO signals (run, name, payload, at, key, content, state)
                 SELECT id, 'nod', '1', 0, randomblob(16), randomblob(16), 'taken' FROM runs;
             INSERT INTO runs (run, job, channel, input, state, due, changed)
                 VALUES ('open', 'job', 'room:1', '', 'running', 0, 0);",
        )
        .unwrap();
    for run_id in [None, Some("open"), Some("missing")] {
        let fastest = (0..5).map(|number| {
            let signal = NewSignal {
                channel: "room:1".into(),
                name: format!("nod {number} {run_id:?}"),
                stored_names: vec![format!("nod {number} {run_id:?}")],
                payload: "1".into(),
                by: None,
                run_id: run_id.map(str::to_owned),
                question: None,
                key: Some(IdempotencyKey::new(&format!("{number} {run_id:?}"), "nod", b"1")),
                at: std::time::SystemTime::now(),
            };
            let began = Instant::now();
            let sent = batch::in_transaction(&mut connection, |transaction| {
                let last_channel = std::cell::Cell::new(None);
                let mut batch = Batch::new(transaction, StorageClock::open(transaction)?, &last_channel);
                finish(signals::send(&mut batch, &signal))
            });
            let took = began.elapsed();
            let is_expected = match sent.unwrap() {
                SignalOutcome::NoRun => run_id == Some("missing"),
                SignalOutcome::Kept { run_id: receiver, .. } => {
                    run_id != Some("missing") && receiver == "open"
                }
                _ => false,
            };
            assert!(is_expected, "{run_id:?}");
            took
        });
        // It took four times as long before there was an index of keys.
        let fastest = fastest.min().unwrap();
        assert!(fastest < Duration::from_millis(20), "{run_id:?} took {fastest:?}");
    }
}

/// Returns the steps by which SQLite would execute a statement.
fn plan(connection: &Connection, sql: &str) -> Result<Vec<String>> {
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
    let mut rows = statement.raw_query();
    let mut steps = Vec::new();
    while let Some(row) = rows.next()? {
        steps.push(row.get(3)?);
    }
    Ok(steps)
}

fn find_sources(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            find_sources(&path, files);
        } else if !["tests.rs", "migration_tests.rs", "query_plans.rs"]
            .iter()
            .any(|test| path.ends_with(test))
        {
            files.push(path);
        }
    }
}

/// Returns the statements in the string literals of a source file, with the parameters of `format!` filled in.
fn statements_of(source: &str) -> Vec<String> {
    let source = source.split("#[cfg(test)]\nmod ").next().unwrap_or(source);
    let literals =
        read_literals(source).into_iter().filter(|text| VERBS.iter().any(|verb| text.starts_with(verb)));
    literals.map(|text| fill_in(source, &text)).collect()
}

/// Replaces `{name}` with the string or number that the file declares under the name.
fn fill_in(source: &str, text: &str) -> String {
    let mut text = text.to_owned();
    while let Some((before, rest)) = text.split_once('{') {
        let (name, after) = rest.split_once('}').unwrap();
        let declared =
            [format!("const {name}: &str ="), format!("let {name} ="), format!("const {name}: u32 =")];
        let value =
            declared.iter().flat_map(|declared| source.split(declared.as_str()).skip(1)).find_map(|value| {
                let value = value.trim_start();
                let number = || value.split(';').next().filter(|number| number.parse::<u32>().is_ok());
                if value.starts_with('"') {
                    Some(read_literals(value).remove(0))
                } else {
                    number().map(str::to_owned)
                }
            });
        text = format!("{before}{}{after}", value.unwrap_or_else(|| panic!("no value of {name}")));
    }
    text
}

/// Returns the contents of string literals, with white space collapsed.
fn read_literals(source: &str) -> Vec<String> {
    let mut literals = Vec::new();
    let mut rest = source.char_indices();
    while let Some((at, character)) = rest.next() {
        if source[at..].starts_with("//") {
            rest.by_ref().find(|(_, character)| *character == '\n');
        } else if source[at..].starts_with("'\"'") {
            rest.nth(1);
        } else if character == '"' {
            let mut literal = String::new();
            while let Some((_, character)) = rest.next().filter(|(_, character)| *character != '"') {
                match character {
                    '\\' => literal.extend(rest.next().map(|(_, escaped)| escaped)),
                    character => literal.push(character),
                }
            }
            literals.push(literal.split_whitespace().collect::<Vec<_>>().join(" "));
        }
    }
    literals
}
