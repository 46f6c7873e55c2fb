//! Agreement of attribution maps, sequence by sequence, and completeness of maps.

use serde::{Deserialize, Serialize};

use super::Part;
use crate::number;

/// One measure of the maps of members and of students, by sequence.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MapAgreement {
    /// Attribution method.
    pub method: String,
    /// Task.
    pub task: String,
    /// Part of the prediction that is explained.
    #[serde(default)]
    pub part: Part,
    /// What was measured, such as `RMSE to the teacher's map`.
    pub metric: String,
    /// Smaller numbers are better.
    pub lower_is_better: bool,
    /// Identifiers of the sequences.
    pub sequences: Vec<String>,
    /// Mean over members `[N]`.
    #[serde(with = "number::many")]
    pub members: Vec<f64>,
    /// Mean over students `[N]`.
    #[serde(with = "number::many")]
    pub students: Vec<f64>,
    /// Mean of students less members.
    #[serde(with = "number::one")]
    pub difference: f64,
    /// Lower end of its confidence interval over sequences.
    #[serde(default)]
    pub ci_low: Option<f64>,
    /// Upper end.
    #[serde(default)]
    pub ci_high: Option<f64>,
    /// Share of the sequences for which students are better.
    #[serde(with = "number::one")]
    pub better: f64,
    /// Wilcoxon's signed-rank p over sequences.
    #[serde(default)]
    pub wilcoxon_p: Option<f64>,
    /// Sign-flip p over sequences.
    #[serde(default)]
    pub sign_flip_p: Option<f64>,
    /// Welch's p over models, each with its mean over sequences; the claim about training.
    #[serde(default)]
    pub models_p: Option<f64>,
    /// Number of members and of students.
    #[serde(default)]
    pub models: (usize, usize),
}

/// How well maps add up to what they explain.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CompletenessRow {
    /// Attribution method.
    pub method: String,
    /// Model.
    pub model: String,
    /// Task.
    pub task: String,
    /// Part of the prediction that is explained.
    #[serde(default)]
    pub part: Part,
    /// Sequences without N.
    pub sequences: usize,
    /// Mean absolute error over the mean absolute difference to the references.
    #[serde(with = "number::one")]
    pub rho: f64,
    /// Largest absolute error, in the unit of the task.
    #[serde(with = "number::one")]
    pub largest: f64,
}
