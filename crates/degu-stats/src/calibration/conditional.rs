//! Interval coverage within parts of the data.

use std::collections::BTreeMap;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

use crate::alpha::Alpha;
use crate::bins::equal_parts;
use crate::check;
use crate::conformal::Intervals;
use crate::error::{Result, StatsError};
use crate::order::{argsort, runs_of_equal};
use crate::special::normal_quantile;

/// Interval coverage of one group.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct GroupCoverage {
    /// The group.
    pub group: u32,
    /// Rows.
    pub rows: usize,
    /// Rows inside their interval.
    pub covered: usize,
}

/// How far the interval coverage of groups lies from the level asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CovGap {
    /// Mean over groups of |coverage − (1 − α)|.
    pub mean: f64,
    /// The same weighted by rows.
    pub weighted: f64,
    /// Each group with at least one row; compare with its beta-binomial band before reading
    /// anything into a gap.
    pub groups: Vec<GroupCoverage>,
}

/// CovGap over the groups that occur.
///
/// # Errors
///
/// [`StatsError`] for no rows or different lengths.
///
/// # Examples
///
/// ```
/// let inside = [true, true, true, false];
/// let gap = degu_stats::calibration::cov_gap(&inside, &[0, 0, 1, 1], "0.5".parse()?)?;
/// assert_eq!((gap.mean, gap.groups.len()), (0.25, 2));
/// # Ok::<(), degu_stats::StatsError>(())
/// ```
pub fn cov_gap(inside: &[bool], group: &[u32], alpha: Alpha) -> Result<CovGap> {
    check::at_least("inside", 1, inside.len())?;
    check::length("group", inside.len(), group.len())?;
    let mut counts: BTreeMap<u32, (usize, usize)> = BTreeMap::new();
    for (inside, group) in inside.iter().zip(group) {
        let (rows, covered) = counts.entry(*group).or_default();
        *rows += 1;
        *covered += usize::from(*inside);
    }
    let groups: Vec<GroupCoverage> = counts
        .into_iter()
        .map(|(group, (rows, covered))| GroupCoverage {
            group,
            rows,
            covered,
        })
        .collect();
    let gap = |g: &GroupCoverage| (g.covered as f64 / g.rows as f64 - alpha.level()).abs();
    let mean = groups.iter().map(gap).sum::<f64>() / groups.len() as f64;
    let weighted = groups.iter().map(|g| gap(g) * g.rows as f64).sum::<f64>() / inside.len() as f64;
    Ok(CovGap {
        mean,
        weighted,
        groups,
    })
}

/// Interval coverage of rows sorted by width and cut into `parts` of equal count (size-stratified
/// coverage).
///
/// Report the smallest.
///
/// # Errors
///
/// [`StatsError`] for fewer rows than parts, another length or measured values that are not finite.
pub fn size_stratified_coverage(
    intervals: &Intervals,
    measured: &[f64],
    parts: usize,
) -> Result<Vec<f64>> {
    check::at_least("parts", 1, parts)?;
    check::at_least("measured", parts, measured.len())?;
    let inside = intervals.contains(measured)?;
    let order = argsort(&intervals.widths());
    let share = |part: std::ops::Range<usize>| {
        let rows = part.len() as f64;
        order[part].iter().filter(|&&row| inside[row]).count() as f64 / rows
    };
    Ok(equal_parts(measured.len(), parts).map(share).collect())
}

/// The slab of features with the worst interval coverage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorstSlab {
    /// Interval coverage within the slab.
    pub interval_coverage: f64,
    /// Rows in the slab.
    pub rows: usize,
    /// Unit vector of the slab.
    pub direction: Vec<f64>,
    /// The slab holds rows whose projection lies between these, ends included.
    pub bounds: (f64, f64),
}

/// Searches random directions for the slab {low ≤ v·x ≤ high} of at least `share` of the rows with
/// the worst coverage.
///
/// The minimum is optimistic for the worst case and biased low by the search: find the slab on one
/// half of the rows and evaluate it on the other with [`WorstSlab::coverage_of`].
///
/// # Shapes
///
/// * `features` – `[rows, columns]` row-major, standardize them first
///
/// # Errors
///
/// [`StatsError`] for a ragged matrix, different lengths, no directions, or `share` outside (0, 1).
///
/// # Determinism
///
/// The same for the same `seed`.
pub fn worst_slab(
    features: &[f64],
    inside: &[bool],
    columns: usize,
    share: f64,
    directions: usize,
    seed: u64,
) -> Result<WorstSlab> {
    let n = check::matrix("features", features, columns)?;
    check::at_least("features", 1, n)?;
    check::length("inside", n, inside.len())?;
    check::at_least("directions", 1, directions)?;
    check::open_unit("share", share)?;
    let smallest = ((share * n as f64).ceil() as usize).max(1);
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut worst: Option<WorstSlab> = None;
    for _ in 0..directions {
        let raw: Vec<f64> = (0..columns)
            .map(|_| normal_quantile(open_uniform(&mut rng)))
            .collect();
        let length = raw.iter().map(|v| v * v).sum::<f64>().sqrt();
        let direction: Vec<f64> = raw.iter().map(|v| v / length).collect();
        let projection: Vec<f64> = features
            .chunks_exact(columns)
            .map(|row| dot(row, &direction))
            .collect();
        let order = argsort(&projection);
        let (coverage, rows) = worst_window(&projection, &order, inside, smallest);
        if worst
            .as_ref()
            .is_none_or(|w| coverage < w.interval_coverage)
        {
            let bounds = (
                projection[order[rows.start]],
                projection[order[rows.end - 1]],
            );
            worst = Some(WorstSlab {
                interval_coverage: coverage,
                rows: rows.len(),
                direction,
                bounds,
            });
        }
    }
    worst.ok_or(StatsError::TooFew {
        name: "directions",
        needed: 1,
        found: 0,
    })
}

