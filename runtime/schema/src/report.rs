//! The outcome of a check: its issues, and what earlier visits found.

use std::fmt;

use serde::ser;

use super::display::Subject;
use super::index_set::IndexSet;
use super::issue::in_order;
use super::memo::{MIN_NESTING, MIN_VISITS, Memo, MemoKey, Role, Verdict};
use super::path::Path;
use super::{Issue, MAX_ISSUES};

/// The table for positions that no table checks.
static NO_TABLE: &() = &();

/// The outcome of a check: either the issues, or only whether there are any.
pub(super) struct Report {
    /// At most [`MAX_ISSUES`], without duplicates.
    issues: Vec<Issue>,
    has_more: bool,
    /// The number of rejections, including those with an issue that was reported before.
    rejections: usize,
    stops_at_first: bool,
    is_about_name: bool,
    /// Identifies the list of issues: 0 for the report's own, others for those of alternatives.
    list: u32,
    /// The number of lists so far.
    lists: u32,
    /// The address of the path at which `null` is allowed, too; 0 if there is none.
    nullable_path: usize,
    /// The number of enclosing tables that visit the same value several times.
    level: u32,
    /// The number of visits at nested levels.
    visits: u32,
    memo: Option<Box<Memo>>,
}

impl Report {
    /// Creates a report that collects issues, up to [`MAX_ISSUES`].
    pub(super) fn collecting_issues() -> Self {
        Self {
            issues: Vec::new(),
            has_more: false,
            rejections: 0,
            stops_at_first: false,
            is_about_name: false,
            list: 0,
            lists: 0,
            nullable_path: 0,
            level: 0,
            visits: 0,
            memo: None,
        }
    }

    /// Creates a report that stops at the first issue, without describing it.
    pub(super) fn stopping_at_first() -> Self {
        Self { stops_at_first: true, ..Self::collecting_issues() }
    }

