//! Cross-fitted intervals without a calibration split: CV+ (Barber et al. 2021), min-max, and
//! jackknife+-after-bootstrap.
//!
//! They apply to the teacher. A student distilled from all members has seen every row and is
//! calibrated by a split. The leave-one-out model of a row is the mean of the members that did not
//! train on it. CV+ and jackknife+-after-bootstrap cover at least 1 − 2α (the latter with a random
//! number of members); intervals are infinite if too few rows remain.
//!
//! The definition selects from n shifted residuals for every new row. Rows that the same members
//! left out share their centre, so their residuals need sorting once; a new row then takes a search
//! over as many sorted lists as there are sets of members: one per fold, or at most 2^M for bags.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::intervals::Intervals;
use super::scores::SortedScores;
use crate::alpha::Alpha;
use crate::check;
use crate::error::Result;
use crate::sum::mean_by;

/// Which centre a residual is put around.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CrossVariant {
    /// The prediction of the model that did not see the row (CV+, jackknife+): at least 1 − 2α,
    /// less √(2/n) for folds.
    #[default]
    Plus,
    /// The smallest and the largest prediction over the folds: wider, at least 1 − α for the
    /// jackknife.
    MinMax,
}

/// Members trained on bootstrap samples, and which rows each of them drew.
#[derive(Debug, Clone, Copy)]
pub struct OutOfBag<'a> {
    /// Measured values of the N training rows.
    pub measured: &'a [f64],
    /// Predictions of the training rows, `[members, N]` row-major.
    pub mean: &'a [f64],
    /// Whether member m trained on row i, `[members, N]` row-major.
    pub drawn: &'a [bool],
    /// Number of members.
    pub members: usize,
}

/// Residuals of training rows by the members that left them out.
///
/// # Examples
///
/// ```
/// use degu_stats::conformal::cross::{CrossVariant, LeftOut, OutOfBag};
///
/// // Two members; each left out one half of twenty rows and predicts 0 everywhere.
/// let measured: Vec<f64> = (0..20).map(|i| f64::from(i) / 10.0).collect();
/// let drawn: Vec<bool> = (0..40).map(|i| (i / 20 == 0) == (i % 2 == 0)).collect();
/// let (mean, new_mean) = (vec![0.0; 40], vec![0.0; 2]);
/// let bag = OutOfBag { measured: &measured, mean: &mean, drawn: &drawn, members: 2 };
/// let fitted = LeftOut::fit(bag)?;
/// assert_eq!((fitted.used(), fitted.folds()), (20, Some(2)));
/// let at = fitted.intervals(&new_mean, CrossVariant::Plus, "0.1".parse()?)?;
/// assert_eq!((at.lower[0], at.upper[0]), (-1.8, 1.8));
/// # Ok::<(), degu_stats::StatsError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LeftOut {
    members: usize,
    excluded: usize,
    sets: Vec<LeftOutSet>,
}

/// Rows that the same members left out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct LeftOutSet {
    members: Vec<usize>,
    residuals: SortedScores,
}

impl LeftOut {
    /// Gathers the training rows.
    ///
    /// # Errors
    ///
    /// [`StatsError`](crate::StatsError) for different lengths, values that are not finite, or no
    /// row that any member left out.
    pub fn fit(bag: OutOfBag<'_>) -> Result<Self> {
        let n = bag.measured.len();
        check::at_least("members", 1, bag.members)?;
        check::finite("measured", bag.measured)?;
        check::column("member mean", bag.mean, bag.members * n)?;
        check::length("drawn", bag.members * n, bag.drawn.len())?;
        let mut by_set: BTreeMap<Vec<usize>, Vec<f64>> = BTreeMap::new();
        let mut excluded = 0;
        for row in 0..n {
            let members: Vec<usize> = (0..bag.members)
                .filter(|m| !bag.drawn[m * n + row])
                .collect();
            if members.is_empty() {
                excluded += 1;
                continue;
            }
            let centre = mean_by(members.len(), |m| bag.mean[members[m] * n + row]);
            let residual = (bag.measured[row] - centre).abs();
            by_set.entry(members).or_default().push(residual);
        }
        check::at_least("rows that a member left out", 1, n - excluded)?;
        let sets = by_set.into_iter().map(|(members, residuals)| {
            Ok(LeftOutSet {
                members,
                residuals: SortedScores::new(&residuals)?,
            })
        });
        Ok(Self {
            members: bag.members,
            excluded,
            sets: sets.collect::<Result<_>>()?,
        })
    }

    /// Training rows that at least one member left out.
    pub fn used(&self) -> usize {
        self.sets.iter().map(|s| s.residuals.len()).sum()
    }

