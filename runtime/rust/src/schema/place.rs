//! Where the interpreter is, and what it found there.

use std::fmt;

use serde::ser;

use super::Issue;
use super::issue::in_order;
use super::shown::Subject;

/// A position in a value, linked to its parents on the stack, so that a path
/// costs nothing until an issue needs it.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    parent: Option<&'a Place<'a>>,
    step: Step<'a>,
    /// How many arrays and objects enclose this position.
    pub(super) depth: usize,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Root,
    Property(&'a str),
    Item(usize),
}

impl<'a> Place<'a> {
    pub(super) const ROOT: Self = Self { parent: None, step: Step::Root, depth: 0 };

    pub(super) fn property(&'a self, name: &'a str) -> Self {
        Self { parent: Some(self), step: Step::Property(name), depth: self.depth + 1 }
    }

    pub(super) fn item(&'a self, index: usize) -> Self {
        Self { parent: Some(self), step: Step::Item(index), depth: self.depth + 1 }
    }

    /// The JSON pointer (RFC 6901) to this position.
    fn pointer(&self) -> String {
        let mut pointer = self.parent.map(Place::pointer).unwrap_or_default();
        match self.step {
            Step::Root => {}
            Step::Property(name) => {
                pointer.push('/');
                pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
            }
            Step::Item(index) => {
                pointer.push('/');
                pointer.push_str(&index.to_string());
            }
        }
        pointer
    }
}

/// What the interpreter found: either every issue, or only whether there is one.
pub(super) struct Report {
    issues: Vec<Issue>,
    stops_at_first: bool,
}

impl Report {
    /// Collects every issue.
    pub(super) const fn complete() -> Self {
        Self { issues: Vec::new(), stops_at_first: false }
    }

    /// Stops at the first issue and does not describe it.
    pub(super) const fn verdict() -> Self {
        Self { issues: Vec::new(), stops_at_first: true }
    }

    pub(super) fn add<'s>(
        &mut self,
        place: &Place<'_>,
        subject: impl Into<Subject<'s>>,
        rule: &'static str,
        message: impl FnOnce() -> String,
    ) -> Result<(), Stop> {
        if self.stops_at_first {
            return Err(Stop::Enough);
        }
        let (path, message, value) = (place.pointer(), message(), subject.into().shown());
        self.issues.push(Issue { path, rule, message, value });
        Ok(())
    }

    /// How many issues there are, to see later whether some were added.
    pub(super) fn count(&self) -> usize {
        self.issues.len()
    }

    /// Issues found since then were about the name of a property.
    pub(super) fn were_about_name(&mut self, count: usize) {
        for issue in &mut self.issues[count..] {
            issue.rule = "propertyNames";
            issue.message.insert_str(0, "its name ");
        }
    }

    pub(super) fn finish(mut self, outcome: Result<(), Stop>) -> Result<(), Vec<Issue>> {
        if let Err(Stop::Unwritable(why)) = outcome {
            let message = why.message;
            self.issues.push(Issue { path: String::new(), rule: "type", message, value: None });
        }
        if self.issues.is_empty() { Ok(()) } else { Err(in_order(self.issues)) }
    }
}

/// Why a value cannot be written as JSON.
#[derive(Debug)]
pub(super) struct Unwritable {
    message: String,
}

impl Stop {
    pub(super) fn unwritable(message: String) -> Self {
        Self::Unwritable(Box::new(Unwritable { message }))
    }
}

/// Why the interpreter stopped before the end of the value.
#[derive(Debug)]
pub(super) enum Stop {
    /// The rest of the value would not change the answer.
    Enough,
    /// The value cannot be written as JSON, and this is why.
    Unwritable(Box<Unwritable>),
}

impl fmt::Display for Stop {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Enough => formatter.write_str("the rest of the value does not matter"),
            Self::Unwritable(why) => formatter.write_str(&why.message),
        }
    }
}

impl std::error::Error for Stop {}

impl ser::Error for Stop {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::unwritable(format!("cannot be written as JSON: {message}"))
    }
}
