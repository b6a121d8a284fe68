//! Behaviour that is visible from outside only after a week or a power failure.

use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rusqlite::{Connection, Result};

use super::super::journal::{calls, claims, forks, runs};
use super::super::{
    CallKind, CallSite, CallStart, Claim, DecideOutcome, Decision, NewRun, Outcome as CallOutcome,
    RecordedCall, WaitingEventBuilder,
};
use super::batch::{self, Appended, Batch};
use super::clock::StorageClock;
use super::schema::prepare;
use super::statements::finish;
use super::transaction::Transaction;
use super::{Entry, Messages, Sqlite, channels, processes, recovery, sweep};
use crate::channel::{
    AddressPart, Carries, Channel, ChannelDefinition, History, ParamDefinition, Registry, Retain,
    TopicDefinition,
};
use crate::history::{IdempotencyKey, Limits, Log, StoredLog};
use crate::schema::{Schema, Text};
use crate::wire::{DataFrame, Envelope, LogKind};

const HOUR: Duration = Duration::from_secs(3600);

static TEXT: Schema = Schema::Text(Text::ANY);
static ROOM: ChannelDefinition = ChannelDefinition {
    name: "room",
    address: &[AddressPart::Literal("room:"), AddressPart::Param(0)],
    params: &[ParamDefinition { name: "id", schema: &TEXT }],
    topics: &[
        TopicDefinition::new("said", Carries::Payload(&TEXT), Retain::None),
        TopicDefinition::new("state", Carries::Payload(&TEXT), Retain::Last),
    ],
    history: History { messages: 100, age: HOUR },
    fingerprint: "",
    ..ChannelDefinition::EMPTY
};
static REGISTRY: Registry = Registry { channels: &[&ROOM] };

pub(super) fn database() -> Connection {
    let mut connection = Connection::open_in_memory().unwrap();
    prepare(&mut connection).unwrap();
    connection
}

pub(super) fn room(id: u32) -> Channel {
    Channel::new(&ROOM, &[&id]).unwrap()
}

