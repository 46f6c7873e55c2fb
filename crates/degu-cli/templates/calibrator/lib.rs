//! Example: conformal intervals of one width for all rows.
//!
//! Use it where the predicted spreads say little: the intervals hold on average over rows whatever
//! the model does. They are too wide for easy rows and too narrow for hard ones; the plugin
//! `split-conformal` follows a predicted spread instead.
//!
//! # Model
//!
//! Half the width at miscoverage alpha is the `ceil((n + 1)(1 - alpha))`-th smallest `|y - mean|`
//! of the calibration rows, one row of each group; infinite with too few rows.
//!
//! # Parameters
//!
//! See [`Example`].
//!
//! # Citation
//!
//! Lei et al., JASA 113:1094 (2018), doi:10.1080/01621459.2017.1307116.
//!
//! # Differs from the original in
//!
//! Nothing.
//!
//! # Source of golden numbers
//!
//! None yet.

use degu_core::{
    Calibration, CalibrationSet, Calibrator, Error, Forecast, Intervals, PluginConfig, Result,
    calibration::{OutputRows, TooFew, column, gather},
};
use degu_stats::{
    Alpha, Guarantee,
    conformal::{Score, SplitConformal},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Intervals of one width from held-out residuals.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Example {
    /// What to do when alpha needs more calibration rows than there are.
    pub too_few: TooFew,
}

impl PluginConfig for Example {}

impl Calibrator for Example {
    fn fit(
        &self,
        _tune: Option<&CalibrationSet<'_>>,
        set: &CalibrationSet<'_>,
        _target: Option<&Forecast<'_>>,
    ) -> Result<Box<dyn Calibration>> {
        let fit = |output| -> Result<SplitConformal> {
            // Measured rows, and one of each group: what is left is exchangeable.
            let rows = OutputRows::of(set, output)?;
            Ok(SplitConformal::fit(Score::Absolute, &rows.y, &rows.mean, None)?)
        };
        Ok(Box::new(Fitted {
            too_few: self.too_few,
            outputs: (0..set.forecast.outputs).map(fit).collect::<Result<_>>()?,
        }))
    }

    fn restore(&self, state: &serde_json::Value) -> Result<Box<dyn Calibration>> {
        let fitted: Fitted = Fitted::deserialize(state).map_err(|e| Error::State {
            of: "example",
            problem: e.to_string(),
        })?;
        Ok(Box::new(fitted))
    }
}

/// The scores of every output: enough for any alpha, and saved in the model card.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fitted {
    too_few: TooFew,
    outputs: Vec<SplitConformal>,
}

impl Calibration for Fitted {
    fn intervals(&self, forecast: &Forecast<'_>, alpha: Alpha) -> Result<Intervals> {
        gather(forecast, self.outputs.len(), |output| {
            let scores = &self.outputs[output];
            self.too_few.accept(alpha, scores.calibration_rows(), "example")?;
            let mean = column(forecast.mean, output, forecast.outputs);
            Ok(scores.intervals(&mean, None, alpha)?)
        })
    }

    fn guarantee(&self, _alpha: Alpha) -> Guarantee {
        Guarantee::Marginal
    }

    fn units(&self) -> Vec<usize> {
        let rows = self.outputs.iter().map(SplitConformal::calibration_rows);
        rows.collect()
    }

    fn state(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}

degu_core::register!(Calibrator "example", Example, revision = 1,
    "conformal intervals of one width for all rows",
    cite = "doi:10.1080/01621459.2017.1307116");

degu_core::document!("lib.rs");
