//! Split conformal intervals: around the mean, scaled by a predicted spread, one-sided, or for all
//! tasks of a row at once.
//!
//! Use it by default: it promises coverage for any model and any noise, from a calibration part of
//! a few hundred rows. The promise is an average over rows like the calibration rows: it is not
//! kept for each group (`mondrian`) nor under a shift (`weighted-conformal`), and small alphas need
//! many rows.
//!
//! # Model
//!
//! The score of a calibration row is `|y - mean|`, divided by `spread + epsilon` for the normalized
//! score. The half-width at miscoverage alpha is the `ceil((n + 1)(1 - alpha))`-th smallest score
//! (times the spread); with too few rows it is infinite, never a guess. Rows of one group (both
//! strands, near-duplicates) are not exchangeable: one row of each group counts.
//!
//! The spread may be recalibrated first: `recalibrate` and `scale = "mix"` take a third of the
//! calibration rows for themselves (by group), and the rest calibrates. That is how a recalibrated
//! standard deviation feeds a conformal interval and keeps its guarantee; the plugins
//! `variance-scaling` and `isotonic` give the recalibrated distribution alone, without one.
//!
//! `joint` makes a box that holds all tasks of a row together: `bonferroni` gives each task
//! alpha/T, `max_score` takes one quantile of the largest score over tasks (each task's scores
//! divided by their root mean square on a third of the rows), `copula` lets the box follow each
//! task's own tail (half of the rows set its shape).
//!
//! # Parameters
//!
//! See [`SplitConformalConfig`].
//!
//! # Citation
//!
//! Vovk et al., Algorithmic Learning in a Random World (2005); Lei et al., JASA 113:1094 (2018),
//! doi:10.1080/01621459.2017.1307116.
//!
//! # Differs from the original in
//!
//! - the rank is computed on the decimal alpha in whole numbers, where implementations in floating
//!   point are off by one for some n;
//! - the copula box takes its shape and its level from different halves, which makes its guarantee
//!   exact.
//!
//! # Source of golden numbers
//!
//! Quantiles of MAPIE, crepes and puncc, through the fixtures of `degu-stats`.

mod boxes;
mod fitted;

use degu_core::{
    Calibration, CalibrationSet, Calibrator, Forecast, Invalid, PluginConfig, Result,
    calibration::{CalibratorNeeds, Recalibrate, Scale, ScaleConfig, TooFew},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use boxes::Boxes;
pub use fitted::Fitted;

/// Intervals with marginal coverage from held-out residuals.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SplitConformalConfig {
    /// What a residual is divided by, and which sides are bounded.
    pub score: ScoreKind,
    /// The predicted spread of the normalized score.
    pub scale: Scale,
    /// What is done to the spreads first, on a third of the calibration rows.
    pub recalibrate: Recalibrate,
    /// One interval for each task, or a box for all of them.
    pub joint: Joint,
    /// Added to the spread, as a fraction of its median; keeps rows of spread 0 finite.
    #[schemars(range(min = 0.0, max = 10.0))]
    pub epsilon: f64,
    /// What to do when alpha needs more calibration rows than there are.
    pub too_few: TooFew,
}

/// The conformal score.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ScoreKind {
    /// `|y - mean|`: one width for all rows.
    Absolute,
    /// `|y - mean| / (spread + epsilon)`: wide where the model is unsure.
    #[default]
    Normalized,
    /// Both sides by their own quantile: the central interval of the conformal predictive
    /// distribution.
    Signed,
    /// An upper bound alone.
    Upper,
    /// A lower bound alone.
    Lower,
}

/// What several tasks share.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Joint {
    /// Nothing: each task has its own intervals, and its own alpha.
    #[default]
    None,
    /// All tasks at once, each with alpha divided by their number.
    Bonferroni,
    /// All tasks at once, by the largest score of a row.
    MaxScore,
    /// All tasks at once, by ranks of each task's scores.
    Copula,
}

impl Default for SplitConformalConfig {
    fn default() -> Self {
        Self {
            score: ScoreKind::default(),
            scale: Scale::default(),
            recalibrate: Recalibrate::default(),
            joint: Joint::default(),
            epsilon: 0.05,
            too_few: TooFew::default(),
        }
    }
}

