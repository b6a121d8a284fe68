//! Tests servers that share a storage, and one server without one: compares the messages of every reader with the order
//! of all messages.
//!
//! - `cluster`: the servers, and the state that all tasks share.
//! - `faults`: kills and stops servers, locks and replaces a file, revokes tokens.
//! - `storage`: the storage that the servers share.
//! - `outages`: restarts a PostgreSQL server, and interrupts the connections of servers to their storage.
//! - `elections`: kills and isolates NATS servers.
//! - `publisher`: publishes messages until they are acknowledged, and writes text streams.
//! - `reader`: subscribes, disconnects, and resumes at any server.
//! - `order`: the committed messages, as the storage recorded them (`record`).
//! - `verdict`: compares what a reader received with the order. `published` does so for publishers.

mod cluster;
mod elections;
mod faults;
mod order;
mod outages;
mod published;
mod publisher;
mod reader;
mod record;
mod storage;
mod time;
mod verdict;
#[cfg(test)]
mod verdict_tests;

use crate::Result;
use crate::log::Id;
use crate::plan::Size;
use crate::random::decisions;
use crate::server::Installation;
use crate::soak::Soak;
use cluster::{Cluster, Phase};
use faults::{Plan, Readers};
use order::{Order, TOPICS};
use publisher::{Answered, Connections, Ending, Written};
use reader::{METHODS, Marks, Method, Reader, Record, Subscription};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use storage::{SharedStorage, Storage};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use verdict::History;

/// The time within which readers must have received everything at the end.
const TIMEOUT: Duration = Duration::from_secs(60);
/// The time for which readers stay after they have received everything, to detect late repeats.
const SETTLE_TIME: Duration = Duration::from_millis(1500);
const POLL: Duration = Duration::from_millis(50);
/// The most channels of one reader. A token for many topics is too long for the head of a request.
const MAX_CHANNELS: usize = 4;

/// The channels in `schemas/delivery.yaml` and their histories.
const DEFINITIONS: [(&str, History); 2] =
    [("brief", History { messages: 20, age: 5_000 }), ("roomy", History { messages: 200, age: 60_000 })];

/// Tests two servers on one file for most of the time, and then one server without a file.
pub(crate) async fn test(soak: &Soak) -> Result {
    let full = soak.size == Size::Full;
    let plan = Plan {
        every: Duration::from_millis(if full { 2_000 } else { 900 }),
        max_stop: Duration::from_secs(if full { 30 } else { 2 }),
        max_outage: Duration::from_secs(if full { 8 } else { 1 }),
        forgets_connections: full,
    };
    let pair = Round {
        name: "pair",
        storage: Storage::File,
        servers: 2,
        channels: 2,
        duration: soak.duration.mul_f64(0.75),
        plan,
        readers: if full { 16 } else { 6 },
        publishers: 2,
        rate: if full { 600 } else { 400 },
    };
    pair.run(soak).await?;
    let memory = Round {
        name: "memory",
        storage: Storage::Memory,
        servers: 1,
        duration: soak.duration.mul_f64(0.25),
        plan: Plan { max_stop: plan.max_stop / 6, ..plan },
        ..pair
    };
    memory.run(soak).await
}

/// Tests three servers on one PostgreSQL database.
pub(crate) async fn test_machines(soak: &Soak) -> Result {
    let full = soak.size == Size::Full;
    let machines = Round {
        name: "machines",
        storage: Storage::Postgres { is_durable: full },
        servers: 3,
        channels: if full { 10 } else { 2 },
        duration: soak.duration,
        plan: Plan {
            every: Duration::from_millis(if full { 2_000 } else { 700 }),
            max_stop: Duration::from_secs(if full { 30 } else { 2 }),
            max_outage: Duration::from_secs(if full { 10 } else { 1 }),
            forgets_connections: full,
        },
        readers: if full { 60 } else { 6 },
        publishers: if full { 5 } else { 2 },
        rate: if full { 2_000 } else { 400 },
    };
    machines.run(soak).await
}

/// Tests three servers on a cluster of three NATS servers.
pub(crate) async fn test_nats(soak: &Soak) -> Result {
    let full = soak.size == Size::Full;
    let nats = Round {
        name: "nats",
        storage: Storage::Nats,
        servers: 3,
        channels: if full { 10 } else { 2 },
        duration: soak.duration,
        plan: Plan {
            every: Duration::from_millis(if full { 3_000 } else { 700 }),
            max_stop: Duration::from_secs(if full { 30 } else { 2 }),
            max_outage: Duration::from_secs(if full { 10 } else { 1 }),
            forgets_connections: full,
        },
        readers: if full { 60 } else { 6 },
        publishers: if full { 5 } else { 2 },
        rate: if full { 1_000 } else { 400 },
    };
    nats.run(soak).await
}

