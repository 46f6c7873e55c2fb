//! Intervals on chromosomes: sets for overlap queries, and windows around centers.

use std::collections::BTreeMap;

/// An interval, 0-based and half-open.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Interval {
    /// Chromosome.
    pub chromosome: String,
    /// First position.
    pub start: u64,
    /// End, exclusive.
    pub end: u64,
}

impl Interval {
    /// An interval.
    pub fn new(chromosome: impl Into<String>, start: u64, end: u64) -> Self {
        Self {
            chromosome: chromosome.into(),
            start,
            end,
        }
    }

    /// Number of positions.
    pub fn width(&self) -> u64 {
        self.end.saturating_sub(self.start)
    }
}

impl std::fmt::Display for Interval {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}-{}", self.chromosome, self.start, self.end)
    }
}

/// The window of `width` bp centred on a position: `center - width/2 ..`, or `None` if it leaves
/// the chromosome.
///
/// Callers count the `None`s: dropped windows are reported, never padded silently.
pub fn centered_window(center: u64, width: u64, chromosome_length: u64) -> Option<(u64, u64)> {
    let start = center.checked_sub(width / 2)?;
    let end = start.checked_add(width)?;
    (end <= chromosome_length).then_some((start, end))
}

/// A set of intervals, for example a blacklist: overlapping ones are merged.
///
/// # Examples
///
/// ```
/// use degu_genome::{Interval, IntervalSet};
/// let rdna = IntervalSet::new([Interval::new("chrXII", 440_000, 500_000)]);
/// assert!(rdna.overlaps("chrXII", 499_999, 500_100));
/// assert!(!rdna.overlaps("chrXII", 500_000, 500_100));
/// assert!(!rdna.contains("chrXI", 450_000));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IntervalSet {
    /// Disjoint intervals by chromosome, sorted.
    merged: BTreeMap<String, Vec<(u64, u64)>>,
}

impl IntervalSet {
    /// Collects intervals; empty ones are passed over, touching ones merged.
    pub fn new(intervals: impl IntoIterator<Item = Interval>) -> Self {
        let mut merged: BTreeMap<String, Vec<(u64, u64)>> = BTreeMap::new();
        for interval in intervals {
            if interval.width() > 0 {
                merged
                    .entry(interval.chromosome)
                    .or_default()
                    .push((interval.start, interval.end));
            }
        }
        for spans in merged.values_mut() {
            spans.sort_unstable();
            spans.dedup_by(|later, kept| {
                let joined = later.0 <= kept.1;
                if joined {
                    kept.1 = kept.1.max(later.1);
                }
                joined
            });
        }
        Self { merged }
    }

    /// Whether any position of `[start, end)` is in the set.
    pub fn overlaps(&self, chromosome: &str, start: u64, end: u64) -> bool {
        self.merged.get(chromosome).is_some_and(|spans| {
            let first = spans.partition_point(|span| span.1 <= start);
            spans.get(first).is_some_and(|span| span.0 < end) && start < end
        })
    }

    /// Whether a position is in the set.
    pub fn contains(&self, chromosome: &str, position: u64) -> bool {
        self.overlaps(chromosome, position, position + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn windows_stay_on_the_chromosome() {
        assert_eq!(centered_window(500, 1000, 1000), Some((0, 1000)));
        assert_eq!(centered_window(499, 1000, 1000), None);
        assert_eq!(centered_window(501, 1000, 1000), None);
        assert_eq!(centered_window(10, 5, 100), Some((8, 13)));
    }

    proptest! {
        #[test]
        fn overlaps_agree_with_positions(
            spans in proptest::collection::vec((0u64..60, 0u64..12), 0..12),
            start in 0u64..70,
            width in 0u64..12,
        ) {
            let mut covered = [false; 100];
            for (at, width) in &spans {
                covered[*at as usize..(at + width) as usize].fill(true);
            }
            let set = IntervalSet::new(spans.iter().map(|(at, width)| Interval::new("c", *at, at + width)));
            let expected = covered[start as usize..(start + width) as usize].iter().any(|c| *c);
            prop_assert_eq!(set.overlaps("c", start, start + width), expected);
        }
    }
}