impl SplitConformalConfig {
    /// The scale, if residuals are divided by one.
    fn scaled(&self) -> Option<ScaleConfig> {
        (self.score == ScoreKind::Normalized).then_some(ScaleConfig {
            scale: self.scale,
            recalibrate: self.recalibrate,
            epsilon: self.epsilon,
        })
    }
}

impl PluginConfig for SplitConformalConfig {
    fn check(&self) -> Result<(), Invalid> {
        if self.score != ScoreKind::Normalized && self.recalibrate != Recalibrate::None {
            return Err(Invalid {
                field: "recalibrate",
                message: "repairs a spread, which `score = \"normalized\"` alone uses".to_owned(),
            });
        }
        let symmetric = matches!(self.score, ScoreKind::Absolute | ScoreKind::Normalized);
        if matches!(self.joint, Joint::MaxScore | Joint::Copula) && !symmetric {
            return Err(Invalid {
                field: "joint",
                message: "compares symmetric scores: use `score = \"absolute\"` or \"normalized\", or `joint = \"bonferroni\"`".to_owned(),
            });
        }
        Ok(())
    }
}

impl Calibrator for SplitConformalConfig {
    fn tuning_fraction(&self) -> f64 {
        let tunes = self.scaled().is_some_and(|s| s.tunes());
        match self.joint {
            Joint::Copula => 0.5,
            Joint::MaxScore => 1.0 / 3.0,
            _ if tunes => 1.0 / 3.0,
            _ => 0.0,
        }
    }

    fn variant(&self) -> Option<String> {
        let score = match self.score {
            ScoreKind::Absolute => "absolute",
            ScoreKind::Normalized => "normalized",
            ScoreKind::Signed => "signed",
            ScoreKind::Upper => "upper",
            ScoreKind::Lower => "lower",
        };
        let joint = match self.joint {
            Joint::None => "",
            Joint::Bonferroni => ", bonferroni",
            Joint::MaxScore => ", max_score",
            Joint::Copula => ", copula",
        };
        Some(format!("{score}{joint}"))
    }

    fn needs(&self) -> CalibratorNeeds {
        self.scaled().map(|s| s.needs()).unwrap_or_default()
    }

    fn fit(
        &self,
        tune: Option<&CalibrationSet<'_>>,
        set: &CalibrationSet<'_>,
        _target: Option<&Forecast<'_>>,
    ) -> Result<Box<dyn Calibration>> {
        Ok(match self.joint {
            Joint::None | Joint::Bonferroni => Box::new(Fitted::fit(self, tune, set)?),
            Joint::MaxScore | Joint::Copula => Box::new(Boxes::fit(self, tune, set)?),
        })
    }

    fn restore(&self, state: &serde_json::Value) -> Result<Box<dyn Calibration>> {
        let bad = |e: serde_json::Error| degu_core::Error::State {
            of: "split-conformal",
            problem: e.to_string(),
        };
        Ok(match self.joint {
            Joint::None | Joint::Bonferroni => Box::new(Fitted::deserialize(state).map_err(bad)?),
            Joint::MaxScore | Joint::Copula => Box::new(Boxes::deserialize(state).map_err(bad)?),
        })
    }
}

degu_core::register!(Calibrator "split-conformal", SplitConformalConfig, revision = 2,
    "intervals from held-out residuals: plain, scaled by a spread, one-sided, joint over tasks",
    cite = "doi:10.1080/01621459.2017.1307116");

degu_core::document!("lib.rs");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variants_are_called_by_their_parameters() {
        let variant = |score, joint| {
            let config = SplitConformalConfig {
                score,
                joint,
                ..SplitConformalConfig::default()
            };
            config.variant().unwrap()
        };
        assert_eq!(variant(ScoreKind::Normalized, Joint::None), "normalized");
        assert_eq!(
            variant(ScoreKind::Absolute, Joint::MaxScore),
            "absolute, max_score"
        );
    }
}
