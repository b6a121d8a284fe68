//! Every voice on the same cases, and where they differ from each other.

use fanfare::schema::check;

use crate::report;
use crate::voices::{Case, Library, Verdict, rust, schema};

/// The verdicts of every voice that is there, Rust's first.
pub(crate) struct Panel {
    pub(crate) voices: Vec<Voice>,
}

pub(crate) struct Voice {
    pub(crate) name: &'static str,
    pub(crate) verdicts: Vec<Verdict>,
}

impl Panel {
    /// Asks every voice about each case.
    pub(crate) fn judge(cases: &[Case], name: &str) -> Self {
        let mut voices = vec![Voice { name: "Rust", verdicts: cases.iter().map(rust).collect() }];
        for (library, title) in [(Library::Zod, "zod"), (Library::ZodMini, "zod/mini")] {
            if library.is_there() {
                voices.push(Voice { name: title, verdicts: library.verdicts(cases, name) });
            } else {
                report(&format!("{name}: {title} is not judged, because nothing is generated for it"));
            }
        }
        Self { voices }
    }

    pub(crate) fn rust(&self) -> &[Verdict] {
        &self.voices[0].verdicts
    }

    /// The voices beside Rust.
    pub(crate) fn others(&self) -> &[Voice] {
        &self.voices[1..]
    }

    /// What all voices say about one case, for people to read.
    pub(crate) fn told(&self, at: usize) -> String {
        let lines = self.voices.iter().map(|voice| format!("  {}: {}", voice.name, voice.verdicts[at]));
        lines.collect::<Vec<_>>().join("\n")
    }
}

/// What a type writes satisfies its own schema, or it could not be published; only a `oneOf` may have told
/// its cases apart by keys that are not passed on. Gives the reasons against it.
pub(crate) fn against_publishing(case: &Case, verdict: &Verdict) -> Option<String> {
    let issues = check(schema(case), verdict.value()?).err()?;
    issues.iter().any(|issue| issue.rule != "oneOf").then(|| format!("read, but not publishable: {issues:?}"))
}

/// What is wrong, counted, with the first few of it for people to read.
#[derive(Default)]
pub(crate) struct Wrongs {
    pub(crate) count: usize,
    shown: Vec<String>,
}

impl Wrongs {
    const SHOWN: usize = 12;

    pub(crate) fn add(&mut self, told: impl FnOnce() -> String) {
        self.count += 1;
        if self.shown.len() < Self::SHOWN {
            self.shown.push(told());
        }
    }

    /// Fails where anything is wrong.
    pub(crate) fn fail_if_any(&self, what: &str) {
        assert!(self.count == 0, "{} {what}, such as\n{}", self.count, self.told());
    }

    pub(crate) fn told(&self) -> String {
        self.shown.join("\n")
    }
}
