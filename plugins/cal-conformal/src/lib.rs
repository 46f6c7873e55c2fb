//! Split conformal intervals, around the mean or scaled by a predicted spread.
//!
//! # Model
//!
//! The score of a calibration row is `|y - mean|`, divided by `spread + epsilon` for the normalized score. The half-width at
//! miscoverage alpha is the `ceil((n + 1)(1 - alpha))`-th smallest score (times the spread); with too few rows it is infinite, never
//! a guess. Rows of one group (both strands, near-duplicates) are not exchangeable: one row of each group counts.
//!
//! # Parameters
//!
//! See [`SplitConformalConfig`].
//!
//! # Citation
//!
//! Vovk et al., Algorithmic Learning in a Random World (2005); Lei et al., JASA 113:1094 (2018), doi:10.1080/01621459.2017.1307116.
//!
//! # Differs from the original in
//!
//! - the rank is computed on the decimal alpha in whole numbers, where implementations in floating point are off by one for some n.
//!
//! # Source of golden numbers
//!
//! Quantiles of MAPIE, crepes and puncc, through the fixtures of `degu-stats`.

mod fitted;

use degu_core::{
    Build, Calibration, CalibrationSet, Calibrator, Forecast, Invalid, PluginConfig, Result,
    calibration::CalibratorNeeds, check,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use fitted::Fitted;

/// Intervals with marginal coverage from held-out residuals.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SplitConformalConfig {
    /// What a residual is divided by, and which sides are bounded.
    pub score: ScoreKind,
    /// The predicted spread of the normalized score.
    pub scale: Scale,
    /// Added to the spread, as a fraction of the mean spread of the calibration rows; keeps rows of spread 0 finite.
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
    /// Both sides by their own quantile.
    Signed,
    /// An upper bound alone.
    Upper,
    /// A lower bound alone.
    Lower,
}

/// The spread that scales a normalized interval.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// Spread between members, or a student's estimate of it.
    #[default]
    Epistemic,
    /// Spread between replicates.
    Aleatoric,
    /// Root of the sum of both squares.
    Total,
}

/// What to do without enough rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TooFew {
    /// Infinite intervals, counted in the report.
    #[default]
    Infinite,
    /// An error that names the number of rows needed.
    Error,
}

impl Default for SplitConformalConfig {
    fn default() -> Self {
        Self {
            score: ScoreKind::default(),
            scale: Scale::default(),
            epsilon: 0.05,
            too_few: TooFew::default(),
        }
    }
}

impl PluginConfig for SplitConformalConfig {
    fn check(&self) -> Result<(), Invalid> {
        check::range("epsilon", self.epsilon, 0.0..=10.0)
    }
}

impl Build<dyn Calibrator> for SplitConformalConfig {
    fn build(self) -> Result<Box<dyn Calibrator>> {
        Ok(Box::new(self))
    }
}

impl Calibrator for SplitConformalConfig {
    fn needs(&self) -> CalibratorNeeds {
        let scaled = self.score == ScoreKind::Normalized;
        CalibratorNeeds {
            epistemic: scaled && self.scale != Scale::Aleatoric,
            aleatoric: scaled && self.scale != Scale::Epistemic,
            quantiles: false,
        }
    }

    fn fit(
        &self,
        _tune: Option<&CalibrationSet<'_>>,
        set: &CalibrationSet<'_>,
        _target: Option<&Forecast<'_>>,
    ) -> Result<Box<dyn Calibration>> {
        Ok(Box::new(Fitted::fit(self, set)?))
    }

    fn restore(&self, state: &serde_json::Value) -> Result<Box<dyn Calibration>> {
        let fitted = Fitted::deserialize(state).map_err(|e| degu_core::Error::State {
            of: "split-conformal",
            problem: e.to_string(),
        })?;
        Ok(Box::new(fitted))
    }
}

degu_core::register!(Calibrator "split-conformal", SplitConformalConfig, revision = 1,
    "intervals from held-out residuals, plain or scaled by a predicted spread",
    cite = "doi:10.1080/01621459.2017.1307116");

degu_core::document!("lib.rs");
