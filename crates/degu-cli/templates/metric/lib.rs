//! Example: the share of the variance that predictions explain.
//!
//! Use it beside a correlation: a correlation is blind to a wrong scale or offset, this is not. It
//! depends on the spread of the measured values, so compare it within one data set only.
//!
//! # Model
//!
//! `1 - sum (y - mean)^2 / sum (y - mean of y)^2`; not defined for constant measurements.
//!
//! # Parameters
//!
//! None.
//!
//! # Citation
//!
//! Textbook definition.
//!
//! # Differs from the original in
//!
//! Nothing.
//!
//! # Source of golden numbers
//!
//! None yet.

use degu_core::{Metric, PluginConfig, Result, TaskForecast};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Coefficient of determination; has no parameters.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Example {}

impl PluginConfig for Example {}

impl Metric for Example {
    fn higher_is_better(&self) -> Option<bool> {
        Some(true)
    }

    fn unit(&self) -> &str {
        ""
    }

    // Its bootstrap interval comes from this as well: the framework computes it of each resample.
    fn compute(&self, forecast: &TaskForecast<'_>) -> Result<Option<f64>> {
        let (y, mean) = (forecast.y, forecast.mean);
        let centre = y.iter().sum::<f64>() / y.len().max(1) as f64;
        let total: f64 = y.iter().map(|y| (y - centre).powi(2)).sum();
        let left: f64 = y.iter().zip(mean).map(|(y, m)| (y - m).powi(2)).sum();
        Ok((total > 0.0).then(|| 1.0 - left / total))
    }
}

degu_core::register!(Metric "example", Example, revision = 1,
    "share of the variance that predictions explain");

degu_core::document!("lib.rs");
