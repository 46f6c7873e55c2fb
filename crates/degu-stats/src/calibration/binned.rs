//! Predicted spread against observed error in bins of predicted spread.

use serde::{Deserialize, Serialize};

use crate::bins::Binning;
use crate::error::Result;
use crate::scoring::gaussian::check_rows;
use crate::sum::{mean, mean_by};

/// Spread–error calibration over bins; both are 0 for a perfect model with infinitely many rows, never at finite n.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SpreadError {
    /// Expected normalized calibration error: mean over non-empty bins of |RMV − RMSE|/RMV.
    pub ence: f64,
    /// Uncertainty calibration error: Σ n_b/n·|mean variance − mean squared error|, in squared units.
    pub uce: f64,
    /// Bins that hold rows.
    pub bins: usize,
}

/// ENCE and UCE over `bins` bins of predicted spread.
///
/// # Errors
///
/// [`StatsError`](crate::StatsError) for no rows or bins, different lengths, values that are not finite, or an sd that is
/// not positive.
///
/// # Examples
///
/// ```
/// use degu_stats::{Binning, calibration::spread_error};
///
/// let error = spread_error(&[1.0, -1.0, 2.0, -2.0], &[0.0; 4], &[1.0, 1.0, 2.0, 2.0], Binning::EqualCount, 2)?;
/// assert_eq!((error.ence, error.uce), (0.0, 0.0));
/// # Ok::<(), degu_stats::StatsError>(())
/// ```
pub fn spread_error(
    measured: &[f64],
    centre: &[f64],
    sd: &[f64],
    binning: Binning,
    bins: usize,
) -> Result<SpreadError> {
    let n = check_rows(measured, centre, sd)?;
    let mut terms = Vec::new();
    let mut uce = 0.0;
    for rows in binning
        .rows(sd, bins)?
        .into_iter()
        .filter(|rows| !rows.is_empty())
    {
        let variance = mean_by(rows.len(), |i| sd[rows[i]].powi(2));
        let error = mean_by(rows.len(), |i| {
            (measured[rows[i]] - centre[rows[i]]).powi(2)
        });
        terms.push((variance.sqrt() - error.sqrt()).abs() / variance.sqrt());
        uce += rows.len() as f64 / n as f64 * (variance - error).abs();
    }
    Ok(SpreadError {
        ence: mean(&terms),
        uce,
        bins: terms.len(),
    })
}
