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

    #[must_use]
    pub(crate) fn with(mut self, name: &str, value: f64) -> Self {
        self.set(name, value);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_that_was_not_measured_is_not_a_number() {
        let figures = Figures::read("a=3 b=1.5").unwrap();
        assert!((figures.get("b") - 1.5).abs() < 1e-9);
        assert!(figures.get("c").is_nan());
        assert!(Figures::read("a=x").is_err());
    }
}
