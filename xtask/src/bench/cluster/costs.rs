//! The costs of units of work, from measurements of one, two and 20 hubs, and predictions from them.

use super::super::figures::Figures;
use super::measure::{LISTENERS, MANY, PINGED, SHARED, SUBJECTS, SUBSCRIBED, SUBSCRIPTIONS};
use super::model::Work;

/// CPU time in microseconds, memory in KB, each for one unit of work.
#[derive(Clone, Copy, Debug)]
pub(super) struct Costs {
    /// At the publishing hub.
    pub(super) publish: f64,
    /// At another hub, which receives a message that it does not need.
    pub(super) ignore: f64,
    /// At another hub, which has subscribers of the channel, without the deliveries.
    pub(super) receive: f64,
    /// Delivering to a subscriber.
    pub(super) deliver: f64,
    /// Opening a stored channel: at the hub, and in the NATS servers.
    pub(super) open: f64,
    pub(super) nats_open: f64,
    /// In the NATS servers: storing a message, and sending it to a hub.
    pub(super) store: f64,
    pub(super) send: f64,
    /// In three NATS servers: storing a message with three replicas.
    pub(super) store_replicas: f64,
    /// The bytes of a message that NATS sends to a hub.
    pub(super) bytes: f64,
    /// A ping to a subscriber, and its answer.
    pub(super) ping: f64,
    /// In a second without messages: a hub without channels, and each open channel.
    pub(super) idle: f64,
    pub(super) idle_channel: f64,
    /// In a second without messages: the NATS servers, for each hub with open channels.
    pub(super) nats_idle: f64,
    pub(super) hub_memory: f64,
    pub(super) channel_memory: f64,
    pub(super) subscriber_memory: f64,
    pub(super) subject_memory: f64,
    pub(super) subscription_memory: f64,
    /// The bytes of a message with 120 bytes in a stream's files.
    pub(super) stored_bytes: f64,
}

/// Returns the CPU time of a process per message, minus that of an equally long time without messages.
pub(super) fn per_message(figures: &Figures, run: &str, idle: &str, process: &str) -> f64 {
    let get = |name: &str| figures.get(name);
    let seconds = get(&format!("{run}.seconds"));
    let idle = per_second(figures, idle, process) * seconds;
    (get(&format!("{run}.cpu_{process}")) - idle) / get(&format!("{run}.published"))
}

/// Returns the CPU time of a process per second.
pub(super) fn per_second(figures: &Figures, run: &str, process: &str) -> f64 {
    figures.get(&format!("{run}.cpu_{process}")) / figures.get(&format!("{run}.seconds"))
}

/// Returns the CPU time of a process per message in a class of channels, at a rate.
pub(super) fn in_class(figures: &Figures, setup: &str, class: &str, rate: &str, process: &str) -> f64 {
    per_message(figures, &format!("{setup}.{class}.{rate}"), &format!("{setup}.idle"), process)
}

/// Returns the CPU time (`cpu`) or the memory (`grown`) that a hub needs to connect a subscriber to an open channel, and to
/// open a channel.
pub(super) fn per_subscriber(figures: &Figures, setup: &str, hub: usize, quantity: &str) -> (f64, f64) {
    let get = |step: &str| figures.get(&format!("{setup}.{step}{hub}.{quantity}_{hub}"));
    let subscriber = get("share") / as_float(SHARED);
    (subscriber, get("open") / as_float(SUBSCRIBED) - subscriber)
}

#[allow(clippy::cast_precision_loss, reason = "the numbers are small")]
pub(super) fn as_float(number: u64) -> f64 {
    number as f64
}

impl Costs {
    /// Returns the costs at one of the rates of [`RATES`](super::measure::RATES).
    pub(super) fn at(rate: &str, figures: &Figures) -> Self {
        let two = |class: &str, process: &str| in_class(figures, "hubs2", class, rate, process);
        let mean = |one: f64, other: f64| f64::midpoint(one, other);
        let deliver = mean(two("two", "0") - two("one", "0"), two("two", "1") - two("one", "1"));
        let one_hub = in_class(figures, "hubs1", "none", rate, "nats");
        let many_hubs = in_class(figures, "many", "none", rate, "nats");
        let send = (many_hubs - one_hub) / as_float(MANY as u64 - 1);
        let [.., with] = LISTENERS;
        let (subscriber_memory, channel_memory) = per_subscriber(figures, "hubs2", 1, "grown");
        let (_, open) = per_subscriber(figures, "hubs2", 1, "cpu");
        let idle = per_second(figures, "hubs2.empty", "1");
        let slope = |what: &str, from: u32, to: u32, figure: &str| {
            let get = |point: u32| figures.get(&format!("{what}.{figure}_{point}"));
            (get(to) - get(from)) / f64::from(to - from)
        };
        Self {
            publish: mean(in_class(figures, "hubs1", "none", rate, "0"), two("none", "0")),
            ignore: two("none", "1"),
            receive: two("one", "1") - deliver,
            deliver,
            open,
            nats_open: figures.get("hubs2.open1.cpu_nats") / as_float(SUBSCRIBED),
            store: one_hub - send,
            send,
            store_replicas: in_class(figures, "replicas3", "none", rate, "nats") - 3.0 * send,
            bytes: figures.get(&format!("listeners{with}.{rate}.bytes"))
                / figures.get(&format!("listeners{with}.{rate}.published")),
            ping: per_second(figures, "pings", "0") / as_float(PINGED),
            idle,
            idle_channel: (per_second(figures, "hubs2.idle", "1") - idle) / as_float(SUBSCRIBED),
            nats_idle: per_second(figures, "hubs2.idle", "nats") - per_second(figures, "hubs1.idle", "nats"),
            hub_memory: figures.get("hubs2.empty.memory_1"),
            channel_memory,
            subscriber_memory,
            subject_memory: slope("subjects", SUBJECTS[0], SUBJECTS[SUBJECTS.len() - 1], "memory"),
            subscription_memory: slope("subscriptions", SUBSCRIPTIONS[0], SUBSCRIPTIONS[1], "memory"),
            stored_bytes: slope("subjects", SUBJECTS[0], SUBJECTS[SUBJECTS.len() - 1], "bytes"),
        }
    }

    /// Predicts the CPU time per message of all hubs together.
    pub(super) fn of_hubs(&self, work: &Work) -> f64 {
        let ignoring = (work.receivers - 1.0 - work.interested).max(0.0);
        self.publish
            + self.receive * work.interested
            + self.ignore * ignoring
            + self.deliver * work.deliveries
    }

    /// Predicts the CPU time per message of the NATS servers.
    pub(super) fn of_nats(&self, work: &Work) -> f64 {
        self.store + self.send * work.receivers
    }
}
