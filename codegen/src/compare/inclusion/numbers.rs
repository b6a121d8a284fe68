//! Searches for numbers.

use serde_json::{Value, json};

use super::cases::{Case, Violation};
use super::{Kind, Outcome, Solver};
use crate::model::MAX_INTEGER;

/// The maximum number of multiples to try.
const MAX_TRIED: i128 = 4_000;

/// The numbers that a case allows.
#[derive(Debug)]
struct Range {
    low: f64,
    low_is_open: bool,
    high: f64,
    high_is_open: bool,
    multiples_of: Vec<f64>,
    not_multiples_of: Vec<f64>,
}

impl Range {
    fn at_least(&mut self, limit: Option<f64>, is_open: bool) {
        let Some(limit) = limit else { return };
        if limit > self.low || (limit >= self.low && is_open) {
            (self.low, self.low_is_open) = (limit, is_open);
        }
    }

    fn at_most(&mut self, limit: Option<f64>, is_open: bool) {
        let Some(limit) = limit else { return };
        if limit < self.high || (limit <= self.high && is_open) {
            (self.high, self.high_is_open) = (limit, is_open);
        }
    }

    fn is_empty(&self) -> bool {
        self.low > self.high || (self.low >= self.high && (self.low_is_open || self.high_is_open))
    }
}

impl Solver<'_> {
    pub(super) fn number(&mut self, case: &Case) -> Outcome {
        let range = self.range(case);
        if range.is_empty() {
            return Outcome::Nothing;
        }
        let fits = |number: f64| self.fits(&case.claims, &to_json(number));
        let units = Units::of(&range);
        let units = if case.kind == Kind::Integer { units.unwrap_or(Units::ONE).whole() } else { units };
        if units.as_ref().is_some_and(|units| units.exclude_each_other(&range)) {
            return Outcome::Nothing;
        }
        let (found, is_complete) = match units {
            Some(units) => {
                let (mut candidates, is_complete) = units.multiples(range.low, range.high);
                (candidates.find(|number| fits(*number)), is_complete)
            }
            None => {
                let found = fractions(&range).into_iter().find(|number| fits(*number));
                (found, is_safe_integer(range.low) && range.low >= range.high)
            }
        };
        match found {
            Some(number) => Outcome::Value(to_json(number)),
            None if is_complete => Outcome::Nothing,
            None => Outcome::Undecided("multipleOf"),
        }
    }

    fn range(&self, case: &Case) -> Range {
        let mut range = Range {
            low: f64::NEG_INFINITY,
            low_is_open: false,
            high: f64::INFINITY,
            high_is_open: false,
            multiples_of: Vec::new(),
            not_multiples_of: Vec::new(),
        };
        #[expect(clippy::cast_precision_loss, reason = "2^53−1 is exact")]
        let safe = MAX_INTEGER as f64;
        if case.kind == Kind::Integer {
            range.at_least(Some(-safe), false);
            range.at_most(Some(safe), false);
        }
        for id in &case.nodes {
            let number = &self.graph[*id].number;
            range.at_least(number.minimum, false);
            range.at_least(number.exclusive_minimum, true);
            range.at_most(number.maximum, false);
            range.at_most(number.exclusive_maximum, true);
            range.multiples_of.extend(number.multiple_of);
        }
        for violation in &case.violations {
            match violation {
                Violation::Minimum(id) => range.at_most(self.graph[*id].number.minimum, true),
                Violation::ExclusiveMinimum(id) => {
                    range.at_most(self.graph[*id].number.exclusive_minimum, false)
                }
                Violation::Maximum(id) => range.at_least(self.graph[*id].number.maximum, true),
                Violation::ExclusiveMaximum(id) => {
                    range.at_least(self.graph[*id].number.exclusive_maximum, false);
                }
                Violation::MultipleOf(id) => {
                    range.not_multiples_of.extend(self.graph[*id].number.multiple_of)
                }
                _ => {}
            }
        }
        range
    }
}

/// The multiples of all divisors: those of `step × 10^exponent`.
struct Units {
    step: u128,
    exponent: i32,
}

impl Units {
    /// The whole numbers.
    const ONE: Self = Self { step: 1, exponent: 0 };

    /// Returns the common multiple of the divisors of a range, or `None` if there are none or it is too large.
    fn of(range: &Range) -> Option<Self> {
        let divisors: Vec<(u128, i32)> =
            range.multiples_of.iter().map(|divisor| decimal(*divisor)).collect::<Option<_>>()?;
        let exponent = divisors.iter().map(|(_, exponent)| *exponent).min()?;
        let step = divisors.iter().try_fold(1_u128, |step, divisor| {
            let digits = scaled(*divisor, exponent)?;
            (step / gcd(step, digits)).checked_mul(digits)
        })?;
        Some(Self { step, exponent })
    }

