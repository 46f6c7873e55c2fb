//! An ellipsoid that holds all tasks of a row at once (Mahalanobis distance).

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

use super::scores::SortedScores;
use crate::alpha::Alpha;
use crate::check;
use crate::error::Result;
use crate::linalg::Cholesky;
use crate::special::ln_gamma;

/// Ellipsoid ‖L⁻¹(y − m)‖ ≤ q with the covariance L Lᵀ of the residuals of part A and q from part
/// B.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ellipsoid {
    tasks: usize,
    lower: Vec<f64>,
    distances: SortedScores,
}

impl Ellipsoid {
    /// Covariance (about the mean, ddof 1) of the residuals of part A; distances of part B without
    /// centring.
    ///
    /// # Shapes
    ///
    /// * `part_a`, `part_b` – residuals y − m, `[rows, tasks]` row-major
    ///
    /// # Errors
    ///
    /// [`StatsError::Singular`](crate::StatsError::Singular) names the first task that depends on
    /// those before it; others for ragged matrices, too few rows or values that are not finite.
    pub fn fit(part_a: &[f64], part_b: &[f64], tasks: usize) -> Result<Self> {
        let n = check::matrix("residuals of part A", part_a, tasks)?;
        check::matrix("residuals of part B", part_b, tasks)?;
        check::at_least("residuals of part A", 2, n)?;
        let centre: Vec<f64> = (0..tasks)
            .map(|t| crate::sum::mean_by(n, |i| part_a[i * tasks + t]))
            .collect();
        let mut covariance = vec![0.0; tasks * tasks];
        for s in 0..tasks {
            for t in 0..tasks {
                let product = |i: usize| {
                    (part_a[i * tasks + s] - centre[s]) * (part_a[i * tasks + t] - centre[t])
                };
                covariance[s * tasks + t] = crate::sum::sum_by(n, product) / (n - 1) as f64;
            }
        }
        let factor = Cholesky::new("residual covariance of tasks", &covariance, tasks)?;
        let distances: Vec<f64> = part_b
            .chunks_exact(tasks)
            .map(|row| norm(&factor.forward(row)))
            .collect();
        Ok(Self {
            tasks,
            distances: SortedScores::new(&distances)?,
            lower: factor.into_lower(),
        })
    }

    /// Radius q of the ellipsoid; +∞ with too few rows in part B.
    pub fn radius(&self, alpha: Alpha) -> f64 {
        self.distances.quantile(alpha)
    }

    /// Mahalanobis distance of one row of residuals.
    ///
    /// # Errors
    ///
    /// [`StatsError`](crate::StatsError) for another number of tasks or a value that is not finite.
    pub fn distance(&self, residuals: &[f64]) -> Result<f64> {
        check::column("residuals", residuals, self.tasks)?;
        Ok(norm(
            &Cholesky::from_lower(self.lower.clone(), self.tasks).forward(residuals),
        ))
    }

    /// Natural logarithm of the ellipsoid's volume, in units of the product of the tasks' units.
    pub fn log_volume(&self, alpha: Alpha) -> f64 {
        let t = self.tasks as f64;
        let unit_ball = 0.5 * t * PI.ln() - ln_gamma(0.5 * t + 1.0);
        let shape = Cholesky::from_lower(self.lower.clone(), self.tasks).log_det_half();
        unit_ball + shape + t * self.radius(alpha).ln()
    }
}

fn norm(x: &[f64]) -> f64 {
    x.iter().map(|v| v * v).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::StatsError;

    #[test]
    fn dependent_tasks_are_named_and_a_circle_has_its_area() {
        let dependent: Vec<f64> = (0..10)
            .flat_map(|i| [f64::from(i), 2.0 * f64::from(i)])
            .collect();
        assert!(matches!(
            Ellipsoid::fit(&dependent, &dependent, 2),
            Err(StatsError::Singular { column: 1, .. })
        ));
        let circle = [1.0, 0.0, -1.0, 0.0, 0.0, 1.0, 0.0, -1.0];
        let fitted = Ellipsoid::fit(&circle, &circle, 2).unwrap();
        let alpha = "0.5".parse().unwrap();
        // Four points on the unit circle: covariance 2/3 I, distance sqrt(3/2), area pi.
        assert!((fitted.radius(alpha) - 1.5_f64.sqrt()).abs() < 1e-14);
        assert!((fitted.log_volume(alpha) - PI.ln()).abs() < 1e-13);
        assert!((fitted.distance(&[2.0, 0.0]).unwrap() - 6.0_f64.sqrt()).abs() < 1e-14);
    }
}
