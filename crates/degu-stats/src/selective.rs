//! Selective prediction: does keeping the most certain rows lower the error?
//!
//! Rows of equal uncertainty share their mean error, so that nothing depends on the order of rows.

use serde::{Deserialize, Serialize};

use crate::alpha::Alpha;
use crate::check;
use crate::error::{Result, StatsError};
use crate::order::{argsort, runs_of_equal};
use crate::sum::mean;

/// Risk against retained share, most certain rows first, with the oracle that sorts by the error
/// itself.
///
/// # Examples
///
/// ```
/// use degu_stats::selective::RiskCoverage;
///
/// let curve = RiskCoverage::new(&[0.1, 0.2, 0.3, 0.4], &[1.0, 2.0, 3.0, 4.0])?;
/// assert_eq!(curve.risk_at(0.5)?, 1.5);
/// assert_eq!((curve.excess_aurc(), curve.ause()), (0.0, 0.0));
/// # Ok::<(), degu_stats::StatsError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RiskCoverage {
    /// Mean error of the k + 1 most certain rows.
    pub risk: Vec<f64>,
    /// The same for the oracle.
    pub oracle: Vec<f64>,
}

impl RiskCoverage {
    /// Curve of `error` (squared or absolute, one a row) sorted by `uncertainty`.
    ///
    /// # Errors
    ///
    /// [`StatsError`] for no rows, different lengths, or values that are not finite.
    pub fn new(uncertainty: &[f64], error: &[f64]) -> Result<Self> {
        check::at_least("error", 1, error.len())?;
        check::finite("error", error)?;
        check::column("uncertainty", uncertainty, error.len())?;
        Ok(Self {
            risk: running_mean(uncertainty, error),
            oracle: running_mean(error, error),
        })
    }

    /// Area under the risk–coverage curve, mean of the risk over all retained shares.
    pub fn aurc(&self) -> f64 {
        mean(&self.risk)
    }

    /// The oracle's area.
    pub fn oracle_aurc(&self) -> f64 {
        mean(&self.oracle)
    }

    /// Area in excess of the oracle's (E-AURC).
    pub fn excess_aurc(&self) -> f64 {
        self.aurc() - self.oracle_aurc()
    }

    /// Area divided by the risk of all rows, 1 for random order; `None` if no row has an error.
    pub fn normalized_aurc(&self) -> Option<f64> {
        let all = self.risk[self.risk.len() - 1];
        (all > 0.0).then(|| self.aurc() / all)
    }

    /// Area between the sparsification curves of model and oracle: trapezoids over the share
    /// removed, j/n.
    pub fn ause(&self) -> f64 {
        let n = self.risk.len();
        let gap = |removed: usize| self.risk[n - 1 - removed] - self.oracle[n - 1 - removed];
        crate::sum::sum_by(n - 1, |j| 0.5 * (gap(j) + gap(j + 1))) / n as f64
    }

    /// Risk of the ceil(share·n) most certain rows, in exact arithmetic for decimal shares.
    ///
    /// # Errors
    ///
    /// [`StatsError`] unless `share` is in (0, 1] with at most 12 decimals.
    pub fn risk_at(&self, share: f64) -> Result<f64> {
        if share >= 1.0 {
            return if share > 1.0 {
                Err(StatsError::Parameter {
                    name: "share",
                    expected: "in (0, 1]",
                    found: share,
                })
            } else {
                Ok(self.risk[self.risk.len() - 1])
            };
        }
        let kept = Alpha::from_f64(share)?.ceil_of(self.risk.len() as u64) as usize;
        Ok(self.risk[kept - 1])
    }

    /// Gain of keeping half: 1 − risk(½)/risk(1); `None` if no row has an error.
    ///
    /// # Errors
    ///
    /// As [`risk_at`](Self::risk_at).
    pub fn gain50(&self) -> Result<Option<f64>> {
        let all = self.risk_at(1.0)?;
        let half = self.risk_at(0.5)?;
        Ok((all > 0.0).then_some(1.0 - half / all))
    }
}

fn running_mean(by: &[f64], error: &[f64]) -> Vec<f64> {
    let order = argsort(by);
    let mut risk = Vec::with_capacity(error.len());
    let mut total = 0.0;
    for run in runs_of_equal(by, &order) {
        let rows = &order[run];
        let shared = rows.iter().map(|&row| error[row]).sum::<f64>() / rows.len() as f64;
        for _ in rows {
            total += shared;
            risk.push(total / (risk.len() + 1) as f64);
        }
    }
    risk
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constant_uncertainty_is_random_order() {
        let curve = RiskCoverage::new(&[0.5; 4], &[4.0, 1.0, 2.0, 3.0]).unwrap();
        assert_eq!(curve.risk, [2.5; 4]);
        assert_eq!(
            (curve.normalized_aurc(), curve.gain50().unwrap()),
            (Some(1.0), Some(0.0))
        );
    }

    #[test]
    fn order_of_tied_rows_does_not_matter() {
        let (u, e) = ([1.0, 2.0, 2.0, 1.0, 2.0], [5.0, 1.0, 0.0, 2.0, 4.0]);
        let (v, f) = ([2.0, 1.0, 2.0, 2.0, 1.0], [4.0, 2.0, 0.0, 1.0, 5.0]);
        assert_eq!(
            RiskCoverage::new(&u, &e).unwrap(),
            RiskCoverage::new(&v, &f).unwrap()
        );
    }

    #[test]
    fn exact_predictions_have_no_normalized_area() {
        let curve = RiskCoverage::new(&[1.0, 2.0], &[0.0, 0.0]).unwrap();
        assert_eq!(
            (
                curve.normalized_aurc(),
                curve.gain50().unwrap(),
                curve.ause()
            ),
            (None, None, 0.0)
        );
        assert!(
            curve.risk_at(0.0).is_err()
                && curve.risk_at(1.5).is_err()
                && curve.risk_at(f64::NAN).is_err()
        );
    }
}