    pub(super) fn add<'s>(
        &mut self,
        path: &Path<'_>,
        subject: impl Into<Subject<'s>>,
        rule: &'static str,
        message: impl FnOnce() -> String,
    ) -> Result<(), Stop> {
        if self.stops_at_first {
            return Err(Stop::Enough);
        }
        let (path, message, value) = (path.pointer(), message(), subject.into().describe());
        self.push(if self.is_about_name {
            Issue { path, rule: "propertyNames", message: format!("its name {message}"), value }
        } else {
            Issue { path, rule, message, value }
        })
    }

    fn push(&mut self, issue: Issue) -> Result<(), Stop> {
        self.rejections += 1;
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

    /// Returns whether only the verdict matters.
    pub(super) fn stops_at_first(&self) -> bool {
        self.stops_at_first
    }

    /// Returns whether unions give the reason of their nearest alternative. Those inside a reason do not.
    pub(super) fn gives_reasons(&self) -> bool {
        self.list == 0
    }

    /// Returns the issues of an alternative, and whether it has more. They do not become part of this report.
    pub(super) fn collect(
        &mut self,
        check: impl FnOnce(&mut Self) -> Result<(), Stop>,
    ) -> (Vec<Issue>, bool) {
        self.lists += 1;
        let mut part = Self {
            list: self.lists,
            lists: self.lists,
            level: self.level,
            visits: self.visits,
            memo: self.memo.take(),
            ..Self::collecting_issues()
        };
        // Why the check stopped does not matter, because the issues are only a reason.
        let _ = check(&mut part);
        (self.lists, self.visits, self.memo) = (part.lists, part.visits, part.memo);
        (part.issues, part.has_more)
    }

    /// Checks the value at a path where `null` is allowed, too, which issues of its type and its choices then mention.
    #[inline]
    pub(super) fn check_nullable<R>(&mut self, path: &Path<'_>, check: impl FnOnce(&mut Self) -> R) -> R {
        let outer = std::mem::replace(&mut self.nullable_path, address(path));
        let outcome = check(self);
        self.nullable_path = outer;
        outcome
    }

    /// Returns whether `null` is allowed at a path in addition to what its schema allows.
    pub(super) fn allows_null(&self, path: &Path<'_>) -> bool {
        self.nullable_path == address(path)
    }

    /// Returns whether a value is accepted. Issues are not described.
    pub(super) fn accepts(&mut self, check: impl FnOnce(&mut Self) -> Result<(), Stop>) -> bool {
        let stops_at_first = std::mem::replace(&mut self.stops_at_first, true);
        let is_accepted = check(self).is_ok();
        self.stops_at_first = stops_at_first;
        is_accepted
    }

    /// Checks a value with a table that visits it several times.
    #[inline]
    pub(super) fn check_repeatedly<R>(&mut self, check: impl FnOnce(&mut Self) -> R) -> R {
        self.level += 1;
        let outcome = check(self);
        self.level -= 1;
        outcome
    }

    /// Checks the name of a property. Issues are about the name, not about the value at its path.
    pub(super) fn check_name(
        &mut self,
        check: impl FnOnce(&mut Self) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        let is_about_name = std::mem::replace(&mut self.is_about_name, true);
        let outcome = check(self);
        self.is_about_name = is_about_name;
        outcome
    }

    /// Returns whether positions may be visited often enough to remember outcomes.
    #[inline]
    pub(super) fn is_nested(&self) -> bool {
        self.level >= MIN_NESTING
    }

    /// Counts a visit, and returns whether its outcome should be recalled or remembered.
    #[inline]
    pub(super) fn count_visit(&mut self) -> bool {
        self.is_nested() && {
            self.visits = self.visits.saturating_add(1);
            self.visits > MIN_VISITS
        }
    }

    /// Checks the value at a path against a table, unless the outcome is remembered.
    #[inline]
    pub(super) fn check_once<T: ?Sized>(
        &mut self,
        role: Role,
        table: &'static T,
        path: &Path<'_>,
        check: impl FnOnce(&mut Self) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        #[cfg(feature = "simulation")]
        let has_bug = super::simulation::alternatives_are_checked_again();
        #[cfg(not(feature = "simulation"))]
        let has_bug = false;
        if !self.count_visit() || has_bug {
            return check(self);
        }
        let key = self.key(role, table, path);
        if let Some(outcome) = self.recall(key, None) {
            return outcome;
        }
        let rejections = self.rejections;
        let outcome = check(self);
        self.remember(key, &outcome, rejections, None);
        outcome
    }

    pub(super) fn key<T: ?Sized>(&mut self, role: Role, table: &'static T, path: &Path<'_>) -> MemoKey {
        self.memo.get_or_insert_default().key(role, table, path)
    }

    /// Returns the remembered outcome, if it answers everything that is needed. Adds the positions that it evaluated.
    pub(super) fn recall(
        &mut self,
        key: MemoKey,
        evaluated: Option<&mut IndexSet>,
    ) -> Option<Result<(), Stop>> {
        match (self.memo.as_ref()?.recall(key)?, evaluated) {
            (Verdict::Accepted(_), None) => Some(Ok(())),
            (Verdict::Accepted(Some(positions)), Some(evaluated)) => {
                evaluated.insert_all(positions);
                Some(Ok(()))
            }
            (Verdict::Refused | Verdict::Reported(_), _) if self.stops_at_first => Some(Err(Stop::Enough)),
            (Verdict::Reported(list), _) if *list == self.list => {
                self.rejections += 1;
                Some(Ok(()))
            }
            (Verdict::Accepted(None) | Verdict::Refused | Verdict::Reported(_), _) => None,
        }
    }

    /// Remembers the outcome of a visit. `rejections` is the number of rejections when it began.
    pub(super) fn remember(
        &mut self,
        key: MemoKey,
        outcome: &Result<(), Stop>,
        rejections: usize,
        evaluated: Option<IndexSet>,
    ) {
        let verdict = match outcome {
            Ok(()) if self.rejections == rejections => Verdict::Accepted(evaluated),
            Ok(()) => Verdict::Reported(self.list),
            Err(Stop::Enough) => Verdict::Refused,
            Err(Stop::NotSerializable(_)) => return,
        };
        self.memo.get_or_insert_default().remember(key, verdict);
    }

    /// Returns whether an array or object that no schema constrains was accepted before. Without this, each alternative
    /// would check all of it against the wire profile again.
    pub(super) fn ignore(&mut self, path: &Path<'_>) -> Ignored {
        if !(self.stops_at_first && self.count_visit()) {
            return Ignored::Forget;
        }
        let key = self.key(Role::Ignored, NO_TABLE, path);
        match self.recall(key, None) {
            Some(Ok(())) => Ignored::AcceptedBefore,
            _ => Ignored::Remember,
        }
    }

    /// Remembers that an ignored array or object was accepted.
    pub(super) fn remember_ignored(&mut self, path: &Path<'_>) {
        let key = self.key(Role::Ignored, NO_TABLE, path);
        self.remember(key, &Ok(()), self.rejections, None);
    }

    /// Returns the number of rejections, to compare it with a later one.
    pub(super) fn rejections(&self) -> usize {
        self.rejections
    }

    pub(super) fn finish(mut self, outcome: Result<(), Stop>) -> Result<(), Vec<Issue>> {
        if let Err(Stop::NotSerializable(why)) = outcome {
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

/// Identifies a path while the interpreter is at its value or inside.
fn address(path: &Path<'_>) -> usize {
    std::ptr::from_ref(path).addr()
}

/// An array or object that no schema checks.
pub(super) enum Ignored {
    /// It was accepted before.
    AcceptedBefore,
    /// Remember that it is accepted.
    Remember,
    /// Nothing needs to be remembered.
    Forget,
}

/// The reason why a value cannot be serialized as JSON.
#[derive(Debug)]
pub(super) struct NotSerializable {
    message: String,
}

impl Stop {
    pub(super) fn not_serializable(message: String) -> Self {
        Self::NotSerializable(Box::new(NotSerializable { message }))
    }
}

/// The reason why the interpreter stopped before the end of the value.
#[derive(Debug)]
pub(super) enum Stop {
    /// The rest of the value would not change the outcome.
    Enough,
    /// The value cannot be serialized as JSON.
    NotSerializable(Box<NotSerializable>),
}

impl fmt::Display for Stop {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Enough => formatter.write_str("the rest of the value does not matter"),
            Self::NotSerializable(why) => formatter.write_str(&why.message),
        }
    }
}

impl std::error::Error for Stop {}

impl ser::Error for Stop {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::not_serializable(format!("cannot be written as JSON: {message}"))
    }
}
