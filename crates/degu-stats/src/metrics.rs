//! Point metrics: correlation and error of predictions against measurements.
//!
//! All functions take finite values; rows with missing labels go through [`masked_pairs`] or
//! [`finite_pairs`] first. A column that does not vary has no correlation: those results are
//! `None`, never 0 and never NaN.

use serde::{Deserialize, Serialize};

use crate::check;
use crate::error::Result;
use crate::order::ranks;
use crate::sum::{mean, mean_by, sum_by};

fn pair(measured: &[f64], predicted: &[f64]) -> Result<usize> {
    check::at_least("measured", 1, measured.len())?;
    check::finite("measured", measured)?;
    check::column("predicted", predicted, measured.len())?;
    Ok(measured.len())
}

/// The rows of two columns where `keep` is true.
///
/// # Errors
///
/// [`StatsError::Length`](crate::StatsError::Length) if the three differ in length.
pub fn masked_pairs(
    measured: &[f64],
    predicted: &[f64],
    keep: &[bool],
) -> Result<(Vec<f64>, Vec<f64>)> {
    check::length("predicted", measured.len(), predicted.len())?;
    check::length("keep", measured.len(), keep.len())?;
    let rows = measured.iter().zip(predicted).zip(keep);
    Ok(rows
        .filter(|(_, keep)| **keep)
        .map(|((y, m), _)| (*y, *m))
        .unzip())
}

/// The rows of two columns where both are finite, for labels that are missing as NaN.
///
/// # Errors
///
/// [`StatsError::Length`](crate::StatsError::Length) if the two differ in length.
///
/// # Examples
///
/// ```
/// let (y, m) = degu_stats::metrics::finite_pairs(&[1.0, f64::NAN, 3.0], &[1.5, 2.0, 2.5])?;
/// assert_eq!(degu_stats::metrics::mae(&y, &m)?, 0.5);
/// # Ok::<(), degu_stats::StatsError>(())
/// ```
pub fn finite_pairs(measured: &[f64], predicted: &[f64]) -> Result<(Vec<f64>, Vec<f64>)> {
    check::length("predicted", measured.len(), predicted.len())?;
    let rows = measured.iter().zip(predicted);
    Ok(rows
        .filter(|(y, m)| y.is_finite() && m.is_finite())
        .map(|(y, m)| (*y, *m))
        .unzip())
}

/// Pearson correlation; `None` if either column is constant (or there is one row).
///
/// # Errors
///
/// [`StatsError`](crate::StatsError) for no rows, different lengths, or a value that is not finite.
///
/// # Examples
///
/// ```
/// use degu_stats::metrics::pearson;
/// assert_eq!(pearson(&[1.0, 2.0, 3.0], &[2.0, 4.0, 6.0])?, Some(1.0));
/// assert_eq!(pearson(&[1.0, 2.0, 3.0], &[5.0, 5.0, 5.0])?, None);
/// # Ok::<(), degu_stats::StatsError>(())
/// ```
pub fn pearson(measured: &[f64], predicted: &[f64]) -> Result<Option<f64>> {
    let n = pair(measured, predicted)?;
    if constant(measured) || constant(predicted) {
        return Ok(None);
    }
    let (x0, y0) = (mean(measured), mean(predicted));
    let xx = sum_by(n, |i| (measured[i] - x0).powi(2));
    let yy = sum_by(n, |i| (predicted[i] - y0).powi(2));
    let xy = sum_by(n, |i| (measured[i] - x0) * (predicted[i] - y0));
    // One root keeps r = 1 exact; two roots keep extreme units from overflowing.
    let product = xx * yy;
    let r = xy
        / if product.is_normal() {
            product.sqrt()
        } else {
            xx.sqrt() * yy.sqrt()
        };
    // Squares of differences below 1e-154 vanish: such a column is constant for every purpose.
    Ok(r.is_finite().then_some(r.clamp(-1.0, 1.0)))
}

/// Spearman correlation with mid-ranks for ties; `None` if either column is constant.
///
/// # Errors
///
/// As [`pearson`].
pub fn spearman(measured: &[f64], predicted: &[f64]) -> Result<Option<f64>> {
    pair(measured, predicted)?;
    pearson(&ranks(measured)?, &ranks(predicted)?)
}

/// Mean squared error, in squared units of the measurement.
///
/// # Errors
///
/// As [`pearson`].
pub fn mse(measured: &[f64], predicted: &[f64]) -> Result<f64> {
    let n = pair(measured, predicted)?;
    Ok(mean_by(n, |i| (measured[i] - predicted[i]).powi(2)))
}

/// Root mean squared error, in units of the measurement.
///
/// # Errors
///
/// As [`pearson`].
pub fn rmse(measured: &[f64], predicted: &[f64]) -> Result<f64> {
    Ok(mse(measured, predicted)?.sqrt())
}