struct Round {
    name: &'static str,
    storage: Storage,
    /// One if they share no storage.
    servers: usize,
    /// The number of channels with each definition.
    channels: usize,
    duration: Duration,
    plan: Plan,
    /// The number of concurrent readers.
    readers: usize,
    /// The number of publishers per channel, and the messages per second of all publishers together.
    publishers: usize,
    rate: u32,
}

/// Everything that was published and read in a round.
#[derive(Default)]
struct Outcome {
    answered: Vec<Answered>,
    written: Vec<Written>,
    records: Vec<Record>,
    violations: Vec<String>,
}

impl Round {
    fn channels(&self) -> Vec<String> {
        let name = self.name;
        DEFINITIONS
            .iter()
            .flat_map(|(kind, _)| (0..self.channels).map(move |index| format!("{kind}:{name}-{index}")))
            .collect()
    }

    fn history(&self, channel: usize) -> History {
        DEFINITIONS[channel / self.channels].1
    }

    async fn run(&self, soak: &Soak) -> Result {
        let folder = soak.folder.join(self.name);
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        std::fs::create_dir_all(&folder)?;
        let (storage, server) =
            (self.storage.start(&folder).await?, Installation::new(&soak.server, &folder));
        let installations = match &storage {
            Some(storage) => storage.install(&server, self.servers)?,
            None => vec![(Installation { database: None, ..server }, Vec::new())],
        };
        let cluster = Arc::new(Cluster::new(soak.seed, self.channels(), installations));
        cluster.start(0, storage.is_some()).await?;
        if let Some(storage) = &storage {
            storage.record().await?;
        }
        for server in 1..self.servers {
            cluster.start(server, true).await?;
        }
        let measuring = tokio::spawn({
            let cluster = Arc::clone(&cluster);
            async move { cluster.measure_delays().await }
        });
        let mut order = Order::new(cluster.channels.len());
        let outcome = self.publish_and_read(&cluster, storage.as_ref(), &mut order).await?;
        measuring.abort();
        for server in 0..self.servers {
            cluster.kill(server).await?;
        }
        match &storage {
            Some(storage) => storage.add_records(&mut order, &cluster.channels).await?,
            None => add_readers(&mut order, &outcome.records),
        }
        self.conclude(soak, &cluster, &order, outcome, &folder)
    }

    async fn publish_and_read(
        &self,
        cluster: &Arc<Cluster>,
        storage: Option<&SharedStorage>,
        order: &mut Order,
    ) -> Result<Outcome> {
        let marks: Arc<Mutex<Option<Marks>>> = Arc::default();
        let readers = Readers::default();
        let mut reading: JoinSet<Vec<Record>> = JoinSet::new();
        let mut everything = None;
        if storage.is_none() {
            let all: Vec<usize> = (0..cluster.channels.len()).collect();
            let reader = self.reader_of_all_topics(cluster, Method::Subscribe, 0, "everything", &all);
            everything = Some(Arc::clone(&reader.shared));
            reading.spawn(reader.run(Arc::clone(&marks)));
            while everything
                .as_ref()
                .is_some_and(|all| all.ready.load(Ordering::Relaxed) < cluster.channels.len())
            {
                sleep(POLL).await;
            }
            cluster.open(0);
        }
        let (mut publishing, mut writing) = publisher::start(cluster, self.name, self.publishers, self.rate);
        let end = Instant::now() + self.duration;
        let mut outcome = Outcome::default();
        let work = async {
            let file = storage.and_then(SharedStorage::file);
            let servers = faults::fault_servers(cluster, self.plan, file, everything.as_deref(), order);
            let others = faults::fault_file_and_tokens(cluster, self.plan, file, &readers);
            let outages = async {
                match storage {
                    Some(storage) => storage.inject_faults(cluster, self.plan).await,
                    None => Ok(()),
                }
            };
            tokio::try_join!(servers, others, outages).map(drop)
        };
        let reading_on = async {
            let mut joined = 0;
            let mut records = Vec::new();
            while Instant::now() < end {
                while reading.len() < self.readers + usize::from(everything.is_some()) {
                    let reader = self.reader(cluster, joined);
                    joined += 1;
                    let mut present = readers.lock().unwrap_or_else(PoisonError::into_inner);
                    present.retain(|reader| Arc::strong_count(reader) > 1);
                    present.push(Arc::clone(&reader.shared));
                    drop(present);
                    reading.spawn(reader.run(Arc::clone(&marks)));
                }
                tokio::select! {
                    Some(left) = reading.join_next() => records.extend(left?),
                    () = sleep(POLL) => {}
                }
            }
            cluster.phase.send_replace(Phase::Settling);
            Ok::<_, crate::Error>(records)
        };
        let (records, worked) = tokio::join!(reading_on, work);
        worked?;
        outcome.records = records?;
        while let Some(answered) = publishing.join_next().await {
            outcome.answered.extend(answered?);
        }
        while let Some(written) = writing.join_next().await {
            outcome.written.extend(written?);
        }
        self.settle(cluster, storage, &mut outcome, &marks, &mut reading).await?;
        outcome.violations.extend(cluster.take_violations());
        Ok(outcome)
    }

