//! Cross-fitted intervals: CV+, min-max, and jackknife+-after-bootstrap. No calibration split is
//! needed.
//!
//! They apply to the teacher. A student distilled from all members has seen every row and is
//! calibrated by a split.

use serde::{Deserialize, Serialize};

use super::intervals::Intervals;
use crate::alpha::Alpha;
use crate::check;
use crate::error::{Result, StatsError};
use crate::order::kth_smallest;
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

/// Training rows of a K-fold ensemble, each predicted by the model that did not train on it.
#[derive(Debug, Clone, Copy)]
pub struct OutOfFold<'a> {
    /// Measured values, one a row.
    pub measured: &'a [f64],
    /// Prediction by the model of the row's fold.
    pub mean: &'a [f64],
    /// Scale by the model of the row's fold, for normalized intervals.
    pub scale: Option<&'a [f64]>,
    /// Fold of each row.
    pub fold: &'a [usize],
}

/// New rows predicted by the model of each fold, `[folds, rows]` row-major.
#[derive(Debug, Clone, Copy)]
pub struct ByFold<'a> {
    /// Predictions.
    pub mean: &'a [f64],
    /// Scales, if the training rows have them.
    pub scale: Option<&'a [f64]>,
    /// Number of folds.
    pub folds: usize,
}

/// CV+ intervals (Barber et al. 2021) of new rows; with as many folds as rows it is the jackknife+.
///
/// # Errors
///
/// [`StatsError`] for different lengths, values that are not finite, a scale that is not positive
/// or given on one side only, or a fold index beyond the number of folds.
pub fn cross_intervals(
    training: OutOfFold<'_>,
    new: ByFold<'_>,
    variant: CrossVariant,
    alpha: Alpha,
) -> Result<Intervals> {
    let n = training.measured.len();
    check::at_least("measured", 1, n)?;
    check::finite("measured", training.measured)?;
    check::column("out-of-fold mean", training.mean, n)?;
    check::length("fold", n, training.fold.len())?;
    check::at_least("folds", 1, new.folds)?;
    let rows = new.mean.len() / new.folds;
    check::column("mean by fold", new.mean, rows * new.folds)?;
    match (training.scale, new.scale) {
        (Some(a), Some(b)) => {
            check::scale("out-of-fold scale", a, n)?;
            check::scale("scale by fold", b, new.mean.len())?;
        }
        (None, None) => {}
        _ => {
            return Err(StatsError::Missing {
                name: "scale",
                wanted_by: "normalized intervals, on both sides",
            });
        }
    }
    if let Some(fold) = training.fold.iter().find(|f| **f >= new.folds) {
        let expected = "below the number of folds";
        return Err(StatsError::Parameter {
            name: "fold",
            expected,
            found: *fold as f64,
        });
    }
    let scores: Vec<f64> = (0..n)
        .map(|i| {
            (training.measured[i] - training.mean[i]).abs() / training.scale.map_or(1.0, |s| s[i])
        })
        .collect();
    let at = |fold: usize, row: usize| new.mean[fold * rows + row];
    let mut ends = Vec::with_capacity(rows);
    for row in 0..rows {
        let radius =
            |i: usize| scores[i] * new.scale.map_or(1.0, |s| s[training.fold[i] * rows + row]);
        let (low, high): (Vec<f64>, Vec<f64>) = match variant {
            CrossVariant::Plus => {
                let ends = (0..n).map(|i| (at(training.fold[i], row), radius(i)));
                ends.map(|(m, r)| (m - r, m + r)).unzip()
            }
            CrossVariant::MinMax => {
                let (smallest, largest) = (0..new.folds)
                    .fold((f64::INFINITY, f64::NEG_INFINITY), |(s, l), f| {
                        (s.min(at(f, row)), l.max(at(f, row)))
                    });
                (0..n)
                    .map(|i| (smallest - radius(i), largest + radius(i)))
                    .unzip()
            }
        };
        ends.push(plus_ends(&low, &high, alpha)?);
    }
    Ok(Intervals::from_ends(ends))
}

/// −(k-th smallest of −low) and the k-th smallest of high.
fn plus_ends(low: &[f64], high: &[f64], alpha: Alpha) -> Result<(f64, f64)> {
    let k = alpha.rank(low.len());
    let mirrored: Vec<f64> = low.iter().map(|v| -v).collect();
    Ok((-kth_smallest(&mirrored, k)?, kth_smallest(high, k)?))
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
    /// Predictions of the new rows, `[members, rows]` row-major.
    pub new_mean: &'a [f64],
    /// Number of members.
    pub members: usize,
}

/// Jackknife+-after-bootstrap: intervals and what they rest on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OutOfBagIntervals {
    /// Intervals of the new rows.
    pub intervals: Intervals,
    /// Training rows that at least one member left out.
    pub used: usize,
    /// Training rows that every member drew; they are excluded.
    pub excluded: usize,
}

