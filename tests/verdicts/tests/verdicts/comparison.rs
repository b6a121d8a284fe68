//! Runs all validators on the same cases and compares their verdicts.

use fanfare::schema::check;

use crate::report;
use crate::validators::{Case, Library, Verdict, rust, schema};

/// The verdicts of all available validators. The first is Rust.
pub(crate) struct Comparison {
    pub(crate) validators: Vec<Validator>,
}

pub(crate) struct Validator {
    pub(crate) name: &'static str,
    pub(crate) verdicts: Vec<Verdict>,
}

impl Comparison {
    /// Runs all validators on all cases.
    pub(crate) fn run(cases: &[Case], name: &str) -> Self {
        let mut validators = vec![Validator { name: "Rust", verdicts: cases.iter().map(rust).collect() }];
        for (library, title) in [(Library::Plain, "TypeScript"), (Library::Zod, "zod")] {
            if library.is_available() {
                validators.push(Validator { name: title, verdicts: library.verdicts(cases, name) });
            } else {
                report(&format!("{name}: skipping {title}, because no validators are generated for it"));
            }
        }
        Self { validators }
    }

    pub(crate) fn rust(&self) -> &[Verdict] {
        &self.validators[0].verdicts
    }

    /// Returns all validators except Rust.
    pub(crate) fn others(&self) -> &[Validator] {
        &self.validators[1..]
    }

    /// Describes all verdicts on one case.
    pub(crate) fn describe(&self, at: usize) -> String {
        let lines = self
            .validators
            .iter()
            .map(|validator| format!("  {}: {}", validator.name, validator.verdicts[at]));
        lines.collect::<Vec<_>>().join("\n")
    }
}

/// Returns why an accepted value cannot be published again, if so. A value that a type writes must satisfy its schema.
/// The exception is `oneOf`, whose cases may be distinguished by keys that the type drops.
pub(crate) fn unpublishable(case: &Case, verdict: &Verdict) -> Option<String> {
    let issues = check(schema(case), verdict.value()?).err()?;
    issues
        .iter()
        .any(|issue| issue.rule != "oneOf")
        .then(|| format!("accepted, but cannot be published: {issues:?}"))
}

/// Counts failures, and keeps descriptions of the first few.
#[derive(Default)]
pub(crate) struct Failures {
    pub(crate) count: usize,
    shown: Vec<String>,
}

impl Failures {
    const SHOWN: usize = 12;

    pub(crate) fn add(&mut self, description: impl FnOnce() -> String) {
        self.count += 1;
        if self.shown.len() < Self::SHOWN {
            self.shown.push(description());
        }
    }

    /// Panics if there are failures.
    pub(crate) fn fail_if_any(&self, what: &str) {
        assert!(self.count == 0, "{} {what}, for example:\n{}", self.count, self.describe());
    }

    pub(crate) fn describe(&self) -> String {
        self.shown.join("\n")
    }
}
