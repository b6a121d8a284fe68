//! Where the interpreter is, and what it found there.

use std::cell::Cell;
use std::fmt;

use serde::ser;

use super::issue::in_order;
use super::memory::{Judgement, Key, Memory, Role, SHALLOW, UNREMEMBERED};
use super::positions::Positions;
use super::shown::{Subject, cut};
use super::{Issue, MAX_ISSUES};

/// A position in a value, linked to its parents on the stack, so that a path
/// costs nothing until an issue needs it.
pub(super) struct Place<'a> {
    parent: Option<&'a Place<'a>>,
    step: Step<'a>,
    /// Where it is among the items or properties of its parent.
    position: usize,
    /// How many arrays and objects enclose this position.
    pub(super) depth: usize,
    /// What identifies the place in a memory; 0 until somebody asks.
    hash: Cell<u64>,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Root,
    Name,
    Property(&'a str),
    Item,
}

/// A name of more code points is cut where a path shows it.
const MAX_NAME: usize = 64;

impl<'a> Place<'a> {
    pub(super) const fn root() -> Self {
        Self { parent: None, step: Step::Root, position: 0, depth: 0, hash: Cell::new(0) }
    }

    /// A property, by its name and its position in the object. A value may write a name twice, so only
    /// the position tells which property is meant.
    pub(super) fn property(&'a self, name: &'a str, position: usize) -> Self {
        self.inner(Step::Property(name), position)
    }

    pub(super) fn item(&'a self, index: usize) -> Self {
        self.inner(Step::Item, index)
    }

    /// The place of a property that is absent. Only issues may refer to it.
    pub(super) fn absent(&'a self, name: &'a str) -> Self {
        self.inner(Step::Property(name), usize::MAX)
    }

    /// The name of a property. Issues show it at the place of its value, about which the same rules may
    /// say something else.
    pub(super) fn name(&'a self) -> Self {
        self.inner(Step::Name, usize::MAX - 1)
    }

    fn inner(&'a self, step: Step<'a>, position: usize) -> Self {
        Self { parent: Some(self), step, position, depth: self.depth + 1, hash: Cell::new(0) }
    }

    /// Identifies this place among all of the value, by positions alone: long names take no time.
    pub(super) fn hash(&self, mix: &dyn Fn(u64, usize) -> u64) -> u64 {
        if self.hash.get() == 0 {
            let parent = self.parent.map_or(0, |parent| parent.hash(mix));
            self.hash.set(mix(parent, self.position));
        }
        self.hash.get()
    }

    /// The JSON pointer (RFC 6901) to this position; long names are cut.
    fn pointer(&self) -> String {
        let mut pointer = String::new();
        self.write_pointer(&mut pointer);
        pointer
    }

    fn write_pointer(&self, pointer: &mut String) {
        if let Some(parent) = self.parent {
            parent.write_pointer(pointer);
        }
        match self.step {
            Step::Root | Step::Name => {}
            Step::Property(name) => {
                pointer.push('/');
                pointer.push_str(&cut(name, MAX_NAME).replace('~', "~0").replace('/', "~1"));
            }
            Step::Item => {
                pointer.push('/');
                pointer.push_str(&self.position.to_string());
            }
        }
    }
}

/// Stands for a table where there is none.
static NO_TABLE: &() = &();

/// What the interpreter found: either the issues, or only whether there is one.
pub(super) struct Report {
    /// At most [`MAX_ISSUES`], each once.
    issues: Vec<Issue>,
    has_more: bool,
    /// How often something was refused, in these or in earlier words.
    refusals: usize,
    stops_at_first: bool,
    is_about_name: bool,
    /// How many tables enclose this judgement of which several parts look at the same value.
    level: u32,
    /// How many judgements were made at nested levels.
    judgements: u32,
    memory: Option<Box<Memory>>,
}

impl Report {
    /// Collects issues, up to [`MAX_ISSUES`].
    pub(super) fn complete() -> Self {
        Self {
            issues: Vec::new(),
            has_more: false,
            refusals: 0,
            stops_at_first: false,
            is_about_name: false,
            level: 0,
            judgements: 0,
            memory: None,
        }
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
        self.push(if self.is_about_name {
            Issue { path, rule: "propertyNames", message: format!("its name {message}"), value }
        } else {
            Issue { path, rule, message, value }
        })
    }

    fn push(&mut self, issue: Issue) -> Result<(), Stop> {
        self.refusals += 1;
        if self.issues.contains(&issue) {
            return Ok(());
        }
        if self.issues.len() == MAX_ISSUES {
            self.has_more = true;
            return Err(Stop::Enough);
        }
        self.issues.push(issue);
        Ok(())
    }

    /// Whether a value is accepted; issues are not described.
    pub(super) fn accepts(&mut self, judge: impl FnOnce(&mut Self) -> Result<(), Stop>) -> bool {
        let stops_at_first = std::mem::replace(&mut self.stops_at_first, true);
        let is_accepted = judge(self).is_ok();
        self.stops_at_first = stops_at_first;
        is_accepted
    }