    /// Training rows that every member drew; they are left out of the ranks.
    pub const fn excluded(&self) -> usize {
        self.excluded
    }

    /// Members.
    pub const fn members(&self) -> usize {
        self.members
    }

    /// Number of folds if every row was left out by exactly one member (CV+); `None` for bags.
    pub fn folds(&self) -> Option<usize> {
        (self.excluded == 0 && self.sets.iter().all(|s| s.members.len() == 1))
            .then_some(self.sets.len())
    }

    /// Intervals of new rows from the members' predictions of them, `[members, rows]` row-major.
    ///
    /// # Errors
    ///
    /// [`StatsError`](crate::StatsError) for a ragged matrix or values that are not finite.
    pub fn intervals(
        &self,
        new_mean: &[f64],
        variant: CrossVariant,
        alpha: Alpha,
    ) -> Result<Intervals> {
        let rows = new_mean.len() / self.members;
        check::column("member mean of new rows", new_mean, self.members * rows)?;
        let k = alpha.rank(self.used());
        let mut ends = Vec::with_capacity(rows);
        let mut centres = vec![0.0; self.sets.len()];
        for row in 0..rows {
            for (centre, set) in centres.iter_mut().zip(&self.sets) {
                *centre = mean_by(set.members.len(), |m| new_mean[set.members[m] * rows + row]);
            }
            let fold = |f: fn(f64, f64) -> f64, from: f64| centres.iter().copied().fold(from, f);
            let (least, most) = (
                fold(f64::min, f64::INFINITY),
                fold(f64::max, f64::NEG_INFINITY),
            );
            let (low, high): (Vec<f64>, Vec<f64>) = match variant {
                CrossVariant::Plus => (centres.clone(), centres.clone()),
                CrossVariant::MinMax => (vec![least; centres.len()], vec![most; centres.len()]),
            };
            let mirrored: Vec<f64> = low.iter().map(|c| -c).collect();
            ends.push((-self.kth(&mirrored, k), self.kth(&high, k)));
        }
        Ok(Intervals::from_ends(ends))
    }

    /// The k-th smallest of `centre + residual` over all rows, +∞ beyond the last: a search over
    /// the ordered bits of the value.
    fn kth(&self, centres: &[f64], k: usize) -> f64 {
        if k > self.used() {
            return f64::INFINITY;
        }
        // Rounding is monotone, so `centre + residual` stays sorted and the count is exact.
        let count = |value: f64| -> usize {
            let lists = self.sets.iter().zip(centres);
            lists
                .map(|(set, c)| set.residuals.as_slice().partition_point(|r| c + r <= value))
                .sum()
        };
        let (mut below, mut above) = (ordered(f64::NEG_INFINITY), ordered(f64::INFINITY));
        while above - below > 1 {
            let middle = below + (above - below) / 2;
            if count(value_of(middle)) >= k {
                above = middle;
            } else {
                below = middle;
            }
        }
        value_of(above)
    }
}

/// Bits of a number in the order of numbers.
fn ordered(value: f64) -> u64 {
    let bits = value.to_bits();
    if bits >> 63 == 1 {
        !bits
    } else {
        bits | 1 << 63
    }
}