    /// Returns `true` if every multiple is also a multiple of a divisor that the values must not have.
    fn exclude_each_other(&self, range: &Range) -> bool {
        range.not_multiples_of.iter().filter_map(|divisor| decimal(*divisor)).any(|(digits, exponent)| {
            let lowest = exponent.min(self.exponent);
            let (step, digits) =
                (scaled((self.step, self.exponent), lowest), scaled((digits, exponent), lowest));
            step.zip(digits).is_some_and(|(step, digits)| step.is_multiple_of(digits))
        })
    }

    /// Returns the multiples that are whole numbers: those of the numerator of the step in lowest terms.
    fn whole(self) -> Option<Self> {
        if self.exponent >= 0 {
            return Some(self);
        }
        let denominator = 10_u128.checked_pow(self.exponent.unsigned_abs())?;
        Some(Self { step: self.step / gcd(self.step, denominator), exponent: 0 })
    }

    /// Returns multiples between two limits, those near zero first, and `true` if these are all.
    fn multiples(&self, low: f64, high: f64) -> (impl Iterator<Item = f64>, bool) {
        let size = self.value(1);
        #[expect(clippy::cast_possible_truncation, reason = "a saturated bound is beyond every limit")]
        let (first, last) = ((low / size).ceil() as i128, (high / size).floor() as i128);
        let start = 0.clamp(first.min(last), last.max(first));
        let others = (1..=MAX_TRIED)
            .flat_map(move |distance| [start.saturating_add(distance), start.saturating_sub(distance)]);
        let factors =
            std::iter::once(start).chain(others).filter(move |factor| (first..=last).contains(factor));
        let is_complete = last.saturating_sub(first) < MAX_TRIED;
        (factors.map(|factor| self.value(factor)), is_complete)
    }

    fn value(&self, factor: i128) -> f64 {
        let digits = self.step.saturating_mul(factor.unsigned_abs());
        let sign = if factor < 0 { "-" } else { "" };
        format!("{sign}{digits}e{}", self.exponent).parse().unwrap_or(f64::NAN)
    }
}

/// Returns some numbers of a range, most of them fractions.
fn fractions(range: &Range) -> Vec<f64> {
    let Range { low, high, .. } = *range;
    let within = |number: &f64| number.is_finite() && *number >= low && *number <= high;
    let middle = f64::midpoint(low.max(-1e300), high.min(1e300));
    let near = [0.5, 1.5, -0.5, low + 0.5, high - 0.5, low + 0.25, high - 0.25, middle, middle + 0.5];
    // Not multiples of decimal fractions.
    let near = near.into_iter().chain([0.3, low + 0.3, 1.001, low + 1.001, 1.0 / 3.0, low + 1.0 / 3.0]);
    let extreme = [low.next_up(), high.next_down(), low, high, 1e300, -1e300];
    near.chain(extreme).filter(within).collect()
}

fn is_safe_integer(number: f64) -> bool {
    #[expect(clippy::cast_precision_loss, reason = "2^53−1 is exact")]
    let safe = MAX_INTEGER as f64;
    number.fract() == 0.0 && number.abs() <= safe
}

/// Returns the magnitude of a number as `digits × 10^exponent`.
fn decimal(number: f64) -> Option<(u128, i32)> {
    let text = format!("{:e}", number.abs());
    let (mantissa, exponent) = text.split_once('e')?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits: u128 = format!("{whole}{fraction}").parse().ok()?;
    let exponent = exponent.parse::<i32>().ok()? - i32::try_from(fraction.len()).ok()?;
    (digits != 0).then_some((digits, exponent))
}

/// Returns the digits of a decimal with a smaller exponent.
fn scaled((digits, exponent): (u128, i32), lowest: i32) -> Option<u128> {
    digits.checked_mul(10_u128.checked_pow(exponent.abs_diff(lowest))?)
}

fn gcd(one: u128, other: u128) -> u128 {
    if other == 0 { one } else { gcd(other, one % other) }
}

pub(super) fn to_json(number: f64) -> Value {
    #[expect(clippy::cast_possible_truncation, reason = "checked to be within ±(2^53−1)")]
    if is_safe_integer(number) { json!(number as i64) } else { json!(number) }
}
