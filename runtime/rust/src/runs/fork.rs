//! Branches: calls of a run that are made at the same time.
//!
//! Each branch numbers its own calls, so timing in one branch does not affect how calls in another are identified.
//! If one branch decides the fork (the first to finish, or the first to fail), the journal records which one
//! before the job sees the result, and a replay executes that branch alone. A branch that fails outside of its
//! steps decides nothing: its failure is not recorded, so the job is retried as a whole.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use super::call_tracker::{Activity, method_name};
use super::context::{Call, StopReason};
use super::error::Kind;
use super::{Run, RunError};
use crate::channel::TypedChannel;
use crate::storage::{CallKind, DecideOutcome, Decision, Outcome};

/// How long to wait for a preferred branch before checking again.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

impl<C: TypedChannel> Run<C> {
    /// Runs two branches at the same time and returns both results. If one fails, the other is dropped and the
    /// error is returned.
    ///
    /// ```
    /// # use fanfare::{Run, RunError, TypedChannel};
    /// # async fn title() -> Result<String, RunError> { Ok(String::new()) }
    /// # async fn summary() -> Result<String, RunError> { Ok(String::new()) }
    /// # async fn job<C: TypedChannel>(run: Run<C>) -> Result<(), RunError> {
    /// let (title, summary) = run
    ///     .join(
    ///         async |run| run.step("title", async || title().await).await,
    ///         async |run| run.step("summary", async || summary().await).await,
    ///     )
    ///     .await?;
    /// # drop((title, summary));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Returns the error of the first branch that failed, if it is the recorded error of a call or from
    /// [`RunError::fail`]. Any other error of a branch retries the whole job, and this call does not return.
    pub async fn join<A, B, F, G>(
        &self,
        first: impl FnOnce(Self) -> F,
        second: impl FnOnce(Self) -> G,
    ) -> Result<(A, B), RunError>
    where
        F: Future<Output = Result<A, RunError>>,
        G: Future<Output = Result<B, RunError>>,
    {
        let fork = self.fork(CallKind::Join).await?;
        let mut branches = (pin!(fork.branch(0, first)), pin!(fork.branch(1, second)));
        let (mut a, mut b) = (None, None);
        fork.run(2, 2, |index, context| match index {
            0 => store_result(branches.0.as_mut().poll(context), &mut a),
            _ => store_result(branches.1.as_mut().poll(context), &mut b),
        })
        .await?;
        a.zip(b).ok_or_else(missing_result)
    }

    /// Runs three branches at the same time, like [`join`](Self::join).
    ///
    /// # Errors
    /// Returns the error of the first branch that failed, if it is the recorded error of a call or from
    /// [`RunError::fail`]. Any other error of a branch retries the whole job, and this call does not return.
    pub async fn join3<A, B, D, F, G, H>(
        &self,
        first: impl FnOnce(Self) -> F,
        second: impl FnOnce(Self) -> G,
        third: impl FnOnce(Self) -> H,
    ) -> Result<(A, B, D), RunError>
    where
        F: Future<Output = Result<A, RunError>>,
        G: Future<Output = Result<B, RunError>>,
        H: Future<Output = Result<D, RunError>>,
    {
        let fork = self.fork(CallKind::Join).await?;
        let mut branches =
            (pin!(fork.branch(0, first)), pin!(fork.branch(1, second)), pin!(fork.branch(2, third)));
        let (mut a, mut b, mut d) = (None, None, None);
        fork.run(3, 3, |index, context| match index {
            0 => store_result(branches.0.as_mut().poll(context), &mut a),
            1 => store_result(branches.1.as_mut().poll(context), &mut b),
            _ => store_result(branches.2.as_mut().poll(context), &mut d),
        })
        .await?;
        match (a, b, d) {
            (Some(a), Some(b), Some(d)) => Ok((a, b, d)),
            _ => Err(missing_result()),
        }
    }

