//! The report of a storage check: its findings, each with a correction if it is a problem.

use serde::Serialize;

#[cfg(any(feature = "nats", feature = "postgres"))]
pub(super) mod clocks;

/// The report of a storage check, for operators. `ConnectNats::check`, `ConnectPostgres::check` and `Sqlite::check`
/// return it, and `fanfare storage check` prints it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct StorageReport {
    /// The findings, in the order of the checks.
    pub findings: Vec<StorageFinding>,
}

/// A finding of a storage check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct StorageFinding {
    /// The subject of the check, such as `version`. Several findings may have the same one.
    pub subject: &'static str,
    /// The result of the check.
    pub status: FindingStatus,
    /// The finding, for people.
    pub message: String,
    /// The correction, for people. Every warning and every failure has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

/// The result of one check of a storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum FindingStatus {
    /// Servers work, and nothing needs a correction.
    Ok,
    /// Servers work, but are slower than necessary, or can lose more in a failure.
    Warning,
    /// Servers do not work with this storage, or do not start.
    Failed,
}

impl StorageReport {
    /// Returns `true` if servers do not work with the storage.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.findings.iter().any(|finding| finding.status == FindingStatus::Failed)
    }

    pub(super) fn ok(&mut self, subject: &'static str, message: impl Into<String>) {
        self.add(subject, FindingStatus::Ok, message.into(), None);
    }

    pub(super) fn warn(
        &mut self,
        subject: &'static str,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.add(subject, FindingStatus::Warning, message.into(), Some(help.into()));
    }

    pub(super) fn fail(
        &mut self,
        subject: &'static str,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.add(subject, FindingStatus::Failed, message.into(), Some(help.into()));
    }

    fn add(&mut self, subject: &'static str, status: FindingStatus, message: String, help: Option<String>) {
        self.findings.push(StorageFinding { subject, status, message, help });
    }

    /// Returns the first finding about a subject that is not ok.
    #[cfg(all(test, unix))]
    pub(super) fn problem(&self, subject: &str) -> Option<&StorageFinding> {
        let mut problems = self.findings.iter().filter(|finding| finding.status != FindingStatus::Ok);
        problems.find(|finding| finding.subject == subject)
    }

    /// Returns the subjects of the findings that are not ok.
    #[cfg(all(test, unix))]
    pub(super) fn problems(&self) -> Vec<&'static str> {
        let problems = self.findings.iter().filter(|finding| finding.status != FindingStatus::Ok);
        problems.map(|finding| finding.subject).collect()
    }
}