/// Jackknife+-after-bootstrap: the leave-one-out model of a row is the mean of the members that did
/// not draw it.
///
/// Guarantee: at least 1 − 2α with a random number of members. Intervals are infinite if too few
/// rows remain.
///
/// # Errors
///
/// [`StatsError`] for different lengths, values that are not finite, or no row that any member left
/// out.
pub fn jackknife_after_bootstrap(bag: OutOfBag<'_>, alpha: Alpha) -> Result<OutOfBagIntervals> {
    let n = bag.measured.len();
    check::at_least("members", 1, bag.members)?;
    check::finite("measured", bag.measured)?;
    check::column("member mean", bag.mean, bag.members * n)?;
    check::length("drawn", bag.members * n, bag.drawn.len())?;
    let rows = bag.new_mean.len() / bag.members;
    check::column("member mean of new rows", bag.new_mean, bag.members * rows)?;
    let left_out: Vec<(usize, Vec<usize>)> = (0..n)
        .map(|i| {
            (
                i,
                (0..bag.members).filter(|m| !bag.drawn[m * n + i]).collect(),
            )
        })
        .filter(|(_, members): &(usize, Vec<usize>)| !members.is_empty())
        .collect();
    check::at_least("rows that a member left out", 1, left_out.len())?;
    let centre = |values: &[f64], width: usize, row: usize, members: &[usize]| {
        mean_by(members.len(), |m| values[members[m] * width + row])
    };
    let residuals: Vec<f64> = left_out
        .iter()
        .map(|(i, members)| (bag.measured[*i] - centre(bag.mean, n, *i, members)).abs())
        .collect();
    let mut ends = Vec::with_capacity(rows);
    for row in 0..rows {
        let centres = left_out
            .iter()
            .map(|(_, members)| centre(bag.new_mean, rows, row, members));
        let (low, high): (Vec<f64>, Vec<f64>) =
            centres.zip(&residuals).map(|(m, r)| (m - r, m + r)).unzip();
        ends.push(plus_ends(&low, &high, alpha)?);
    }
    Ok(OutOfBagIntervals {
        intervals: Intervals::from_ends(ends),
        used: left_out.len(),
        excluded: n - left_out.len(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_that_each_leave_one_row_out_are_the_jackknife_plus() {
        // Member i leaves row i out: J+aB and CV+ with one row a fold are the same thing.
        let n = 12;
        let measured: Vec<f64> = (0..n).map(|i| ((i * 7) % 5) as f64).collect();
        let mean: Vec<f64> = (0..n * n).map(|i| ((i * 11) % 13) as f64 / 4.0).collect();
        let new_mean: Vec<f64> = (0..n * 3).map(|i| ((i * 5) % 7) as f64 / 2.0).collect();
        let drawn: Vec<bool> = (0..n * n).map(|i| i / n != i % n).collect();
        let out_of_fold: Vec<f64> = (0..n).map(|i| mean[i * n + i]).collect();
        let fold: Vec<usize> = (0..n).collect();
        let alpha = "0.2".parse().unwrap();
        let bag = OutOfBag {
            measured: &measured,
            mean: &mean,
            drawn: &drawn,
            new_mean: &new_mean,
            members: n,
        };
        let got = jackknife_after_bootstrap(bag, alpha).unwrap();
        let training = OutOfFold {
            measured: &measured,
            mean: &out_of_fold,
            scale: None,
            fold: &fold,
        };
        let new = ByFold {
            mean: &new_mean,
            scale: None,
            folds: n,
        };
        assert_eq!(
            got.intervals,
            cross_intervals(training, new, CrossVariant::Plus, alpha).unwrap()
        );
        assert_eq!((got.used, got.excluded), (n, 0));
    }

    #[test]
    fn rows_that_all_members_drew_are_excluded() {
        let bag = OutOfBag {
            measured: &[1.0, 2.0],
            mean: &[1.0, 1.0],
            drawn: &[true, false],
            new_mean: &[0.0],
            members: 1,
        };
        let got = jackknife_after_bootstrap(bag, "0.1".parse().unwrap()).unwrap();
        assert_eq!(
            (got.used, got.excluded, got.intervals.upper[0]),
            (1, 1, f64::INFINITY)
        );
        assert!(
            jackknife_after_bootstrap(
                OutOfBag {
                    drawn: &[true, true],
                    ..bag
                },
                "0.1".parse().unwrap()
            )
            .is_err()
        );
    }

    #[test]
    fn unit_scales_change_nothing() {
        let training = OutOfFold {
            measured: &[0.0, 1.0, 2.0, 3.0],
            mean: &[0.5; 4],
            scale: None,
            fold: &[0, 1, 0, 1],
        };
        let new = ByFold {
            mean: &[1.0, 2.0],
            scale: None,
            folds: 2,
        };
        let alpha = "0.5".parse().unwrap();
        let plain = cross_intervals(training, new, CrossVariant::Plus, alpha).unwrap();
        let training = OutOfFold {
            scale: Some(&[1.0; 4]),
            ..training
        };
        assert!(cross_intervals(training, new, CrossVariant::Plus, alpha).is_err());
        let new = ByFold {
            scale: Some(&[1.0; 2]),
            ..new
        };
        assert_eq!(
            cross_intervals(training, new, CrossVariant::Plus, alpha).unwrap(),
            plain
        );
        let training = OutOfFold {
            fold: &[0, 1, 0, 2],
            ..training
        };
        assert!(cross_intervals(training, new, CrossVariant::Plus, alpha).is_err());
    }
}
