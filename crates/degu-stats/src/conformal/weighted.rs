//! Weighted conformal quantiles for covariate shift.

use serde::{Deserialize, Serialize};

use super::intervals::Intervals;
use crate::alpha::Alpha;
use crate::check;
use crate::error::{Result, StatsError};
use crate::order::argsort;

/// Slack when cumulative weights are compared with a level: sums of weights are not exact.
const LEVEL_SLACK: f64 = 1e-12;

/// Effective sample size (Σw)²/Σw²; 1 if a single weight is not zero.
///
/// # Errors
///
/// [`StatsError::Weight`] for a negative weight, one that is not finite, or none above zero.
pub fn effective_n(weights: &[f64]) -> Result<f64> {
    check::weights("weights", weights, weights.len())?;
    let largest = weights.iter().copied().fold(0.0, f64::max);
    // Scaled by the largest, so that squares neither overflow nor vanish.
    let total = crate::sum::sum_by(weights.len(), |i| weights[i] / largest);
    let squares = crate::sum::sum_by(weights.len(), |i| (weights[i] / largest).powi(2));
    Ok(total * total / squares)
}

/// The weight of the test row itself, whose mass lies at +∞.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TestWeight {
    /// The row's own density ratio, in the same unit as the calibration weights.
    #[default]
    Own,
    /// Always 1: for fixed weights that do not come from a density ratio (Barber et al.).
    Unit,
}

/// What to do when the weights leave too few effective rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EffectiveSize {
    /// Refuse below max(50, 1/alpha) effective rows.
    #[default]
    Require,
    /// Go on; the report must print the effective size.
    Force,
}

/// Calibration scores with weights, sorted once; each test row is a binary search.
///
/// Guarantee: interval coverage of at least 1 − α under the target distribution if the weights are
/// its exact density ratio to the calibration distribution; "approximate" when they are estimated
/// or clipped. Repairs covariate shift only.
///
/// # Examples
///
/// ```
/// use degu_stats::conformal::weighted::WeightedScores;
///
/// let scores: Vec<f64> = (1..=99).map(f64::from).collect();
/// let equal = WeightedScores::fit(&scores, &vec![2.0; 99])?;
/// assert_eq!(equal.quantile(2.0, "0.1".parse()?), 90.0); // as without weights
/// assert!((equal.effective_n() - 99.0).abs() < 1e-9);
/// # Ok::<(), degu_stats::StatsError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WeightedScores {
    scores: Vec<f64>,
    cumulative: Vec<f64>,
    effective_n: f64,
}

impl WeightedScores {
    /// Sorts the scores and sums their weights.
    ///
    /// # Errors
    ///
    /// [`StatsError`] for no rows, different lengths, a score that is not finite, or weights that
    /// are negative, not finite or all zero.
    pub fn fit(scores: &[f64], weights: &[f64]) -> Result<Self> {
        check::at_least("scores", 1, scores.len())?;
        check::finite("scores", scores)?;
        check::weights("weights", weights, scores.len())?;
        let order = argsort(scores);
        let cumulative = order.iter().scan(0.0, |total, &row| {
            *total += weights[row];
            Some(*total)
        });
        let cumulative: Vec<f64> = cumulative.collect();
        Ok(Self {
            scores: order.iter().map(|&row| scores[row]).collect(),
            cumulative,
            effective_n: effective_n(weights)?,
        })
    }

    /// (Σw)²/Σw² of the calibration weights.
    pub const fn effective_n(&self) -> f64 {
        self.effective_n
    }

    /// Smallest score whose share of the weight reaches 1 − alpha, with `test_weight` at +∞;
    /// else +∞.
    ///
    /// A `test_weight` that is negative or NaN gives +∞.
    pub fn quantile(&self, test_weight: f64, alpha: Alpha) -> f64 {
        if test_weight.is_nan() || test_weight < 0.0 {
            return f64::INFINITY;
        }
        let total = self.cumulative.last().copied().unwrap_or(0.0) + test_weight;
        let level = alpha.level() - LEVEL_SLACK;
        let at = self.cumulative.partition_point(|c| c / total < level);
        self.scores.get(at).copied().unwrap_or(f64::INFINITY)
    }