/// Mean absolute error, in units of the measurement.
///
/// # Errors
///
/// As [`pearson`].
pub fn mae(measured: &[f64], predicted: &[f64]) -> Result<f64> {
    let n = pair(measured, predicted)?;
    Ok(mean_by(n, |i| (measured[i] - predicted[i]).abs()))
}

/// Coefficient of determination, `1 - SSE/SST`; negative when the mean predicts better, `None` for
/// constant labels.
///
/// # Errors
///
/// As [`pearson`].
pub fn r2(measured: &[f64], predicted: &[f64]) -> Result<Option<f64>> {
    let n = pair(measured, predicted)?;
    if constant(measured) {
        return Ok(None);
    }
    let centre = mean(measured);
    let total = mean_by(n, |i| (measured[i] - centre).powi(2));
    let explained = 1.0 - mse(measured, predicted)? / total;
    Ok(explained.is_finite().then_some(explained))
}

/// Every value equals the first.
#[expect(
    clippy::float_cmp,
    reason = "a column that varies by one bit is not constant"
)]
pub(crate) fn constant(values: &[f64]) -> bool {
    values.iter().all(|v| *v == values[0])
}

/// The point metrics of one task, over the rows that have a label.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PointMetrics {
    /// Rows used.
    pub rows: usize,
    /// Mean squared error.
    pub mse: f64,
    /// Root mean squared error.
    pub rmse: f64,
    /// Mean absolute error.
    pub mae: f64,
    /// Coefficient of determination; `None` for constant labels.
    pub r2: Option<f64>,
    /// Pearson correlation; `None` if either column is constant.
    pub pearson: Option<f64>,
    /// Spearman correlation; `None` if either column is constant.
    pub spearman: Option<f64>,
}

impl PointMetrics {
    /// All point metrics over rows whose label is not NaN.
    ///
    /// # Errors
    ///
    /// [`StatsError`](crate::StatsError) if no row has a label, or a prediction of a labelled row
    /// is not finite (a diverged model is an error, not a missing row).
    pub fn compute(measured: &[f64], predicted: &[f64]) -> Result<Self> {
        let keep: Vec<bool> = measured.iter().map(|y| !y.is_nan()).collect();
        let (y, m) = masked_pairs(measured, predicted, &keep)?;
        Ok(Self {
            rows: y.len(),
            mse: mse(&y, &m)?,
            rmse: rmse(&y, &m)?,
            mae: mae(&y, &m)?,
            r2: r2(&y, &m)?,
            pearson: pearson(&y, &m)?,
            spearman: spearman(&y, &m)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::StatsError;

    const Y: [f64; 5] = [1.0, 2.0, 3.0, 4.0, 5.0];
    const M: [f64; 5] = [1.1, 1.9, 3.2, 3.7, 5.4];

    #[test]
    fn agrees_with_exact_fractions() {
        // The same ten decimals in exact fractions: xy = 52/5, xx = 10, yy = 2773/250.
        assert!((pearson(&Y, &M).unwrap().unwrap() - 0.987_480_228_453_577_3).abs() < 1e-14);
        assert!((mse(&Y, &M).unwrap() - 0.062).abs() < 1e-14);
        assert!((r2(&Y, &M).unwrap().unwrap() - 0.969).abs() < 1e-14);
        assert!((mae(&Y, &M).unwrap() - 0.22).abs() < 1e-14);
        assert_eq!(spearman(&Y, &M).unwrap(), Some(1.0));
    }

    #[test]
    fn constant_columns_have_no_correlation() {
        assert_eq!(pearson(&Y, &[0.3; 5]).unwrap(), None);
        assert_eq!(spearman(&[0.1 + 0.2; 5], &Y).unwrap(), None);
        assert_eq!(r2(&[2.0; 5], &M).unwrap(), None);
        assert_eq!(pearson(&[1.0], &[1.0]).unwrap(), None);
    }

    #[test]
    fn correlation_is_invariant_to_scale_and_shift() {
        let r = pearson(&Y, &M).unwrap().unwrap();
        let moved: Vec<f64> = M.iter().map(|m| 1e6 - 1e-3 * m).collect();
        assert!((pearson(&Y, &moved).unwrap().unwrap() + r).abs() < 1e-6);
    }

    #[test]
    fn missing_labels_are_dropped_and_missing_predictions_are_errors() {
        let metrics = PointMetrics::compute(&[1.0, f64::NAN, 3.0], &[1.0, 9.0, 4.0]).unwrap();
        assert_eq!((metrics.rows, metrics.mse), (2, 0.5));
        let diverged = PointMetrics::compute(&[1.0, 2.0], &[1.0, f64::NAN]);
        assert!(matches!(
            diverged,
            Err(StatsError::NotFinite {
                name: "predicted",
                row: 1,
                ..
            })
        ));
        assert!(PointMetrics::compute(&[f64::NAN], &[1.0]).is_err());
    }
}