    /// Runs two branches at the same time and returns the result of the one that finishes first, as `select!` does. The
    /// other is dropped at its `await`. The winner is recorded: it stays the winner however often the run is executed.
    ///
    /// A branch that received a signal takes precedence: an answer that was reported to its sender as accepted
    /// counts, even if the other branch finishes at the same moment.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use fanfare::{Run, RunError, Signal, TypedChannel};
    /// # const DAY: Duration = Duration::from_secs(86_400);
    /// # async fn build() -> Result<String, RunError> { Ok(String::new()) }
    /// # async fn job<C: TypedChannel>(run: Run<C>, stop: Signal<'_, str>) -> Result<(), RunError> {
    /// let build: Option<String> = run
    ///     .race(
    ///         async |run| run.step("build", async || build().await).await.map(Some),
    ///         async |run| run.wait_for(stop, DAY).await.map(|_| None),
    ///     )
    ///     .await?;
    /// # drop(build);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Returns the error of the branch that finished first, if it is the recorded error of a call or from
    /// [`RunError::fail`]. Any other error of a branch retries the whole job, and this call does not return.
    pub async fn race<T, F, G>(
        &self,
        first: impl FnOnce(Self) -> F,
        second: impl FnOnce(Self) -> G,
    ) -> Result<T, RunError>
    where
        F: Future<Output = Result<T, RunError>>,
        G: Future<Output = Result<T, RunError>>,
    {
        let fork = self.fork(CallKind::Race).await?;
        let mut branches = (pin!(fork.branch(0, first)), pin!(fork.branch(1, second)));
        let mut results = (None, None);
        let winner = fork
            .run(2, 2, |index, context| match index {
                0 => store_result(branches.0.as_mut().poll(context), &mut results.0),
                _ => store_result(branches.1.as_mut().poll(context), &mut results.1),
            })
            .await?;
        if winner == Some(0) { results.0 } else { results.1 }.ok_or_else(missing_result)
    }

    /// Runs work with a time limit, measured from when the run first reaches this call, even if the server restarts.
    /// Returns `None` if the time is up first; the work is then dropped at its `await`. The outcome is recorded: it
    /// stays the same however often the run is executed.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use fanfare::{Run, RunError, TypedChannel};
    /// # async fn fetch() -> Result<String, RunError> { Ok(String::new()) }
    /// # async fn job<C: TypedChannel>(run: Run<C>) -> Result<(), RunError> {
    /// let hour = Duration::from_secs(3600);
    /// let page = run.timeout(hour, async |run| run.step("fetch", async || fetch().await).await).await?;
    /// println!("{}", page.as_deref().unwrap_or("too late"));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Returns the error of the work, if it failed within the time and the error is the recorded one of a call or from
    /// [`RunError::fail`]. Any other error retries the whole job, and this call does not return.
    pub async fn timeout<T, F>(
        &self,
        duration: Duration,
        work: impl FnOnce(Self) -> F,
    ) -> Result<Option<T>, RunError>
    where
        F: Future<Output = Result<T, RunError>>,
    {
        let fork = self.fork(CallKind::Timeout).await?;
        let sleep = async move |run: Self| run.sleep("", duration).await;
        let mut branches = (pin!(fork.branch(0, work)), pin!(fork.branch(1, sleep)));
        let mut results = (None, None);
        fork.run(2, 2, |index, context| match index {
            0 => store_result(branches.0.as_mut().poll(context), &mut results.0),
            _ => store_result(branches.1.as_mut().poll(context), &mut results.1),
        })
        .await?;
        Ok(results.0)
    }

    /// Runs one branch per item, at most `limit` at a time, and returns the results in the order of the items. If
    /// one branch fails, the others are dropped and the error is returned.
    ///
    /// The items must be the same each time the job is executed.
    ///
    /// ```
    /// # use fanfare::{Run, RunError, TypedChannel};
    /// # async fn fetch(page: u32) -> Result<String, RunError> { Ok(page.to_string()) }
    /// # async fn job<C: TypedChannel>(run: Run<C>) -> Result<(), RunError> {
    /// let pages: Vec<String> = run
    ///     .map(4, 0..100, async |run, page| run.step("fetch", async || fetch(page).await).await)
    ///     .await?;
    /// # drop(pages);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Returns the error of the first branch that failed, if it is the recorded error of a call or from
    /// [`RunError::fail`]. Any other error of a branch retries the whole job, and this call does not return.
    pub async fn map<I, T, F>(
        &self,
        limit: usize,
        items: impl IntoIterator<Item = I>,
        work: impl Fn(Self, I) -> F,
    ) -> Result<Vec<T>, RunError>
    where
        F: Future<Output = Result<T, RunError>>,
    {
        let fork = self.fork(CallKind::Map).await?;
        let mut items: Vec<Option<I>> = items.into_iter().map(Some).collect();
        let count = items.len();
        let mut results: Vec<Option<T>> = items.iter().map(|_| None).collect();
        let mut branches: Vec<Option<Pin<Box<_>>>> = items.iter().map(|_| None).collect();
        let (fork_here, work) = (&fork, &work);
        fork.run(count, limit.max(1), |index, context| {
            let (branch, item) = (&mut branches[index], &mut items[index]);
            let running = match (branch.as_mut(), item.take()) {
                (Some(running), _) => running,
                (None, Some(item)) => {
                    branch.insert(Box::pin(fork_here.branch(number(index), move |run: Self| work(run, item))))
                }
                (None, None) => return Poll::Pending,
            };
            let polled = store_result(running.as_mut().poll(context), &mut results[index]);
            if polled.is_ready() {
                *branch = None;
            }
            polled
        })
        .await?;
        results.into_iter().collect::<Option<Vec<T>>>().ok_or_else(missing_result)
    }

