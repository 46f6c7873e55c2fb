//! Conformal predictive systems: a whole distribution for each row, with valid p-values.

use serde::{Deserialize, Serialize};

use super::scores::SortedScores;
use crate::alpha::Alpha;
use crate::check;
use crate::error::Result;
use crate::scoring::ensemble::crps_of_sorted;

/// Calibration residuals (y − m)/σ in ascending order; the points of a new row are m + σ·residual.
///
/// P-values are uniform when smoothed with a random τ and conservative otherwise.
///
/// # Examples
///
/// ```
/// use degu_stats::conformal::predictive::PredictiveSystem;
///
/// let measured: Vec<f64> = (0..19).map(f64::from).collect();
/// let system = PredictiveSystem::fit(&measured, &[9.0; 19], None)?;
/// let row = system.row(9.0, 1.0)?;
/// assert_eq!(row.p_value(9.0), 11.0 / 20.0);
/// assert_eq!(row.percentile_below("0.05".parse()?), 0.0);
/// # Ok::<(), degu_stats::StatsError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PredictiveSystem {
    residuals: SortedScores,
}

impl PredictiveSystem {
    /// Collects the residuals of the calibration rows, divided by their scale if there is one.
    ///
    /// # Errors
    ///
    /// [`StatsError`](crate::StatsError) for no rows, different lengths, values that are not
    /// finite, or a scale that is not positive.
    pub fn fit(measured: &[f64], mean: &[f64], scale: Option<&[f64]>) -> Result<Self> {
        check::at_least("measured", 1, measured.len())?;
        check::finite("measured", measured)?;
        check::column("mean", mean, measured.len())?;
        if let Some(scale) = scale {
            check::scale("scale", scale, measured.len())?;
        }
        let residual = |i: usize| (measured[i] - mean[i]) / scale.map_or(1.0, |s| s[i]);
        Ok(Self {
            residuals: SortedScores::new(&(0..measured.len()).map(residual).collect::<Vec<f64>>())?,
        })
    }

    /// The predictive distribution of one row; `scale` is 1 for a system without scales.
    ///
    /// # Errors
    ///
    /// [`StatsError`](crate::StatsError) for a mean that is not finite or a scale that is not
    /// positive.
    pub fn row(&self, mean: f64, scale: f64) -> Result<PredictiveRow<'_>> {
        check::finite("mean", &[mean])?;
        check::positive("scale", &[scale])?;
        Ok(PredictiveRow {
            residuals: self.residuals.as_slice(),
            mean,
            scale,
        })
    }
}

/// The predictive distribution of one row: n points of equal mass, and one part in n + 1 left over.
#[derive(Debug, Clone, Copy)]
pub struct PredictiveRow<'a> {
    residuals: &'a [f64],
    mean: f64,
    scale: f64,
}

impl PredictiveRow<'_> {
    fn point(&self, residual: f64) -> f64 {
        self.mean + self.scale * residual
    }

    /// The points in ascending order.
    pub fn points(&self) -> Vec<f64> {
        self.residuals.iter().map(|r| self.point(*r)).collect()
    }

    /// (#{C ≤ y} + 1)/(n + 1).
    pub fn p_value(&self, y: f64) -> f64 {
        let at_most = self.residuals.partition_point(|r| self.point(*r) <= y);
        (at_most + 1) as f64 / (self.residuals.len() + 1) as f64
    }

    /// (#{C < y} + τ(#{C = y} + 1))/(n + 1) with τ uniform on (0, 1), from the caller's random
    /// stream.
    pub fn p_value_smoothed(&self, y: f64, tau: f64) -> f64 {
        let below = self.residuals.partition_point(|r| self.point(*r) < y);
        let at_most = self.residuals.partition_point(|r| self.point(*r) <= y);
        (below as f64 + tau * (at_most - below + 1) as f64) / (self.residuals.len() + 1) as f64
    }

    /// Lower percentile: the floor(p(n + 1))-th point, −∞ for the 0-th.
    pub fn percentile_below(&self, p: Alpha) -> f64 {
        match p.floor_of(self.residuals.len() as u64 + 1) {
            0 => f64::NEG_INFINITY,
            k => self.point(self.residuals[k as usize - 1]),
        }
    }

    /// Upper percentile: the ceil(p(n + 1))-th point, +∞ for the (n + 1)-th.
    pub fn percentile_above(&self, p: Alpha) -> f64 {
        let k = p.ceil_of(self.residuals.len() as u64 + 1) as usize;
        self.residuals
            .get(k - 1)
            .map_or(f64::INFINITY, |r| self.point(*r))
    }

    /// CRPS with mass 1/n on each point, in units of the measurement, lower is better.
    pub fn crps(&self, y: f64) -> f64 {
        crps_of_sorted(&self.points(), y, false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformal::{Score, SplitConformal};

    #[test]
    fn central_intervals_are_those_of_signed_scores() {
        for n in [19, 57, 200] {
            let measured: Vec<f64> = (0..n).map(|i| f64::from((i * 37) % 101)).collect();
            let mean: Vec<f64> = (0..n).map(|i| f64::from((i * 53) % 47)).collect();
            let system = PredictiveSystem::fit(&measured, &mean, None).unwrap();
            let split = SplitConformal::fit(Score::Signed, &measured, &mean, None).unwrap();
            for (num, den) in [(1, 10), (1, 5), (1, 2)] {
                let alpha = Alpha::new(num, den).unwrap();
                let ends = split.intervals(&[3.5], None, alpha).unwrap();
                let row = system.row(3.5, 1.0).unwrap();
                let half = Alpha::new(num, 2 * den).unwrap();
                let above = Alpha::new(2 * den - num, 2 * den).unwrap();
                assert_eq!(row.percentile_below(half), ends.lower[0], "{n} {alpha}");
                assert_eq!(row.percentile_above(above), ends.upper[0], "{n} {alpha}");
            }
        }
    }
}
