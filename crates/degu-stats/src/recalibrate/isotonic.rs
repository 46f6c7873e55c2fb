//! Isotonic regression by pool-adjacent-violators.

use serde::{Deserialize, Serialize};

use crate::check;
use crate::error::Result;
use crate::order::{argsort, runs_of_equal};

/// A non-decreasing piecewise linear fit: linear between knots, constant outside.
///
/// # Examples
///
/// ```
/// use degu_stats::recalibrate::Isotonic;
///
/// let fit = Isotonic::fit(&[1.0, 2.0, 3.0], &[1.0, 3.0, 2.0], None)?;
/// assert_eq!(fit.predict(3.0), 2.5);
/// assert_eq!(fit.predict(1.5), 1.75);
/// # Ok::<(), degu_stats::StatsError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Isotonic {
    x: Vec<f64>,
    y: Vec<f64>,
}

impl Isotonic {
    /// Weighted least squares under monotonicity; rows of equal `x` are merged to their weighted
    /// mean first.
    ///
    /// # Errors
    ///
    /// [`StatsError`](crate::StatsError) for no rows, different lengths, values that are not
    /// finite, or weights that are not positive.
    pub fn fit(x: &[f64], y: &[f64], weights: Option<&[f64]>) -> Result<Self> {
        check::at_least("x", 1, x.len())?;
        check::finite("x", x)?;
        check::column("y", y, x.len())?;
        if let Some(weights) = weights {
            check::scale("weights", weights, x.len())?;
        }
        let order = argsort(x);
        // Blocks of (mean, weight, knots merged).
        let mut blocks: Vec<(f64, f64, usize)> = Vec::new();
        let mut knots = Vec::new();
        for run in runs_of_equal(x, &order) {
            knots.push(x[order[run.start]]);
            let weight = |row: usize| weights.map_or(1.0, |w| w[row]);
            let total: f64 = order[run.clone()].iter().map(|&row| weight(row)).sum();
            let centre = order[run]
                .iter()
                .map(|&row| weight(row) * y[row])
                .sum::<f64>()
                / total;
            blocks.push((centre, total, 1));
            while let [.., before, last] = blocks[..] {
                if before.0 <= last.0 {
                    break;
                }
                blocks.pop();
                blocks.pop();
                let weight = before.1 + last.1;
                let centre = (before.0 * before.1 + last.0 * last.1) / weight;
                blocks.push((centre, weight, before.2 + last.2));
            }
        }
        let y = blocks
            .into_iter()
            .flat_map(|(centre, _, count)| std::iter::repeat_n(centre, count))
            .collect();
        Ok(Self { x: knots, y })
    }

    /// The fitted value at `x`.
    pub fn predict(&self, x: f64) -> f64 {
        interpolate(x, &self.x, &self.y)
    }
}

/// Linear between sorted knots, constant outside; at repeated knots the value of the last one.
#[expect(clippy::float_cmp, reason = "at a knot its value is returned as it is")]
pub(crate) fn interpolate(at: f64, x: &[f64], y: &[f64]) -> f64 {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fits_are_monotone_and_keep_the_weighted_mean() {
        let x: Vec<f64> = (0..50).map(|i| f64::from(i * 7 % 23)).collect();
        let y: Vec<f64> = (0..50).map(|i| f64::from(i * 13 % 19)).collect();
        let w: Vec<f64> = (0..50).map(|i| 0.5 + f64::from(i % 3)).collect();
        let fit = Isotonic::fit(&x, &y, Some(&w)).unwrap();
        assert!(fit.y.is_sorted());
        let gap: f64 = (0..50).map(|i| w[i] * (y[i] - fit.predict(x[i]))).sum();
        assert!(gap.abs() < 1e-9);
        assert!(Isotonic::fit(&x, &y, Some(&[0.0; 50])).is_err());
    }
}
