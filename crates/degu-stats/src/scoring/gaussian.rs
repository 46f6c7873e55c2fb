//! Scores of Gaussian predictions N(mean, sd²).

use std::f64::consts::TAU;

use crate::check;
use crate::error::Result;
use crate::special::{normal_cdf, normal_pdf};

/// 1/√π.
const INV_SQRT_PI: f64 = 0.564_189_583_547_756_3;

pub(crate) fn check_rows(measured: &[f64], mean: &[f64], sd: &[f64]) -> Result<usize> {
    check::at_least("measured", 1, measured.len())?;
    check::finite("measured", measured)?;
    check::column("mean", mean, measured.len())?;
    check::scale("sd", sd, measured.len())?;
    Ok(measured.len())
}

/// Negative log likelihood of each row, ½ln(2πσ²) + (y − m)²/(2σ²), in nats.
///
/// # Errors
///
/// [`StatsError`](crate::StatsError) for no rows, different lengths, values that are not finite, or
/// an sd that is not positive.
///
/// # Examples
///
/// ```
/// let nll = degu_stats::scoring::gaussian_nll(&[1.0], &[1.0], &[1.0])?;
/// assert!((nll[0] - 0.9189385332).abs() < 1e-9);
/// # Ok::<(), degu_stats::StatsError>(())
/// ```
pub fn gaussian_nll(measured: &[f64], mean: &[f64], sd: &[f64]) -> Result<Vec<f64>> {
    let n = check_rows(measured, mean, sd)?;
    let nll =
        |i: usize| 0.5 * TAU.ln() + sd[i].ln() + 0.5 * ((measured[i] - mean[i]) / sd[i]).powi(2);
    Ok((0..n).map(nll).collect())
}

/// CRPS of each row, σ[z(2Φ(z) − 1) + 2φ(z) − 1/√π], in units of the measurement.
///
/// # Errors
///
/// As [`gaussian_nll`].
pub fn gaussian_crps(measured: &[f64], mean: &[f64], sd: &[f64]) -> Result<Vec<f64>> {
    let n = check_rows(measured, mean, sd)?;
    let crps = |i: usize| {
        let z = (measured[i] - mean[i]) / sd[i];
        sd[i] * (z * (2.0 * normal_cdf(z) - 1.0) + 2.0 * normal_pdf(z) - INV_SQRT_PI)
    };
    Ok((0..n).map(crps).collect())
}
