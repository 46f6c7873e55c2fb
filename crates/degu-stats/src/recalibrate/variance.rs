//! Variance scaling with one or two factors.

use std::f64::consts::TAU;

use serde::{Deserialize, Serialize};

use crate::check;
use crate::error::{Result, StatsError};
use crate::scoring::gaussian::check_rows;
use crate::sum::mean_by;

/// The factor s = √(mean(((y − m)/σ)²)) by which σ is multiplied: the Gaussian maximum-likelihood
/// one.
///
/// # Errors
///
/// [`StatsError`] for no rows, different lengths, values that are not finite, or an sd that is not
/// positive; [`StatsError::Constant`] if every prediction is exact, for which no factor is
/// positive.
///
/// # Examples
///
/// ```
/// let s = degu_stats::recalibrate::variance_factor(&[2.0, -2.0], &[0.0, 0.0], &[1.0, 1.0])?;
/// assert_eq!(s, 2.0);
/// # Ok::<(), degu_stats::StatsError>(())
/// ```
pub fn variance_factor(measured: &[f64], mean: &[f64], sd: &[f64]) -> Result<f64> {
    let n = check_rows(measured, mean, sd)?;
    let factor = mean_by(n, |i| ((measured[i] - mean[i]) / sd[i]).powi(2)).sqrt();
    if factor > 0.0 {
        Ok(factor)
    } else {
        Err(StatsError::Constant {
            name: "measured - mean",
            rows: n,
        })
    }
}

/// Variance a·epistemic² + b·aleatoric² with the factors of smallest Gaussian negative log
/// likelihood.
///
/// a far above 1 says that the ensemble is overconfident.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TwoFactor {
    /// Factor a of the epistemic variance.
    pub epistemic: f64,
    /// Factor b of the aleatoric variance.
    pub aleatoric: f64,
    /// Mean negative log likelihood with the factors, in nats.
    pub nll: f64,
    /// Mean negative log likelihood with a = b = 1, in nats.
    pub nll_unscaled: f64,
    /// The epistemic factor ran to its bound e⁻¹²: that part carries no information about the
    /// errors.
    pub epistemic_uninformative: bool,
    /// The aleatoric factor ran to its bound e⁻¹².
    pub aleatoric_uninformative: bool,
}

/// Rows of the two-factor objective: squared error, epistemic and aleatoric variance.
struct Objective<'a> {
    rows: &'a [(f64, f64, f64)],
}

impl Objective<'_> {
    fn value(&self, t: [f64; 2]) -> f64 {
        let (a, b) = (t[0].exp(), t[1].exp());
        mean_by(self.rows.len(), |i| {
            let (e2, p, q) = self.rows[i];
            let v = a * p + b * q;
            0.5 * ((TAU * v).ln() + e2 / v)
        })
    }

    /// Gradient and Hessian with respect to (ln a, ln b).
    fn derivatives(&self, t: [f64; 2]) -> ([f64; 2], [f64; 3]) {
        let (a, b) = (t[0].exp(), t[1].exp());
        let term = |f: fn(f64, f64, f64, f64) -> f64| {
            mean_by(self.rows.len(), |i| {
                let (e2, p, q) = self.rows[i];
                f(e2, a * p, b * q, a * p + b * q)
            })
        };
        let ga = term(|e2, p, _, v| 0.5 * (1.0 / v - e2 / (v * v)) * p);
        let gb = term(|e2, _, q, v| 0.5 * (1.0 / v - e2 / (v * v)) * q);
        let haa = ga + term(|e2, p, _, v| (e2 / (v * v * v) - 0.5 / (v * v)) * p * p);
        let hbb = gb + term(|e2, _, q, v| (e2 / (v * v * v) - 0.5 / (v * v)) * q * q);
        let hab = term(|e2, p, q, v| (e2 / (v * v * v) - 0.5 / (v * v)) * p * q);
        ([ga, gb], [haa, hab, hbb])
    }
}

impl TwoFactor {
    /// Bound of |ln a| and |ln b|.
    const BOUND: f64 = 12.0;
    const ITERATIONS: usize = 500;

    /// Fits both factors by a damped Newton iteration in (ln a, ln b) from (0, 0).
    ///
    /// # Shapes
    ///
    /// * all one value a row; `epistemic` and `aleatoric` are standard deviations, zero or
    ///   positive, not both zero in a row
    ///
    /// # Errors
    ///
    /// [`StatsError::Scale`] for a negative part or a row where both are zero;
    /// [`StatsError::NoConvergence`] if the gradient does not vanish; others for no rows, different
    /// lengths or values that are not finite.
    pub fn fit(
        measured: &[f64],
        mean: &[f64],
        epistemic: &[f64],
        aleatoric: &[f64],
    ) -> Result<Self> {
        let rows = squares(measured, mean, epistemic, aleatoric)?;
        let objective = Objective { rows: &rows };
        let mut t = [0.0, 0.0];
        let mut value = objective.value(t);
        let nll_unscaled = value;
        let mut size = f64::INFINITY;
        for _ in 0..Self::ITERATIONS {
            let (gradient, hessian) = objective.derivatives(t);
            // A component that pushes a parameter against its bound counts as settled.
            let free: [bool; 2] = std::array::from_fn(|j| {
                !(t[j].abs() >= Self::BOUND && gradient[j] * t[j].signum() < 0.0)
            });
            size = (0..2)
                .filter(|&j| free[j])
                .fold(0.0, |m: f64, j| m.max(gradient[j].abs()));
            if size < 1e-12 {
                break;
            }
            let step = newton_step(gradient, hessian, free);
            let mut length = 1.0;
            let mut moved = false;
            while length > 1e-12 {
                let next: [f64; 2] = std::array::from_fn(|j| {
                    (t[j] - length * step[j]).clamp(-Self::BOUND, Self::BOUND)
                });
                let next_value = objective.value(next);
                if next_value < value {
                    (t, value, moved) = (next, next_value, true);
                    break;
                }
                length *= 0.5;
            }
            if !moved {
                break;
            }
        }
        // Backtracking stops when the objective no longer resolves a step; the gradient is then
        // near 1e-8.
        if size > 1e-6 {
            return Err(StatsError::NoConvergence {
                name: "two-factor scale",
                iterations: Self::ITERATIONS,
                gradient: size,
            });
        }
        Ok(Self {
            epistemic: t[0].exp(),
            aleatoric: t[1].exp(),
            nll: value,
            nll_unscaled,
            epistemic_uninformative: t[0] <= -Self::BOUND,
            aleatoric_uninformative: t[1] <= -Self::BOUND,
        })
    }

