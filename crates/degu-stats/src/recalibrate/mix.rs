//! The scale of an interval as a mixture of both uncertainties: half width = γ(aleatoric +
//! λ·epistemic).

use serde::{Deserialize, Serialize};

use crate::alpha::Alpha;
use crate::check;
use crate::conformal::conformal_quantile;
use crate::error::Result;
use crate::scoring::interval::winkler_row;
use crate::sum::mean_by;

/// Share of the epistemic part in the scale.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MixRatio {
    /// aleatoric + λ·epistemic.
    Linear(f64),
    /// The epistemic part alone, λ → ∞.
    EpistemicOnly,
}

impl MixRatio {
    /// The default grid: 0, .25, .5, 1, 1.5, 2, 3, 4, 6, 8, and epistemic only.
    pub fn default_grid() -> Vec<Self> {
        let linear = [0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0].map(Self::Linear);
        linear.into_iter().chain([Self::EpistemicOnly]).collect()
    }

    /// The scale of each row.
    ///
    /// # Errors
    ///
    /// [`StatsError`](crate::StatsError) for different lengths or a scale that is not positive and
    /// finite.
    pub fn scale(self, epistemic: &[f64], aleatoric: &[f64]) -> Result<Vec<f64>> {
        check::finite("epistemic", epistemic)?;
        check::column("aleatoric", aleatoric, epistemic.len())?;
        let scale: Vec<f64> = epistemic
            .iter()
            .zip(aleatoric)
            .map(|(e, a)| match self {
                Self::Linear(ratio) => a + ratio * e,
                Self::EpistemicOnly => *e,
            })
            .collect();
        check::positive("mixed scale", &scale)?;
        Ok(scale)
    }
}

/// The ratio chosen on part A; calibrate a normalized score with its [`scale`](MixRatio::scale) on
/// part B.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MixedScale {
    /// The ratio with the smallest mean Winkler score, first on ties.
    pub ratio: MixRatio,
    /// Mean Winkler score of each ratio of the grid; +∞ where part A is too small.
    pub winkler: Vec<f64>,
}

impl MixedScale {
    /// Chooses the ratio on part A: for each, γ is the conformal quantile of |y − m|/scale there,
    /// and the mean Winkler score of m ∓ γ·scale decides.
    ///
    /// # Errors
    ///
    /// [`StatsError::TooFew`](crate::StatsError::TooFew) if part A is below
    /// [`Alpha::smallest_calibration`] (no ratio is finite) or the grid is empty; others for
    /// different lengths, values that are not finite, or scales that are not positive.
    pub fn choose(
        measured: &[f64],
        mean: &[f64],
        epistemic: &[f64],
        aleatoric: &[f64],
        grid: &[MixRatio],
        alpha: Alpha,
    ) -> Result<Self> {
        let n = measured.len();
        check::at_least("grid", 1, grid.len())?;
        check::at_least("part A", alpha.smallest_calibration().max(1), n)?;
        check::finite("measured", measured)?;
        check::column("mean", mean, n)?;
        check::length("epistemic", n, epistemic.len())?;
        let error: Vec<f64> = measured
            .iter()
            .zip(mean)
            .map(|(y, m)| (y - m).abs())
            .collect();
        let penalty = 2.0 / alpha.value();
        let mut winkler = Vec::with_capacity(grid.len());
        for ratio in grid {
            let scale = ratio.scale(epistemic, aleatoric)?;
            let scores: Vec<f64> = error.iter().zip(&scale).map(|(e, s)| e / s).collect();
            let gamma = conformal_quantile(&scores, alpha)?;
            winkler.push(mean_by(n, |i| {
                winkler_row(-gamma * scale[i], gamma * scale[i], error[i], penalty)
            }));
        }
        let mut best = 0;
        for (at, score) in winkler.iter().enumerate() {
            if *score < winkler[best] {
                best = at;
            }
        }
        Ok(Self {
            ratio: grid[best],
            winkler,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::StatsError;

    #[test]
    fn the_informative_part_is_chosen() {
        let epistemic: Vec<f64> = (0..60).map(|i| 0.2 + f64::from(i % 9)).collect();
        let aleatoric: Vec<f64> = (0..60).map(|i| 1.0 + f64::from(i % 7)).collect();
        let alpha = "0.1".parse().unwrap();
        let choose = |y: &[f64]| {
            MixedScale::choose(
                y,
                &[0.0; 60],
                &epistemic,
                &aleatoric,
                &MixRatio::default_grid(),
                alpha,
            )
        };
        assert_eq!(choose(&epistemic).unwrap().ratio, MixRatio::EpistemicOnly);
        assert_eq!(choose(&aleatoric).unwrap().ratio, MixRatio::Linear(0.0));
        let few = MixedScale::choose(
            &[1.0; 8],
            &[0.0; 8],
            &[1.0; 8],
            &[1.0; 8],
            &[MixRatio::Linear(1.0)],
            alpha,
        );
        assert!(matches!(
            few,
            Err(StatsError::TooFew {
                needed: 9,
                found: 8,
                ..
            })
        ));
    }
}
