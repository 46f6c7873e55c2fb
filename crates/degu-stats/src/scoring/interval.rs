//! Interval coverage, width, and the scores that weigh one against the other.

use serde::{Deserialize, Serialize};

use crate::alpha::Alpha;
use crate::check;
use crate::conformal::Intervals;
use crate::error::Result;
use crate::sum::mean;

/// Interval coverage and width of a set of rows; never one without the other.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct IntervalSummary {
    /// Rows.
    pub rows: usize,
    /// Rows whose measured value lies inside, ends included; infinite intervals count.
    pub covered: usize,
    /// `covered / rows` (PICP), higher than asked is conservative.
    pub interval_coverage: f64,
    /// Mean width over rows with a finite interval (MPIW), in units of the measurement; `None` if
    /// all are infinite.
    pub mean_width: Option<f64>,
    /// Mean Winkler score over rows with a finite interval, lower is better; `None` if all are
    /// infinite.
    pub winkler: Option<f64>,
    /// Share of rows with an infinite interval.
    pub fraction_infinite: f64,
}

/// Interval coverage, mean width and mean Winkler score at `alpha`.
///
/// # Errors
///
/// [`StatsError`](crate::StatsError) for no rows, another length, or a measured value that is not
/// finite.
///
/// # Examples
///
/// ```
/// use degu_stats::{conformal::Intervals, scoring::interval_summary};
///
/// let intervals = Intervals::around(&[0.0, 0.0, 0.0], &[1.0, 1.0, f64::INFINITY])?;
/// let summary = interval_summary(&intervals, &[0.5, 2.0, 9.0], "0.1".parse()?)?;
/// assert_eq!((summary.covered, summary.mean_width), (2, Some(2.0)));
/// assert_eq!(summary.winkler, Some((2.0 + 22.0) / 2.0));
/// # Ok::<(), degu_stats::StatsError>(())
/// ```
pub fn interval_summary(
    intervals: &Intervals,
    measured: &[f64],
    alpha: Alpha,
) -> Result<IntervalSummary> {
    let rows = measured.len();
    check::at_least("measured", 1, rows)?;
    let covered = intervals
        .contains(measured)?
        .into_iter()
        .filter(|inside| *inside)
        .count();
    let widths: Vec<f64> = intervals
        .widths()
        .into_iter()
        .filter(|w| w.is_finite())
        .collect();
    let scores: Vec<f64> = winkler(intervals, measured, alpha)?
        .into_iter()
        .filter(|w| w.is_finite())
        .collect();
    let mean_of = |values: &[f64]| (!values.is_empty()).then(|| mean(values));
    Ok(IntervalSummary {
        rows,
        covered,
        interval_coverage: covered as f64 / rows as f64,
        mean_width: mean_of(&widths),
        winkler: mean_of(&scores),
        fraction_infinite: (rows - widths.len()) as f64 / rows as f64,
    })
}

/// Share of rows inside their interval (PICP).
///
/// # Errors
///
/// As [`interval_summary`].
pub fn interval_coverage(intervals: &Intervals, measured: &[f64]) -> Result<f64> {
    check::at_least("measured", 1, measured.len())?;
    let inside = intervals.contains(measured)?;
    Ok(inside.iter().filter(|i| **i).count() as f64 / inside.len() as f64)
}

/// Winkler (interval) score of each row, U − L + (2/α)(L − y)₊ + (2/α)(y − U)₊; +∞ for an infinite
/// interval.
///
/// # Errors
///
/// [`StatsError`](crate::StatsError) for another length or a measured value that is not finite.
pub fn winkler(intervals: &Intervals, measured: &[f64], alpha: Alpha) -> Result<Vec<f64>> {
    check::column("measured", measured, intervals.len())?;
    let penalty = 2.0 / alpha.value();
    Ok(intervals
        .rows()
        .zip(measured)
        .map(|((lower, upper), y)| winkler_row(lower, upper, *y, penalty))
        .collect())
}

pub(crate) fn winkler_row(lower: f64, upper: f64, y: f64, penalty: f64) -> f64 {
    upper - lower + penalty * ((lower - y).max(0.0) + (y - upper).max(0.0))
}

/// Pinball loss of a predicted quantile of level `tau`: max(τd, (τ − 1)d) with d = y − q.
pub fn pinball(measured: f64, quantile: f64, tau: f64) -> f64 {
    let d = measured - quantile;
    (tau * d).max((tau - 1.0) * d)
}

/// Weighted interval score of each row: (½|y − median| + Σ αₖ/2·ISₖ)/(K + ½).
///
/// It equals twice the mean pinball loss of the 2K + 1 quantiles. `intervals` pairs each level with
/// its intervals.
///
/// # Errors
///
/// [`StatsError`](crate::StatsError) for different lengths or a value that is not finite.
pub fn weighted_interval_score(
    measured: &[f64],
    median: &[f64],
    intervals: &[(Alpha, &Intervals)],
) -> Result<Vec<f64>> {
    check::finite("measured", measured)?;
    check::column("median", median, measured.len())?;
    let mut total: Vec<f64> = measured
        .iter()
        .zip(median)
        .map(|(y, m)| 0.5 * (y - m).abs())
        .collect();
    for (alpha, at) in intervals {
        let weight = 0.5 * alpha.value();
        for (sum, score) in total.iter_mut().zip(winkler(at, measured, *alpha)?) {
            *sum += weight * score;
        }
    }
    let parts = intervals.len() as f64 + 0.5;
    Ok(total.into_iter().map(|sum| sum / parts).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_infinite_intervals_have_no_width() {
        let intervals = Intervals::around(&[0.0, 1.0], &[f64::INFINITY; 2]).unwrap();
        let summary = interval_summary(&intervals, &[5.0, -5.0], "0.1".parse().unwrap()).unwrap();
        assert_eq!(
            (
                summary.interval_coverage,
                summary.mean_width,
                summary.winkler
            ),
            (1.0, None, None)
        );
        assert_eq!(summary.fraction_infinite, 1.0);
    }

    #[test]
    fn the_weighted_score_is_twice_the_mean_pinball_loss() {
        let alphas = ["0.1", "0.4"].map(|a| a.parse::<Alpha>().unwrap());
        let intervals = [
            Intervals::around(&[1.0, 2.0], &[3.0, 1.0]).unwrap(),
            Intervals::around(&[1.0, 2.0], &[1.0, 0.5]).unwrap(),
        ];
        let (y, median) = ([5.0, 1.8], [1.2, 2.0]);
        let got = weighted_interval_score(
            &y,
            &median,
            &[(alphas[0], &intervals[0]), (alphas[1], &intervals[1])],
        )
        .unwrap();
        for row in 0..2 {
            let mut pinballs = vec![pinball(y[row], median[row], 0.5)];
            for (alpha, at) in alphas.iter().zip(&intervals) {
                let half = alpha.value() / 2.0;
                pinballs.push(pinball(y[row], at.lower[row], half));
                pinballs.push(pinball(y[row], at.upper[row], 1.0 - half));
            }
            assert!((got[row] - 2.0 * mean(&pinballs)).abs() < 1e-12);
        }
    }
}