    /// √(a·epistemic² + b·aleatoric²) of new rows, negative parts taken as 0.
    ///
    /// # Errors
    ///
    /// [`StatsError`] for different lengths or values that are not finite.
    pub fn apply(&self, epistemic: &[f64], aleatoric: &[f64]) -> Result<Vec<f64>> {
        check::finite("epistemic", epistemic)?;
        check::column("aleatoric", aleatoric, epistemic.len())?;
        let rows = epistemic.iter().zip(aleatoric);
        let sd = rows.map(|(e, a)| {
            (self.epistemic * e.max(0.0).powi(2) + self.aleatoric * a.max(0.0).powi(2)).sqrt()
        });
        Ok(sd.collect())
    }
}

/// Squared error, epistemic and aleatoric variance of each row, all checked.
fn squares(
    measured: &[f64],
    mean: &[f64],
    epistemic: &[f64],
    aleatoric: &[f64],
) -> Result<Vec<(f64, f64, f64)>> {
    let n = measured.len();
    check::at_least("measured", 2, n)?;
    check::finite("measured", measured)?;
    check::column("mean", mean, n)?;
    check::column("epistemic", epistemic, n)?;
    check::column("aleatoric", aleatoric, n)?;
    for (name, part) in [("epistemic", epistemic), ("aleatoric", aleatoric)] {
        if let Some(row) = part.iter().position(|s| *s < 0.0) {
            return Err(StatsError::Scale {
                name,
                row,
                value: part[row],
            });
        }
    }
    if let Some(row) = (0..n).find(|&i| epistemic[i] == 0.0 && aleatoric[i] == 0.0) {
        return Err(StatsError::Scale {
            name: "epistemic + aleatoric",
            row,
            value: 0.0,
        });
    }
    Ok((0..n)
        .map(|i| {
            (
                (measured[i] - mean[i]).powi(2),
                epistemic[i].powi(2),
                aleatoric[i].powi(2),
            )
        })
        .collect())
}

/// Newton's step where the Hessian is positive definite, else a gradient step; at most 2 in each
/// direction.
fn newton_step(gradient: [f64; 2], [haa, hab, hbb]: [f64; 3], free: [bool; 2]) -> [f64; 2] {
    let det = haa * hbb - hab * hab;
    let diagonal = [haa, hbb];
    let step: [f64; 2] = if free == [true, true] && haa > 0.0 && det > 1e-14 * (haa * hbb).abs() {
        [
            (hbb * gradient[0] - hab * gradient[1]) / det,
            (haa * gradient[1] - hab * gradient[0]) / det,
        ]
    } else {
        std::array::from_fn(|j| {
            if free[j] {
                if diagonal[j] > 0.0 {
                    gradient[j] / diagonal[j]
                } else {
                    gradient[j].signum()
                }
            } else {
                0.0
            }
        })
    };
    step.map(|s| s.clamp(-2.0, 2.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_without_information_runs_to_the_bound_and_says_so() {
        // Errors of exactly one aleatoric sd in every row; the epistemic part only adds noise.
        let aleatoric: Vec<f64> = (0..40).map(|i| 0.5 + f64::from(i % 7) / 5.0).collect();
        let epistemic: Vec<f64> = (0..40).map(|i| 0.1 + f64::from(i % 5) / 3.0).collect();
        let fitted = TwoFactor::fit(&aleatoric, &[0.0; 40], &epistemic, &aleatoric).unwrap();
        assert!(fitted.epistemic_uninformative && !fitted.aleatoric_uninformative);
        assert!((fitted.aleatoric - 1.0).abs() < 1e-4 && fitted.nll < fitted.nll_unscaled);
    }

    #[test]
    fn bad_rows_are_named() {
        assert!(matches!(
            TwoFactor::fit(&[1.0, 2.0], &[0.0; 2], &[0.0; 2], &[1.0, 0.0]),
            Err(StatsError::Scale { row: 1, .. })
        ));
        assert!(TwoFactor::fit(&[1.0, 2.0], &[0.0; 2], &[-1.0, 1.0], &[1.0, 1.0]).is_err());
        assert!(matches!(
            variance_factor(&[1.0, 2.0], &[1.0, 2.0], &[1.0, 1.0]),
            Err(StatsError::Constant { .. })
        ));
    }
}
