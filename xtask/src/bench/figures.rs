//! The figures that load clients print.

use crate::failure::{Failure, Result};
use std::collections::HashMap;

/// Figures by name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Figures(HashMap<String, f64>);

impl Figures {
    /// Reads `name=value` pairs.
    pub(crate) fn read(line: &str) -> Result<Self> {
        let figure = |pair: &str| {
            let (name, value) = pair.split_once('=')?;
            Some((name.to_owned(), value.parse().ok()?))
        };
        let figures: Option<HashMap<_, _>> = line.split_whitespace().map(figure).collect();
        figures.map(Self).ok_or_else(|| {
            Failure::new(format!("expected name=value pairs from a load client, got {line:?}"))
        })
    }

    /// Returns a figure, or NaN if it was not measured.
    pub(crate) fn get(&self, name: &str) -> f64 {
        self.0.get(name).copied().unwrap_or(f64::NAN)
    }

    pub(crate) fn set(&mut self, name: &str, value: f64) {
        self.0.insert(name.to_owned(), value);
    }
}

/// Returns the median of a figure over several runs, or NaN if no run measured it.
pub(crate) fn median(runs: &[Figures], name: &str) -> f64 {
    let mut values: Vec<f64> = runs.iter().map(|run| run.get(name)).filter(|value| !value.is_nan()).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_ignores_runs_that_did_not_measure() {
        let runs = ["a=3 b=1", "a=1", "a=2"].map(|line| Figures::read(line).unwrap());
        assert!((median(&runs, "a") - 2.0).abs() < 1e-9);
        assert!((median(&runs, "b") - 1.0).abs() < 1e-9);
        assert!(median(&runs, "c").is_nan());
        assert!(Figures::read("a=x").is_err());
    }
}
