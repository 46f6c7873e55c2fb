//! Shifts, ablations and sweeps.

use serde::{Deserialize, Serialize};

use super::ModelKind;
use crate::number;

/// One point of a curve with its interval.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CurvePoint {
    /// Severity of the shift, or the swept value.
    #[serde(with = "number::one")]
    pub x: f64,
    /// Value of the metric.
    #[serde(with = "number::one")]
    pub value: f64,
    /// Lower end of its interval.
    #[serde(default)]
    pub low: Option<f64>,
    /// Upper end of its interval.
    #[serde(default)]
    pub high: Option<f64>,
}

/// One metric of one model by severity of a shift.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShiftCurve {
    /// Name of the shift, such as `mutated`.
    pub shift: String,
    /// What the severity is, such as `share of positions mutated`.
    #[serde(default)]
    pub severity_label: String,
    /// Task.
    pub task: String,
    /// What the model is; [`ModelKind::Ceiling`] for an oracle.
    pub kind: ModelKind,
    /// Its name.
    pub model: String,
    /// Metric.
    pub metric: String,
    /// Points in order of severity; 0 is no shift.
    pub points: Vec<CurvePoint>,
}

/// One changed variant of a study against the unchanged one, paired by replicate.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arm {
    /// Name of the arm.
    pub name: String,
    /// Replicates with a value in both arms.
    pub n: usize,
    /// Mean of the metric over replicates.
    #[serde(with = "number::one")]
    pub mean: f64,
    /// Standard deviation over replicates (ddof 1).
    #[serde(default)]
    pub sd: Option<f64>,
    /// Mean difference to the baseline, sign turned so that positive is better.
    #[serde(with = "number::one")]
    pub difference: f64,
    /// The difference of every replicate, same sign.
    #[serde(default, with = "number::many")]
    pub differences: Vec<f64>,
    /// Lower end of the interval of the difference (Student t).
    #[serde(default)]
    pub ci_low: Option<f64>,
    /// Upper end.
    #[serde(default)]
    pub ci_high: Option<f64>,
    /// Exact sign-flip p.
    #[serde(default)]
    pub p: Option<f64>,
    /// p adjusted by Holm over the arms; primary metric only.
    #[serde(default)]
    pub adjusted_p: Option<f64>,
    /// What is missing and why, such as `1 of 6 diverged`; empty for nothing.
    #[serde(default)]
    pub note: String,
}

/// All arms in one metric.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Comparison {
    /// Metric, such as `test/pearson`.
    pub metric: String,
    /// Unit; empty for none.
    #[serde(default)]
    pub unit: String,
    /// Declared before the run; the others are exploratory.
    #[serde(default)]
    pub primary: bool,
    /// Name of the unchanged study.
    pub baseline: String,
    /// Mean of the baseline.
    #[serde(default)]
    pub baseline_mean: Option<f64>,
    /// Smallest two-sided p that this number of replicates can reach.
    #[serde(default)]
    pub smallest_p: Option<f64>,
    /// The arms.
    pub arms: Vec<Arm>,
}

/// One model along a sweep.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SweepLine {
    /// What the model is.
    pub kind: ModelKind,
    /// Its name.
    pub model: String,
    /// Points in order of the axis.
    pub points: Vec<CurvePoint>,
}

/// One metric along one swept axis.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sweep {
    /// Name of the sweep, such as `low_data`.
    pub name: String,
    /// Path of the swept value, such as `split.train_fraction`.
    pub axis: String,
    /// Metric, such as `test/pearson`.
    pub metric: String,
    /// Logarithmic axis.
    #[serde(default)]
    pub log_axis: bool,
    /// Models.
    pub lines: Vec<SweepLine>,
}
