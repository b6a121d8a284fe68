//! The figures that load clients print.

use crate::failure::{Failure, Result};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Figures by name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Figures(BTreeMap<String, f64>);

impl Figures {
    /// Reads `name=value` pairs.
    pub(crate) fn read(line: &str) -> Result<Self> {
        let figure = |pair: &str| {
            let (name, value) = pair.split_once('=')?;
            Some((name.to_owned(), value.parse().ok()?))
        };
        let figures: Option<BTreeMap<_, _>> = line.split_whitespace().map(figure).collect();
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

    /// Adds figures, with a prefix and a point before their names.
    pub(crate) fn extend(&mut self, prefix: &str, others: &Self) {
        self.0.extend(others.0.iter().map(|(name, value)| (format!("{prefix}.{name}"), *value)));
    }

    /// Formats the figures as [`Figures::read`] reads them, one per line.
    pub(crate) fn to_lines(&self) -> String {
        self.0.iter().fold(String::new(), |mut lines, (name, value)| {
            let _ = writeln!(lines, "{name}={value}");
            lines
        })
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
        let mut all = Figures::default();
        all.extend("x", &figures);
        assert_eq!(all.to_lines(), "x.a=3\nx.b=1.5\n");
    }
}
