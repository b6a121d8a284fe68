//! Both languages give the same reasons: the same places, rules, words and values in the same order.

use crate::panel::{Panel, Wrongs};
use crate::report;
use crate::voices::{Case, Verdict};

/// Whether lists of issues that differ between the languages fail a test, or are only counted.
const MUST_AGREE: bool = true;

/// How many lists of issues were compared, and which differ from Rust's.
pub(crate) struct Compared {
    pub(crate) count: usize,
    pub(crate) differing: Wrongs,
}

/// Compares the lists of one voice with those of Rust.
pub(crate) fn compare(rust: &[Verdict], other: &[Verdict], told: impl Fn(usize) -> String) -> Compared {
    let mut compared = Compared { count: 0, differing: Wrongs::default() };
    for (at, (one, other)) in rust.iter().zip(other).enumerate() {
        if let (Verdict::Refused(one), Verdict::Refused(other)) = (one, other) {
            compared.count += 1;
            if one != other {
                compared.differing.add(|| told(at));
            }
        }
    }
    compared
}

/// Compares the lists of every voice with those of Rust and reports how many differ.
pub(crate) fn issues_agree(panel: &Panel, cases: &[Case], name: &str) {
    for voice in panel.others() {
        let told = |at: usize| format!("{} on {}\n{}", cases[at].channel, cases[at].text, panel.told(at));
        let compared = compare(panel.rust(), &voice.verdicts, told);
        let (count, differing) = (compared.count, compared.differing.count);
        report(&format!(
            "{name}: of {count} lists of issues, {differing} differ between Rust and {}",
            voice.name
        ));
        if MUST_AGREE {
            compared.differing.fail_if_any("lists of issues differ");
        } else if std::env::var_os("FANFARE_SHOW").is_some() {
            report(&compared.differing.told());
        }
    }
}
