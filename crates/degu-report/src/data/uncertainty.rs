//! How far predicted uncertainty can be trusted: numbers and curves, raw and recalibrated.

use serde::{Deserialize, Serialize};

use super::ModelKind;
use crate::number;

/// Which prediction of uncertainty a number belongs to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UncertaintySource {
    /// What the model is.
    pub kind: ModelKind,
    /// Its name.
    pub model: String,
    /// Calibrator, as in [`CalibrationRow`](super::CalibrationRow); empty for the prediction as it
    /// is.
    #[serde(default)]
    pub calibrator: String,
    /// `epistemic`, `aleatoric` or `total`; empty for intervals, which have no spread.
    #[serde(default)]
    pub spread: String,
    /// Rows it was evaluated on.
    pub split: String,
    /// Task.
    pub task: String,
}

/// One number.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UncertaintyRow {
    /// Of what.
    pub source: UncertaintySource,
    /// Name of the number, such as `nll` or `interval_coverage@0.1`.
    pub metric: String,
    /// The value; NaN where it is not defined, with the reason in `note`.
    #[serde(with = "number::one")]
    pub value: f64,
    /// Unit; empty when it has none.
    #[serde(default)]
    pub unit: String,
    /// What must be known to read it; empty for nothing.
    #[serde(default)]
    pub note: String,
}

/// Interval coverage and width over levels.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReliabilityCurve {
    /// Of what.
    pub source: UncertaintySource,
    /// Levels asked for, ascending.
    #[serde(with = "number::many")]
    pub nominal: Vec<f64>,
    /// Shares of measured values inside.
    #[serde(with = "number::many")]
    pub observed: Vec<f64>,
    /// Mean widths of the finite intervals.
    #[serde(with = "number::many")]
    pub width: Vec<f64>,
}

/// Histogram of probability integral transforms.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TransformCounts {
    /// Of what.
    pub source: UncertaintySource,
    /// Rows in bins of equal width from 0 to 1.
    pub counts: Vec<usize>,
    /// Smallest count expected by chance (5 %).
    pub low: usize,
    /// Largest count expected by chance (95 %).
    pub high: usize,
}

/// Error of the most certain rows.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RiskCurve {
    /// Of what.
    pub source: UncertaintySource,
    /// Shares kept, ascending.
    #[serde(with = "number::many")]
    pub kept: Vec<f64>,
    /// RMSE of the rows kept.
    #[serde(with = "number::many")]
    pub rmse: Vec<f64>,
    /// RMSE of the best possible order.
    #[serde(with = "number::many")]
    pub oracle: Vec<f64>,
}

/// Something that must be known to read the intervals of a calibrator.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CalibrationNote {
    /// Calibrator.
    pub calibrator: String,
    /// Model; empty for all.
    #[serde(default)]
    pub model: String,
    /// One sentence.
    pub text: String,
}

/// Everything on uncertainty that is neither an interval table nor a metric of means.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Uncertainty {
    /// Numbers, long form.
    pub rows: Vec<UncertaintyRow>,
    /// Coverage and width over levels.
    pub reliability: Vec<ReliabilityCurve>,
    /// Histograms of transforms.
    pub transforms: Vec<TransformCounts>,
    /// Error of the most certain rows.
    pub risk: Vec<RiskCurve>,
    /// What must be known of the calibrators.
    pub notes: Vec<CalibrationNote>,
}

impl Uncertainty {
    /// Adds everything of another one.
    pub fn extend(&mut self, other: Self) {
        self.rows.extend(other.rows);
        self.reliability.extend(other.reliability);
        self.transforms.extend(other.transforms);
        self.risk.extend(other.risk);
        self.notes.extend(other.notes);
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
