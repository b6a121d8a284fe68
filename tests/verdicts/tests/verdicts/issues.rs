//! Checks that both languages report the same issues: the same paths, rules, messages and values in the same order.

use crate::comparison::{Comparison, Failures};
use crate::report;
use crate::validators::{Case, Verdict};

/// Whether a test fails if lists of issues differ between the languages. Otherwise they are only counted.
const MUST_AGREE: bool = true;

/// The number of lists of issues that were compared, and those that differ from Rust's.
pub(crate) struct Compared {
    pub(crate) count: usize,
    pub(crate) differing: Failures,
}

/// Compares the issues of one validator with those of Rust.
pub(crate) fn compare(rust: &[Verdict], other: &[Verdict], describe: impl Fn(usize) -> String) -> Compared {
    let mut compared = Compared { count: 0, differing: Failures::default() };
    for (at, (one, other)) in rust.iter().zip(other).enumerate() {
        if let (Verdict::Refused(one), Verdict::Refused(other)) = (one, other) {
            compared.count += 1;
            if one != other {
                compared.differing.add(|| describe(at));
            }
        }
    }
    compared
}

/// Compares the issues of all validators with those of Rust, and reports how many lists differ.
pub(crate) fn issues_agree(comparison: &Comparison, cases: &[Case], name: &str) {
    for validator in comparison.others() {
        let describe =
            |at: usize| format!("{} on {}\n{}", cases[at].channel, cases[at].text, comparison.describe(at));
        let compared = compare(comparison.rust(), &validator.verdicts, describe);
        let (count, differing) = (compared.count, compared.differing.count);
        report(&format!(
            "{name}: of {count} lists of issues, {differing} differ between Rust and {}",
            validator.name
        ));
        if MUST_AGREE {
            compared.differing.fail_if_any("lists of issues differ");
        } else if std::env::var_os("FANFARE_SHOW").is_some() {
            report(&compared.differing.describe());
        }
    }
}