    /// Publishes a last message on each topic, and waits until all readers have received it and all text streams have
    /// ended. Servers end the text streams of others only in channels that they have open.
    async fn settle(
        &self,
        cluster: &Arc<Cluster>,
        storage: Option<&SharedStorage>,
        outcome: &mut Outcome,
        marks: &Arc<Mutex<Option<Marks>>>,
        reading: &mut JoinSet<Vec<Record>>,
    ) -> Result {
        let mut random = decisions(cluster.seed, "marks", 0);
        let mut connections = Connections::new(cluster);
        let mut last: Marks = vec![Default::default(); cluster.channels.len()];
        for (channel, topics) in last.iter_mut().enumerate() {
            for (topic, mark) in topics.iter_mut().enumerate() {
                let at = if TOPICS[topic].is_stream {
                    let written = publisher::write_one(
                        cluster,
                        channel,
                        topic,
                        publisher::MIN_CHUNKS,
                        false,
                        &mut random,
                    )
                    .await;
                    let written = written.ok_or("cannot connect to any server")?;
                    let Ending::Ended(at) = written.ending else {
                        return Err("a text stream was refused although no fault was active".into());
                    };
                    outcome.written.push(written);
                    at
                } else {
                    let answered =
                        publisher::publish_one(cluster, &mut connections, channel, topic, &mut random);
                    let answered = answered.await;
                    let answered = answered.ok_or("the last message was not acknowledged")?;
                    let at = answered.at;
                    outcome.answered.push(answered);
                    at
                };
                *mark = Id::new(&at.id());
            }
        }
        *marks.lock().unwrap_or_else(PoisonError::into_inner) = Some(last);
        let all: Vec<usize> = (0..cluster.channels.len()).collect();
        for server in 0..self.servers {
            for method in METHODS {
                for channels in all.chunks(MAX_CHANNELS) {
                    let name = format!("late-{server}-{method:?}-{}", channels[0]);
                    let reader = self.reader_of_all_topics(cluster, method, server, &name, channels);
                    reading.spawn(reader.run(Arc::clone(marks)));
                }
            }
        }
        // Readers that left before are not waited for.
        while let Some(records) = reading.try_join_next() {
            outcome.records.extend(records?);
        }
        let (staying, end) = (reading.len(), Instant::now() + TIMEOUT);
        while cluster.counts.complete.load(Ordering::Relaxed) < staying && Instant::now() < end {
            sleep(POLL).await;
        }
        if let Some(storage) = storage {
            outcome.violations.extend(storage.wait_for_ends(&cluster.channels).await?);
        }
        sleep(SETTLE_TIME).await;
        cluster.phase.send_replace(Phase::Over);
        while let Some(records) = reading.join_next().await {
            outcome.records.extend(records?);
        }
        Ok(())
    }

    /// Returns a reader of some topics of one or two channels.
    fn reader(&self, cluster: &Arc<Cluster>, index: usize) -> Reader {
        let name = format!("{}-reader-{index}", self.name);
        let mut random = decisions(cluster.seed, &name, 1);
        let mut channels: Vec<usize> = (0..cluster.channels.len()).collect();
        random.shuffle(&mut channels);
        channels.truncate(random.usize(1..3));
        let subscriptions = channels.into_iter().map(|channel| {
            let mut topics = [false; TOPICS.len()];
            topics.fill_with(|| random.bool());
            topics[random.usize(0..TOPICS.len())] = true;
            Subscription::new(channel, topics)
        });
        let subscriptions = subscriptions.collect();
        let mut reader = Reader::new(cluster, name, METHODS[random.usize(0..METHODS.len())], subscriptions);
        reader.reads_history = random.u8(0..4) == 0;
        reader.connections = Some(random.u32(1..12));
        reader
    }

