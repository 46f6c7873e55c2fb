//! Numbers in tables.

use degu_stats::bootstrap::{Agreement, Bootstrap, Units};

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

    /// The value of each forecast in every resample of the rows, `[forecasts][resamples]`; NaN
    /// where it is not defined. All forecasts are of the same rows and see the same resamples.
    ///
    /// The default computes the metric of every resample; a metric that has a faster way gives the
    /// same numbers (to rounding).
    ///
    /// # Errors
    ///
    /// Fewer than two units or resamples, and the errors of [`compute`](Self::compute).
    fn resampled(
        &self,
        bootstrap: &Bootstrap,
        units: &Units,
        forecasts: &[TaskForecast<'_>],
    ) -> Result<Vec<Vec<f64>>> {
        resampled_rows(|f| self.compute(f), bootstrap, units, forecasts)
    }
}

/// Computes a metric of every resample: what [`Metric::resampled`] does by default.
///
/// # Errors
///
/// As [`Metric::resampled`].
pub fn resampled_rows(
    compute: impl Fn(&TaskForecast<'_>) -> Result<Option<f64>> + Sync,
    bootstrap: &Bootstrap,
    units: &Units,
    forecasts: &[TaskForecast<'_>],
) -> Result<Vec<Vec<f64>>> {
    let one = |forecast: &TaskForecast<'_>| {
        bootstrap.each(units, |rows: &[usize]| {
            let drawn = |values: &[f64]| rows.iter().map(|r| values[*r]).collect::<Vec<f64>>();
            let (epistemic, aleatoric) =
                (forecast.epistemic.map(drawn), forecast.aleatoric.map(drawn));
            let value = compute(&TaskForecast {
                y: &drawn(forecast.y),
                mean: &drawn(forecast.mean),
                epistemic: epistemic.as_deref(),
                aleatoric: aleatoric.as_deref(),
            })?;
            Ok(value.unwrap_or(f64::NAN))
        })
    };
    forecasts.iter().map(one).collect()
}

/// [`Metric::resampled`] of a metric that compares measured values and means by a statistic of
/// degu-stats.
///
/// # Errors
///
/// As [`Metric::resampled`].
pub fn resampled_agreement(
    statistic: Agreement,
    bootstrap: &Bootstrap,
    units: &Units,
    forecasts: &[TaskForecast<'_>],
) -> Result<Vec<Vec<f64>>> {
    let Some(first) = forecasts.first() else {
        return Ok(Vec::new());
    };
    let means: Vec<&[f64]> = forecasts.iter().map(|f| f.mean).collect();
    Ok(bootstrap.resampled(units, first.y, &means, statistic)?)
}
