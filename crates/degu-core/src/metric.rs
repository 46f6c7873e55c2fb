//! Numbers in tables.

use crate::Result;

/// Predictions and measurements of one task, on the host; rows with a missing measurement have been
/// left out.
#[derive(Debug, Clone, Copy)]
pub struct TaskForecast<'a> {
    /// Measured values.
    pub y: &'a [f64],
    /// Predicted means.
    pub mean: &'a [f64],
    /// Predicted epistemic standard deviations.
    pub epistemic: Option<&'a [f64]>,
    /// Predicted aleatoric standard deviations.
    pub aleatoric: Option<&'a [f64]>,
}

/// How a bootstrap interval of a metric is computed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Resampling {
    /// No interval is given.
    #[default]
    None,
    /// The metric is a Pearson correlation of `y` and `mean`.
    Pearson,
    /// The metric is the root mean squared difference of `y` and `mean`.
    Rmse,
    /// The metric is a Spearman correlation of `y` and `mean`.
    Spearman,
    /// The metric is the mean squared difference of `y` and `mean`.
    Mse,
    /// The metric is the mean absolute difference of `y` and `mean`.
    Mae,
}

/// A number in a table.
pub trait Metric: Send + Sync {
    /// Whether a larger value is better, or neither direction is.
    fn higher_is_better(&self) -> Option<bool>;

    /// Unit, as printed in the header; empty for a pure number. `{unit}` stands for the unit of the
    /// target.
    fn unit(&self) -> &str;

    /// The value; `None` where it is not defined (a correlation with a constant, a score of a
    /// spread that was not predicted).
    fn compute(&self, forecast: &TaskForecast<'_>) -> Result<Option<f64>>;

    /// How its bootstrap interval is computed.
    fn resampling(&self) -> Resampling {
        Resampling::None
    }
}
