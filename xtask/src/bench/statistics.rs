//! Statistics over rounds: medians with their spread, and verdicts about ratios.

use super::figures::Figures;
use std::collections::BTreeMap;

/// With fewer rounds than this, only differences of more than [`COARSE`] are decided.
const ENOUGH_ROUNDS: usize = 5;

/// The minimum ratio that a few rounds can detect.
const COARSE: f64 = 1.25;

/// The minimum ratio that [`ENOUGH_ROUNDS`] can detect. The layout of a program in memory alone changes figures by
/// about as much.
const FINE: f64 = 1.02;

/// A machine is busy if other programs use more than this share of its CPU time, in percent.
const BUSY: f64 = 5.0;

/// The values of a figure, one per round. Rounds that did not measure it have none.
#[derive(Clone, Debug)]
pub(crate) struct Samples(Vec<f64>);

impl Samples {
    pub(crate) fn new(values: impl IntoIterator<Item = f64>) -> Self {
        Self(values.into_iter().filter(|value| value.is_finite()).collect())
    }

    /// Returns the ratios to the values of the same rounds. Rounds that lack one of the two are left out.
    pub(crate) fn relative_to(rounds: impl IntoIterator<Item = (f64, f64)>) -> Self {
        Self::new(rounds.into_iter().map(|(own, reference)| own / reference))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the median, or NaN without values.
    pub(crate) fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        match (sorted.len() / 2, sorted.len() % 2) {
            (0, 0) => f64::NAN,
            (middle, 0) => f64::midpoint(sorted[middle - 1], sorted[middle]),
            (middle, _) => sorted[middle],
        }
    }

    pub(crate) fn max(&self) -> f64 {
        self.0.iter().copied().fold(f64::NAN, f64::max)
    }

    pub(crate) fn min(&self) -> f64 {
        self.0.iter().copied().fold(f64::NAN, f64::min)
    }

    /// Formats the median and, if there are several values, their range: `0.61 µs (0.58–0.66)`.
    pub(crate) fn describe(&self, format: impl Fn(f64) -> String) -> String {
        let median = format(self.median());
        if self.0.len() < 2 {
            return if self.is_empty() { "–".to_owned() } else { median };
        }
        let [min, max] = [self.min(), self.max()].map(&format);
        if min == max {
            return median;
        }
        // The unit is repeated only if it changes.
        let unit = |text: &str| text.split_once(' ').map_or("", |(_, unit)| unit).to_owned();
        let number = |text: &str| text.split(' ').next().unwrap_or_default().to_owned();
        if unit(&min) == unit(&median) && unit(&max) == unit(&median) {
            format!("{median} ({}–{})", number(&min), number(&max))
        } else {
            format!("{median} ({min}–{max})")
        }
    }

    /// Judges ratios of paired rounds.
    ///
    /// With enough rounds, all of them, or seven of eight, must agree, and the median must be more than 2 % from 1. If
    /// two programs are equally fast, five rounds agree by chance in one of 16 comparisons. With fewer rounds, each
    /// must be more than 25 % from 1.
    pub(crate) fn verdict(&self) -> Verdict {
        let is_clear = |is_beyond: &dyn Fn(f64, f64) -> bool| {
            let agreeing = |margin| self.0.iter().filter(|ratio| is_beyond(**ratio, margin)).count();
            if self.0.len() < ENOUGH_ROUNDS {
                !self.is_empty() && agreeing(COARSE) == self.0.len()
            } else {
                agreeing(1.0) + self.0.len() / 8 >= self.0.len() && is_beyond(self.median(), FINE)
            }
        };
        if is_clear(&|ratio, margin| ratio < 1.0 / margin) {
            Verdict::Lower
        } else if is_clear(&|ratio, margin| ratio > margin) {
            Verdict::Higher
        } else {
            Verdict::CannotTell
        }
    }

    /// Formats ratios with their verdict: `1.40 × (1.31–1.52), slower`.
    pub(crate) fn describe_ratio(&self, lower: &str, higher: &str) -> String {
        if self.is_empty() {
            return "–".to_owned();
        }
        let verdict = match self.verdict() {
            Verdict::Lower => lower,
            Verdict::Higher => higher,
            Verdict::CannotTell => "cannot tell",
        };
        format!("{}, {verdict}", self.describe(format_ratio))
    }
}

/// Formats a ratio: `0.42 ×`, `31 ×`.
pub(crate) fn format_ratio(ratio: f64) -> String {
    match ratio {
        ..10.0 => format!("{ratio:.2} ×"),
        10.0.. => format!("{ratio:.0} ×"),
        _ => "–".to_owned(),
    }
}

/// The result of comparing two subjects in paired rounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Lower,
    Higher,
    CannotTell,
}

/// Returns a sentence about the verdicts that a number of rounds allows.
pub(crate) fn describe_verdicts(rounds: usize) -> String {
    if rounds < ENOUGH_ROUNDS {
        format!(
            "Fewer than {ENOUGH_ROUNDS} rounds: a verdict needs each to differ by more than {:.0} %. Smaller differences are \
             \"cannot tell\".",
            (COARSE - 1.0) * 100.0
        )
    } else {
        format!(
            "A verdict needs paired rounds that agree, and a median that differs by more than {:.0} %.",
            (FINE - 1.0) * 100.0
        )
    }
}

/// The figures of all rounds, by measurement and subject.
#[derive(Default)]
pub(crate) struct Measured(BTreeMap<(String, String), Vec<Figures>>);

impl Measured {
    /// Adds the figures of the next round of a measurement.
    pub(crate) fn add(&mut self, measurement: &str, subject: &str, figures: Figures) {
        self.0.entry((measurement.to_owned(), subject.to_owned())).or_default().push(figures);
    }

