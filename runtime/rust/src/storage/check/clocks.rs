//! The clocks of the servers of a storage, compared with each other and with this machine's.

use super::StorageReport;

/// The difference above which tokens and times in messages are noticeably wrong, in milliseconds.
const MAX_DIFFERENCE: i64 = 1_000;

/// The difference between servers above which one of them may delete messages that another one still needs, in
/// milliseconds.
const MAX_BETWEEN_SERVERS: i64 = 10_000;

/// The clocks of the servers of a storage.
#[derive(Default)]
pub(in crate::storage) struct Clocks {
    readings: Vec<Reading>,
}

struct Reading {
    server: String,
    /// The limits of how far the clock is ahead of this machine's, in milliseconds.
    min: i64,
    max: i64,
}

impl Clocks {
    /// Adds the time of a server, and this machine's times before and after it was read, in milliseconds since 1970.
    /// Keeps the first reading of each server.
    pub(in crate::storage) fn add(&mut self, server: &str, time: i64, sent: i64, received: i64) {
        if !self.readings.iter().any(|reading| reading.server == server) {
            let (min, max) = (time - received.max(sent), time - sent);
            self.readings.push(Reading { server: server.to_owned(), min, max });
        }
    }

    /// Adds the readings of servers that have none yet.
    #[cfg(feature = "nats")]
    pub(in crate::storage) fn extend(&mut self, others: Self) {
        for other in others.readings {
            if !self.readings.iter().any(|reading| reading.server == other.server) {
                self.readings.push(other);
            }
        }
    }

    #[cfg(feature = "nats")]
    pub(in crate::storage) fn is_empty(&self) -> bool {
        self.readings.is_empty()
    }

    pub(in crate::storage) fn report(&self, report: &mut StorageReport) {
        let readings = &self.readings;
        let (Some(first), Some(last)) = (
            readings.iter().min_by_key(|reading| reading.max),
            readings.iter().max_by_key(|reading| reading.min),
        ) else {
            return;
        };
        let help = "synchronize the clocks with a time service";
        let between = last.min - first.max;
        if between > MAX_DIFFERENCE {
            let message = format!(
                "the clock of {} is {} ahead of that of {}",
                last.server,
                seconds(between),
                first.server
            );
            if between > MAX_BETWEEN_SERVERS {
                report.fail("clock", message, help);
            } else {
                report.warn("clock", message, help);
            }
        }
        if last.min > MAX_DIFFERENCE {
            let ahead = seconds(last.min);
            let message = format!("the clock of {} is {ahead} ahead of this machine's", last.server);
            report.warn("clock", message, help);
        }
        if first.max < -MAX_DIFFERENCE {
            let behind = seconds(-first.max);
            let message = format!("the clock of {} is {behind} behind this machine's", first.server);
            report.warn("clock", message, help);
        }
        let most = readings.iter().map(|reading| reading.min.max(-reading.max).max(0)).max().unwrap_or(0);
        if between <= MAX_DIFFERENCE && most <= MAX_DIFFERENCE {
            let bound = readings.iter().map(|reading| reading.max.max(-reading.min)).max().unwrap_or(0);
            report.ok("clock", format!("within {bound} ms of this machine's clock"));
        }
    }
}

/// Shows milliseconds as seconds, such as `1.5 s`.
fn seconds(milliseconds: i64) -> String {
    format!("{}.{} s", milliseconds / 1000, milliseconds % 1000 / 100)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::check::FindingStatus;

    /// Returns the worst finding about servers with these clocks, which were read within 100 milliseconds.
    fn check(offsets: &[i64]) -> (FindingStatus, String) {
        let mut clocks = Clocks::default();
        for (number, offset) in offsets.iter().enumerate() {
            clocks.add(&format!("s{number}"), 1_000_000 + offset, 999_950, 1_000_050);
        }
        let mut report = StorageReport::default();
        clocks.report(&mut report);
        let status = |status| report.findings.iter().find(|finding| finding.status == status);
        let worst = status(FindingStatus::Failed).or_else(|| status(FindingStatus::Warning));
        let worst = worst.unwrap_or(&report.findings[0]);
        (worst.status, worst.message.clone())
    }

    #[test]
    fn clocks_that_differ_by_more_than_the_answer_took_are_reported() {
        assert_eq!(check(&[0, 900, -100]).0, FindingStatus::Ok);
        // The answers took long enough to explain the rest.
        assert_eq!(check(&[1_040, 0]).0, FindingStatus::Ok);
        let (status, message) = check(&[1_600]);
        assert_eq!(status, FindingStatus::Warning);
        assert_eq!(message, "the clock of s0 is 1.5 s ahead of this machine's");
        let (status, message) = check(&[-60_050]);
        assert_eq!(status, FindingStatus::Warning);
        assert_eq!(message, "the clock of s0 is 60.0 s behind this machine's");
        let (status, message) = check(&[0, -6_000, 6_000]);
        assert_eq!(status, FindingStatus::Failed);
        assert_eq!(message, "the clock of s2 is 11.9 s ahead of that of s1");
        assert_eq!(check(&[0, 2_500]).0, FindingStatus::Warning);
    }
}
