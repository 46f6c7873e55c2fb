//! Calibration curves of Gaussian predictions.

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::scoring::gaussian::check_rows;
use crate::special::normal_quantile;
use crate::sum::mean_by;

/// Summaries of the curve of observed against nominal interval coverage; all are shares, lower is
/// better.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CurveErrors {
    /// Mean |observed − nominal| over the 100 central levels linspace(0, 1, 100).
    pub mace: f64,
    /// Root mean square of the same.
    pub rmsce: f64,
    /// Area between curve and diagonal; where a segment crosses, both triangles count.
    pub miscalibration_area: f64,
}

/// `count` equally spaced values from `from` to `to`, both included.
fn linspace(from: f64, to: f64, count: usize) -> Vec<f64> {
    let step = (to - from) / (count - 1) as f64;
    (0..count)
        .map(|i| {
            if i + 1 == count {
                to
            } else {
                from + i as f64 * step
            }
        })
        .collect()
}

/// Observed share inside the central Gaussian interval of each level.
///
/// # Errors
///
/// [`StatsError`](crate::StatsError) for no rows, different lengths, values that are not finite, or
/// an sd that is not positive.
pub fn gaussian_coverage_curve(
    measured: &[f64],
    mean: &[f64],
    sd: &[f64],
    levels: &[f64],
) -> Result<Vec<f64>> {
    let n = check_rows(measured, mean, sd)?;
    let mut distance: Vec<f64> = (0..n)
        .map(|i| ((measured[i] - mean[i]) / sd[i]).abs())
        .collect();
    distance.sort_unstable_by(f64::total_cmp);
    let inside = |level: &f64| {
        let reach = normal_quantile(0.5 + 0.5 * level);
        distance.partition_point(|z| *z <= reach) as f64 / n as f64
    };
    Ok(levels.iter().map(inside).collect())
}

/// MACE, RMSCE and miscalibration area over linspace(0, 1, 100).
///
/// # Errors
///
/// As [`gaussian_coverage_curve`].
pub fn gaussian_curve_errors(measured: &[f64], mean: &[f64], sd: &[f64]) -> Result<CurveErrors> {
    let levels = linspace(0.0, 1.0, 100);
    let observed = gaussian_coverage_curve(measured, mean, sd, &levels)?;
    let gap: Vec<f64> = observed.iter().zip(&levels).map(|(o, p)| o - p).collect();
    let area = |i: usize| {
        let (left, right, step) = (gap[i], gap[i + 1], levels[i + 1] - levels[i]);
        if left * right < 0.0 {
            0.5 * step * (left * left + right * right) / (left.abs() + right.abs())
        } else {
            0.5 * step * (left + right).abs()
        }
    };
    Ok(CurveErrors {
        mace: mean_by(gap.len(), |i| gap[i].abs()),
        rmsce: mean_by(gap.len(), |i| gap[i] * gap[i]).sqrt(),
        miscalibration_area: (0..gap.len() - 1).map(area).sum(),
    })
}

/// √(mean σ²), in units of the measurement: how sharp the predictions are, whatever their errors.
///
/// # Errors
///
/// [`StatsError`](crate::StatsError) for no rows or an sd that is not positive and finite.
pub fn sharpness(sd: &[f64]) -> Result<f64> {
    crate::check::at_least("sd", 1, sd.len())?;
    crate::check::positive("sd", sd)?;
    Ok(mean_by(sd.len(), |i| sd[i] * sd[i]).sqrt())
}

/// mean(error²)/mean(σ²); 1 when calibrated on average, above 1 when overconfident.
///
/// # Errors
///
/// As [`gaussian_coverage_curve`].
pub fn variance_ratio(measured: &[f64], centre: &[f64], sd: &[f64]) -> Result<f64> {
    let n = check_rows(measured, centre, sd)?;
    Ok(mean_by(n, |i| (measured[i] - centre[i]).powi(2)) / mean_by(n, |i| sd[i] * sd[i]))
}