    /// Returns a reader of all topics of some channels at one server, which never disconnects on purpose.
    fn reader_of_all_topics(
        &self,
        cluster: &Arc<Cluster>,
        method: Method,
        server: usize,
        name: &str,
        channels: &[usize],
    ) -> Reader {
        let all = channels.iter().map(|channel| Subscription::new(*channel, [true; TOPICS.len()]));
        let mut reader = Reader::new(cluster, format!("{}-{name}", self.name), method, all.collect());
        reader.server = Some(server);
        reader
    }

    fn conclude(
        &self,
        soak: &Soak,
        cluster: &Cluster,
        order: &Order,
        outcome: Outcome,
        folder: &Path,
    ) -> Result {
        let mut violations = outcome.violations;
        violations.extend(order.violations.iter().cloned());
        let mut got = verdict::Counts::default();
        for record in &outcome.records {
            let channel = &order.channels[record.channel];
            match verdict::judge(record, channel, self.history(record.channel), record.is_last) {
                Ok(counts) => got.add(counts),
                Err(violation) => {
                    let name = &cluster.channels[record.channel];
                    violations.push(format!("{} on {name}: {violation}", record.reader));
                    write_record(folder, record, name)?;
                }
            }
        }
        let is_kept = self.storage != Storage::Memory;
        violations.extend(published::judge_messages(&outcome.answered, order, is_kept));
        let (streams, wrong) = published::judge_streams(&outcome.written, order, is_kept);
        violations.extend(wrong);
        let counts = &cluster.counts;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        println!(
            "delivery {}: {:.0} s, {} messages, {} publishes acknowledged ({:.0} per second, {} repeated, {} times 503), {streams}, \
             {} readers on {} connections received {} messages and {} gaps ({} into new epochs), {counts}, {} violations",
            self.name,
            self.duration.as_secs_f64(),
            order.messages,
            read(&counts.answered),
            f64::from(u32::try_from(read(&counts.answered)).unwrap_or(u32::MAX))
                / self.duration.as_secs_f64(),
            read(&counts.repeated),
            read(&counts.unavailable),
            outcome.records.len(),
            read(&counts.connections),
            got.messages,
            got.gaps,
            got.epochs,
            violations.len(),
        );
        let recoveries = cluster.recoveries();
        if let (Some(median), Some(longest)) = (recoveries.get(recoveries.len() / 2), recoveries.last()) {
            println!(
                "after a NATS server was killed, publishing worked again on all channels in a median of {median:.1?}, \
                 at most {longest:.1?}, {} times",
                recoveries.len()
            );
        }
        std::fs::write(folder.join("faults.log"), cluster.take_faults().join("\n"))?;
        if violations.is_empty() {
            return Ok(());
        }
        std::fs::write(folder.join("violations.log"), violations.join("\n"))?;
        let shown = violations.iter().take(10).map(String::as_str).collect::<Vec<_>>().join("\n  ");
        let (name, seed, folder) = (self.name, soak.seed, folder.display());
        Err(format!("seed {seed}: delivery {name} failed\n  {shown}\n  see {folder}").into())
    }
}

/// Determines the order without a database: the messages that the reader of everything received.
fn add_readers(order: &mut Order, records: &[Record]) {
    for channel in 0..order.channels.len() {
        let of_channel = || records.iter().filter(|record| record.channel == channel);
        let (all, others): (Vec<_>, Vec<_>) =
            of_channel().partition(|record| record.reader.ends_with("everything"));
        for record in all {
            order.add_reference(channel, record);
        }
        order.add_tails(channel, &others);
    }
}

fn write_record(folder: &Path, record: &Record, channel: &str) -> Result {
    let path: PathBuf = folder.join(format!("{}-{}.log", record.reader, channel.replace(':', "-")));
    let wanted = TOPICS.iter().zip(record.topics).filter(|(_, wanted)| *wanted);
    let wanted: Vec<_> = wanted.map(|(topic, _)| topic.name).collect();
    let events = record.events.iter().enumerate().map(|(index, event)| format!("{index} {event:?}"));
    let lines: Vec<String> = std::iter::once(format!("{channel} {wanted:?}")).chain(events).collect();
    Ok(std::fs::write(path, lines.join("\n"))?)
}
