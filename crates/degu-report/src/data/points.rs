//! Predictions of single sequences.

use serde::{Deserialize, Serialize};

use super::ModelKind;
use crate::number;

/// One sequence of a scatter plot; all values in the unit of the task.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Point {
    /// Identifier of the sequence.
    pub id: String,
    /// Measured activity.
    #[serde(with = "number::one")]
    pub measured: f64,
    /// Predicted activity.
    #[serde(with = "number::one")]
    pub mean: f64,
    /// Predicted epistemic standard deviation (models disagree, data are thin).
    #[serde(default)]
    pub epistemic: Option<f64>,
    /// Predicted aleatoric standard deviation (noise of the measurement).
    #[serde(default)]
    pub aleatoric: Option<f64>,
}

impl Point {
    /// Total standard deviation of what is known.
    pub(crate) fn total(&self) -> Option<f64> {
        match (self.epistemic, self.aleatoric) {
            (Some(e), Some(a)) => Some(e.hypot(a)),
            (one, other) => one.or(other),
        }
    }
}

/// Predicted against measured for one model, split and task.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scatter {
    /// What the model is.
    pub kind: ModelKind,
    /// Its name.
    pub model: String,
    /// Split.
    pub split: String,
    /// Task.
    pub task: String,
    /// Pearson correlation of the mean with the measurement, as in the tables.
    #[serde(default)]
    pub pearson: Option<f64>,
    /// Root mean square error, as in the tables.
    #[serde(default)]
    pub rmse: Option<f64>,
    /// The sequences.
    pub points: Vec<Point>,
}

/// Part of a prediction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Part {
    /// The activity.
    #[default]
    Mean,
    /// Epistemic standard deviation.
    Epistemic,
    /// Aleatoric standard deviation.
    Aleatoric,
}

impl Part {
    /// Name for people.
    pub fn label(self) -> &'static str {
        match self {
            Self::Mean => "activity",
            Self::Epistemic => "epistemic sd",
            Self::Aleatoric => "aleatoric sd",
        }
    }
}

/// What the student learned from the teacher: one part, sequence by sequence.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transfer {
    /// Name of the student.
    pub model: String,
    /// Split.
    pub split: String,
    /// Task.
    pub task: String,
    /// Which part is compared.
    pub part: Part,
    /// The teacher's values.
    #[serde(with = "number::many")]
    pub teacher: Vec<f64>,
    /// The student's values, same order and length.
    #[serde(with = "number::many")]
    pub student: Vec<f64>,
    /// Pearson correlation of both.
    #[serde(default)]
    pub correlation: Option<f64>,
    /// The correlation that a perfect student could reach, as the teacher's own spread over few
    /// members is noisy.
    #[serde(default)]
    pub ceiling: Option<f64>,
}
