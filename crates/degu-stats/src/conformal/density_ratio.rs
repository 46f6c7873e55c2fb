//! Density ratios target/calibration by a cross-fitted logistic classifier.

use serde::{Deserialize, Serialize};

use super::weighted::effective_n;
use crate::check;
use crate::detection::detect;
use crate::error::{Result, StatsError};
use crate::linalg::Cholesky;
use crate::order::quantile;
use crate::special::{sigmoid, softplus};

/// How the ratio is estimated.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RatioOptions {
    /// Folds of the cross-fit; row i belongs to fold i mod `folds`, so shuffle rows that come in
    /// groups.
    pub folds: usize,
    /// Ridge penalty on the standardized coefficients, per training row.
    pub ridge: f64,
    /// Calibration weights are clipped at this quantile of themselves; 1 clips nothing.
    pub clip: f64,
}

impl Default for RatioOptions {
    /// Five folds, ridge 1e-3, clipped at the 99th percentile.
    fn default() -> Self {
        Self {
            folds: 5,
            ridge: 1e-3,
            clip: 0.99,
        }
    }
}

/// Estimated weights; intervals built on them are approximate.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DensityRatio {
    /// Weight of each calibration row.
    pub calibration: Vec<f64>,
    /// Weight of each target row, in the same unit.
    pub target: Vec<f64>,
    /// (Σw)²/Σw² of the calibration weights.
    pub effective_n: f64,
    /// Largest weight allowed.
    pub limit: f64,
    /// Calibration rows that were clipped.
    pub clipped: usize,
    /// Target rows whose weight exceeds the limit. They are *not* clipped: a row beyond the
    /// calibration set keeps its large weight and so gets a wide or infinite interval.
    pub target_beyond: usize,
    /// Area under the curve of the cross-fitted classifier: .5 is no shift, near 1 the two sets
    /// hardly overlap.
    pub auroc: f64,
}

/// Estimates w(x) ∝ target density / calibration density from features.
///
/// A logistic classifier tells calibration from target rows; each row is scored by the model that
/// did not train on it, and w = p/(1 − p) × n_calibration/n_target. Features that do not vary are
/// ignored.
///
/// # Shapes
///
/// * `calibration`, `target` – features, `[rows, features]` row-major
///
/// # Errors
///
/// [`StatsError`] for ragged matrices, values that are not finite, fewer rows than folds, or a fit
/// that does not converge.
pub fn density_ratio(
    calibration: &[f64],
    target: &[f64],
    features: usize,
    options: RatioOptions,
) -> Result<DensityRatio> {
    Ok(density_ratio_model(calibration, target, features, options)?.0)
}

/// The classifiers behind a [`DensityRatio`], for rows that were in neither set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RatioModel {
    folds: Vec<Logistic>,
    balance: f64,
}

impl RatioModel {
    /// Weight of each new row: the geometric mean over the classifiers of the folds, in the unit of
    /// the calibration weights.
    ///
    /// # Errors
    ///
    /// [`StatsError`] for a ragged matrix, values that are not finite, or other features than were
    /// fitted.
    pub fn weights(&self, rows: &[f64], features: usize) -> Result<Vec<f64>> {
        check::matrix("features", rows, features)?;
        let fitted = self.folds.first().map_or(0, |f| f.centre.len());
        check::length("features", fitted, features)?;
        let folds = self.folds.len() as f64;
        let weight = |x: &[f64]| {
            let odds = self.folds.iter().map(|f| f.log_odds(x)).sum::<f64>() / folds;
            odds.clamp(-700.0, 700.0).exp() * self.balance
        };
        Ok(rows.chunks_exact(features).map(weight).collect())
    }
}

/// As [`density_ratio`], with the classifiers.
///
/// # Errors
///
/// As [`density_ratio`].
pub fn density_ratio_model(
    calibration: &[f64],
    target: &[f64],
    features: usize,
    options: RatioOptions,
) -> Result<(DensityRatio, RatioModel)> {
    let n_cal = check::matrix("calibration features", calibration, features)?;
    let n_target = check::matrix("target features", target, features)?;
    check::at_least("folds", 2, options.folds)?;
    check::at_least("calibration features", options.folds, n_cal)?;
    check::at_least("target features", options.folds, n_target)?;
    if !(options.ridge.is_finite() && options.ridge > 0.0) {
        return Err(StatsError::Parameter {
            name: "ridge",
            expected: "positive",
            found: options.ridge,
        });
    }
    if !(options.clip > 0.0 && options.clip <= 1.0) {
        return Err(StatsError::Parameter {
            name: "clip",
            expected: "in (0, 1]",
            found: options.clip,
        });
    }
    let rows: Vec<(&[f64], f64, usize)> = [(calibration, 0.0), (target, 1.0)]
        .into_iter()
        .flat_map(|(matrix, label)| {
            matrix
                .chunks_exact(features)
                .enumerate()
                .map(move |(i, x)| (x, label, i % options.folds))
        })
        .collect();
    let mut weights = vec![0.0; rows.len()];
    let balance = n_cal as f64 / n_target as f64;
    let mut folds = Vec::with_capacity(options.folds);
    for fold in 0..options.folds {
        let train: Vec<(&[f64], f64)> = rows
            .iter()
            .filter(|r| r.2 != fold)
            .map(|r| (r.0, r.1))
            .collect();
        let model = Logistic::fit(&train, features, options.ridge)?;
        for (weight, row) in weights.iter_mut().zip(&rows) {
            if row.2 == fold {
                // p/(1 − p) is the exponential of the log odds.
                *weight = model.log_odds(row.0).clamp(-700.0, 700.0).exp() * balance;
            }
        }
        folds.push(model);
    }
    let target_weights = weights.split_off(n_cal);
    let limit = quantile(&weights, options.clip)?;
    let auroc = detect(&weights, &target_weights)?.auroc;
    let clipped = weights.iter().filter(|w| **w > limit).count();
    let target_beyond = target_weights.iter().filter(|w| **w > limit).count();
    let calibration: Vec<f64> = weights.into_iter().map(|w| w.min(limit)).collect();
    let ratio = DensityRatio {
        effective_n: effective_n(&calibration)?,
        calibration,
        target: target_weights,
        limit,
        clipped,
        target_beyond,
        auroc,
    };
    Ok((ratio, RatioModel { folds, balance }))
}