impl WorstSlab {
    /// Rows of other data in the slab and their interval coverage; `None` if no row lies in it.
    ///
    /// # Errors
    ///
    /// [`StatsError`] for a ragged matrix or different lengths.
    pub fn coverage_of(&self, features: &[f64], inside: &[bool]) -> Result<Option<(usize, f64)>> {
        let n = check::matrix("features", features, self.direction.len())?;
        check::length("inside", n, inside.len())?;
        let rows = features.chunks_exact(self.direction.len()).zip(inside);
        let kept: Vec<bool> = rows
            .filter(|(x, _)| (self.bounds.0..=self.bounds.1).contains(&dot(x, &self.direction)))
            .map(|(_, inside)| *inside)
            .collect();
        let covered = kept.iter().filter(|i| **i).count();
        Ok((!kept.is_empty()).then(|| (kept.len(), covered as f64 / kept.len() as f64)))
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

/// Uniform on (0, 1), never an end.
fn open_uniform(rng: &mut ChaCha8Rng) -> f64 {
    ((rng.next_u64() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
}

/// Window of at least `smallest` rows with the smallest mean, by Dinkelbach's iteration: subtract
/// the mean found so far, look for the window of smallest sum, repeat until it no longer falls.
/// Windows never cut rows of equal projection.
fn worst_window(
    projection: &[f64],
    order: &[usize],
    inside: &[bool],
    smallest: usize,
) -> (f64, std::ops::Range<usize>) {
    let cuts: Vec<usize> = std::iter::once(0)
        .chain(runs_of_equal(projection, order).into_iter().map(|r| r.end))
        .collect();
    let mut covered = vec![0_usize; order.len() + 1];
    for (at, row) in order.iter().enumerate() {
        covered[at + 1] = covered[at] + usize::from(inside[*row]);
    }
    let share = |from: usize, to: usize| (covered[to] - covered[from]) as f64 / (to - from) as f64;
    let (mut best, mut rate) = (0..order.len(), share(0, order.len()));
    loop {
        let height = |cut: usize| covered[cut] as f64 - rate * cut as f64;
        let (mut highest, mut first) = (f64::NEG_INFINITY, 0);
        let mut starts = cuts.iter().copied().peekable();
        let mut lowest = (0.0, best.clone());
        for &end in &cuts {
            while let Some(start) = starts.next_if(|start| start + smallest <= end) {
                if height(start) > highest {
                    (highest, first) = (height(start), start);
                }
            }
            let sum = height(end) - highest;
            if sum < lowest.0 - 1e-9 {
                lowest = (sum, first..end);
            }
        }
        let lowest_rate = share(lowest.1.start, lowest.1.end);
        if lowest_rate >= rate {
            return (rate, best);
        }
        (best, rate) = (lowest.1, lowest_rate);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_is_the_worst_of_all_windows() {
        let n = 60;
        let projection: Vec<f64> = (0..n).map(|i| ((i * 37) % 41) as f64).collect();
        let inside: Vec<bool> = (0..n).map(|i| (i * 29) % 7 > 1).collect();
        let order = argsort(&projection);
        let got = worst_window(&projection, &order, &inside, 12);
        let mut want = f64::INFINITY;
        for from in 0..n {
            for to in from + 12..=n {
                let cut = |at: usize| {
                    at > 0 && at < n && projection[order[at - 1]] == projection[order[at]]
                };
                if !cut(from) && !cut(to) {
                    let covered = order[from..to].iter().filter(|&&row| inside[row]).count();
                    want = want.min(covered as f64 / (to - from) as f64);
                }
            }
        }
        assert!((got.0 - want).abs() < 1e-12);
        assert!(got.1.len() >= 12);
    }

    #[test]
    fn a_hole_in_one_feature_is_found_and_confirmed() {
        let features: Vec<f64> = (0..400)
            .flat_map(|i| [f64::from(i % 20) - 9.5, f64::from(i / 20) - 9.5])
            .collect();
        let inside: Vec<bool> = features.chunks_exact(2).map(|x| x[0] < 5.0).collect();
        let slab = worst_slab(&features, &inside, 2, 0.1, 200, 7).unwrap();
        assert!(slab.interval_coverage < 0.2 && slab.rows >= 40);
        assert_eq!(
            slab.coverage_of(&features, &inside).unwrap(),
            Some((slab.rows, slab.interval_coverage))
        );
        assert_eq!(
            slab,
            worst_slab(&features, &inside, 2, 0.1, 200, 7).unwrap()
        );
    }
}
