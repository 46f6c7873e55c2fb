//! Parameters of weighted conformal intervals.

use degu_core::{
    Invalid, PluginConfig, Result,
    calibration::{Recalibrate, Scale, ScaleConfig, TooFew},
};
use degu_stats::conformal::weighted::TestWeight;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Intervals under covariate shift.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WeightedConfig {
    /// What tells calibration rows from target rows.
    #[schemars(length(min = 1), extend("uniqueItems" = true))]
    pub features: Vec<Feature>,
    /// Length of the k-mers in bp.
    #[schemars(range(min = 1, max = 5))]
    pub k: usize,
    /// What a residual is divided by.
    pub score: WeightedScore,
    /// The predicted spread of the normalized score.
    pub scale: Scale,
    /// What is done to the spreads first, on a third of the calibration rows.
    pub recalibrate: Recalibrate,
    /// Added to the spread, as a fraction of its median.
    #[schemars(range(min = 0.0, max = 10.0))]
    pub epsilon: f64,
    /// Calibration weights are clipped at this quantile of themselves; 1 clips nothing.
    #[schemars(range(min = 0.5, max = 1.0))]
    pub clip: f64,
    /// Weight of the new row itself: "own" (its density ratio) or "unit" (always 1).
    pub test_weight: Weight,
    /// Gives intervals below max(50, 1 / alpha) effective rows.
    pub force: bool,
    /// What to do with fewer effective rows than that.
    pub too_few: TooFew,
}

/// What tells calibration rows from target rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Feature {
    /// GC content.
    Gc,
    /// Shares of k-mers, both strands together.
    Kmers,
    /// Predicted means and spreads.
    Prediction,
}

/// What a residual is divided by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WeightedScore {
    /// Nothing: widths differ by weight alone.
    #[default]
    Absolute,
    /// A predicted spread.
    Normalized,
}

/// Weight of the new row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Weight {
    /// Its density ratio.
    #[default]
    Own,
    /// 1, for weights that are not a density ratio.
    Unit,
}

impl From<Weight> for TestWeight {
    fn from(weight: Weight) -> Self {
        match weight {
            Weight::Own => Self::Own,
            Weight::Unit => Self::Unit,
        }
    }
}

impl Default for WeightedConfig {
    fn default() -> Self {
        Self {
            features: vec![Feature::Gc, Feature::Kmers],
            k: 2,
            score: WeightedScore::default(),
            scale: Scale::default(),
            recalibrate: Recalibrate::default(),
            epsilon: 0.05,
            clip: 0.99,
            test_weight: Weight::default(),
            force: false,
            too_few: TooFew::default(),
        }
    }
}

impl WeightedConfig {
    pub(crate) fn scaled(&self) -> Option<ScaleConfig> {
        (self.score == WeightedScore::Normalized).then_some(ScaleConfig {
            scale: self.scale,
            recalibrate: self.recalibrate,
            epsilon: self.epsilon,
        })
    }
}

impl PluginConfig for WeightedConfig {
    fn check(&self) -> Result<(), Invalid> {
        if self.score == WeightedScore::Absolute && self.recalibrate != Recalibrate::None {
            return Err(Invalid {
                field: "recalibrate",
                message: "repairs a spread, which `score = \"normalized\"` alone uses".to_owned(),
            });
        }
        Ok(())
    }
}
