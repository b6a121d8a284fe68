//! Where the interpreter is, and what it found there.

use std::fmt;

use serde::ser;

use super::Issue;
use super::issue::in_order;
use super::memory::{Judgement, Memory, SHALLOW};
use super::shown::Subject;

/// A position in a value, linked to its parents on the stack, so that a path
/// costs nothing until an issue needs it.
#[derive(Clone, Copy, Hash)]
pub(super) struct Place<'a> {
    parent: Option<&'a Place<'a>>,
    step: Step<'a>,
    /// How many arrays and objects enclose this position.
    pub(super) depth: usize,
}

#[derive(Clone, Copy, Hash)]
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
    /// How often something was refused, in these or in earlier words.
    refusals: usize,
    stops_at_first: bool,
    memory: Option<Box<Memory>>,
}

impl Report {
    /// Collects every issue.
    pub(super) fn complete() -> Self {
        Self { issues: Vec::new(), refusals: 0, stops_at_first: false, memory: None }
    }

    /// Stops at the first issue and does not describe it.
    pub(super) fn verdict() -> Self {
        Self { stops_at_first: true, ..Self::complete() }
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
        self.refusals += 1;
        Ok(())
    }

    /// Whether a value is accepted; issues are not described.
    pub(super) fn accepts(&mut self, judge: impl FnOnce(&mut Self) -> Result<(), Stop>) -> bool {
        let stops_at_first = std::mem::replace(&mut self.stops_at_first, true);
        let is_accepted = judge(self).is_ok();
        self.stops_at_first = stops_at_first;
        is_accepted
    }

    /// Judges what stands at a place by a table, unless that was done before.
    pub(super) fn once<T: ?Sized>(
        &mut self,
        table: &'static T,
        place: &Place<'_>,
        judge: impl FnOnce(&mut Self) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        if place.depth <= SHALLOW || bug!(JudgedAgain) {
            return judge(self);
        }
        let memory = self.memory.get_or_insert_default();
        let key = memory.key(table, place);
        match memory.recall(key) {
            Some(Judgement::Accepted) => return Ok(()),
            Some(_) if self.stops_at_first => return Err(Stop::Enough),
            Some(Judgement::Told) => {
                self.refusals += 1;
                return Ok(());
            }
            Some(Judgement::Refused) | None => {}
        }
        let refusals = self.refusals;
        let outcome = judge(self);
        let judgement = match outcome {
            Ok(()) if self.refusals == refusals => Judgement::Accepted,
            Ok(()) => Judgement::Told,
            Err(Stop::Enough) => Judgement::Refused,
            Err(Stop::Unwritable(_)) => return outcome,
        };
        self.memory.get_or_insert_default().keep(key, judgement);
        outcome
    }

    /// How often something was refused, to see later whether something was since.
    pub(super) fn refusals(&self) -> usize {
        self.refusals
    }

    /// How many issues there are, to tell later which came since.
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
