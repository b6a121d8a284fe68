//! Encodes automata as text, for the TypeScript library.
//!
//! Parts are separated by `;`, and numbers are in base 36. The first part lists the runs
//! of the alphabet: the distance of each run's start from the previous start, and its
//! class. The second part lists the classes of each set, with sets separated by `,`. The
//! third part is the set of word characters, or empty. Each other part is a program: `f`
//! (forward) or `b` (backward), then its steps: a set to read, `|` and `>` with the step
//! to split or jump to, `+` and `-` with a bit to check, and `.` to accept.

use crate::alphabet::Alphabet;
use crate::program::{Program, Step};

pub(crate) fn encode<'p>(alphabet: &Alphabet, programs: impl Iterator<Item = &'p Program>) -> String {
    let mut before = 0;
    let runs: Vec<String> = alphabet
        .runs()
        .map(|(start, class)| {
            let gap = start - before;
            before = start;
            format!("{} {}", base_36(gap), base_36(class.into()))
        })
        .collect();
    let sets: Vec<String> =
        alphabet.sets().map(|classes| join(classes.into_iter().map(|class| base_36(class.into())))).collect();
    let word = alphabet.word().map(|set| base_36(set.into())).unwrap_or_default();
    let mut parts = vec![runs.join(" "), sets.join(","), word];
    parts.extend(programs.map(program));
    parts.join(";")
}

fn program(program: &Program) -> String {
    let direction = if program.backward { "b" } else { "f" };
    let steps = program.steps.iter().map(|step| match step {
        Step::Read(set) => base_36(u32::from(*set)),
        Step::Split(to) => format!("|{}", base_36(*to)),
        Step::Jump(to) => format!(">{}", base_36(*to)),
        Step::Check { bit, wanted } => {
            format!("{}{}", if *wanted { "+" } else { "-" }, base_36(u32::from(*bit)))
        }
        Step::Accept => ".".to_owned(),
    });
    join(std::iter::once(direction.to_owned()).chain(steps))
}

fn join(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(" ")
}

fn base_36(mut number: u32) -> String {
    let mut digits = Vec::new();
    loop {
        digits.push(char::from_digit(number % 36, 36).unwrap_or('0'));
        number /= 36;
        if number == 0 {
            return digits.into_iter().rev().collect();
        }
    }
}
