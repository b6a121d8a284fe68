//! The calls of a run, as its journal holds them.

use serde::{Deserialize, Serialize};

/// Where a call stands in its run: the branch it is made in, and its number there.
///
/// The root is the branch `""`. The branch `"3.1"` is the second branch of the fork that is call 3
/// of the root, and `"3.1/0.0"` is a branch of the fork that is its first call.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct CallSite {
    pub(crate) branch: String,
    pub(crate) position: u32,
}

impl CallSite {
    /// The branch with this number of the fork that stands here.
    pub(crate) fn child(&self, index: u32) -> String {
        let Self { branch, position } = self;
        let separator = if branch.is_empty() { "" } else { "/" };
        format!("{branch}{separator}{position}.{index}")
    }

    /// The fork that the branch belongs to, or nothing for the root.
    pub(crate) fn fork(&self) -> Option<Self> {
        let (branch, fork) = self.branch.rsplit_once('/').unwrap_or(("", &self.branch));
        let (position, _) = fork.split_once('.')?;
        Some(Self { branch: branch.into(), position: position.parse().ok()? })
    }

    /// The number of the branch of the fork that stands here, if `branch` is that branch or lies in it.
    pub(crate) fn branch_of(&self, branch: &str) -> Option<u32> {
        let prefix = self.child(0);
        let rest = branch.strip_prefix(prefix.strip_suffix('0')?)?;
        rest.split('/').next()?.parse().ok()
    }
}

/// `4`, or `3.1/4` in a branch. Clients know a question by it.
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

/// One call of a run, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Step {
    pub(crate) site: CallSite,
    pub(crate) kind: StepKind,
    /// What the job calls it.
    pub(crate) id: String,
    pub(crate) outcome: Outcome,
}

impl Step {
    /// Whether it is a text stream that has begun and not ended.
    pub(crate) fn is_open_stream(&self) -> bool {
        self.kind == StepKind::Stream && !self.outcome.is_final()
    }
}

/// What came of a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// JSON. For a publish, the id of the message, which the journal fills in.
    Value(String),
    /// It failed for good, for this reason.
    Error(String),
    /// It has begun: a step that failed so many times and is to be tried again at `due`, or a question
    /// without an answer yet.
    Begun { failures: u32, due: i64 },
}

impl Outcome {
    /// Whether the call is over, for good or ill.
    pub(crate) fn is_final(&self) -> bool {
        !matches!(self, Self::Begun { .. })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StepKind {
    Step,
    Publish,
    Sleep,
    Wait,
    Version,
    Stream,
    Join,
    First,
    Within,
    Map,
}

impl StepKind {
    pub(crate) const ALL: [Self; 10] = [
        Self::Step,
        Self::Publish,
        Self::Sleep,
        Self::Wait,
        Self::Version,
        Self::Stream,
        Self::Join,
        Self::First,
        Self::Within,
        Self::Map,
    ];

    /// Whether calls of this kind have branches.
    pub(crate) fn is_fork(self) -> bool {
        matches!(self, Self::Join | Self::First | Self::Within | Self::Map)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Step => "step",
            Self::Publish => "publish",
            Self::Sleep => "sleep",
            Self::Wait => "wait",
            Self::Version => "version",
            Self::Stream => "stream",
            Self::Join => "join",
            Self::First => "first",
            Self::Within => "within",
            Self::Map => "map",
        }
    }
}
