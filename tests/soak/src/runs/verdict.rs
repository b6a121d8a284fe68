//! Compares the database with what clients observed: results, receipts of signals, side effects, and messages.

use super::Work;
use super::driver::{Finished, RunResult};
use super::journal::{Call, Journal, Kept};
use crate::Result;
use crate::log::Log;
use crate::plan::History;
use crate::verdict;
use std::collections::{HashMap, HashSet};
use std::path::Path;

/// The counts and violations.
pub(super) struct Verdict {
    pub(super) steps: usize,
    pub(super) effects: usize,
    pub(super) durable: usize,
    pub(super) non_durable: usize,
    /// The verdict on subscribers.
    pub(super) delivery: verdict::Verdict,
    pub(super) violations: Vec<String>,
}

const DURABLE: u8 = 0;

pub(super) fn judge(
    work: &Work,
    finished: &[Finished],
    journal: &Journal,
    effects: &Path,
    logs: &[Log],
) -> Result<Verdict> {
    let effects = Effects::read(effects)?;
    let delivery = verdict::judge(History::All, &journal.messages(), logs);
    let count = |topic: u8| {
        let kept = journal.channels.iter().flatten();
        kept.filter(|kept| (kept.message.topic == DURABLE) == (topic == DURABLE)).count()
    };
    let mut violations: Vec<String> = delivery.differences.iter().map(ToString::to_string).collect();
    let mut judge_run =
        Judge { work, journal: ByRun::new(journal), effects: &effects, violations: &mut violations };
    for run in finished {
        judge_run.run(run);
    }
    let (runs, known) = (journal.runs.len(), finished.len());
    judge_run.check(runs == known, || format!("{runs} runs exist, but {known} were started"));
    let missing = journal.missing;
    if let Some(rows) = &journal.rows {
        let (written, wanted) = (rows.len(), known * work.iterations as usize);
        judge_run.check(written == wanted, || format!("{written} rows of steps instead of {wanted}"));
    }
    judge_run.check(missing == 0, || format!("{missing} messages are missing from the history"));
    let (durable, non_durable) = (count(DURABLE), count(DURABLE + 1));
    let wanted = known * work.iterations as usize;
    judge_run.check(durable == wanted, || format!("{durable} durable messages instead of {wanted}"));
    Ok(Verdict {
        steps: effects.values.len(),
        effects: effects.values.values().map(HashSet::len).sum(),
        durable,
        non_durable,
        delivery,
        violations,
    })
}

/// The lines that steps appended: the values of all executions, by run and iteration.
struct Effects {
    values: HashMap<(String, u32), HashSet<String>>,
}

impl Effects {
    fn read(file: &Path) -> Result<Self> {
        let mut values: HashMap<_, HashSet<String>> = HashMap::new();
        for line in std::fs::read_to_string(file)?.lines() {
            let mut words = line.split(' ');
            if let (Some(run), Some(iteration), Some(value)) = (words.next(), words.next(), words.next()) {
                values.entry((run.to_owned(), iteration.parse()?)).or_default().insert(value.to_owned());
            }
        }
        Ok(Self { values })
    }
}

/// The records of each run.
#[derive(Default)]
struct ByRun<'j> {
    kept: HashMap<&'j str, Vec<(usize, &'j Kept)>>,
    calls: HashMap<&'j str, Vec<&'j Call>>,
    run_events: HashMap<&'j str, Vec<String>>,
    signals: HashMap<&'j str, Vec<&'j str>>,
    ended: HashMap<&'j str, (&'j str, Option<&'j str>)>,
    /// The values of rows by iteration. `None` if steps wrote no rows.
    rows: Option<HashMap<&'j str, Vec<(u32, &'j str)>>>,
}

impl<'j> ByRun<'j> {
    fn new(journal: &'j Journal) -> Self {
        let mut by_run = Self::default();
        for (channel, kept) in journal.channels.iter().enumerate() {
            for kept in kept {
                by_run.kept.entry(&kept.run).or_default().push((channel, kept));
            }
        }
        for call in &journal.calls {
            by_run.calls.entry(&call.run).or_default().push(call);
        }
        for run_events in &journal.run_events {
            by_run.run_events.entry(&run_events.run).or_default().push(run_events.data.to_string());
        }
        for signal in &journal.signals {
            by_run.signals.entry(&signal.run).or_default().push(&signal.state);
        }
        if let Some(rows) = &journal.rows {
            let by_iteration = by_run.rows.get_or_insert_default();
            for row in rows {
                by_iteration.entry(&row.run).or_default().push((row.iteration, &row.value));
            }
        }
        for run in &journal.runs {
            by_run.ended.insert(&run.run, (&run.state, run.outcome.as_deref()));
        }
        by_run
    }
}

struct Judge<'j> {
    work: &'j Work,
    journal: ByRun<'j>,
    effects: &'j Effects,
    violations: &'j mut Vec<String>,
}

