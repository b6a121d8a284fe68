//! The libraries that validators are written for.

use crate::outputs::{TypeScript, Zod};

/// The functions that validators are written with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Face {
    /// The runtime's own, which channels use.
    Plain,
    Zod,
    Mini,
}

impl Face {
    pub(super) fn of(options: &TypeScript) -> Vec<Self> {
        let zod = options.zod.iter().map(|zod| match zod {
            Zod::Zod => Self::Zod,
            Zod::Mini => Self::Mini,
        });
        std::iter::once(Self::Plain).chain(zod).collect()
    }

    /// The suffix of the file name before `.ts`, and the name of the runtime's module.
    pub(super) fn suffix(self) -> &'static str {
        match self {
            Self::Plain => "validators",
            Self::Zod => "zod",
            Self::Mini => "zod-mini",
        }
    }

    /// The package of its types, if they are those of zod.
    pub(super) fn package(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Zod => Some("zod"),
            Self::Mini => Some("zod/mini"),
        }
    }
}
