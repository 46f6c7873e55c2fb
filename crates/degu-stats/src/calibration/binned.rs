//! Predicted spread against observed error in bins of predicted spread.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

use crate::bins::Binning;
use crate::check;
use crate::error::Result;
use crate::scoring::gaussian::check_rows;
use crate::special::normal_quantile;
use crate::sum::{mean, mean_by};

/// Spread–error calibration over bins; both are 0 for a perfect model with infinitely many rows,
/// never at finite n.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SpreadError {
    /// Expected normalized calibration error: mean over non-empty bins of |RMV − RMSE|/RMV.
    pub ence: f64,
    /// Uncertainty calibration error: Σ n_b/n·|mean variance − mean squared error|, in squared
    /// units.
    pub uce: f64,
    /// Bins that hold rows.
    pub bins: usize,
}

/// ENCE and UCE over `bins` bins of predicted spread.
///
/// # Errors
///
/// [`StatsError`](crate::StatsError) for no rows or bins, different lengths, values that are not
/// finite, or an sd that is not positive.
///
/// # Examples
///
/// ```
/// use degu_stats::{Binning, calibration::spread_error};
///
/// let (measured, sd) = ([1.0, -1.0, 2.0, -2.0], [1.0, 1.0, 2.0, 2.0]);
/// let error = spread_error(&measured, &[0.0; 4], &sd, Binning::EqualCount, 2)?;
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

/// ENCE of `draws` simulated data sets in which every sd is right, ascending: what finite n alone
/// produces.
///
/// Print the observed [`SpreadError::ence`] beside the median and the 95 % quantile of these.
///
/// # Errors
///
/// [`StatsError`](crate::StatsError) for no rows, bins or draws, or an sd that is not positive and
/// finite.
///
/// # Determinism
///
/// The same for the same `seed`.
pub fn null_spread_error(
    sd: &[f64],
    binning: Binning,
    bins: usize,
    draws: usize,
    seed: u64,
) -> Result<Vec<f64>> {
    check::at_least("draws", 1, draws)?;
    check::positive("sd", sd)?;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let centre = vec![0.0; sd.len()];
    let mut simulated = Vec::with_capacity(draws);
    for _ in 0..draws {
        let uniform = |bits: u64| ((bits >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
        let measured: Vec<f64> = sd
            .iter()
            .map(|s| s * normal_quantile(uniform(rng.next_u64())))
            .collect();
        simulated.push(spread_error(&measured, &centre, sd, binning, bins)?.ence);
    }
    simulated.sort_unstable_by(f64::total_cmp);
    Ok(simulated)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_null_shrinks_with_rows_and_repeats() {
        let sd = |n: usize| {
            (0..n)
                .map(|i| 0.5 + (i % 10) as f64 / 10.0)
                .collect::<Vec<f64>>()
        };
        let null = |n: usize| null_spread_error(&sd(n), Binning::EqualCount, 10, 50, 3).unwrap();
        let (few, many) = (null(200), null(5000));
        // The ENCE of a right model falls as 1/sqrt(rows per bin): here by a factor of five.
        assert!(
            (few[25] / many[25] / 5.0 - 1.0).abs() < 0.25,
            "{} {}",
            few[25],
            many[25]
        );
        assert_eq!(few, null(200));
    }
}