    /// Returns the values of a figure.
    pub(crate) fn samples(&self, measurement: &str, subject: &str, name: &str) -> Samples {
        Samples::new(self.values(measurement, subject, name))
    }

    /// Returns the median of a figure, or NaN if it was not measured.
    pub(crate) fn median(&self, measurement: &str, subject: &str, name: &str) -> f64 {
        self.samples(measurement, subject, name).median()
    }

    /// Returns the ratios of a figure to another subject's in the same rounds.
    pub(crate) fn ratios(&self, measurement: &str, subject: &str, reference: &str, name: &str) -> Samples {
        let of = |subject| self.values(measurement, subject, name);
        Samples::relative_to(of(subject).zip(of(reference)))
    }

    fn values(&self, measurement: &str, subject: &str, name: &str) -> impl Iterator<Item = f64> {
        let rounds = self.0.get(&(measurement.to_owned(), subject.to_owned()));
        rounds.into_iter().flatten().map(move |figures| figures.get(name))
    }

    /// Describes how much CPU time other programs used, and how much the machine's host withheld, from the figures
    /// `others` and `stolen`, each in percent of the machine.
    pub(crate) fn describe_load(&self) -> String {
        let all = || self.0.values().flatten();
        let samples = |name| Samples::new(all().map(|figures| figures.get(name)));
        let (others, stolen) = (samples("others"), samples("stolen"));
        if others.is_empty() {
            return "The system does not report how busy other programs kept the machine.".to_owned();
        }
        let percent = |share: f64| format!("{share:.0} %");
        let mut text = format!("CPU time of other programs: {}", others.describe(percent));
        if stolen.max() >= 1.0 {
            text += &format!("; withheld by the host: {}", stolen.describe(percent));
        }
        let busy =
            all().filter(|figures| ["others", "stolen"].iter().any(|name| figures.get(name) > BUSY)).count();
        if busy > 0 {
            text += &format!(
                ".\n**Warning: the machine was busy (above {BUSY:.0} %) in {busy} of {} measurements.** Throughput, latency \
                 and small ratios may be wrong; CPU time is affected less",
                others.0.len()
            );
        }
        text + "."
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(ratios: &[f64]) -> Verdict {
        Samples::new(ratios.iter().copied()).verdict()
    }

    #[test]
    fn a_verdict_needs_rounds_that_agree() {
        assert_eq!(verdict(&[0.9, 0.95, 0.97, 0.9, 0.99]), Verdict::Lower);
        assert_eq!(verdict(&[1.1, 1.2, 1.05, 1.3, 1.4]), Verdict::Higher);
        assert_eq!(verdict(&[0.96, 0.53, 1.1, 0.7, 0.8]), Verdict::CannotTell);
        assert_eq!(verdict(&[0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 1.5]), Verdict::Lower);
        assert_eq!(verdict(&[0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 1.5, 1.5]), Verdict::CannotTell);
    }

    #[test]
    fn tiny_differences_are_not_decided() {
        assert_eq!(verdict(&[0.99; 7]), Verdict::CannotTell);
        assert_eq!(verdict(&[1.01; 7]), Verdict::CannotTell);
    }

    #[test]
    fn few_rounds_decide_large_differences_only() {
        assert_eq!(verdict(&[0.7, 0.6, 0.75]), Verdict::Lower);
        assert_eq!(verdict(&[0.7, 0.6, 0.85]), Verdict::CannotTell);
        assert_eq!(verdict(&[1.3]), Verdict::Higher);
        assert_eq!(verdict(&[]), Verdict::CannotTell);
    }

    #[test]
    fn ratios_pair_the_rounds_of_two_subjects() {
        let mut measured = Measured::default();
        for (subject, line) in
            [("a", "x=2"), ("b", "x=1"), ("a", "x=30 y=1"), ("b", "x=10"), ("a", "x=4"), ("b", "y=1")]
        {
            measured.add("m", subject, Figures::read(line).unwrap());
        }
        assert_eq!(measured.ratios("m", "a", "b", "x").0, [2.0, 3.0]);
        assert_eq!(measured.samples("m", "a", "y").0, [1.0]);
        assert!(measured.median("m", "c", "x").is_nan());
    }

    #[test]
    fn a_median_is_shown_with_its_range() {
        let microseconds = |time: f64| if time < 10.0 { format!("{time:.1} µs") } else { "1 ms".to_owned() };
        assert_eq!(Samples::new([3.0, 1.0, 2.0, 2.2]).describe(microseconds), "2.1 µs (1.0–3.0)");
        assert_eq!(Samples::new([3.0, 1.0, 20.0]).describe(microseconds), "3.0 µs (1.0 µs–1 ms)");
        assert_eq!(Samples::new([3.0, 3.01]).describe(microseconds), "3.0 µs");
        assert_eq!(Samples::new([f64::NAN]).describe(microseconds), "–");
        assert_eq!([0.4, 31.4, f64::NAN].map(format_ratio), ["0.40 ×", "31 ×", "–"]);
        let ratios = Samples::new([1.5, 1.4, 1.6]);
        assert_eq!(ratios.describe_ratio("faster", "slower"), "1.50 × (1.40–1.60), slower");
    }

    #[test]
    fn a_busy_machine_is_reported() {
        let describe = |lines: &[&str]| {
            let mut measured = Measured::default();
            for line in lines {
                measured.add("m", "a", Figures::read(line).unwrap());
            }
            measured.describe_load()
        };
        let text = describe(&["others=1 stolen=9", "others=40 stolen=40", "others=2 stolen=0"]);
        assert!(
            text.contains("2 % (1–40); withheld by the host: 9 %") && text.contains("in 2 of 3"),
            "{text}"
        );
        assert!(!describe(&["others=1 stolen=0"]).contains("Warning"));
    }
}
