//! Sets of Unicode code points.

/// A set of code points, as sorted ranges with gaps between them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct CodePoints(Vec<(u32, u32)>);

pub(crate) const MAX_CODE_POINT: u32 = 0x0010_FFFF;

impl CodePoints {
    /// Creates a set from inclusive ranges.
    pub(crate) fn from_ranges(mut ranges: Vec<(u32, u32)>) -> Self {
        ranges.sort_unstable();
        let mut merged: Vec<(u32, u32)> = Vec::with_capacity(ranges.len());
        for (first, last) in ranges {
            match merged.last_mut() {
                Some((_, end)) if first <= end.saturating_add(1) => *end = (*end).max(last),
                _ => merged.push((first, last)),
            }
        }
        Self(merged)
    }

    pub(crate) fn single(code_point: u32) -> Self {
        Self(vec![(code_point, code_point)])
    }

    pub(crate) fn ranges(&self) -> &[(u32, u32)] {
        &self.0
    }

    pub(crate) fn contains(&self, code_point: u32) -> bool {
        let at = self.0.partition_point(|(_, last)| *last < code_point);
        self.0.get(at).is_some_and(|(first, _)| *first <= code_point)
    }

    pub(crate) fn negated(&self) -> Self {
        let mut ranges = Vec::with_capacity(self.0.len() + 1);
        let mut next = 0;
        for (first, last) in &self.0 {
            if *first > next {
                ranges.push((next, first - 1));
            }
            next = last + 1;
        }
        if next <= MAX_CODE_POINT {
            ranges.push((next, MAX_CODE_POINT));
        }
        Self(ranges)
    }

    /// `\d`
    pub(crate) fn digits() -> Self {
        Self::from_ranges(vec![(0x30, 0x39)])
    }

    /// `\w`
    pub(crate) fn word() -> Self {
        Self::from_ranges(vec![(0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A)])
    }

    /// `\s`
    pub(crate) fn space() -> Self {
        let single = [0x20, 0xA0, 0x1680, 0x202F, 0x205F, 0x3000, 0xFEFF];
        let mut ranges = vec![(0x09, 0x0D), (0x2000, 0x200A), (0x2028, 0x2029)];
        ranges.extend(single.map(|code_point| (code_point, code_point)));
        Self::from_ranges(ranges)
    }

    /// `.`
    pub(crate) fn dot() -> Self {
        Self::from_ranges(vec![(0x0A, 0x0A), (0x0D, 0x0D), (0x2028, 0x2029)]).negated()
    }
}
