//! Kuleshov's recalibration: a map from predicted to observed quantile levels.

use serde::{Deserialize, Serialize};

use crate::check;
use crate::error::{Result, StatsError};
use crate::order::sorted;
use crate::special::normal_cdf;

/// Empirical distribution of the probability integral transforms F(y), as a piecewise linear map R.
///
/// The recalibrated quantile of level p is F⁻¹(R⁻¹(p)).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QuantileMap {
    predicted: Vec<f64>,
    observed: Vec<f64>,
}

impl QuantileMap {
    /// Knots (0, 0), (p₍ᵢ₎, i/(n + 1)), (1, 1): the default, defined on all of [0, 1].
    ///
    /// # Errors
    ///
    /// [`StatsError`] for no rows or a transform outside [0, 1].
    pub fn anchored(transforms: &[f64]) -> Result<Self> {
        let inner = Self::check(transforms)?;
        let n = inner.len() as f64;
        let observed = (0..=inner.len())
            .map(|i| i as f64 / (n + 1.0))
            .chain([1.0])
            .collect();
        Ok(Self {
            predicted: [0.0].into_iter().chain(inner).chain([1.0]).collect(),
            observed,
        })
    }

    /// Knots (p₍ᵢ₎, i/n), constant outside, as isotonic regression on the same points gives them.
    ///
    /// # Errors
    ///
    /// As [`anchored`](Self::anchored).
    pub fn clipped(transforms: &[f64]) -> Result<Self> {
        let predicted = Self::check(transforms)?;
        let n = predicted.len() as f64;
        Ok(Self {
            observed: (1..=predicted.len()).map(|i| i as f64 / n).collect(),
            predicted,
        })
    }

    fn check(transforms: &[f64]) -> Result<Vec<f64>> {
        check::at_least("transforms", 1, transforms.len())?;
        check::finite("transforms", transforms)?;
        match transforms.iter().find(|p| !(0.0..=1.0).contains(*p)) {
            None => Ok(sorted(transforms)),
            Some(p) => Err(StatsError::Parameter {
                name: "transforms",
                expected: "in [0, 1]",
                found: *p,
            }),
        }
    }

    /// Observed level of the predicted level `p`.
    pub fn observed(&self, p: f64) -> f64 {
        interpolate(p, &self.predicted, &self.observed)
    }

    /// Predicted level that was observed at level `p`: R⁻¹.
    pub fn predicted(&self, p: f64) -> f64 {
        interpolate(p, &self.observed, &self.predicted)
    }
}

/// Probability integral transforms Φ((y − m)/σ) of Gaussian predictions, one a row.
///
/// # Errors
///
/// [`StatsError`] for no rows, different lengths, values that are not finite, or an sd that is not
/// positive.
pub fn gaussian_transforms(measured: &[f64], mean: &[f64], sd: &[f64]) -> Result<Vec<f64>> {
    let n = crate::scoring::gaussian::check_rows(measured, mean, sd)?;
    Ok((0..n)
        .map(|i| normal_cdf((measured[i] - mean[i]) / sd[i]))
        .collect())
}

/// Linear between sorted knots, constant outside; at repeated knots the value of the last one.
#[expect(clippy::float_cmp, reason = "at a knot its value is returned as it is")]
fn interpolate(at: f64, x: &[f64], y: &[f64]) -> f64 {
    let above = x.partition_point(|knot| *knot <= at);
    if above == 0 {
        return y[0];
    }
    let below = above - 1;
    if above == x.len() || x[below] == at {
        return y[below];
    }
    y[below] + (at - x[below]) * ((y[above] - y[below]) / (x[above] - x[below]))
}
