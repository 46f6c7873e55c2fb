//! Prediction intervals, in f64 on the host.

use degu_stats::{Alpha, Guarantee};

use crate::Result;

/// Predictions, row-major `[rows, outputs]`; an output is a task (or a task and a bin).
#[derive(Debug, Clone, Copy)]
pub struct Forecast<'a> {
    /// Rows.
    pub rows: usize,
    /// Outputs per row.
    pub outputs: usize,
    /// Means.
    pub mean: &'a [f64],
    /// Epistemic standard deviations.
    pub epistemic: Option<&'a [f64]>,
    /// Aleatoric standard deviations.
    pub aleatoric: Option<&'a [f64]>,
    /// Predicted quantiles, `[rows, outputs, levels]`, and their levels.
    pub quantiles: Option<(&'a [f64], &'a [f64])>,
    /// Bin of each row (GC, category, ...) for calibrators that promise coverage per group.
    pub bin: Option<&'a [u32]>,
    /// Features of each row, row-major, for calibrators that estimate density ratios; with the width.
    pub features: Option<(&'a [f64], usize)>,
}

/// Predictions with what was observed, on rows that neither trained nor stopped the model.
#[derive(Debug, Clone, Copy)]
pub struct CalibrationSet<'a> {
    /// Predictions.
    pub forecast: Forecast<'a>,
    /// Observations, same layout as the means; NaN where missing.
    pub y: &'a [f64],
    /// Exchange group of each row: rows of one group count once.
    pub unit: &'a [u64],
}

/// Bounds, row-major `[rows, outputs]`; infinite where the calibration set is too small.
#[derive(Debug, Clone, PartialEq)]
pub struct Intervals {
    /// Lower bounds.
    pub lower: Vec<f64>,
    /// Upper bounds.
    pub upper: Vec<f64>,
}

/// Fits prediction intervals.
pub trait Calibrator: Send + Sync {
    /// Fraction of the calibration rows that it tunes itself on before the rest calibrates; 0 if it tunes nothing.
    fn tuning_fraction(&self) -> f64 {
        0.0
    }

    /// Spreads that it cannot do without.
    fn needs(&self) -> CalibratorNeeds {
        CalibratorNeeds::default()
    }

    /// Tunes on `tune` and fits on `set`; no row is in both. `target` are the unlabelled rows that intervals are wanted for, where
    /// the method weighs by them.
    fn fit(
        &self,
        tune: Option<&CalibrationSet<'_>>,
        set: &CalibrationSet<'_>,
        target: Option<&Forecast<'_>>,
    ) -> Result<Box<dyn Calibration>>;

    /// A fitted calibrator from its saved [`Calibration::state`].
    fn restore(&self, state: &serde_json::Value) -> Result<Box<dyn Calibration>>;
}

/// What a calibrator cannot do without; checked when the study is planned.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CalibratorNeeds {
    /// Epistemic standard deviations.
    pub epistemic: bool,
    /// Aleatoric standard deviations.
    pub aleatoric: bool,
    /// Quantiles.
    pub quantiles: bool,
}

/// A fitted calibrator.
pub trait Calibration: Send + Sync {
    /// Intervals that miss a fraction `alpha`.
    fn intervals(&self, forecast: &Forecast<'_>, alpha: Alpha) -> Result<Intervals>;

    /// What they promise.
    fn guarantee(&self, alpha: Alpha) -> Guarantee;

    /// Number of exchangeable units that it was fitted on, per output.
    fn units(&self) -> Vec<usize>;

    /// Enough to answer any alpha later; goes into the model card.
    fn state(&self) -> serde_json::Value;
}