impl Judge<'_> {
    fn check(&mut self, holds: bool, violation: impl FnOnce() -> String) {
        if !holds {
            self.violations.push(violation());
        }
    }

    fn run(&mut self, run: &Finished) {
        self.effects(run);
        self.messages(run);
        self.check_calls(run);
        self.check_signals(run);
        self.end(run);
    }

    /// Each step was executed at least once, and the run continued with the value of one execution.
    fn effects(&mut self, run: &Finished) {
        let (name, iterations) = (&run.run, self.work.iterations);
        let given = run.result.effects.len();
        self.check(given == iterations as usize, || format!("{name}: {given} steps have a result"));
        for (iteration, effect) in (0..iterations).zip(&run.result.effects) {
            let done =
                self.effects.values.get(&(name.clone(), iteration)).is_some_and(|done| done.contains(effect));
            self.check(done, || {
                format!("{name}: step {iteration} has the result {effect}, which no execution returned")
            });
        }
    }

    /// Durable messages exist once and in order, others at least once, and all contain the values of steps.
    fn messages(&mut self, run: &Finished) {
        let name = &run.run;
        let kept = self.journal.kept.get(name.as_str()).cloned().unwrap_or_default();
        let (mut durable, mut non_durable) = (Vec::new(), HashSet::new());
        for (channel, Kept { message, text, .. }) in kept {
            let effect = message.number.checked_sub(run.first).and_then(|iteration| {
                let effect = run.result.effects.get(iteration as usize)?;
                Some((iteration, effect))
            });
            let right = effect.is_some_and(|(_, effect)| effect == text) && channel == run.channel;
            self.check(right, || format!("{name}: {message} carries {text} on channel {channel}"));
            if message.topic == DURABLE {
                durable.push(message.number);
            } else {
                non_durable.insert(message.number);
            }
        }
        let wanted: Vec<u32> = (run.first..run.first + self.work.iterations).collect();
        self.check(durable == wanted, || format!("{name}: the durable messages are {durable:?}"));
        let all = non_durable.len() == wanted.len();
        self.check(all, || {
            format!("{name}: expected {} other messages, {} were published", wanted.len(), non_durable.len())
        });
    }

    /// Each call is recorded once, with the value that the run continued with. The row of each transactional step
    /// exists once, and is the one whose value was recorded.
    fn check_calls(&mut self, run: &Finished) {
        let name = &run.run;
        let calls = self.journal.calls.get(name.as_str()).cloned().unwrap_or_default();
        let iterations = self.work.iterations as usize;
        let in_order = calls.iter().zip(0..).all(|(call, position)| call.position == position);
        let of_iteration = if self.journal.rows.is_some() { 5 } else { 4 };
        self.check(calls.len() == of_iteration * iterations && in_order, || {
            format!("{name}: {} calls", calls.len())
        });
        let values = |kind: &str| -> Vec<String> {
            let of_kind = calls.iter().filter(|call| call.kind == kind);
            of_kind.filter_map(|call| serde_json::from_str(&call.value).ok()).collect()
        };
        let (steps, ids) = (values("step"), values("publish"));
        let effects = if let Some(rows) = &self.journal.rows {
            let mut written = rows.get(name.as_str()).cloned().unwrap_or_default();
            written.sort_unstable();
            let recorded: Vec<(u32, &str)> =
                (0..).zip(steps.iter().skip(1).step_by(2).map(String::as_str)).collect();
            let is_once = written == recorded;
            self.check(is_once, || {
                format!("{name}: the rows {written:?} are not those of the steps {recorded:?}")
            });
            steps.into_iter().step_by(2).collect()
        } else {
            steps
        };
        self.check(effects == run.result.effects, || format!("{name}: different results were recorded"));
        let kept = self.journal.kept.get(name.as_str()).into_iter().flatten();
        let durable = kept.filter(|(_, kept)| kept.message.topic == DURABLE);
        let published: Vec<String> = durable.map(|(_, kept)| kept.message.id.to_string()).collect();
        self.check(ids == published, || format!("{name}: different messages were recorded"));
    }

    /// Exactly the accepted signals were delivered to the run, one per wait.
    fn check_signals(&mut self, run: &Finished) {
        let name = &run.run;
        let (mut recorded, mut taken) = (run.recorded.clone(), run.result.signals.clone());
        recorded.sort_unstable();
        taken.sort_unstable();
        let same = recorded == taken && taken.len() == self.work.iterations as usize;
        self.check(same, || format!("{name}: accepted {recorded:?}, but delivered {taken:?}"));
        let states = self.journal.signals.get(name.as_str()).cloned().unwrap_or_default();
        let all =
            states.len() == self.work.iterations as usize && states.iter().all(|state| *state == "taken");
        self.check(all, || format!("{name}: the signals are {states:?}"));
    }

    /// The run ended once and was never retried, because nothing in it fails.
    fn end(&mut self, run: &Finished) {
        let name = &run.run;
        let ended = self.journal.ended.get(name.as_str()).copied();
        let outcome = ended.and_then(|(_, outcome)| serde_json::from_str::<RunResult>(outcome?).ok());
        let right =
            ended.is_some_and(|(state, _)| state == "completed") && outcome.as_ref() == Some(&run.result);
        self.check(right, || format!("{name}: it ended as {ended:?}"));
        let run_events = self.journal.run_events.get(name.as_str()).cloned().unwrap_or_default();
        let waits = |event: &String| event.contains("waitingFor");
        let expected = matches!(&run_events[..], [first, middle @ .., last]
            if first.contains("running") && last.contains("completed")
                && middle.chunks(2).all(|pair| matches!(pair, [begun, over] if waits(begun) && !waits(over))))
            && !run_events.iter().any(|event| event.contains("error"));
        self.check(expected, || format!("{name}: its run events are {run_events:?}"));
    }
}