    /// Judges by a table of which several parts look at the same value.
    #[inline]
    pub(super) fn repeatedly<R>(&mut self, judge: impl FnOnce(&mut Self) -> R) -> R {
        self.level += 1;
        let outcome = judge(self);
        self.level -= 1;
        outcome
    }

    /// Judges the name of a property: issues are about the name, not about the value at its place.
    pub(super) fn about_name(
        &mut self,
        judge: impl FnOnce(&mut Self) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        let is_about_name = std::mem::replace(&mut self.is_about_name, true);
        let outcome = judge(self);
        self.is_about_name = is_about_name;
        outcome
    }

    /// Whether places may be judged often enough to be remembered.
    #[inline]
    pub(super) fn is_nested(&self) -> bool {
        self.level >= SHALLOW
    }

    /// Whether the next judgement is to be recalled or remembered.
    #[inline]
    pub(super) fn remembers(&mut self) -> bool {
        self.is_nested() && {
            self.judgements = self.judgements.saturating_add(1);
            self.judgements > UNREMEMBERED
        }
    }

    /// Judges what stands at a place by a table, unless that was done before.
    #[inline]
    pub(super) fn once<T: ?Sized>(
        &mut self,
        role: Role,
        table: &'static T,
        place: &Place<'_>,
        judge: impl FnOnce(&mut Self) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        if !self.remembers() || bug!(JudgedAgain) {
            return judge(self);
        }
        let key = self.key(role, table, place);
        if let Some(outcome) = self.recall(key, None) {
            return outcome;
        }
        let refusals = self.refusals;
        let outcome = judge(self);
        self.keep(key, &outcome, refusals, None);
        outcome
    }

    pub(super) fn key<T: ?Sized>(&mut self, role: Role, table: &'static T, place: &Place<'_>) -> Key {
        self.memory.get_or_insert_default().key(role, table, place)
    }

    /// The outcome of an earlier judgement, if it says all that is asked. Adds the positions that it
    /// evaluated.
    pub(super) fn recall(&mut self, key: Key, evaluated: Option<&mut Positions>) -> Option<Result<(), Stop>> {
        match (self.memory.as_ref()?.recall(key)?, evaluated) {
            (Judgement::Accepted(_), None) => Some(Ok(())),
            (Judgement::Accepted(Some(positions)), Some(evaluated)) => {
                evaluated.insert_all(positions);
                Some(Ok(()))
            }
            (Judgement::Refused | Judgement::Reported, _) if self.stops_at_first => Some(Err(Stop::Enough)),
            (Judgement::Reported, _) => {
                self.refusals += 1;
                Some(Ok(()))
            }
            (Judgement::Accepted(None) | Judgement::Refused, _) => None,
        }
    }

    /// Remembers the outcome of a judgement that began when there were so many refusals.
    pub(super) fn keep(
        &mut self,
        key: Key,
        outcome: &Result<(), Stop>,
        refusals: usize,
        evaluated: Option<Positions>,
    ) {
        let judgement = match outcome {
            Ok(()) if self.refusals == refusals => Judgement::Accepted(evaluated),
            Ok(()) => Judgement::Reported,
            Err(Stop::Enough) => Judgement::Refused,
            Err(Stop::Unwritable(_)) => return,
        };
        self.memory.get_or_insert_default().keep(key, judgement);
    }

    /// How often alternatives may ignore one array or object. At every level, each of them would visit all
    /// that is in it, because of the wire profile.
    pub(super) fn ignore(&mut self, place: &Place<'_>) -> Ignored {
        if !(self.stops_at_first && self.remembers()) {
            return Ignored::Seldom;
        }
        let key = self.key(Role::Ignored, NO_TABLE, place);
        match self.recall(key, None) {
            Some(Ok(())) => Ignored::Again,
            _ => Ignored::First,
        }
    }

    /// Remembers that an ignored array or object was accepted.
    pub(super) fn keep_ignored(&mut self, place: &Place<'_>) {
        let key = self.key(Role::Ignored, NO_TABLE, place);
        self.keep(key, &Ok(()), self.refusals, None);
    }

    /// How often something was refused, to see later whether something was since.
    pub(super) fn refusals(&self) -> usize {
        self.refusals
    }

    pub(super) fn finish(mut self, outcome: Result<(), Stop>) -> Result<(), Vec<Issue>> {
        if let Err(Stop::Unwritable(why)) = outcome {
            let message = why.message;
            self.issues.push(Issue { path: String::new(), rule: "type", message, value: None });
        }
        if self.issues.is_empty() {
            return Ok(());
        }
        let mut issues = in_order(self.issues);
        if self.has_more {
            issues.push(Issue::more());
        }
        Err(issues)
    }
}

/// An array or object that no schema looks at.
pub(super) enum Ignored {
    /// It was accepted before.
    Again,
    /// That it is accepted is to be remembered.
    First,
    /// Nothing is to be remembered.
    Seldom,
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