    /// [`StatsError::EffectiveSize`] below max(50, 1/alpha) effective rows.
    ///
    /// # Errors
    ///
    /// As said.
    pub fn require_effective_n(&self, alpha: Alpha) -> Result<()> {
        let needed = (1.0 / alpha.value()).max(50.0);
        if self.effective_n < needed {
            return Err(StatsError::EffectiveSize {
                needed,
                found: self.effective_n,
            });
        }
        Ok(())
    }

    /// Intervals `mean ∓ q(w)·scale` of new rows, q from each row's own weight.
    ///
    /// # Errors
    ///
    /// [`StatsError::EffectiveSize`] for too few effective rows unless `size` is
    /// [`EffectiveSize::Force`]; others for different lengths, values that are not finite, scales
    /// that are not positive, or bad test weights.
    pub fn intervals(
        &self,
        mean: &[f64],
        scale: Option<&[f64]>,
        weights: &[f64],
        test_weight: TestWeight,
        alpha: Alpha,
        size: EffectiveSize,
    ) -> Result<Intervals> {
        if size == EffectiveSize::Require {
            self.require_effective_n(alpha)?;
        }
        check::finite("mean", mean)?;
        if let Some(scale) = scale {
            check::scale("scale", scale, mean.len())?;
        }
        check::length("test weights", mean.len(), weights.len())?;
        if let Some(row) = weights.iter().position(|w| !(w.is_finite() && *w >= 0.0)) {
            return Err(StatsError::Weight {
                name: "test weights",
                row,
                value: weights[row],
            });
        }
        Ok(Intervals::from_ends(mean.iter().enumerate().map(
            |(row, m)| {
                let weight = match test_weight {
                    TestWeight::Own => weights[row],
                    TestWeight::Unit => 1.0,
                };
                let radius = self.quantile(weight, alpha) * scale.map_or(1.0, |s| s[row]);
                (m - radius, m + radius)
            },
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformal::conformal_quantile;

    #[test]
    fn equal_weights_are_the_plain_quantile() {
        let scores: Vec<f64> = (0..143).map(|i| f64::from(i * 61 % 143)).collect();
        let weighted = WeightedScores::fit(&scores, &[0.3; 143]).unwrap();
        for percent in 1..100 {
            let alpha = Alpha::new(percent, 100).unwrap();
            assert_eq!(
                weighted.quantile(0.3, alpha),
                conformal_quantile(&scores, alpha).unwrap(),
                "{alpha}"
            );
        }
    }

    #[test]
    fn a_single_weight_is_refused_unless_forced() {
        let weighted = WeightedScores::fit(&[1.0, 2.0, 3.0], &[0.0, 5.0, 0.0]).unwrap();
        assert_eq!(weighted.effective_n(), 1.0);
        let alpha = "0.1".parse().unwrap();
        let ask = |size| weighted.intervals(&[0.0], None, &[0.1], TestWeight::Own, alpha, size);
        assert!(matches!(
            ask(EffectiveSize::Require),
            Err(StatsError::EffectiveSize { .. })
        ));
        assert_eq!(ask(EffectiveSize::Force).unwrap().upper[0], 2.0);
        assert_eq!(weighted.quantile(5.0, alpha), f64::INFINITY);
        assert_eq!(weighted.quantile(f64::NAN, alpha), f64::INFINITY);
    }

    #[test]
    fn bad_weights_are_errors() {
        for weights in [[0.0, 0.0], [1.0, -1.0], [1.0, f64::NAN]] {
            assert!(matches!(
                WeightedScores::fit(&[1.0, 2.0], &weights),
                Err(StatsError::Weight { .. })
            ));
        }
        assert!((effective_n(&[1e200, 1e200]).unwrap() - 2.0).abs() < 1e-12);
    }
}
