//! The arms of an ablation side by side: accuracy, uncertainty, intervals and cost of what each of
//! them ends with.

use serde::{Deserialize, Serialize};

use super::ModelKind;
use crate::number;

/// An arm in words, and what it costs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArmCost {
    /// Name of the arm.
    pub arm: String,
    /// Title for people; the name if there is none.
    pub title: String,
    /// What the arm ends with: its students, or its ensemble.
    pub kind: ModelKind,
    /// Replicates with results.
    pub replicates: usize,
    /// Networks trained per replicate, teachers included.
    pub networks: usize,
    /// Epochs of training of all networks, mean over replicates.
    #[serde(with = "number::one")]
    pub epochs: f64,
    /// Optimizer steps of all networks, mean over replicates.
    #[serde(with = "number::one")]
    pub steps: f64,
    /// Passes through a network that one prediction takes.
    pub passes: usize,
}

/// What a number or a curve of an arm belongs to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArmSource {
    /// Name of the arm.
    pub arm: String,
    /// Calibration block; empty for the prediction as it is.
    #[serde(default)]
    pub calibration: String,
    /// `epistemic`, `aleatoric` or `total`; empty for means and for intervals.
    #[serde(default)]
    pub spread: String,
    /// Rows: a split, or a shift with its severity.
    pub split: String,
    /// Task.
    pub task: String,
}

/// One number of an arm.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArmScore {
    /// Of what.
    pub source: ArmSource,
    /// Name, such as `pearson`, `nll`, `interval_coverage@0.1`, `coverage_gap@0.1 by GC content`.
    pub metric: String,
    /// Mean over replicates, and over students where there are several.
    #[serde(with = "number::one")]
    pub value: f64,
    /// Standard deviation over replicates (ddof 1); `None` with one.
    #[serde(default)]
    pub sd: Option<f64>,
    /// Unit; empty when it has none.
    #[serde(default)]
    pub unit: String,
}

/// Interval coverage and width over levels, mean over replicates.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArmCurve {
    /// Of what.
    pub source: ArmSource,
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

/// The arms of an ablation side by side.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Arms {
    /// The arms, the baseline first.
    pub costs: Vec<ArmCost>,
    /// Numbers, long form.
    pub scores: Vec<ArmScore>,
    /// Coverage and width over levels.
    pub curves: Vec<ArmCurve>,
}

impl Arms {
    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.costs.is_empty()
    }

    /// The title of an arm.
    pub fn title<'a>(&'a self, arm: &'a str) -> &'a str {
        let known = self.costs.iter().find(|c| c.arm == arm);
        known.map_or(arm, |c| c.title.as_str())
    }

    /// The value of a metric.
    pub fn value(&self, source: &ArmSource, metric: &str) -> Option<&ArmScore> {
        let mut own = self.scores.iter();
        own.find(|s| s.source == *source && s.metric == metric)
    }
}
