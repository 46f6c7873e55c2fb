//! Prediction intervals, in f64 on the host.
//!
//! This module holds the slot; below it stands what calibrators have in common: [`OutputRows`]
//! (which rows of an output calibrate), [`Scale`] (the spread that a width follows),
//! [`SpreadSource`] (which predicted spread that is) and [`TooFew`] (what happens without enough
//! rows).

mod rows;
mod scale;
mod source;

use degu_stats::{Alpha, Guarantee};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Result;

pub use rows::{OutputRows, TooFew, column, gather};
pub use scale::{FittedScale, Recalibrate, Scale, ScaleConfig};
pub use source::SpreadSource;

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
    /// Means of the ensemble's members, `[members, rows, outputs]`, and their number.
    pub members: Option<(&'a [f64], usize)>,
    /// Name of each row's group, from a column of the source.
    pub category: Option<&'a [String]>,
    /// What [`Calibrator::covariates`] asked for, side by side and row-major; with the width.
    pub features: Option<(&'a [f64], usize)>,
}

impl<'a> Forecast<'a> {
    /// Means alone.
    pub fn new(rows: usize, outputs: usize, mean: &'a [f64]) -> Self {
        Self {
            rows,
            outputs,
            mean,
            epistemic: None,
            aleatoric: None,
            quantiles: None,
            members: None,
            category: None,
            features: None,
        }
    }
}

/// A property of the sequence itself, which the framework computes for calibration rows and for new
/// sequences alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Covariate {
    /// Share of G and C among the known bases.
    Gc,
    /// Shares of the k-mers, both strands counted together.
    Kmers {
        /// Length of a k-mer in bp.
        k: usize,
    },
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
    /// Whether a member trained on a row, `[members, rows]`; for calibrators that need
    /// [`CalibratorNeeds::members`].
    pub drawn: Option<&'a [bool]>,
}

impl<'a> CalibrationSet<'a> {
    /// Rows that no member trained on.
    pub fn new(forecast: Forecast<'a>, y: &'a [f64], unit: &'a [u64]) -> Self {
        Self {
            forecast,
            y,
            unit,
            drawn: None,
        }
    }
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
    /// Fraction of the calibration rows that it tunes itself on before the rest calibrates; 0 if it
    /// tunes nothing.
    fn tuning_fraction(&self) -> f64 {
        0.0
    }

    /// What tables write behind the name of its block, as in `main (normalized)`, if that is not
    /// the name of the plugin: the variant that its parameters choose.
    fn variant(&self) -> Option<String> {
        None
    }

    /// What it cannot do without.
    fn needs(&self) -> CalibratorNeeds {
        CalibratorNeeds::default()
    }

    /// Properties of the sequences that it wants in [`Forecast::features`], in this order.
    fn covariates(&self) -> Vec<Covariate> {
        Vec::new()
    }

    /// Tunes on `tune` and fits on `set`; no row is in both. `target` are the unlabelled rows that
    /// intervals are wanted for, where the method weighs by them.
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
    /// Categories of the rows.
    pub category: bool,
    /// The unlabelled rows that intervals are wanted for: it is fitted once for each set of them.
    pub target: bool,
    /// Members that left training rows out. It is then fitted on training rows, and its intervals
    /// are those of the ensemble.
    pub members: bool,
}

/// A fitted calibrator.
pub trait Calibration: Send + Sync {
    /// Intervals that miss a fraction `alpha`.
    fn intervals(&self, forecast: &Forecast<'_>, alpha: Alpha) -> Result<Intervals>;

    /// What they promise.
    fn guarantee(&self, alpha: Alpha) -> Guarantee;

    /// Number of exchangeable units that it was fitted on, per output.
    fn units(&self) -> Vec<usize>;

    /// Recalibrated standard deviations of new rows, layout of the means; `None` for methods that
    /// give intervals alone.
    fn spread(&self, _forecast: &Forecast<'_>) -> Result<Option<Vec<f64>>> {
        Ok(None)
    }

    /// What a reader of its intervals must know, one sentence each: groups that were joined,
    /// effective sizes, spreads that were cut off at 0.
    fn notes(&self) -> Vec<String> {
        Vec::new()
    }

    /// Enough to answer any alpha later; goes into the model card.
    fn state(&self) -> serde_json::Value;
}
