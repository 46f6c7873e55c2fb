//! Histogram of probability integral transforms: where, within its predicted distribution, a
//! measured value falls.

use serde::{Deserialize, Serialize};

use crate::check;
use crate::error::{Result, StatsError};
use crate::special::{beta_quantile, normal_cdf};

/// Counts of transforms in bins of equal width, with the band in which a bin of a calibrated model
/// falls.
///
/// Flat is calibrated; a hump says that the predicted spread is too large, a bowl that it is too
/// small, a slope that the mean is off.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TransformHistogram {
    /// Rows in each bin.
    pub counts: Vec<usize>,
    /// Smallest count inside the band.
    pub low: usize,
    /// Largest count inside the band.
    pub high: usize,
}

impl TransformHistogram {
    /// Bins whose count lies outside the band; of `bins` of them, `bins * (1 - level)` are expected
    /// by chance.
    pub fn outside(&self) -> usize {
        self.counts
            .iter()
            .filter(|c| !(self.low..=self.high).contains(c))
            .count()
    }
}

/// Histogram of `transforms` in `bins` bins; the band holds a binomial count with probability
/// `level` for each bin alone.
///
/// # Errors
///
/// [`StatsError`] for no rows or bins, a transform outside [0, 1], or `level` outside (0, 1).
///
/// # Examples
///
/// ```
/// use degu_stats::calibration::transform_histogram;
///
/// let flat: Vec<f64> = (0..1000).map(|i| (f64::from(i) + 0.5) / 1000.0).collect();
/// let histogram = transform_histogram(&flat, 20, 0.9)?;
/// assert_eq!((histogram.counts[0], histogram.outside()), (50, 0));
/// # Ok::<(), degu_stats::StatsError>(())
/// ```
pub fn transform_histogram(
    transforms: &[f64],
    bins: usize,
    level: f64,
) -> Result<TransformHistogram> {
    check::at_least("bins", 1, bins)?;
    check::at_least("transforms", 1, transforms.len())?;
    check::finite("transforms", transforms)?;
    check::open_unit("level", level)?;
    let mut counts = vec![0; bins];
    for p in transforms {
        if !(0.0..=1.0).contains(p) {
            return Err(StatsError::Parameter {
                name: "transforms",
                expected: "in [0, 1]",
                found: *p,
            });
        }
        counts[((p * bins as f64) as usize).min(bins - 1)] += 1;
    }
    let tail = 0.5 * (1.0 - level);
    let share = 1.0 / bins as f64;
    Ok(TransformHistogram {
        low: binomial_quantile(transforms.len(), share, tail)?,
        high: binomial_quantile(transforms.len(), share, 1.0 - tail)?,
        counts,
    })
}

/// The same for Gaussian predictions N(mean, sd²).
///
/// # Errors
///
/// As [`transform_histogram`], and for different lengths, values that are not finite, or an sd that
/// is not positive.
pub fn gaussian_transform_histogram(
    measured: &[f64],
    mean: &[f64],
    sd: &[f64],
    bins: usize,
    level: f64,
) -> Result<TransformHistogram> {
    let n = crate::scoring::gaussian::check_rows(measured, mean, sd)?;
    let transforms: Vec<f64> = (0..n)
        .map(|i| normal_cdf((measured[i] - mean[i]) / sd[i]))
        .collect();
    transform_histogram(&transforms, bins, level)
}

/// Smallest c with P(X ≤ c) ≥ p for X binomial(n, share): P(X ≤ c) is the chance that Beta(c + 1, n
/// − c) exceeds `share`.
fn binomial_quantile(n: usize, share: f64, p: f64) -> Result<usize> {
    if share >= 1.0 {
        return Ok(n);
    }
    let (mut below, mut above) = (0, n);
    while below < above {
        let c = usize::midpoint(below, above);
        // P(X ≤ c) ≥ p holds where the (1 − p) quantile of Beta(c + 1, n − c) is at least `share`.
        let reached = c == n || beta_quantile(1.0 - p, c as f64 + 1.0, (n - c) as f64)? >= share;
        if reached {
            above = c;
        } else {
            below = c + 1;
        }
    }
    Ok(below)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// P(X ≤ c), by its definition.
    fn cdf(n: usize, share: f64, c: usize) -> f64 {
        let mut mass = (1.0 - share).powi(n as i32);
        let mut total = 0.0;
        for k in 0..=c {
            total += mass;
            mass *= (n - k) as f64 / (k + 1) as f64 * share / (1.0 - share);
        }
        total
    }

    #[test]
    fn the_band_is_binomial() {
        for (n, bins) in [(40, 4), (200, 20), (999, 10)] {
            let share = 1.0 / f64::from(bins);
            for p in [0.05, 0.5, 0.95] {
                let c = binomial_quantile(n, share, p).unwrap();
                assert!(cdf(n, share, c) >= p, "n {n} p {p} c {c}");
                assert!(c == 0 || cdf(n, share, c - 1) < p, "n {n} p {p} c {c}");
            }
        }
    }

    #[test]
    fn too_narrow_a_spread_fills_the_ends() {
        let n = 2000;
        let z = |i: usize| crate::special::normal_quantile((i as f64 + 0.5) / n as f64);
        let y: Vec<f64> = (0..n).map(z).collect();
        let zero = vec![0.0; n];
        let right = gaussian_transform_histogram(&y, &zero, &vec![1.0; n], 20, 0.9).unwrap();
        assert_eq!(right.outside(), 0);
        assert_eq!(right.counts.iter().sum::<usize>(), n);
        let narrow = gaussian_transform_histogram(&y, &zero, &vec![0.5; n], 20, 0.9).unwrap();
        assert!(narrow.counts[0] > narrow.high && narrow.counts[19] > narrow.high);
        let wide = gaussian_transform_histogram(&y, &zero, &vec![2.0; n], 20, 0.9).unwrap();
        assert!(wide.counts[0] < wide.low && wide.counts[10] > wide.high);
    }

    #[test]
    fn bad_input_is_named() {
        assert!(transform_histogram(&[], 20, 0.9).is_err());
        assert!(transform_histogram(&[1.5], 20, 0.9).is_err());
        assert!(transform_histogram(&[f64::NAN], 20, 0.9).is_err());
        assert_eq!(transform_histogram(&[1.0], 20, 0.9).unwrap().counts[19], 1);
    }
}
