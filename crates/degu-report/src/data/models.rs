//! Metrics and learning curves.

use serde::{Deserialize, Serialize};

use crate::number;

/// What a model is in the study; decides its color and mark in all figures.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ModelKind {
    /// One network of the ensemble.
    #[default]
    Member,
    /// The mean of a metric over the members (not a model of its own).
    MeanMember,
    /// The teacher: the mean of all members' predictions.
    Ensemble,
    /// One distilled model.
    Student,
    /// The mean of a metric over the students.
    MeanStudent,
    /// Any other model, such as MC dropout or a published one.
    Baseline,
    /// What noise of the measurement allows: replicate agreement, or the truth of a simulation.
    Ceiling,
}

impl ModelKind {
    /// All kinds in the order of tables and figures.
    pub const ALL: [Self; 7] = [
        Self::Member,
        Self::MeanMember,
        Self::Ensemble,
        Self::Student,
        Self::MeanStudent,
        Self::Baseline,
        Self::Ceiling,
    ];

    /// Name for people.
    pub fn label(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::MeanMember => "mean of members",
            Self::Ensemble => "ensemble (teacher)",
            Self::Student => "student",
            Self::MeanStudent => "mean of students",
            Self::Baseline => "baseline",
            Self::Ceiling => "ceiling",
        }
    }

    /// Name in CSV files, as serde writes it.
    pub fn key(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::MeanMember => "mean-member",
            Self::Ensemble => "ensemble",
            Self::Student => "student",
            Self::MeanStudent => "mean-student",
            Self::Baseline => "baseline",
            Self::Ceiling => "ceiling",
        }
    }
}

/// One value of one metric.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricRow {
    /// What the model is.
    pub kind: ModelKind,
    /// Its name, such as `member-3`.
    pub model: String,
    /// The rows it was evaluated on, such as `test`.
    pub split: String,
    /// Task, or `mean` over tasks.
    pub task: String,
    /// Name of the metric, such as `pearson` or `interval_width@0.1`.
    pub metric: String,
    /// The value, in `unit`.
    #[serde(with = "number::one")]
    pub value: f64,
    /// Lower end of its confidence interval.
    #[serde(default)]
    pub ci_low: Option<f64>,
    /// Upper end of its confidence interval.
    #[serde(default)]
    pub ci_high: Option<f64>,
    /// Unit; empty when the metric has none.
    #[serde(default)]
    pub unit: String,
}

/// Share of the way from the mean member to the ensemble that the students cover:
/// `(student - member) / (ensemble - member)`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GapClosed {
    /// Split.
    pub split: String,
    /// Task.
    pub task: String,
    /// Metric.
    pub metric: String,
    /// Mean over members.
    #[serde(with = "number::one")]
    pub member: f64,
    /// Mean over students.
    #[serde(with = "number::one")]
    pub student: f64,
    /// The ensemble.
    #[serde(with = "number::one")]
    pub ensemble: f64,
    /// The share; 1 is as good as the ensemble.
    #[serde(with = "number::one")]
    pub gap_closed: f64,
    /// Lower end of its confidence interval.
    #[serde(default)]
    pub ci_low: Option<f64>,
    /// Upper end of its confidence interval.
    #[serde(default)]
    pub ci_high: Option<f64>,
}

/// Losses of one epoch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Epoch {
    /// Counted from 1.
    pub epoch: u32,
    /// Mean training loss.
    #[serde(with = "number::one")]
    pub train_loss: f64,
    /// Validation loss, if validated in this epoch.
    #[serde(default)]
    pub validation_loss: Option<f64>,
    /// Learning rate.
    #[serde(default)]
    pub learning_rate: Option<f64>,
}

/// The training of one network.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LearningCurve {
    /// Task of the plan, such as `train/member-3`.
    pub stage: String,
    /// Member or student.
    pub kind: ModelKind,
    /// Epochs in order.
    pub epochs: Vec<Epoch>,
    /// The epoch whose weights were kept.
    #[serde(default)]
    pub best_epoch: Option<u32>,
}