/// Ridge logistic regression on standardized features, fitted by Newton's method with backtracking.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Logistic {
    centre: Vec<f64>,
    spread: Vec<f64>,
    coefficients: Vec<f64>,
}

impl Logistic {
    const ITERATIONS: usize = 100;

    fn fit(rows: &[(&[f64], f64)], features: usize, ridge: f64) -> Result<Self> {
        let n = rows.len() as f64;
        let (mut centre, mut spread) = (vec![0.0; features], vec![0.0; features]);
        for j in 0..features {
            centre[j] = crate::sum::mean_by(rows.len(), |i| rows[i].0[j]);
            spread[j] =
                crate::sum::mean_by(rows.len(), |i| (rows[i].0[j] - centre[j]).powi(2)).sqrt();
        }
        let mut model = Self {
            centre,
            spread,
            coefficients: vec![0.0; features + 1],
        };
        let design: Vec<Vec<f64>> = rows.iter().map(|(x, _)| model.standardize(x)).collect();
        let objective = |coefficients: &[f64]| -> f64 {
            let fit: f64 = design
                .iter()
                .zip(rows)
                .map(|(x, (_, label))| {
                    let eta = dot(x, coefficients);
                    softplus(eta) - label * eta
                })
                .sum();
            fit / n + 0.5 * ridge * dot(&coefficients[1..], &coefficients[1..])
        };
        let size = features + 1;
        let mut value = objective(&model.coefficients);
        let mut largest = f64::INFINITY;
        for _ in 0..Self::ITERATIONS {
            let mut gradient = vec![0.0; size];
            let mut hessian = vec![0.0; size * size];
            for (x, (_, label)) in design.iter().zip(rows) {
                let p = sigmoid(dot(x, &model.coefficients));
                let (error, curvature) = ((p - label) / n, p * (1.0 - p) / n);
                for j in 0..size {
                    gradient[j] += error * x[j];
                    for k in 0..=j {
                        hessian[j * size + k] += curvature * x[j] * x[k];
                    }
                }
            }
            for j in 1..size {
                gradient[j] += ridge * model.coefficients[j];
                hessian[j * size + j] += ridge;
            }
            // Keeps the intercept's curvature away from 0 when the classes separate.
            hessian[0] += 1e-12;
            largest = gradient.iter().fold(0.0, |m: f64, g| m.max(g.abs()));
            if largest < 1e-10 {
                return Ok(model);
            }
            let step = Cholesky::new("logistic regression", &hessian, size)?.solve(&gradient);
            let mut length = 1.0;
            loop {
                let next: Vec<f64> = model
                    .coefficients
                    .iter()
                    .zip(&step)
                    .map(|(c, s)| c - length * s)
                    .collect();
                let at = objective(&next);
                if at <= value + 1e-14 * value.abs() {
                    (model.coefficients, value) = (next, at);
                    break;
                }
                length *= 0.5;
                if length < 1e-10 {
                    return Err(not_converged(largest));
                }
            }
        }
        // Near separation the last digits of the gradient are rounding; the weights are not
        // sensitive to them.
        if largest < 1e-6 {
            Ok(model)
        } else {
            Err(not_converged(largest))
        }
    }

    fn standardize(&self, x: &[f64]) -> Vec<f64> {
        let scaled = x.iter().zip(&self.centre).zip(&self.spread);
        let scaled = scaled.map(|((v, c), s)| if *s > 0.0 { (v - c) / s } else { 0.0 });
        std::iter::once(1.0).chain(scaled).collect()
    }

    fn log_odds(&self, x: &[f64]) -> f64 {
        dot(&self.standardize(x), &self.coefficients)
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

fn not_converged(gradient: f64) -> StatsError {
    StatsError::NoConvergence {
        name: "logistic regression",
        iterations: Logistic::ITERATIONS,
        gradient,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_rows_are_weighed_by_the_saved_classifiers() {
        // Two shifted grids: the log ratio of the classifier is increasing in x.
        let grid = |n: usize, from: f64| -> Vec<f64> {
            (0..n).map(|i| from + 4.0 * i as f64 / n as f64).collect()
        };
        let (calibration, target) = (grid(500, 0.0), grid(500, 1.0));
        let (ratio, model) =
            density_ratio_model(&calibration, &target, 1, RatioOptions::default()).unwrap();
        let weights = model.weights(&target, 1).unwrap();
        for (new, fitted) in weights.iter().zip(&ratio.target) {
            assert!((new / fitted).ln().abs() < 0.3, "{new} {fitted}");
        }
        let json = serde_json::to_string(&model).unwrap();
        let again: RatioModel = serde_json::from_str(&json).unwrap();
        assert_eq!(
            again.weights(&[2.5], 1).unwrap(),
            model.weights(&[2.5], 1).unwrap()
        );
        assert!(model.weights(&[1.0, 2.0], 2).is_err());
    }
}