fn in_transaction<T>(connection: &mut Connection, work: impl FnOnce(&Transaction<'_>) -> Result<T>) -> T {
    let result = batch::in_transaction(connection, work).unwrap();
    let miscounted = "channels WHERE (messages, bytes) IS NOT
        (SELECT count(*), coalesce(sum(octet_length(frame)), 0) FROM messages WHERE channel = channels.id)";
    assert_eq!(count(connection, miscounted), 0, "each transaction counts its messages");
    result
}

pub(super) fn open(connection: &mut Connection, channel: &Channel) -> StoredLog {
    in_transaction(connection, |transaction| channels::open(transaction, channel, SystemTime::now()))
}

fn log(connection: &mut Connection, channel: &Channel) -> Arc<Log> {
    Arc::new(Log::restore(channel, open(connection, channel), &Limits::none()))
}

fn entry(log: &Arc<Log>, topic: usize, key: Option<&str>) -> Entry {
    let name = ROOM.topics[topic].name;
    let envelope = Envelope { kind: LogKind::Data, channel: log.channel().name(), topic: name, run_id: None };
    let frame = DataFrame::encode(envelope, |text| serde_json::to_writer(text, "x")).unwrap();
    let key = key.map(|key| IdempotencyKey::new(key, name, frame.payload()));
    Entry { log: Arc::clone(log), topic, frame, key, writer: None }
}

/// Executes work as the writer does.
fn in_batch<T>(connection: &mut Connection, work: impl FnOnce(&mut Batch<'_>) -> Result<T>) -> (T, Appended) {
    in_transaction(connection, |transaction| {
        let last_channel = Cell::new(None);
        let mut batch = Batch::new(transaction, StorageClock::open(transaction)?, &last_channel);
        let result = work(&mut batch)?;
        Ok((result, batch.finish()?))
    })
}

fn publish(connection: &mut Connection, log: &Arc<Log>, topic: usize, key: Option<&str>) -> Appended {
    let entry = entry(log, topic, key);
    in_batch(connection, |batch| batch.append(&entry)).1
}

fn end(connection: &mut Connection, owner: u32) {
    let clock = StorageClock::open(connection).unwrap();
    recovery::end_use(connection, owner, clock, None).unwrap();
}

fn sweep_after(connection: &mut Connection, time: Duration, is_open: bool) {
    let now = SystemTime::now() + time;
    in_transaction(connection, |transaction| sweep::sweep(transaction, &REGISTRY, |_| is_open, now));
}

pub(super) fn count(connection: &Connection, table: &str) -> u32 {
    connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
}

#[test]
fn old_messages_are_deleted_first_and_channels_with_retained_messages_after_a_week() {
    let mut connection = database();
    let log = log(&mut connection, &room(1));
    for topic in [0, 1, 0, 1, 0] {
        publish(&mut connection, &log, topic, None);
    }
    sweep_after(&mut connection, Duration::from_secs(60), false);
    assert_eq!(count(&connection, "messages"), 5, "none has expired");
    sweep_after(&mut connection, HOUR * 2, false);
    assert_eq!(count(&connection, "messages"), 1, "the retained message");
    let stored = open(&mut connection, &room(1));
    assert_eq!((stored.head, stored.messages[0].offset), (5, 4));
    assert_eq!(stored.evicted, [(0, 5), (1, 2)]);
    sweep_after(&mut connection, HOUR * 24 * 6, false);
    assert_eq!(count(&connection, "channels"), 1, "kept for a week");
    sweep_after(&mut connection, HOUR * 24 * 8, false);
    for table in ["channels", "messages", "gone"] {
        assert_eq!(count(&connection, table), 0, "{table}");
    }
}

#[test]
fn a_sweep_skips_open_channels() {
    let mut connection = database();
    let log = log(&mut connection, &room(1));
    publish(&mut connection, &log, 0, None);
    sweep_after(&mut connection, HOUR * 24 * 30, true);
    assert_eq!((count(&connection, "channels"), count(&connection, "messages")), (1, 1));
}

#[test]
fn a_deleted_channel_begins_a_new_epoch() {
    let mut connection = database();
    let first = open(&mut connection, &room(1)).epoch;
    sweep_after(&mut connection, HOUR * 24 * 8, false);
    let second = open(&mut connection, &room(1)).epoch;
    assert!(second > first);
    assert!(open(&mut connection, &room(2)).epoch > second);
}

#[test]
fn idempotency_keys_are_kept_for_an_hour_up_to_a_thousand() {
    let mut connection = database();
    let log = log(&mut connection, &room(1));
    for number in 0..2000 {
        publish(&mut connection, &log, 0, Some(&number.to_string()));
    }
    let stored = count(&connection, "keys");
    assert!((1000..=1256).contains(&stored), "{stored}");
    sweep_after(&mut connection, HOUR + Duration::from_secs(1), true);
    assert_eq!(count(&connection, "keys"), 0);
}

#[test]
fn only_a_power_failure_begins_new_epochs() {
    let mut connection = database();
    let begin = |connection: &mut Connection| {
        in_transaction(connection, |transaction| recovery::begin_use(transaction, false, None));
    };
    begin(&mut connection);
    let first_epoch = open(&mut connection, &room(1)).epoch;
    let log = log(&mut connection, &room(1));
    for topic in [0, 1, 0] {
        publish(&mut connection, &log, topic, None);
    }
    // A process is killed, and another starts on the same system.
    begin(&mut connection);
    assert_eq!(open(&mut connection, &room(1)).epoch, first_epoch);
    // A clean exit, and another system.
    end(&mut connection, 0);
    begin(&mut connection);
    assert_eq!(open(&mut connection, &room(1)).epoch, first_epoch);
    connection.execute("UPDATE facts SET value = 'another' WHERE name = 'open_since_boot'", []).unwrap();
    begin(&mut connection);
    let stored = open(&mut connection, &room(1));
    assert!(stored.epoch > first_epoch);
    let id = crate::wire::MessageId::new(stored.epoch, 2);
    assert!(stored.messages[1].frame.contains(&format!("\"id\":\"{id}\"")), "{}", stored.messages[1].frame);
    let log = Log::restore(&room(1), stored, &Limits::none());
    assert_eq!((log.head(), log.take_evicted(1)), (3, vec![(0, 3)]), "all but the retained message");
}

#[test]
fn only_the_last_process_records_that_all_commits_are_on_the_disk() {
    let mut connection = database();
    let owners = [processes::register(&connection).unwrap(), processes::register(&connection).unwrap()];
    in_transaction(&mut connection, |transaction| recovery::begin_use(transaction, false, None));
    let marks = |connection: &Connection| count(connection, "facts WHERE name = 'open_since_boot'");
    end(&mut connection, owners[0]);
    assert_eq!(marks(&connection), 1);
    end(&mut connection, owners[1]);
    assert_eq!(marks(&connection), 0);
}

#[test]
fn a_run_that_is_held_but_not_executed_is_free_when_its_lease_expires() {
    let mut connection = database();
    let log = log(&mut connection, &room(1));
    in_batch(&mut connection, |batch| {
        for run_id in ["run_1", "run_2"] {
            let [run_id, job, channel, input] = [run_id, "job", "room:1", "null"].map(str::to_owned);
            finish(runs::add(batch, &NewRun { run_id, job, channel, input }, &entry(&log, 0, None)))?;
        }
        Ok(())
    });
    let jobs = ["job".to_owned()];
    let (ended, later) = (SystemTime::UNIX_EPOCH, SystemTime::now() + HOUR);
    let claim = |connection: &mut Connection, owner| -> Vec<Claim> {
        let (claimed, _) =
            in_batch(connection, |batch| finish(claims::claim(batch, owner, &jobs, ended, 10)));
        claimed.into_iter().map(|run| run.claim).collect()
    };
    let first = claim(&mut connection, 1);
    assert_eq!(first.len(), 2);
    let extend = |connection: &mut Connection, claims: &[Claim]| {
        in_batch(connection, |batch| finish(claims::extend(batch, 1, claims, later))).0
    };
    assert_eq!(extend(&mut connection, &first[..1]), first[..1]);
    let claimed = claim(&mut connection, 2);
    assert_eq!(claimed.iter().map(|claim| claim.run).collect::<Vec<_>>(), [first[1].run]);
    assert_eq!(extend(&mut connection, &first), first[..1], "another process holds the other run");
}

#[test]
fn a_branch_takes_precedence_until_the_job_receives_its_recorded_answer() {
    let mut connection = database();
    let log = log(&mut connection, &room(1));
    let site = |branch: &str, position| CallSite { branch: branch.into(), position };
    let step = |site, kind, value: &str| {
        let outcome = CallOutcome::Value(value.into());
        RecordedCall { site, kind, id: String::new(), outcome }
    };
    let answer = r#"{"names":["nod"],"since":0,"taken":{"name":"nod","payload":"1","by":null,"at":1}}"#;
    let start = CallStart { at: SystemTime::now(), began_with: "0/0".into() };
    let event: WaitingEventBuilder = Arc::new(move |_| entry(&log, 0, None));
    let (decided, _) = in_batch(&mut connection, |batch| {
        let [run_id, job, channel, input] = ["run_1", "job", "room:1", "null"].map(str::to_owned);
        finish(runs::add(batch, &NewRun { run_id, job, channel, input }, &event(&[])))?;
        let lease = SystemTime::now() + HOUR;
        let claim = finish(claims::claim(batch, 1, &["job".to_owned()], lease, 1))?[0].claim;
        // Both began at the same time, and the second was recorded first.
        finish(calls::record(batch, claim, &step(site("0.1", 1), CallKind::Step, "1"), &start, None))?;
        finish(calls::record(batch, claim, &step(site("0.1", 0), CallKind::Wait, answer), &start, None))?;
        let fork = step(site("", 0), CallKind::Race, "0");
        let mut decide = |pending| {
            let (fork, start) = (fork.clone(), start.clone());
            let decision = Decision { fork, start, winner: 0, preferred: vec![1], pending };
            finish(forks::decide(batch, claim, &decision, &event))
        };
        Ok([decide(vec![site("0.1", 0)])?, decide(Vec::new())?])
    });
    assert!(matches!(decided, [DecideOutcome::Contested, DecideOutcome::Committed]));
}

#[test]
fn a_log_is_retired_when_its_channel_is_deleted_or_begins_a_new_epoch() {
    let mut connection = database();
    let first = log(&mut connection, &room(1));
    publish(&mut connection, &first, 0, Some("key"));
    sweep_after(&mut connection, HOUR * 24 * 8, false);
    log(&mut connection, &room(2));
    let appended = publish(&mut connection, &first, 0, Some("key"));
    let second = open(&mut connection, &room(1));
    assert_eq!((appended.messages.len(), appended.retired.len()), (0, 1));
    let [(epoch, message)] = &appended.moved[..] else { panic!("expected one message") };
    assert_eq!((epoch.row, epoch.number, message.offset), (second.channel.id(), second.epoch, 1));
    assert!(second.channel.id() > 2 && second.epoch > first.epoch());
    let id = crate::wire::MessageId::new(second.epoch, 1);
    assert!(message.frame.contains(&format!("\"id\":\"{id}\"")), "{}", message.frame.as_str());

    connection.execute("UPDATE channels SET life = 0", []).unwrap();
    let (entries, new) = ([entry(&first, 0, None), entry(&first, 1, None)], SystemTime::now());
    let ((), appended) = in_batch(&mut connection, |batch| {
        let third = channels::open(batch.transaction, &room(1), new)?;
        let limits = Limits::none();
        let third = Arc::new(Log::restore(&room(1), third, &limits));
        batch.append(&entry(&third, 0, None))?;
        entries.iter().try_for_each(|entry| batch.append(entry).map(drop))
    });
    let offsets: Vec<u64> = appended.moved.iter().map(|(_, message)| message.offset).collect();
    assert_eq!((appended.messages[0].1.offset, offsets), (2, vec![3, 4]), "one order for both logs");
}

#[test]
fn a_channel_that_one_process_has_open_is_not_deleted_by_another() {
    let mut connection = database();
    let log = log(&mut connection, &room(1));
    publish(&mut connection, &log, 0, None);
    for day in 1..20 {
        // One process has the channel open; another process, which does not, performs all sweeps.
        let now = SystemTime::now() + HOUR * 24 * day;
        in_transaction(&mut connection, |transaction| channels::record_use(transaction, 1, now));
        sweep_after(&mut connection, HOUR * 24 * day, false);
        assert_eq!(count(&connection, "channels"), 1, "day {day}");
    }
    sweep_after(&mut connection, HOUR * 24 * 28, false);
    assert_eq!(count(&connection, "channels"), 0);
}

#[tokio::test]
async fn health_fails_while_the_file_is_locked_and_after_it_is_deleted() {
    let folder = std::env::temp_dir().join(format!("fanfare-health-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("app.db");
    let sqlite = Sqlite::open(&path).unwrap();
    let becomes = async |is_well: bool| {
        let since = std::time::Instant::now();
        while Messages::health(&sqlite).is_ok() != is_well {
            assert!(since.elapsed() < Duration::from_secs(20), "{:?}", Messages::health(&sqlite));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Messages::health(&sqlite).map_err(|error| error.to_string())
    };
    assert_eq!(Messages::health(&sqlite), Ok(()));
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = becomes(false).await.unwrap_err();
    assert!(error.contains("another program has locked the file"), "{error}");
    other.execute_batch("COMMIT").unwrap();
    drop(other);
    becomes(true).await.unwrap();
    std::fs::remove_file(&path).unwrap();
    let error = becomes(false).await.unwrap_err();
    assert!(error.contains("was deleted or replaced"), "{error}");
    drop(sqlite);
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn an_ended_run_is_deleted_with_all_its_data() {
    let mut connection = database();
    let tables = ["steps", "waits", "signals", "streams", "pieces"];
    connection
        .execute_batch(
            "INSERT INTO runs (id, run, job, channel, input, state, due, changed) VALUES
                 (1, 'a', 'job', 'c', '', 'completed', 0, 10), (2, 'b', 'job', 'c', '', 'running', 0, 10),
                 (3, 'c', 'job', 'c', '', 'failed', 0, 30);
             INSERT INTO steps (run, branch, position, kind, id, at) SELECT id, '', 0, 'step', 'a', 0 FROM runs;
             INSERT INTO waits (run, branch, position, id, names, since, until)
                 SELECT id, '', 1, 'w', '[]', 0, 0 FROM runs;
             INSERT INTO signals (run, name, payload, at, state) SELECT id, 'go', '1', 0, 'kept' FROM runs;
             INSERT INTO streams SELECT id, '', 2, run, 'c', 't' FROM runs;
             INSERT INTO pieces SELECT id, '', 2, 1, 'x' FROM runs;",
        )
        .unwrap();
    let before = SystemTime::UNIX_EPOCH + Duration::from_millis(20);
    let (deleted, _) = in_batch(&mut connection, |batch| finish(runs::delete_ended(batch, before, 10)));
    assert_eq!((deleted, count(&connection, "runs")), (1, 2));
    for table in tables {
        assert_eq!(count(&connection, table), 2, "{table}");
        assert_eq!(count(&connection, &format!("{table} WHERE run = 1")), 0, "{table}");
    }
}

#[test]
fn runs_that_crashed_twice_in_a_row_are_executed_one_at_a_time() {
    let mut connection = database();
    connection
        .execute_batch(
            "INSERT INTO runs (run, job, channel, input, state, due, changed, crashes, progress) VALUES
                 ('a', 'job', 'c', '', 'running', 1, 0, 2, 0), ('b', 'job', 'c', '', 'running', 2, 0, 2, 0),
                 ('c', 'job', 'c', '', 'running', 3, 0, 1, 0), ('d', 'job', 'c', '', 'running', 4, 0, 0, 0);",
        )
        .unwrap();
    let later = SystemTime::now() + HOUR;
    let claim = |connection: &mut Connection, owner| -> Vec<(String, u32)> {
        let jobs = ["job".to_owned()];
        let (claimed, _) =
            in_batch(connection, |batch| finish(claims::claim(batch, owner, &jobs, later, 10)));
        let mut claimed: Vec<_> = claimed.into_iter().map(|run| (run.run.run_id, run.crashes)).collect();
        claimed.sort();
        claimed
    };
    let named = |runs: &[(&str, u32)]| {
        runs.iter().map(|(run, crashes)| ((*run).to_owned(), *crashes)).collect::<Vec<_>>()
    };
    assert_eq!(claim(&mut connection, 1), named(&[("a", 2), ("c", 1), ("d", 0)]));
    assert_eq!(claim(&mut connection, 1), [], "b waits for a");
    assert_eq!(claim(&mut connection, 2), named(&[("b", 2)]));
    // Their leases expire, and c has recorded something meanwhile.
    connection
        .execute_batch(
            "UPDATE runs SET lease = 0;
             INSERT INTO steps (run, branch, position, kind, id, value, at)
                 SELECT id, '', 0, 'step', 'a', '1', 0 FROM runs WHERE run = 'c';",
        )
        .unwrap();
    assert_eq!(claim(&mut connection, 3), named(&[("a", 3), ("c", 1), ("d", 1)]));
}
