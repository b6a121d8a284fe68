//! The calls of a run, as the journal records them.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};

/// The position of a call in its run: its branch, and its number in the branch.
///
/// The root is the branch `""`. The branch `"3.1"` is the second branch of the fork that is call 3 of the root, and
/// `"3.1/0.0"` is a branch of the fork that is its first call.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct CallSite {
    pub(crate) branch: String,
    pub(crate) position: u32,
}

impl CallSite {
    /// Returns the branch with this number of the fork at this site.
    pub(crate) fn child(&self, index: u32) -> String {
        let Self { branch, position } = self;
        let separator = if branch.is_empty() { "" } else { "/" };
        format!("{branch}{separator}{position}.{index}")
    }

    /// Returns the fork that the branch belongs to, or `None` for the root.
    pub(crate) fn fork(&self) -> Option<Self> {
        let (branch, fork) = self.branch.rsplit_once('/').unwrap_or(("", &self.branch));
        let (position, _) = fork.split_once('.')?;
        Some(Self { branch: branch.into(), position: position.parse().ok()? })
    }

    /// Returns the index of the branch of this fork that `branch` is, or lies inside, if any.
    pub(crate) fn branch_of(&self, branch: &str) -> Option<u32> {
        let prefix = self.child(0);
        let rest = branch.strip_prefix(prefix.strip_suffix('0')?)?;
        rest.split('/').next()?.parse().ok()
    }
}

/// Formats as `4` in the root and as `3.1/4` in a branch.
impl std::fmt::Display for CallSite {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let separator = if self.branch.is_empty() { "" } else { "/" };
        write!(formatter, "{}{separator}{}", self.branch, self.position)
    }
}

impl std::str::FromStr for CallSite {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (branch, position) = text.rsplit_once('/').unwrap_or(("", text));
        Ok(Self { branch: branch.into(), position: position.parse()? })
    }
}

/// When a call began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CallStart {
    pub(crate) at: SystemTime,
    /// The position of the first call of its branch that began in the same poll, after those of the forks around it.
    /// For example, `2/0` is the first call in a branch of a fork that began together with call 2 of the job, as in
    /// `tokio::join!`. Empty if an earlier version of the library did not record it.
    pub(crate) began_with: String,
}

/// The approximate bytes of a call in the journal, besides its texts.
const OVERHEAD: usize = 64;

/// One call of a run, and its outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RecordedCall {
    pub(crate) site: CallSite,
    pub(crate) kind: CallKind,
    /// The id that the job passes.
    pub(crate) id: String,
    pub(crate) outcome: Outcome,
}

impl RecordedCall {
    /// Returns the approximate bytes of the call in the journal.
    pub(crate) fn bytes(&self) -> usize {
        let outcome = match &self.outcome {
            Outcome::Value(text) | Outcome::Error(text) => text.len(),
            Outcome::Begun { .. } => 0,
        };
        OVERHEAD + self.site.branch.len() + self.id.len() + outcome
    }

    /// Returns whether the call is a text stream that has begun and not ended.
    pub(crate) fn is_open_stream(&self) -> bool {
        self.kind == CallKind::Stream && !self.outcome.is_final()
    }
}

/// The outcome of a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// JSON. For a publish, the id of the message, which the journal fills in.
    Value(String),
    /// The call failed for good, for this reason.
    Error(String),
    /// The call has begun: a step that failed `failures` times and is due for a retry at `due`, or a question
    /// without an answer.
    Begun { failures: u32, due: i64 },
}

impl Outcome {
    /// Returns whether the call has succeeded or failed for good.
    pub(crate) fn is_final(&self) -> bool {
        !matches!(self, Self::Begun { .. })
    }

    /// Returns the length of the recorded text, in bytes.
    #[cfg(any(feature = "postgres", feature = "sqlite"))]
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Value(text) | Self::Error(text) => text.len(),
            Self::Begun { .. } => 0,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CallKind {
    Step,
    Publish,
    Sleep,
    Wait,
    Version,
    Stream,
    Join,
    #[serde(rename = "first")]
    Race,
    #[serde(rename = "within")]
    Timeout,
    Map,
}

impl CallKind {
    pub(crate) const ALL: [Self; 10] = [
        Self::Step,
        Self::Publish,
        Self::Sleep,
        Self::Wait,
        Self::Version,
        Self::Stream,
        Self::Join,
        Self::Race,
        Self::Timeout,
        Self::Map,
    ];

    /// Returns whether calls of this kind have branches.
    pub(crate) fn is_fork(self) -> bool {
        matches!(self, Self::Join | Self::Race | Self::Timeout | Self::Map)
    }

    /// Returns the name in the journal.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Step => "step",
            Self::Publish => "publish",
            Self::Sleep => "sleep",
            Self::Wait => "wait",
            Self::Version => "version",
            Self::Stream => "stream",
            Self::Join => "join",
            Self::Race => "first",
            Self::Timeout => "within",
            Self::Map => "map",
        }
    }
}
