//! Agreement of predicted and measured values: correlations and errors.
//!
//! Use a correlation for ranking, an error for calibrated values, and both for reports: a
//! correlation is blind to a wrong scale, and an error depends on the unit. Neither says anything
//! about spreads; the framework's interval and score metrics do.
//!
//! # Model
//!
//! One number per task over the rows with a measurement. Correlations with a constant are
//! undefined, not zero.
//!
//! # Parameters
//!
//! None.
//!
//! # Citation
//!
//! Textbook definitions; see `degu_stats::metrics`.
//!
//! # Differs from the original in
//!
//! Nothing.
//!
//! # Source of golden numbers
//!
//! scipy, through the fixtures of `degu-stats`.

use degu_core::{Metric, PluginConfig, Result, TaskForecast, metric::resampled_agreement};
use degu_stats::{
    bootstrap::{Agreement, Bootstrap, Units},
    metrics,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Defines a metric of means: a configuration without parameters and its registration.
macro_rules! metric {
    ($config:ident, $name:literal, $summary:literal, $better:expr, $unit:literal, $agreement:ident, $compute:expr) => {
        #[doc = concat!("The metric `", $name, "`: ", $summary, ".")]
        #[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields, default)]
        pub struct $config {}

        impl PluginConfig for $config {}

        impl Metric for $config {
            fn higher_is_better(&self) -> Option<bool> {
                Some($better)
            }
            fn unit(&self) -> &str {
                $unit
            }
            fn resampled(
                &self,
                bootstrap: &Bootstrap,
                units: &Units,
                forecasts: &[TaskForecast<'_>],
            ) -> Result<Vec<Vec<f64>>> {
                resampled_agreement(Agreement::$agreement, bootstrap, units, forecasts)
            }
            fn compute(&self, f: &TaskForecast<'_>) -> Result<Option<f64>> {
                if f.y.is_empty() {
                    return Ok(None);
                }
                let compute: fn(&[f64], &[f64]) -> degu_stats::Result<Option<f64>> = $compute;
                Ok(compute(f.y, f.mean)?)
            }
        }

        degu_core::register!(Metric $name, $config, revision = 1, $summary);
    };
}

metric!(
    Pearson,
    "pearson",
    "linear correlation of predicted and measured values",
    true,
    "",
    Pearson,
    |y, m| metrics::pearson(y, m)
);
metric!(
    Spearman,
    "spearman",
    "rank correlation of predicted and measured values",
    true,
    "",
    Spearman,
    |y, m| metrics::spearman(y, m)
);
metric!(
    Mse,
    "mse",
    "mean squared error",
    false,
    "{unit}^2",
    Mse,
    |y, m| metrics::mse(y, m).map(Some)
);
metric!(
    Rmse,
    "rmse",
    "root of the mean squared error",
    false,
    "{unit}",
    Rmse,
    |y, m| metrics::rmse(y, m).map(Some)
);
metric!(
    Mae,
    "mae",
    "mean absolute error",
    false,
    "{unit}",
    Mae,
    |y, m| metrics::mae(y, m).map(Some)
);

degu_core::document!("lib.rs");

#[cfg(test)]
mod tests {
    use super::*;

    fn value(metric: &dyn Metric, y: &[f64], mean: &[f64]) -> Option<f64> {
        metric
            .compute(&TaskForecast {
                y,
                mean,
                epistemic: None,
                aleatoric: None,
            })
            .unwrap()
    }

    #[test]
    fn a_perfect_predictor_is_best() {
        let y = [1.0, 2.0, 4.0];
        assert!((value(&Pearson {}, &y, &y).unwrap() - 1.0).abs() < 1e-12);
        assert_eq!(value(&Mse {}, &y, &y), Some(0.0));
        assert_eq!(value(&Rmse {}, &y, &[2.0, 3.0, 5.0]), Some(1.0));
    }

    #[test]
    fn a_correlation_with_a_constant_is_undefined() {
        assert_eq!(value(&Pearson {}, &[1.0, 2.0], &[3.0, 3.0]), None);
        assert_eq!(value(&Spearman {}, &[], &[]), None);
    }
}