    async fn fork(&self, kind: CallKind) -> Result<Fork<'_, C>, RunError> {
        let call = self.begin(kind, "").await?;
        call.set_activity(Activity::Forked);
        Ok(Fork { run: self, call })
    }
}

fn number(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

/// The error for a branch that finished but has no result, which would be a bug in this module.
fn missing_result() -> RunError {
    RunError::fail("a branch of the run has no result")
}

/// Stores the result of a branch until the fork returns.
fn store_result<T>(polled: Poll<Result<T, RunError>>, to: &mut Option<T>) -> Poll<Result<(), RunError>> {
    polled.map_ok(|value| *to = Some(value))
}

/// A call with branches.
struct Fork<'r, C> {
    run: &'r Run<C>,
    call: Call,
}

impl<C: TypedChannel> Fork<'_, C> {
    /// Creates a branch. It begins when it is first polled.
    async fn branch<T, F>(&self, index: u32, work: impl FnOnce(Run<C>) -> F) -> Result<T, RunError>
    where
        F: Future<Output = Result<T, RunError>>,
    {
        let branch = self.call.site.child(index);
        let context = &self.run.context;
        context.calls().open(branch.clone());
        let (returned, run) = self.run.branch(branch.clone());
        let result = work(run).await;
        returned.send_replace(true);
        let end = context.calls().end(&branch, result.is_ok());
        if let Err(refusal) = end {
            return context.refuse(refusal).await;
        }
        context.calls().close(&branch);
        result
    }

    /// Polls the branches, at most `limit` at a time, until one decides the fork or all have finished. Returns the
    /// branch that decided.
    async fn run(
        &self,
        count: usize,
        limit: usize,
        mut poll: impl FnMut(usize, &mut TaskContext<'_>) -> Poll<Result<(), RunError>>,
    ) -> Result<Option<usize>, RunError> {
        if let Some(Outcome::Value(recorded)) = &self.call.outcome {
            let winner: usize = recorded.parse().unwrap_or(usize::MAX);
            if winner >= count {
                let why = format!(
                    "{} recorded branch {winner} as the winner, but now has {count} branches",
                    method_name(self.call.kind)
                );
                return self.run.context.stop(StopReason::Halted(why)).await;
            }
            self.run.context.stop_streams(|branch| self.is_lost(branch, winner)).await;
            self.close_losers(count, winner);
            let result = self.or_retry(poll_fn(|context| poll(winner, context)).await).await;
            self.finish();
            return result.map(|()| Some(winner));
        }
        let mut left = UnfinishedBranches {
            running: Vec::new(),
            next: 0,
            count,
            limit,
            stops_at_first: self.stops_at_first(),
        };
        let Some((mut winner, mut result)) = left.next(&mut poll).await else {
            self.finish();
            return Ok(None);
        };
        result = self.or_retry(result).await;
        // A preferred branch goes first: one that is still replaying its records, or that received a signal.
        while self.is_behind(&left) || !self.decide(winner, &left).await {
            if let Ok(Some(other)) = tokio::time::timeout(POLL_INTERVAL, left.next(&mut poll)).await {
                (winner, result) = (other.0, self.or_retry(other.1).await);
            }
        }
        self.close_losers(count, winner);
        self.run.context.stop_streams(|branch| self.is_lost(branch, winner)).await;
        self.finish();
        result.map(|()| Some(winner))
    }

    /// Retries the job as a whole if a branch failed outside of its steps. The job must never see such an error,
    /// because it may not occur in the next execution.
    async fn or_retry(&self, result: Result<(), RunError>) -> Result<(), RunError> {
        match result {
            Err(RunError(Kind::Retry { message, after })) => {
                self.run.context.stop(StopReason::Retry { message, after }).await
            }
            recorded => recorded,
        }
    }

    fn close_losers(&self, count: usize, winner: usize) {
        for index in (0..count).filter(|index| *index != winner) {
            self.run.context.calls().close(&self.call.site.child(number(index)));
        }
    }

    /// Returns whether a preferred branch is still replaying its records.
    fn is_behind(&self, left: &UnfinishedBranches) -> bool {
        let calls = self.run.context.calls();
        self.preferred(left).into_iter().any(|index| calls.is_behind(&self.call.site.child(index)))
    }

    /// Returns the preferred branches: those that go first if they hold an answer.
    fn preferred(&self, left: &UnfinishedBranches) -> Vec<u32> {
        if self.stops_at_first() { left.running.iter().copied().map(number).collect() } else { Vec::new() }
    }

    /// Returns whether `branch` is, or lies inside, a branch that did not win.
    fn is_lost(&self, branch: &str, winner: usize) -> bool {
        self.call.site.branch_of(branch).is_some_and(|index| index != number(winner))
    }

    fn stops_at_first(&self) -> bool {
        matches!(self.call.kind, CallKind::Race | CallKind::Timeout)
    }

    /// Records which branch decides the fork. Returns `false` if another branch holds an answer that it has not
    /// acted on yet.
    async fn decide(&self, winner: usize, left: &UnfinishedBranches) -> bool {
        self.call.set_activity(Activity::Working);
        let context = &self.run.context;
        let fork = self.call.to_record(Outcome::Value(winner.to_string()));
        let preferred = self.preferred(left);
        let is_preferred =
            |branch: &str| self.call.site.branch_of(branch).is_some_and(|index| preferred.contains(&index));
        let pending = context.calls().pending_in(is_preferred);
        let (winner, start) = (number(winner), self.call.start.clone());
        let decision = Decision { fork, start, winner, preferred, pending };
        let engine = context.engine();
        match engine.decide_fork(context.claim(), decision, context.waiting_event()).await {
            Ok(DecideOutcome::Committed) => {
                context.progress();
                true
            }
            Ok(DecideOutcome::Contested) => {
                context.wake.wake();
                self.call.set_activity(Activity::Forked);
                false
            }
            Ok(DecideOutcome::ClaimLost) => context.stop(StopReason::Lost).await,
            Err(error) => context.fail_storage(error).await,
        }
    }

    fn finish(&self) {
        self.run.context.calls().finish(&self.call.site);
    }
}

