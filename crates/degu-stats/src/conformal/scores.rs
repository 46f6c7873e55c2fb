//! The conformal quantile, and sorted scores that answer any level later.

use serde::{Deserialize, Serialize};

use crate::alpha::Alpha;
use crate::check;
use crate::error::{Result, StatsError};
use crate::order::{kth_smallest, sorted};

/// The k-th smallest score with `k = ceil((n + 1)(1 - alpha))`, +∞ when `k > n`.
///
/// # Errors
///
/// [`StatsError::TooFew`] for no scores, [`StatsError::NotFinite`]
/// names the first NaN.
///
/// # Examples
///
/// ```
/// use degu_stats::{Alpha, conformal::conformal_quantile};
///
/// let scores = [0.3, 0.1, 0.9, 0.4, 0.2, 0.8, 0.5, 0.7, 0.6];
/// assert_eq!(conformal_quantile(&scores, "0.1".parse()?)?, 0.9); // nine scores are just enough
/// assert_eq!(conformal_quantile(&scores[..8], "0.1".parse()?)?, f64::INFINITY);
/// # Ok::<(), degu_stats::StatsError>(())
/// ```
pub fn conformal_quantile(scores: &[f64], alpha: Alpha) -> Result<f64> {
    check::at_least("scores", 1, scores.len())?;
    check::not_nan("scores", scores)?;
    kth_smallest(scores, alpha.rank(scores.len()))
}

/// Calibration scores in ascending order: the state of a calibrator, from which any level can be
/// asked later.
///
/// Order statistics are valid under ties as they stand (conservative).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<f64>", into = "Vec<f64>")]
pub struct SortedScores(Vec<f64>);

impl TryFrom<Vec<f64>> for SortedScores {
    type Error = StatsError;

    fn try_from(scores: Vec<f64>) -> Result<Self> {
        Self::new(&scores)
    }
}

impl From<SortedScores> for Vec<f64> {
    fn from(scores: SortedScores) -> Self {
        scores.0
    }
}

impl SortedScores {
    /// Sorts the scores of the calibration rows.
    ///
    /// # Errors
    ///
    /// [`StatsError`] for no scores, or one that is not finite.
    pub fn new(scores: &[f64]) -> Result<Self> {
        check::at_least("scores", 1, scores.len())?;
        check::finite("scores", scores)?;
        Ok(Self(sorted(scores)))
    }

    /// Number of calibration rows.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// False: a set of scores holds at least one.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The scores in ascending order.
    pub fn as_slice(&self) -> &[f64] {
        &self.0
    }

    /// The conformal quantile at `alpha`; +∞ below [`Alpha::smallest_calibration`] rows.
    pub fn quantile(&self, alpha: Alpha) -> f64 {
        self.0
            .get(alpha.rank(self.0.len()) - 1)
            .copied()
            .unwrap_or(f64::INFINITY)
    }

    /// (#{sᵢ ≥ score} + 1)/(n + 1): the conformal p-value of a new row with this score.
    pub fn p_value(&self, score: f64) -> f64 {
        let below = self.0.partition_point(|s| *s < score);
        (self.0.len() - below + 1) as f64 / (self.0.len() + 1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_row_fewer_is_infinite() {
        for text in ["0.01", "0.05", "0.1", "0.2", "0.37"] {
            let alpha: Alpha = text.parse().unwrap();
            let n = alpha.smallest_calibration();
            let scores: Vec<f64> = (0..n).map(|i| i as f64).collect();
            assert_eq!(
                SortedScores::new(&scores).unwrap().quantile(alpha),
                (n - 1) as f64,
                "{text}"
            );
            assert_eq!(
                conformal_quantile(&scores[1..], alpha).unwrap_or(f64::INFINITY),
                f64::INFINITY
            );
        }
    }

    #[test]
    fn order_of_rows_does_not_matter_and_quantiles_fall_with_alpha() {
        let scores: Vec<f64> = (0..200).map(|i| f64::from(i * 37 % 101) / 7.0).collect();
        let mut reversed = scores.clone();
        reversed.reverse();
        let (a, b) = (
            SortedScores::new(&scores).unwrap(),
            SortedScores::new(&reversed).unwrap(),
        );
        assert_eq!(a, b);
        let mut last = f64::INFINITY;
        for percent in 1..100 {
            let alpha = Alpha::new(percent, 100).unwrap();
            let q = a.quantile(alpha);
            assert!(q <= last);
            assert_eq!(q, conformal_quantile(&scores, alpha).unwrap());
            last = q;
        }
    }

    #[test]
    fn nan_and_empty_are_errors() {
        let alpha: Alpha = "0.1".parse().unwrap();
        assert!(conformal_quantile(&[1.0, f64::NAN], alpha).is_err());
        assert!(conformal_quantile(&[], alpha).is_err());
        assert!(SortedScores::new(&[f64::INFINITY]).is_err());
        assert!(serde_json::from_str::<SortedScores>("[]").is_err());
        let read: SortedScores = serde_json::from_str("[2.0, 1.0]").unwrap();
        assert_eq!(read.as_slice(), [1.0, 2.0]);
    }

    #[test]
    fn p_values_count_ties() {
        let scores = SortedScores::new(&[1.0, 2.0, 2.0, 3.0]).unwrap();
        assert_eq!(scores.p_value(2.0), 0.8);
        assert_eq!(scores.p_value(9.0), 0.2);
        assert_eq!(scores.p_value(0.0), 1.0);
    }
}