/// The number with these ordered bits.
fn value_of(ordered: u64) -> f64 {
    f64::from_bits(if ordered >> 63 == 1 {
        ordered & !(1 << 63)
    } else {
        !ordered
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wave(i: usize, step: usize, period: usize) -> f64 {
        ((i * step) % period) as f64 / period as f64 - 0.4
    }

    /// The definition: the k-th smallest ends over all training rows, one new row at a time.
    fn direct(
        bag: OutOfBag<'_>,
        new_mean: &[f64],
        variant: CrossVariant,
        alpha: Alpha,
    ) -> Intervals {
        let (n, rows) = (bag.measured.len(), new_mean.len() / bag.members);
        let left_out: Vec<(usize, Vec<usize>)> = (0..n)
            .map(|i| {
                (
                    i,
                    (0..bag.members).filter(|m| !bag.drawn[m * n + i]).collect(),
                )
            })
            .filter(|(_, members): &(usize, Vec<usize>)| !members.is_empty())
            .collect();
        let centre = |values: &[f64], width: usize, row: usize, members: &[usize]| {
            mean_by(members.len(), |m| values[members[m] * width + row])
        };
        let kth = |mut values: Vec<f64>| {
            values.sort_unstable_by(f64::total_cmp);
            let k = alpha.rank(values.len());
            values.get(k - 1).copied().unwrap_or(f64::INFINITY)
        };
        let ends = (0..rows).map(|row| {
            let centres: Vec<f64> = left_out
                .iter()
                .map(|(_, members)| centre(new_mean, rows, row, members))
                .collect();
            let least = centres.iter().copied().fold(f64::INFINITY, f64::min);
            let most = centres.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let (mirrored, high) = left_out
                .iter()
                .zip(&centres)
                .map(|((i, members), c)| {
                    let residual = (bag.measured[*i] - centre(bag.mean, n, *i, members)).abs();
                    match variant {
                        CrossVariant::Plus => (residual - c, c + residual),
                        CrossVariant::MinMax => (residual - least, most + residual),
                    }
                })
                .unzip();
            (-kth(mirrored), kth(high))
        });
        Intervals::from_ends(ends)
    }

    #[test]
    fn numbers_keep_their_order_as_bits() {
        let all = [
            f64::NEG_INFINITY,
            -2.5,
            -1e-300,
            0.0,
            1e-300,
            1.0,
            f64::INFINITY,
        ];
        assert!(all.windows(2).all(|p| ordered(p[0]) < ordered(p[1])));
        assert!(
            all.iter()
                .all(|v| value_of(ordered(*v)).to_bits() == v.to_bits())
        );
    }

    #[test]
    fn bags_agree_with_the_direct_construction_bit_for_bit() {
        let (members, n, rows) = (5, 83, 17);
        let measured: Vec<f64> = (0..n).map(|i| wave(i, 31, 97)).collect();
        let mean: Vec<f64> = (0..members * n).map(|i| 0.3 * wave(i, 57, 101)).collect();
        let drawn: Vec<bool> = (0..members * n).map(|i| wave(i, 43, 89) < 0.2).collect();
        let new_mean: Vec<f64> = (0..members * rows).map(|i| wave(i, 71, 103)).collect();
        let bag = OutOfBag {
            measured: &measured,
            mean: &mean,
            drawn: &drawn,
            members,
        };
        let fitted = LeftOut::fit(bag).unwrap();
        let state = serde_json::to_string(&fitted).unwrap();
        let fitted: LeftOut = serde_json::from_str(&state).unwrap();
        assert!(fitted.excluded() > 0 && fitted.folds().is_none());
        for text in ["0.05", "0.1", "0.37"] {
            let alpha = text.parse().unwrap();
            let direct = direct(bag, &new_mean, CrossVariant::Plus, alpha);
            let fast = fitted
                .intervals(&new_mean, CrossVariant::Plus, alpha)
                .unwrap();
            assert_eq!(fast, direct);
            assert_eq!(fitted.used() + fitted.excluded(), n);
        }
    }

    #[test]
    fn folds_agree_with_cv_plus_bit_for_bit() {
        let (folds, n, rows) = (4, 60, 13);
        let fold: Vec<usize> = (0..n).map(|i| i % folds).collect();
        let measured: Vec<f64> = (0..n).map(|i| wave(i, 31, 97)).collect();
        let mean: Vec<f64> = (0..folds * n).map(|i| 0.3 * wave(i, 57, 101)).collect();
        let drawn: Vec<bool> = (0..folds * n).map(|i| fold[i % n] != i / n).collect();
        let new_mean: Vec<f64> = (0..folds * rows).map(|i| wave(i, 71, 103)).collect();
        let bag = OutOfBag {
            measured: &measured,
            mean: &mean,
            drawn: &drawn,
            members: folds,
        };
        let fitted = LeftOut::fit(bag).unwrap();
        assert_eq!(fitted.folds(), Some(folds));
        for variant in [CrossVariant::Plus, CrossVariant::MinMax] {
            let alpha = "0.1".parse().unwrap();
            let direct = direct(bag, &new_mean, variant, alpha);
            assert_eq!(fitted.intervals(&new_mean, variant, alpha).unwrap(), direct);
        }
        let few = fitted
            .intervals(&new_mean, CrossVariant::Plus, "0.01".parse().unwrap())
            .unwrap();
        assert!(few.upper.iter().all(|u| *u == f64::INFINITY));
    }

    #[test]
    fn rows_that_all_members_drew_are_excluded() {
        let bag = OutOfBag {
            measured: &[1.0, 2.0],
            mean: &[1.0, 1.0],
            drawn: &[true, false],
            members: 1,
        };
        let fitted = LeftOut::fit(bag).unwrap();
        let alpha = "0.1".parse().unwrap();
        let at = fitted.intervals(&[0.0], CrossVariant::Plus, alpha).unwrap();
        assert_eq!((fitted.used(), fitted.excluded()), (1, 1));
        assert_eq!(at.upper[0], f64::INFINITY);
        let drawn = &[true, true];
        assert!(LeftOut::fit(OutOfBag { drawn, ..bag }).is_err());
    }
}