/// The branches that have not finished.
struct UnfinishedBranches {
    running: Vec<usize>,
    next: usize,
    count: usize,
    limit: usize,
    stops_at_first: bool,
}

impl UnfinishedBranches {
    /// Polls until a branch decides the fork, and returns it with its result. Returns `None` once all have
    /// finished.
    async fn next(
        &mut self,
        poll: &mut impl FnMut(usize, &mut TaskContext<'_>) -> Poll<Result<(), RunError>>,
    ) -> Option<(usize, Result<(), RunError>)> {
        poll_fn(|context| self.poll(poll, context)).await
    }

    fn poll(
        &mut self,
        poll: &mut impl FnMut(usize, &mut TaskContext<'_>) -> Poll<Result<(), RunError>>,
        context: &mut TaskContext<'_>,
    ) -> Poll<Option<(usize, Result<(), RunError>)>> {
        loop {
            while self.next < self.count && self.running.len() < self.limit {
                self.running.push(self.next);
                self.next += 1;
            }
            let before = self.running.len();
            let mut at = 0;
            while at < self.running.len() {
                let index = self.running[at];
                match poll(index, context) {
                    Poll::Pending => at += 1,
                    Poll::Ready(result) => {
                        self.running.remove(at);
                        if self.stops_at_first || result.is_err() {
                            return Poll::Ready(Some((index, result)));
                        }
                    }
                }
            }
            if self.running.len() == before || self.next == self.count {
                return if self.running.is_empty() { Poll::Ready(None) } else { Poll::Pending };
            }
        }
    }
}
